/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_log.h"
#include "agent_model.h"
#include "agent_policy.h"
#include "agent_run.h"
#include "base/hex.h"
#include "base/secret.h"
#include "planner/accountant.h"

#include <stdlib.h>
#include <string.h>

/* What all tasks of this device have spent together, as ρ. */
static double spent_of(const fedl_client_progress *progress)
{
    double rho = fedl_zcdp_from_units(progress->rho_forgotten);
    for (uint32_t i = 0; i < progress->count; i++) {
        rho += fedl_zcdp_from_units(progress->tasks[i].rho_spent);
    }
    return rho;
}

static void print_text(const agent_home *home, const fedl_identity *identity, const char *url,
                       const fedl_client_progress *progress, const fedl_site_policy *policy,
                       const agent_model *model)
{
    char hex[2u * FEDL_HASH_BYTES + 1u];
    fedli_hex_encode(hex, identity->fleet_id, sizeof identity->fleet_id);
    (void)printf("home      %s\ndevice    %u\nfleet     %s\nserver    %s\n", home->path,
                 identity->device_id, hex, url);
    if (progress->count != 0) {
        (void)printf("newest    task %u, version %u\n", progress->tasks[0].task_id,
                     progress->tasks[0].version);
    }
    if (spent_of(progress) > 0) {
        (void)printf("spent     epsilon %.4f at delta %g, in all tasks\n",
                     fedl_zcdp_epsilon(spent_of(progress), AGENT_POLICY_DELTA), AGENT_POLICY_DELTA);
    }
    agent_policy_print(stdout, policy, false);
    if (model == NULL) {
        (void)printf("model     none yet\n");
        return;
    }
    fedli_hex_encode(hex, model->manifest.digest, FEDL_HASH_BYTES);
    (void)printf("model     task %u, version %u, %u parameters, verified\ndigest    %s\n",
                 model->manifest.task_id, model->manifest.version, model->manifest.parameter_count,
                 hex);
}

static void print_json(const agent_home *home, const fedl_identity *identity, const char *url,
                       const fedl_client_progress *progress, const fedl_site_policy *policy,
                       const agent_model *model)
{
    char hex[2u * FEDL_HASH_BYTES + 1u];
    fedli_hex_encode(hex, identity->fleet_id, sizeof identity->fleet_id);
    (void)printf("{\"home\":");
    agent_json_string(stdout, home->path);
    (void)printf(",\"device\":%u,\"fleet\":\"%s\",\"server\":", identity->device_id, hex);
    agent_json_string(stdout, url);
    (void)printf(",\"newest_task\":%u,\"newest_version\":%u", progress->tasks[0].task_id,
                 progress->tasks[0].version);
    (void)printf(",\"rho_spent\":%.12g,\"epsilon_spent\":%.6g,\"policy\":{", spent_of(progress),
                 fedl_zcdp_epsilon(spent_of(progress), AGENT_POLICY_DELTA));
    agent_policy_print(stdout, policy, true);
    (void)printf("},\"model\":");
    if (model == NULL) {
        (void)printf("null}\n");
        return;
    }
    fedli_hex_encode(hex, model->manifest.digest, FEDL_HASH_BYTES);
    (void)printf("{\"task\":%u,\"version\":%u,\"parameters\":%u,\"digest\":\"%s\"}}\n",
                 model->manifest.task_id, model->manifest.version, model->manifest.parameter_count,
                 hex);
}

agent_exit agent_status(const agent_options *options, const fedl_crypto *crypto)
{
    char text[AGENT_TEXT_BYTES] = "";
    char url[FEDL_URL_BYTES_MAX];
    fedl_client_progress progress;
    fedl_identity identity;
    fedl_site_policy policy;
    agent_home home;
    agent_model model;
    agent_exit code = agent_home_open(&home, options->home, false, false, text);
    if (code == AGENT_EXIT_OK) {
        code = agent_home_load(&home, &identity, url, &progress, crypto, text);
    }
    if (code == AGENT_EXIT_OK) {
        code = agent_policy_load(&policy, &home, options, text);
    }
    if (code == AGENT_EXIT_OK) {
        const agent_exit loaded = agent_model_load(&model, &home, &identity, crypto, text);
        const bool none = loaded == AGENT_EXIT_NO_HOME;
        code = none ? AGENT_EXIT_OK : loaded;
        if (code == AGENT_EXIT_OK) {
            (options->json ? print_json : print_text)(&home, &identity, url, &progress, &policy,
                                                      none ? NULL : &model);
            agent_model_free(&model);
        }
    }
    fedli_wipe(&identity, sizeof identity);
    if (code != AGENT_EXIT_OK) {
        (void)fprintf(stderr, "fedl-client: %s\n", text);
    }
    return code;
}
