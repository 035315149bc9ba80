/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Implementation: every point has an index; one atomic counter tells how many visits are left
 * before the armed one kills. SIGKILL cannot be caught, so no buffer is flushed and no destructor
 * runs: the closest a test gets to pulling the plug on the process.
 */
#include "store/crash_point.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define STAGE_POINTS(op) op ".before-store", op ".before-commit", op ".after-commit"

/* Order: ops by their number, each with its stages, then the points of the host. */
static const char *const point_names[] = {
    STAGE_POINTS("device-add"),    STAGE_POINTS("device-enrol"),   STAGE_POINTS("device-state"),
    STAGE_POINTS("task-add"),      STAGE_POINTS("task-state"),     STAGE_POINTS("round-open"),
    STAGE_POINTS("round-abort"),   STAGE_POINTS("commit"),         STAGE_POINTS("group-commit"),
    STAGE_POINTS("round-burn"),    STAGE_POINTS("device-certify"), STAGE_POINTS("device-readmit"),
#define HOST_NAME(name, text) text,
    FEDL_CRASH_HOST_MAP(HOST_NAME)
#undef HOST_NAME
};

#define STAGE_COUNT 3u
#define OP_COUNT    12u
#define POINT_COUNT (sizeof point_names / sizeof point_names[0])

/* Index of the armed point, or −1; written before threads start. */
static int armed_index = -1;
static atomic_ulong visits_left;

uint32_t fedl_crash_point_count(void)
{
    return (uint32_t)POINT_COUNT;
}

const char *fedl_crash_point_name(uint32_t index)
{
    return index < POINT_COUNT ? point_names[index] : "";
}

fedl_status fedl_crash_point_arm(const char *text)
{
    armed_index = -1;
    if (text == NULL || text[0] == '\0') {
        return FEDL_OK;
    }
    const char *colon = strchr(text, ':');
    size_t name_bytes = colon != NULL ? (size_t)(colon - text) : strlen(text);
    unsigned long visits = 1;
    if (colon != NULL) {
        char *end = NULL;
        visits = strtoul(colon + 1, &end, 10);
        if (end == colon + 1 || *end != '\0' || visits == 0) {
            return FEDL_ERR_FORMAT;
        }
    }
    for (size_t i = 0; i < POINT_COUNT; i++) {
        if (strlen(point_names[i]) == name_bytes && memcmp(point_names[i], text, name_bytes) == 0) {
            atomic_store(&visits_left, visits);
            armed_index = (int)i;
            return FEDL_OK;
        }
    }
    return FEDL_ERR_NOT_FOUND;
}

static void visit(uint32_t index)
{
    if (armed_index < 0 || (uint32_t)armed_index != index) {
        return;
    }
    if (atomic_fetch_sub(&visits_left, 1) == 1) {
        (void)raise(SIGKILL);
    }
}

void fedl_crash_at_store(fedl_store_op_kind kind, fedl_crash_stage stage)
{
    visit(((uint32_t)kind - 1u) * STAGE_COUNT + (uint32_t)stage - 1u);
}

void fedl_crash_at_host(fedl_crash_host point)
{
    visit(OP_COUNT * STAGE_COUNT + (uint32_t)point - 1u);
}

const char *fedl_store_op_name(fedl_store_op_kind kind)
{
    switch (kind) {
    case FEDL_STORE_DEVICE_ADD:
        return "device-add";
    case FEDL_STORE_DEVICE_ENROL:
        return "device-enrol";
    case FEDL_STORE_DEVICE_STATE:
        return "device-state";
    case FEDL_STORE_TASK_ADD:
        return "task-add";
    case FEDL_STORE_TASK_STATE:
        return "task-state";
    case FEDL_STORE_ROUND_OPEN:
        return "round-open";
    case FEDL_STORE_ROUND_ABORT:
        return "round-abort";
    case FEDL_STORE_COMMIT:
        return "commit";
    case FEDL_STORE_GROUP_COMMIT:
        return "group-commit";
    case FEDL_STORE_ROUND_BURN:
        return "round-burn";
    case FEDL_STORE_DEVICE_CERTIFY:
        return "device-certify";
    case FEDL_STORE_DEVICE_READMIT:
        return "device-readmit";
    }
    return "unknown";
}
