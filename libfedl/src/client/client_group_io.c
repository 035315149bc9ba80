/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUT and GET: items of a masked round in parts. What is in them is the party's affair; here are
 * offsets, long-polls and a server that does not get on. A lost answer repeats the request: the
 * party makes the same bytes again, and takes no byte twice.
 *
 * Which attempt an item belongs to is the party's, whatever was offered since it began.
 */
#include "client/client_state.h"

void fedli_client_fill_put(const fedli_client_state *c, fedl_message_put *put)
{
    const fedli_client_group *g = &c->group;
    const fedl_bytes blob = fedli_party_blob(&g->party);
    size_t size = blob.size - (size_t)g->put_offset;
    if (size > c->cfg.chunk_bytes_max) {
        size = c->cfg.chunk_bytes_max;
    }
    put->task_id = g->setup.attempt.task_id;
    put->round = g->setup.attempt.round;
    put->attempt = g->setup.attempt.attempt;
    put->item = fedli_party_item(&g->party);
    put->offset = g->put_offset;
    put->total_bytes = blob.size;
    put->payload = fedl_bytes_of(blob.data + g->put_offset, size);
}

void fedli_client_fill_get(const fedli_client_state *c, fedl_message_get *get)
{
    const fedli_client_group *g = &c->group;
    get->task_id = g->setup.attempt.task_id;
    get->round = g->setup.attempt.round;
    get->attempt = g->setup.attempt.attempt;
    get->item = fedli_party_item(&g->party);
    get->offset = fedli_party_offset(&g->party);
    get->bytes_max = c->cfg.chunk_bytes_max;
    get->wait_ms_max = fedli_client_poll_ms(c);
}

void fedli_client_on_put_accepted(fedli_client_state *c, const fedl_message_accepted *accepted)
{
    fedli_client_group *g = &c->group;
    const uint64_t next = accepted->next_offset;
    if (accepted->complete) {
        fedli_party_put_done(&g->party);
        fedli_client_group_next(c);
        return;
    }
    if (next >= fedli_party_blob(&g->party).size) {
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, FEDL_ERR_RANGE);
        return;
    }
    /* Going back is legitimate (the server was restarted), but not for ever. */
    if (next <= g->put_offset) {
        g->put_stalls++;
    }
    g->put_offset = next;
    if (g->put_stalls > FEDLI_CLIENT_STALLS_MAX) {
        g->put_stalls = 0;
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, FEDL_ERR_STATE);
    }
}

void fedli_client_on_part(fedli_client_state *c, const fedl_message_part *part)
{
    fedli_client_group *g = &c->group;
    const fedl_group_item item = fedli_party_item(&g->party);
    if (part->item == item && part->total_bytes == 0) {
        /* Not there yet. A server that never lets a poll wait would have the device spin. */
        c->request_ns =
            fedli_client_after_ms(c, fedli_client_polled_long(c) ? 0 : c->cfg.backoff_ms_min);
        return;
    }
    if (part->item != item || part->offset != fedli_party_offset(&g->party) ||
        part->payload.size > c->cfg.chunk_bytes_max) {
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, FEDL_ERR_RANGE);
        return;
    }
    g->part = part->payload;
    g->part_total = part->total_bytes;
    c->work = FEDLI_WORK_TAKE;
}

/*
 * A part may carry the certificates of dozens of neighbours, each of which costs two signature
 * checks and a DH: milliseconds here, most of a second on a small MCU. So a step takes no more
 * than one neighbour, and asks to be called again at once.
 *
 * Rejected: asking for one neighbour at a time. It costs as many round trips in a step that the
 * server ends after step_ms.
 */
void fedli_client_take_slice(fedli_client_state *c)
{
    fedli_client_group *g = &c->group;
    if (c->work != FEDLI_WORK_TAKE) {
        return;
    }
    const fedl_group_item item = fedli_party_item(&g->party);
    size_t size = fedli_party_take_max(&g->party);
    if (size > g->part.size) {
        size = g->part.size;
    }
    fedli_party_take(&g->party, fedl_bytes_of(g->part.data, size), g->part_total);
    g->part = fedl_bytes_of(g->part.data + size, g->part.size - size);
    const bool goes_on = g->part.size > 0 && fedli_party_next(&g->party) == FEDLI_PARTY_GET &&
                         fedli_party_item(&g->party) == item;
    if (!goes_on) {
        fedli_client_group_next(c);
    }
}

void fedli_client_complaint_over(fedli_client_state *c)
{
    fedli_party_put_done(&c->group.party);
    fedli_client_group_next(c);
}
