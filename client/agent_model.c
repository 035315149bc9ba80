/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_model.h"

#include "base/cursor.h"
#include "posix/durable_file.h"

#include <stdlib.h>
#include <string.h>

#define MODEL_MAGIC     0x646d6466u /* "fdmd" */
#define MODEL_VERSION   1u
#define HEAD_BYTES      20u
#define MANIFEST_BYTES  (FEDLI_MANIFEST_BYTES + FEDL_SIGNATURE_BYTES)
#define MODEL_BYTES_MAX ((size_t)16 << 20)

fedl_status agent_model_save(const agent_home *home, fedl_bytes manifest, const fedl_plan *plan,
                             fedl_bytes container)
{
    const size_t capacity = HEAD_BYTES + MANIFEST_BYTES + FEDL_PLAN_BYTES_MAX + container.size;
    uint8_t *file = malloc(capacity);
    size_t plan_size = 0;
    if (file == NULL || manifest.size != MANIFEST_BYTES) {
        free(file);
        return file == NULL ? FEDL_ERR_NO_MEMORY : FEDL_ERR_SIZE;
    }
    uint8_t *plan_at = file + HEAD_BYTES + MANIFEST_BYTES;
    fedl_status status = fedl_plan_encode(plan_at, FEDL_PLAN_BYTES_MAX, &plan_size, plan);
    if (status == FEDL_OK) {
        fedli_store_u32(file, MODEL_MAGIC);
        fedli_store_u32(file + 4, MODEL_VERSION);
        fedli_store_u32(file + 8, (uint32_t)manifest.size);
        fedli_store_u32(file + 12, (uint32_t)plan_size);
        fedli_store_u32(file + 16, (uint32_t)container.size);
        memcpy(file + HEAD_BYTES, manifest.data, manifest.size);
        memcpy(plan_at + plan_size, container.data, container.size);
        status = agent_home_save(
            home, "model",
            fedl_bytes_of(file, HEAD_BYTES + manifest.size + plan_size + container.size));
    }
    free(file);
    return status;
}

static fedl_status split(agent_model *model, size_t size, fedl_bytes *manifest, fedl_bytes *plan)
{
    fedli_reader reader;
    fedli_reader_init(&reader, fedl_bytes_of(model->file, size));
    const uint32_t magic = fedli_read_u32(&reader);
    const uint32_t version = fedli_read_u32(&reader);
    const uint32_t manifest_size = fedli_read_u32(&reader);
    const uint32_t plan_size = fedli_read_u32(&reader);
    const uint32_t container_size = fedli_read_u32(&reader);
    *manifest = fedli_read_view(&reader, manifest_size);
    *plan = fedli_read_view(&reader, plan_size);
    model->container = fedli_read_view(&reader, container_size);
    const fedl_status status = fedli_reader_end(&reader);
    if (status != FEDL_OK) {
        return status;
    }
    if (magic != MODEL_MAGIC || manifest_size != MANIFEST_BYTES) {
        return FEDL_ERR_FORMAT;
    }
    return version == MODEL_VERSION ? FEDL_OK : FEDL_ERR_VERSION;
}

static fedl_status verify(agent_model *model, size_t size, const fedl_identity *identity,
                          const fedl_crypto *crypto)
{
    fedl_bytes manifest;
    fedl_bytes plan;
    uint8_t digest[FEDL_HASH_BYTES];
    fedl_status status = split(model, size, &manifest, &plan);
    if (status != FEDL_OK) {
        return status;
    }
    status = fedl_manifest_open(
        &model->manifest, crypto, fedl_bytes_of(manifest.data, FEDLI_MANIFEST_BYTES),
        manifest.data + FEDLI_MANIFEST_BYTES, identity->server_round_public);
    if (status != FEDL_OK) {
        return status;
    }
    fedl_digest(crypto, digest, plan.data, plan.size);
    if (memcmp(digest, model->manifest.plan_digest, sizeof digest) != 0) {
        return FEDL_ERR_MISMATCH;
    }
    fedl_digest(crypto, digest, model->container.data, model->container.size);
    if (memcmp(digest, model->manifest.digest, sizeof digest) != 0) {
        return FEDL_ERR_MISMATCH;
    }
    return fedl_plan_decode(&model->plan, plan);
}

agent_exit agent_model_load(agent_model *model, const agent_home *home,
                            const fedl_identity *identity, const fedl_crypto *crypto,
                            char text[AGENT_TEXT_BYTES])
{
    char path[AGENT_PATH_BYTES];
    size_t size = 0;
    memset(model, 0, sizeof *model);
    agent_home_file(home, path, "model");
    fedl_status status = fedl_file_read(&model->file, &size, path, MODEL_BYTES_MAX);
    if (status == FEDL_ERR_NOT_FOUND) {
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: no model yet: fedl-client run fetches it with the first task",
                       home->path);
        return AGENT_EXIT_NO_HOME;
    }
    if (status == FEDL_OK) {
        status = verify(model, size, identity, crypto);
    }
    if (status != FEDL_OK) {
        agent_model_free(model);
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: %s: remove the file, the next run fetches the model again", path,
                       fedl_status_text(status));
        return AGENT_EXIT_KEYS;
    }
    return AGENT_EXIT_OK;
}

void agent_model_free(agent_model *model)
{
    free(model->file);
    memset(model, 0, sizeof *model);
}
