/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest verified model in ONE file, so that model, plan and manifest can't disagree after a
 * power cut: "fdmd" · version u32 · three sizes u32 · manifest ‖ signature · plan · container.
 */
#ifndef FEDL_CLIENT_AGENT_MODEL_H
#define FEDL_CLIENT_AGENT_MODEL_H

#include "agent_home.h"
#include "secure/manifest.h"

typedef struct agent_model {
    uint8_t *file; /* owns everything below */
    fedl_manifest manifest;
    fedl_plan plan; /* plan.data points into file */
    fedl_bytes container;
} agent_model;

/** Writes the file. Errors: those of fedl_file_replace(), ERR_NO_MEMORY, those of
 * fedl_plan_encode(). */
fedl_status agent_model_save(const agent_home *home, fedl_bytes manifest, const fedl_plan *plan,
                             fedl_bytes container);
/** Reads and verifies it again: signature, digests, shapes. The caller frees. */
agent_exit agent_model_load(agent_model *model, const agent_home *home,
                            const fedl_identity *identity, const fedl_crypto *crypto,
                            char text[AGENT_TEXT_BYTES]);
void agent_model_free(agent_model *model);

#endif
