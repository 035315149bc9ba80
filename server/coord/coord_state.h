/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything the coordinator remembers, and the names that its files share.
 *
 *   fedli_coord_state ─┬─ devices[]   rising device id; never removed, so ids are references
 *                      ├─ keys[]      hash table: Noise public key → device id
 *                      ├─ sessions[]  slots; the slot number is part of the session id
 *                      ├─ requests[]  per session: the host's handle of the request under way
 *                      ├─ device_ops[] store ops about devices that are out
 *                      └─ tasks[] ──► fedli_task, each in the block that its operator gave
 *
 * Memory: a device takes sizeof(fedli_device) + 8, a session sizeof(fedli_session) + 8: together
 * less than 1.5 KB (tests/coord/test_coord_layout.c). Nothing here is iterated in an order that
 * depends on arrival: devices by id, members by id, sessions by slot (only to answer them).
 */
#ifndef FEDL_COORD_COORD_STATE_H
#define FEDL_COORD_COORD_STATE_H

#include "coord/task_state.h"
#include "secure/channel.h"
#include "secure/noise.h"
#include "wire/message.h"

#define FEDLI_SESSION_NONE UINT32_MAX
#define FEDLI_DEVICE_OPS   16u /* store ops about devices that may be out at once */
/* Largest reply that is kept for a repeated request: ENROLLED with two certificates fits. */
#define FEDLI_REPLY_BYTES_MAX 576u
/* Output of one step: one reply of any size, and some TASKs for parked long-polls. */
#define FEDLI_ENVELOPE_TASK_BYTES_MAX (FEDLI_MESSAGE_BYTES_MAX + 64u)
#define FEDLI_OUT_BYTES               (FEDLI_ENVELOPE_BYTES_MAX + 6u * FEDLI_ENVELOPE_TASK_BYTES_MAX)
/* Most that a PART adds to its payload: envelope, record, frame and message. */
#define FEDLI_ENVELOPE_PART_OVERHEAD_BYTES 160u
/* Parts of the 32 actions of a step: timers stop at the first, waking at the second. */
#define FEDLI_ACTIONS_TIMERS 14u
#define FEDLI_ACTIONS_WAKE   28u
/* A device that was told to come back counts as being there for this much longer than it was told.
 */
#define FEDLI_GRACE_MS   5000u
#define FEDLI_STORE_MS   100u /* shortest pause before a failed store op is tried again */
#define FEDLI_TASKS_MAX  64u
#define FEDLI_DEVICE_MAX 100000u

typedef struct fedli_device {
    fedl_device_record record;
    uint32_t session; /* slot of its live session, or FEDLI_SESSION_NONE */
    bool op_out;      /* a store op about it is out: no second one */
    bool unstored;    /* revoked in memory, but the store has failed to keep it */
    /* Until when the device counts for the pools: 0 = does not, FEDL_NEVER_NS = while parked. */
    fedl_instant_ns available_until_ns;
    fedl_instant_ns seen_ns;
    uint32_t report_count;
    uint64_t excluded_tasks; /* bits of the tasks that leave it out, see excluded.c */
} fedli_device;

typedef enum fedli_session_state {
    FEDLI_SESSION_FREE = 1,
    FEDLI_SESSION_HALF = 2,    /* IK answered; nothing yet proves that message 1 was fresh */
    FEDLI_SESSION_JOINING = 3, /* XX message 2 sent */
    FEDLI_SESSION_JOINED = 4,  /* XX finished: only the kept reply is still of use */
    FEDLI_SESSION_LIVE = 5,
} fedli_session_state;

typedef enum fedli_pending {
    FEDLI_PENDING_NONE = 1,
    FEDLI_PENDING_POLL = 2,  /* a parked CHECKIN */
    FEDLI_PENDING_STORE = 3, /* the answer waits for a STORED event */
    FEDLI_PENDING_GET = 4,   /* a parked GET: the item is not there yet */
} fedli_pending;

