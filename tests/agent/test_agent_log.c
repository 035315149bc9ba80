/* SPDX-License-Identifier: Apache-2.0 */
/* What fedl-client says of a refusal: the rule, its numbers, and what to do; and the table of
 * docs/client.md, which is the same list. */
#include "cmocka_all.h"

#include "agent_log.h"

#include <stdlib.h>
#include <string.h>

static char text[262144];

/* One action, as it is printed; without the time in front. */
static const char *printed(const fedl_client_action *action, bool json)
{
    agent_log log = {.json = json, .url = "tcp://somewhere"};
    char *bytes = NULL;
    size_t size = 0;
    log.out = open_memstream(&bytes, &size);
    assert_non_null(log.out);
    agent_log_action(&log, action);
    assert_int_equal(fclose(log.out), 0);
    assert_true(size < sizeof text);
    memcpy(text, bytes, size + 1u);
    free(bytes);
    return json ? text : strchr(text, ' ') + 1;
}

static fedl_client_action refused(fedl_refusal refusal, uint64_t asked, uint64_t allowed)
{
    fedl_client_action action;
    memset(&action, 0, sizeof action);
    action.kind = FEDL_CLIENT_LOG;
    action.log_kind = FEDL_CLIENT_LOG_TASK_REFUSED;
    action.status = FEDL_ERR_POLICY;
    action.refusal = refusal;
    action.asked = asked;
    action.allowed = allowed;
    action.task_id = 3;
    action.round = 8;
    action.attempt = 1;
    action.a = 1500;
    return action;
}

static void a_refusal_says_numbers_and_remedy(void **state)
{
    (void)state;
    const struct {
        fedl_refusal refusal;
        uint64_t asked;
        uint64_t allowed;
        const char *line;
    } cases[] = {
        {FEDL_REFUSAL_POLICY_COHORT, 3, 5,
         "task 3, round 8: not done: the plan's min_cohort is below this site's (the task says 3, "
         "this device at least 5); to do: raise min_cohort in the plan, or lower min_cohort in the "
         "policy; asking again in 1.5 s\n"},
        {FEDL_REFUSAL_POLICY_GAMMA, 50, 100,
         "task 3, round 8: not done: the plan reckons with fewer colluding devices than this site "
         "(the task says 5.0%, this device at least 10.0%); to do: raise gamma in the plan, or "
         "lower gamma in the policy; asking again in 1.5 s\n"},
        {FEDL_REFUSAL_POLICY_CLIP, 4 * 65536, 65536 / 2,
         "task 3, round 8: not done: the clip norm is above this site's (the task says 4.0000, "
         "this device at most 0.5000); to do: lower clip in the plan, or raise clip_max in the "
         "policy; asking again in 1.5 s\n"},
        {FEDL_REFUSAL_BOUND, 65536 * 17, 65536 * 16,
         "task 3, round 8: not done: the bound of adaptive clipping is not one that the plan "
         "allows "
         "(the round says 17.0000, the plan allows at most 16.0000); to do: update the server; if "
         "it is new, it is broken or lies; asking again in 1.5 s\n"},
        {FEDL_REFUSAL_BUDGET, FEDL_RHO_ONE / 4, FEDL_RHO_ONE / 8,
         "task 3, round 8: not done: the privacy budget is spent (rho 0.250000 is asked for, left "
         "are 0.125000); to do: nothing: spent privacy does not come back; only a new task has a "
         "budget again; asking again in 1.5 s\n"},
        {FEDL_REFUSAL_PLAIN, 0, 0,
         "task 3, round 8: not done: the task is plain, this site asks for masking; to do: set "
         "aggregation mode = masked in the plan, or join this device with --allow-plain; asking "
         "again in 1.5 s\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const fedl_client_action action =
            refused(cases[i].refusal, cases[i].asked, cases[i].allowed);
        assert_string_equal(printed(&action, false), cases[i].line);
    }
    fedl_client_action other = refused(FEDL_REFUSAL_NONE, 0, 0);
    other.status = FEDL_ERR_NO_MEMORY;
    assert_null(strstr(printed(&other, false), "to do"));
}

static void programs_read_the_same(void **state)
{
    (void)state;
    fedl_client_action action = refused(FEDL_REFUSAL_COHORT_SMALL, 4, 5);
    action.accused = 77;
    const char *line = printed(&action, true);
    assert_non_null(strstr(line, "\"rule\":\"COHORT_SMALL\",\"remedy\":\"wait until more devices"));
    assert_non_null(strstr(line, ",\"asked\":4,\"allowed\":5,\"accused\":77"));
    action = refused(FEDL_REFUSAL_PLAIN, 0, 0);
    assert_null(strstr(printed(&action, true), "\"asked\""));
}

/* Every rule has a name, a text and a remedy, and its row in the documentation, in this order. */
static void the_documentation_has_every_rule(void **state)
{
    (void)state;
    FILE *file = fopen(FEDL_SOURCE_DIR "/docs/client.md", "rb");
    assert_non_null(file);
    const size_t size = fread(text, 1, sizeof text - 1u, file);
    text[size] = 0;
    assert_int_equal(fclose(file), 0);
    const char *at = strstr(text, "| name | the log says | what to do |\n|---|---|---|\n");
    assert_non_null(at);
    at = strchr(strchr(at, '\n') + 1, '\n') + 1;
    uint32_t count = 0;
    for (int value = 1; strcmp(fedl_refusal_name((fedl_refusal)value), "unknown") != 0; value++) {
        char row[600];
        const fedl_refusal refusal = (fedl_refusal)value;
        (void)snprintf(row, sizeof row, "| `%s` | %s | %s |\n", fedl_refusal_name(refusal),
                       fedl_refusal_text(refusal), fedl_refusal_remedy(refusal));
        if (strncmp(at, row, strlen(row)) != 0) {
            fail_msg("docs/client.md should have here: %s", row);
        }
        assert_true(strlen(fedl_refusal_remedy(refusal)) > 10);
        at += strlen(row);
        count++;
    }
    assert_int_equal(count, 42);
    assert_int_equal(*at, '\n'); /* and no other */
    assert_string_equal(fedl_refusal_name(FEDL_REFUSAL_NONE), "NONE");
    assert_string_equal(fedl_refusal_remedy(FEDL_REFUSAL_NONE), "none");
    assert_string_equal(fedl_refusal_remedy((fedl_refusal)(count + 1u)), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_says_numbers_and_remedy),
        cmocka_unit_test(programs_read_the_same),
        cmocka_unit_test(the_documentation_has_every_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
