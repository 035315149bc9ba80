/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor_node.h"

#include <string.h>

/* All memory of the node. Chunks of 512 bytes keep the first block small; the second one has room
 * for a model of about 1,000 parameters with its container. */
static _Alignas(16) uint8_t client_block[56 * 1024];
static _Alignas(16) uint8_t task_block[32 * 1024];

static sensor_platform board;
static fedl_client client;
static sensor_state state;
static bool training;
static uint32_t version;

/* The one answer that the node owes the machine; an action at a time asks for one. */
static struct {
    bool due;
    fedl_client_event_kind kind;
    fedl_status status;
    void *block;
    size_t block_bytes;
} answer;

/* Rows come straight from where the sensor's history lies; here they are computed. Three classes:
 * which third of the band is loud. */
static fedl_status read_history(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    const uint32_t first = *(const uint32_t *)context;
    const uint32_t class_index = (first + row) % 3u;
    for (uint32_t k = 0; k < SENSOR_INPUTS; k++) {
        const uint32_t noise = (first + row) * 7u + k * 13u;
        input[k] = (int8_t)((k * 3u / SENSOR_INPUTS == class_index ? 80u : 10u) + noise % 16u);
    }
    target[0] = (int32_t)class_index;
    return FEDL_OK;
}

static uint32_t train_first = 0;
static uint32_t eval_first = SENSOR_ROWS;
static const fedl_sample_source train_rows = {&train_first, SENSOR_ROWS, read_history};
static const fedl_sample_source eval_rows = {&eval_first, 9, read_history};

static void owe(fedl_client_event_kind kind, fedl_status status)
{
    answer.due = true;
    answer.kind = kind;
    answer.status = status;
    answer.block = NULL;
    answer.block_bytes = 0;
}

static void act(const fedl_client_action *action)
{
    switch (action->kind) {
    case FEDL_CLIENT_CONNECT:
        board.connect(board.context);
        owe(FEDL_CLIENT_CONNECTED, FEDL_OK);
        return;
    case FEDL_CLIENT_SEND:
        board.transmit(board.context, action->bytes);
        return;
    case FEDL_CLIENT_NEED_MEMORY:
        owe(FEDL_CLIENT_MEMORY, FEDL_OK);
        if (action->size_bytes <= sizeof task_block) { /* else refused: block stays NULL */
            answer.block = task_block;
            answer.block_bytes = sizeof task_block;
        }
        return;
    case FEDL_CLIENT_STORE:
        owe(FEDL_CLIENT_STORED,
            board.flash_write(board.context, action->store_kind, action->bytes));
        return;
    case FEDL_CLIENT_TRAIN:
        training = true;
        return;
    case FEDL_CLIENT_MODEL_READY:
        version = action->version; /* copy the container to flash here, to predict after a reset */
        return;
    case FEDL_CLIENT_DONE:
        state = action->status == FEDL_OK ? SENSOR_DONE : SENSOR_BROKEN;
        return;
    case FEDL_CLIENT_CLOSE:
    case FEDL_CLIENT_RELEASE_MEMORY:
    case FEDL_CLIENT_LOG:
        return; /* nothing to do on a board with one radio and static memory */
    }
}

fedl_status sensor_node_begin(const sensor_platform *platform, const fedl_crypto *crypto,
                              const char *token, const fedl_identity *identity, fedl_bytes progress)
{
    fedl_client_config config;
    fedl_client_config_default(&config);
    config.crypto = crypto;
    config.chunk_bytes_max = 512;
    config.memory_bytes_max = sizeof task_block;
    /* This desk has one node, and a sum over one is no secret: an opt-in for the lab. */
    config.policy.min_aggregation = FEDL_AGGREGATION_PLAIN;
    if (progress.size > 0) {
        const fedl_status status = fedl_client_progress_decode(&config.progress, progress);
        if (status != FEDL_OK) {
            return status; /* damaged: going on would open the way back to older models */
        }
    }
    if (identity == NULL) {
        config.mode = FEDL_CLIENT_JOIN;
        config.token = token;
    } else {
        config.identity = *identity;
    }
    board = *platform;
    state = SENSOR_RUNNING;
    training = false;
    version = 0;
    memset(&answer, 0, sizeof answer);
    return fedl_client_init(&client, &config, client_block, sizeof client_block);
}

/* One batch, then back to the main loop. */
static void train_a_little(void)
{
    bool done = false;
    const fedl_status status = fedl_client_train(&client, &done, &train_rows, &eval_rows, 1);
    if (status != FEDL_OK || done) {
        training = false;
        owe(FEDL_CLIENT_TRAINED, status);
    }
}

sensor_state sensor_node_turn(void)
{
    fedl_client_event event;
    fedl_client_actions actions;
    board.watchdog(board.context);
    if (training) {
        train_a_little();
        return state;
    }
    memset(&event, 0, sizeof event);
    event.now_ns = board.now_ns(board.context);
    if (answer.due) {
        answer.due = false;
        event.kind = answer.kind;
        event.status = answer.status;
        event.block = answer.block;
        event.block_bytes = answer.block_bytes;
    } else if (board.receive(board.context, &event.bytes)) {
        event.kind = FEDL_CLIENT_MESSAGE;
    } else if (fedl_client_deadline_ns(&client) <= event.now_ns) {
        event.kind = FEDL_CLIENT_TICK;
    } else {
        board.sleep_until(board.context, fedl_client_deadline_ns(&client));
        return state;
    }
    board.entropy(board.context, event.entropy);
    if (fedl_client_step(&client, &event, &actions) != FEDL_OK) {
        state = SENSOR_BROKEN; /* this file breaks the contract of client.h */
        return state;
    }
    for (uint32_t i = 0; i < actions.count; i++) {
        act(&actions.items[i]);
    }
    return state;
}

uint32_t sensor_node_version(void)
{
    return version;
}

void sensor_node_end(void)
{
    fedl_client_deinit(&client);
}