typedef struct fedli_session {
    uint64_t id; /* random, the low 20 bits are the slot */
    fedli_session_state state;
    fedli_pending pending;
    uint32_t device_id; /* HALF, LIVE */
    uint32_t newer;     /* neighbours in the list of its state, by use */
    uint32_t older;
    fedl_instant_ns used_ns;
    fedli_channel channel;
    uint64_t request_id; /* of the request under way */
    fedl_instant_ns poll_until_ns;
    fedl_message_get get; /* PENDING_GET */
    bool wait_now;        /* parked, but not chosen: answer WAIT(wait_ms) */
    uint32_t wait_ms;
    uint32_t have_task_id;
    uint8_t have_digest[32];
    uint64_t offered;          /* start of the digest of the last model that was offered */
    uint64_t reply_request_id; /* the kept reply answers this request … */
    uint32_t reply_bytes;      /* 0 = none is kept */
    union {
        fedli_noise noise;                    /* JOINING */
        uint8_t reply[FEDLI_REPLY_BYTES_MAX]; /* whole envelope */
    } u;
} fedli_session;

/* A list of sessions by use; free slots use `older` only. */
typedef struct fedli_session_list {
    uint32_t newest;
    uint32_t oldest;
    uint32_t count;
} fedli_session_list;

/* A store op about a device, and whom its completion concerns. */
typedef struct fedli_device_op {
    uint64_t ticket; /* 0 = free */
    fedl_store_op op;
    uint64_t admin_ticket; /* ADD, revoke */
    uint64_t session_id;   /* ENROL, leave: 0 = none */
    uint8_t secret[FEDLI_TOKEN_SECRET_BYTES];
} fedli_device_op;

/* Answers given within the second that began at since_ns. */
typedef struct fedli_ration {
    fedl_instant_ns since_ns;
    uint32_t count;
} fedli_ration;

typedef struct fedli_coord_state {
    fedl_coord_config cfg;
    const fedl_crypto *crypto;

    fedli_device *devices;
    uint32_t device_count;
    uint32_t device_adds_out;
    uint32_t device_id_next;
    uint32_t *keys;
    uint32_t key_mask;
    uint32_t available_count;

    fedli_session *sessions;
    uint64_t *requests;
    fedli_session_list half;
    fedli_session_list live;
    uint32_t session_free; /* head of the free slots */
    uint32_t half_max;

    fedli_task *tasks[FEDLI_TASKS_MAX]; /* rising task id */
    uint32_t task_count;
    uint32_t task_id_next;
    uint64_t opened_serial;

    fedli_device_op device_ops[FEDLI_DEVICE_OPS];
    uint64_t ticket_next;

    /* Long-polls: the sweep walks the sessions in portions and answers what can be answered. */
    bool sweep_active;
    bool sweep_again;
    uint32_t sweep_next;
    fedl_instant_ns poll_next_ns; /* no parked request ends before this */

    fedli_ration refusals;         /* failed handshakes, forged records */
    fedli_ration unknown_sessions; /* apart: strangers must not silence them after a restart */
    fedl_coord_counters counters;
    bool started;
    bool more; /* something did not fit into the last step */

    /* This step. */
    const fedl_event *event;
    fedl_instant_ns now_ns;
    fedl_actions *actions;
    fedl_action spare; /* where log lines go that don't fit */
    size_t out_used;
    uint8_t *out;     /* [FEDLI_OUT_BYTES] */
    uint8_t *plain;   /* [FEDLI_NOISE_MESSAGE_BYTES_MAX] a decrypted frame */
    uint8_t *arena;   /* [FEDLI_MESSAGE_ARENA_BYTES] decoding */
    uint8_t *scratch; /* [FEDLI_MESSAGE_ARENA_BYTES] encoding */
    char token_text[FEDLI_TOKEN_TEXT_BYTES];
} fedli_coord_state;

static inline fedl_instant_ns fedli_after_ms(fedl_instant_ns from_ns, uint32_t ms)
{
    /* < 2^32 · 10^6 < 2^52: no overflow within 292 years of the clock's origin. */
    return from_ns + (fedl_instant_ns)ms * 1000000;
}

/* ---- outbox.c: actions, replies, refusals ---- */
void fedli_outbox_begin(fedli_coord_state *c, const fedl_event *event, fedl_actions *actions);
bool fedli_outbox_has_room(const fedli_coord_state *c, uint32_t action_limit, size_t bytes);
fedl_action *fedli_outbox_action(fedli_coord_state *c, fedl_action_kind kind);
fedl_action *fedli_outbox_log(fedli_coord_state *c, fedl_log_kind kind);
fedl_action *fedli_outbox_log_task(fedli_coord_state *c, fedl_log_kind kind, const fedli_task *t);
void fedli_outbox_drop(fedli_coord_state *c, uint64_t request);
/** Sends bytes that already lie in the output at its end: takes size of them. */
void fedli_outbox_send(fedli_coord_state *c, uint64_t request, size_t size);
/** One generic refusal, or silence when too many were sent this second; why goes to the log only.
 */
