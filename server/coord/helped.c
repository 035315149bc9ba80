/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the helper: what it is asked is the stored state of the group, byte for byte; what it
 * answers is added to the masked sum. When and how often is the group's affair (group_helper.c).
 */
#include "base/check.h"
#include "coord/coord_state.h"

void fedli_helped_ask(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    m->helper_ticket = c->ticket_next++;
    fedl_action *action = fedli_outbox_action(c, FEDL_ACTION_HELPER);
    action->ticket = m->helper_ticket;
    action->task_id = t->task_id;
    action->round = t->round;
    action->attempt = t->attempt;
    action->bytes = fedl_bytes_of(m->exported, m->exported_bytes);
}

/* The sum of the masked vectors, in the first staging place, plus −Σ P(s). */
static void add_up(fedli_task *t, fedl_bytes sum)
{
    const fedl_bytes masked = fedl_bytes_of(t->staging, t->accum.vector_bytes);
    fedl_status status = fedl_accum_import(&t->accum, masked, 0);
    if (status == FEDL_OK) {
        status = fedl_accum_add(&t->accum, sum);
    }
    if (status == FEDL_OK) {
        status = fedl_accum_export(&t->accum, t->staging, t->accum.vector_bytes);
    }
    FEDLI_CHECK(status == FEDL_OK); /* sizes were compared; count is 1 */
}

void fedli_helped_on_event(fedli_coord_state *c, fedli_task *t)
{
    fedli_masked *m = &t->masked;
    fedl_bytes sum = fedl_bytes_of(NULL, 0);
    m->helper_ticket = 0;
    if (!m->begun || t->phase != FEDL_PHASE_UNMASKING) {
        return; /* the round has been burnt meanwhile */
    }
    fedl_group_helper_said(&m->group, c->now_ns, c->event->status,
                           fedl_bytes_of(m->exported, m->exported_bytes), c->event->bytes, &sum);
    if (sum.size == 0) {
        fedli_masked_update(c, t);
        return;
    }
    add_up(t, sum);
    t->phase = FEDL_PHASE_COMPUTING;
    fedli_masked_computed(c, t);
}
