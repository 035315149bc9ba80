/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "store/state_name.h"

const char *fedl_device_state_name(fedl_device_state state)
{
    switch (state) {
    case FEDL_DEVICE_INVITED:
        return "invited";
    case FEDL_DEVICE_ACTIVE:
        return "active";
    case FEDL_DEVICE_REVOKED:
        return "revoked";
    case FEDL_DEVICE_LEFT:
        return "left";
    case FEDL_DEVICE_PENDING:
        return "pending";
    }
    return "unknown";
}

const char *fedl_task_state_name(fedl_task_state state)
{
    switch (state) {
    case FEDL_TASK_RUNNING:
        return "running";
    case FEDL_TASK_PAUSED:
        return "paused";
    case FEDL_TASK_COMPLETE:
        return "complete";
    }
    return "unknown";
}