void fedli_outbox_refuse(fedli_coord_state *c, uint64_t request, fedl_status why);
/**
 * A message for a session that is not there: after a restart that is what every device sends, and
 * the refusal is what makes it come anew at once. Its own ration: a quarter of sessions_max per
 * second, 1000 at least.
 */
void fedli_outbox_refuse_unknown(fedli_coord_state *c, uint64_t request);
/** Bytes that are no envelope of ours get no answer, and take nothing from any ration. */
void fedli_outbox_ignore(fedli_coord_state *c, uint64_t request, fedl_status why);
/** As refuse, but never rate-limited: for requests that the server has held. */
void fedli_outbox_refuse_held(fedli_coord_state *c, uint64_t request);
/** Seals message for the session, answers its request under way and keeps small replies. */
void fedli_outbox_reply(fedli_coord_state *c, uint32_t slot, fedl_message *message);
void fedli_outbox_reject(fedli_coord_state *c, uint32_t slot, fedl_reject_code code,
                         uint32_t retry_after_ms, const char *text);
void fedli_outbox_store(fedli_coord_state *c, uint64_t ticket, const fedl_store_op *op);
void fedli_outbox_admin(fedli_coord_state *c, uint64_t ticket, fedl_status status,
                        uint32_t device_id, uint32_t task_id, const char *text);

/* ---- session_table.c: slots and lists ---- */
void fedli_sessions_init(fedli_coord_state *c);
fedli_session *fedli_session_find(fedli_coord_state *c, uint64_t id, uint32_t *slot);
uint32_t fedli_session_take(fedli_coord_state *c, fedli_session_state state,
                            const uint8_t random[8]);
void fedli_session_touch(fedli_coord_state *c, uint32_t slot);
/** HALF → LIVE: from now on the session of its device; the one before is closed. */
void fedli_session_promote(fedli_coord_state *c, uint32_t slot);
/** Wipes the session; a held request is refused, or dropped when its connection is surely dead. */
void fedli_session_close(fedli_coord_state *c, uint32_t slot, bool refuse);
void fedli_session_drop_idle(fedli_coord_state *c);
void fedli_session_on_gone(fedli_coord_state *c);

/* ---- session.c: handshakes, records ---- */
void fedli_session_on_message(fedli_coord_state *c);
void fedli_session_resend(fedli_coord_state *c, uint32_t slot, uint64_t request);

/* ---- enrol.c ---- */
void fedli_enrol_hello(fedli_coord_state *c, const fedli_envelope *envelope);
void fedli_enrol_finish(fedli_coord_state *c, const fedli_envelope *envelope);
void fedli_enrol_stored(fedli_coord_state *c, fedli_device_op *op, fedl_status status);
/** FEDL_ADMIN_DEVICE_CERTIFY, and its STORED. */
void fedli_enrol_certify(fedli_coord_state *c);
void fedli_enrol_certified(fedli_coord_state *c, fedli_device_op *op, fedl_status status);
void fedli_enrol_token_hash(const fedli_coord_state *c, uint8_t out[32],
                            const uint8_t secret[FEDLI_TOKEN_SECRET_BYTES]);

/* ---- device_table.c ---- */
fedli_device *fedli_device_find(const fedli_coord_state *c, uint32_t device_id);
fedli_device *fedli_device_find_key(const fedli_coord_state *c, const uint8_t noise_public[32]);
fedl_status fedli_device_insert(fedli_coord_state *c, const fedl_device_record *record);
void fedli_device_key_insert(fedli_coord_state *c, const fedli_device *d);
void fedli_device_available(fedli_coord_state *c, fedli_device *d, fedl_instant_ns until_ns);
/** Ends everything that a revoked or departed device has: session, pool, membership, slot. */
void fedli_device_expel(fedli_coord_state *c, fedli_device *d);
fedli_device_op *fedli_device_op_take(fedli_coord_state *c, fedl_store_op_kind kind,
                                      const fedl_device_record *record);
void fedli_device_op_free(fedli_device_op *op);

/* ---- checkin.c: CHECKIN, LEAVE, long-polls ---- */
void fedli_checkin_on_message(fedli_coord_state *c, uint32_t slot,
                              const fedl_message_checkin *checkin);
void fedli_checkin_on_leave(fedli_coord_state *c, uint32_t slot);
void fedli_checkin_left(fedli_coord_state *c, fedli_device_op *op, fedl_status status);
/** Keeps the request under way until there is an answer, or wait_ms are over. */
void fedli_checkin_park(fedli_coord_state *c, uint32_t slot, fedli_pending pending,
                        uint32_t wait_ms);
void fedli_checkin_sweep_request(fedli_coord_state *c);
void fedli_checkin_sweep(fedli_coord_state *c);
void fedli_checkin_unpark(fedli_coord_state *c, uint32_t slot);

/* ---- task.c: layout, adding, restoring ---- */
fedli_task *fedli_task_find(const fedli_coord_state *c, uint32_t task_id);
fedl_status fedli_task_create(fedli_coord_state *c, fedli_task **task, const fedl_task_setup *setup,
                              uint32_t task_id);
void fedli_task_remove(fedli_coord_state *c, fedli_task *t);
void fedli_task_emit_op(fedli_coord_state *c, fedli_task *t);
void fedli_task_offer(const fedli_task *t, fedl_model_offer *offer);
fedli_member *fedli_task_member(fedli_task *t, uint32_t device_id);

/** Pause before a failed store op, or reading, is tried again. */
static inline uint32_t fedli_task_pause_ms(const fedli_task *t)
{
    return t->round_config.retry_ms < FEDLI_STORE_MS ? FEDLI_STORE_MS : t->round_config.retry_ms;
}

/* ---- task_check.c ---- */
/** What a sum of this plan costs in privacy, as the server reckons; 0 without noise. */
uint64_t fedli_task_charge(const fedl_plan *plan);
/* ---- adaptive.c ---- */
/** The devices above the round's bound: the finished, noisy count, cut to what it can be. */
uint64_t fedli_adaptive_clipped(const fedli_task *t);
/** The bound that goes with the version that is made of the finished sum; 0 without. */
uint32_t fedli_adaptive_next(const fedli_task *t);
/** The learning rate that undoes the devices' scaling; the plan's without. */
uint32_t fedli_adaptive_lr_q16(const fedli_task *t);

/* ---- central_noise.c ---- */
/** Whether this server adds the noise, and charges for it with COMMIT, not with GROUP_COMMIT. */
bool fedli_task_is_central(const fedli_task *t);
/** Adds the noise of a central plan to the sum, nothing in others. Once per sum: the key is new in
 * every step and not kept. */
void fedli_central_noise(const fedli_coord_state *c, fedli_task *t);

/* ---- round.c: the phases ---- */
/** Begins the next attempt, or completes the task when its privacy budget pays for none. */
void fedli_round_start_pool(fedli_coord_state *c, fedli_task *t);
void fedli_round_timer(fedli_coord_state *c, fedli_task *t);
/** Closes the round when the goal is reached or nobody is left to wait for. */
void fedli_round_check(fedli_coord_state *c, fedli_task *t);
void fedli_round_abort(fedli_coord_state *c, fedli_task *t, const char *reason);
void fedli_round_stored(fedli_coord_state *c, fedli_task *t, fedl_status status);
void fedli_round_set_state(fedli_coord_state *c, fedli_task *t, fedl_task_state state,
                           const char *reason);
/** Uses up the round's number: no attempt follows, the same model trains the next round. */
void fedli_round_burn(fedli_coord_state *c, fedli_task *t, const char *reason);
fedl_instant_ns fedli_round_deadline_ns(const fedli_coord_state *c, const fedli_task *t);

/* ---- masked.c: attempts whose sum is masked ---- */
/** The attempt is stored as opened: its group begins. */
void fedli_masked_begin(fedli_coord_state *c, fedli_task *t);
/** Moves the task to where its group has got; after everything that the group was told. */
void fedli_masked_update(fedli_coord_state *c, fedli_task *t);
void fedli_masked_timer(fedli_coord_state *c, fedli_task *t);
/** GROUP_COMMIT is stored. */
void fedli_masked_committed(fedli_coord_state *c, fedli_task *t);
/** The masks are off the sum. */
void fedli_masked_computed(fedli_coord_state *c, fedli_task *t);
/** Wipes the group; what lies in staging is the caller's affair. */
void fedli_masked_end(fedli_coord_state *c, fedli_task *t);
/**
 * Until when TASK is of use to this member, 0 = it is not: while the roster is open, and, when the
 * group was taken up after a restart, to a device that has to send again what was lost.
 */
fedl_instant_ns fedli_masked_task_until_ns(const fedli_task *t, uint32_t device_id);
/** A GET of a device whose own item of this step got lost in a restart: it has to begin again. */
bool fedli_masked_is_behind(const fedli_task *t, uint32_t device_id, fedl_group_item item);
/** Fewest devices of a masked attempt; 1 when the task is plain. */
uint32_t fedli_masked_cohort_min(const fedli_task *t);
/** Survivors by rising id into t->member_ids; their number. */
uint32_t fedli_masked_survivors(fedli_task *t);

/* ---- excluded.c: who is left out of the choice ---- */
/** Gives a task the bit that stands for it in fedli_device.excluded_tasks. */
void fedli_excluded_name_task(const fedli_coord_state *c, fedli_task *t);
/** Notes whom the group blames, or who was blamed too often: the next op of the task names them. */
void fedli_excluded_blame(const fedli_coord_state *c, fedli_task *t, const char *reason);
/** The op that names them is durable: leaves out the liar, or one end of a complaint. */
void fedli_excluded_stored(fedli_coord_state *c, fedli_task *t);
bool fedli_excluded(const fedli_task *t, const fedli_device *d);
/** How many of those who are left out of the round under way count for the pool. */
uint32_t fedli_excluded_available(const fedli_coord_state *c, const fedli_task *t);
/** Lists whom pairs leave out of the round under way; before its attempt opens. */
void fedli_excluded_renew(const fedli_coord_state *c, fedli_task *t);
/** No task leaves it out any longer. */
void fedli_excluded_readmit(const fedli_coord_state *c, fedli_device *d);

/* ---- helped.c: the helper takes the masks off ---- */
void fedli_helped_ask(fedli_coord_state *c, fedli_task *t);
/** FEDL_EVENT_HELPER; t: whose newest question it answers. */
void fedli_helped_on_event(fedli_coord_state *c, fedli_task *t);

/* ---- item_exchange.c: PUT and GET ---- */
void fedli_item_on_put(fedli_coord_state *c, uint32_t slot, const fedl_message_put *put);
void fedli_item_on_get(fedli_coord_state *c, uint32_t slot, const fedl_message_get *get);
/** Answers a parked GET if there is an answer. */
void fedli_item_sweep(fedli_coord_state *c, uint32_t slot);

/* ---- round_pool.c: the choice of devices ---- */
void fedli_pool_try_open(fedli_coord_state *c);

/* ---- vector_check.c ---- */
bool fedli_vector_is_sane(const fedli_task *t, const uint8_t *vector);
/** The same for the sum of a masked round, in t->accum: what honest devices could have made. */
bool fedli_sum_is_sane(const fedli_task *t);

/* ---- upload.c, fetch.c, publish.c ---- */
void fedli_upload_on_message(fedli_coord_state *c, uint32_t slot,
                             const fedl_message_upload *upload);
void fedli_upload_free_slots(fedli_task *t);
/** Frees all slots and wipes the whole staging place: what is half here must never be found. */
void fedli_upload_wipe(fedli_task *t);
void fedli_upload_free_device(fedli_task *t, uint32_t device_id);
void fedli_fetch_on_message(fedli_coord_state *c, uint32_t slot, const fedl_message_fetch *fetch);
/** Signs model, whose version, round, parent and time are set. It trains rounds up to
 * expires_round, in any attempt, and no later one; for prediction (round 0) it stays good. */
void fedli_publish_sign(const fedli_coord_state *c, const fedli_task *t, fedl_model_record *model,
                        uint32_t expires_round);
/** The sum is finished: reads the master words back, makes the next version of them, commits it. */
void fedli_publish_begin(fedli_coord_state *c, fedli_task *t);
/** LOADING: asks again when reading has failed a while ago. */
void fedli_publish_timer(fedli_coord_state *c, fedli_task *t);
/** FEDL_EVENT_LOADED. */
void fedli_publish_loaded(fedli_coord_state *c, fedli_task *t);

/* ---- admin.c ---- */
void fedli_admin_on_event(fedli_coord_state *c);
void fedli_admin_device_stored(fedli_coord_state *c, fedli_device_op *op, fedl_status status);

#endif
