/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Central privacy: the server adds exact discrete Gaussian noise to the sum, in the step that turns
 * it into a version, and charges for it in the transaction that makes the version durable.
 *
 *   sum ─┬─ + N_Z(0, σ²) ─► master ─► container ─► COMMIT {model, ρ} ─stored─► visible
 *        └─ never stored, never sent
 *
 * One cohort gives one noisy sum to the world, wherever the server dies:
 *  * before COMMIT is durable nobody has seen anything: the version is shown by the step that is
 *    told of it. The next attempt, or the same sum taken up again, draws new noise, and the old
 *    draw is lost with the memory it was in. No charge was stored for it, none is due;
 *  * behind it version, charge and the end of the round are there together: no attempt of that
 *    round is ever opened again, and the noisy sum is read back from the store, not drawn anew.
 *  A COMMIT that fails is handed over again as it is: the noise is in the container already.
 *
 * So the key need not outlive the step, and must not: who read it in the database could take the
 * noise off. Rejected: storing it to make an equal draw a second time (a secret in the file, for
 * nothing), and deriving it from long-lived keys alone (a server set back to an older database
 * would add the same noise to another cohort's sum of the same round and attempt, and the
 * difference of the two would be exact).
 */
#include "coord/coord_state.h"

#include "base/cursor.h"
#include "base/secret.h"
#include "secagg/binding.h"

#include <string.h>

#define KEY_TEXT_BYTES (FEDL_ENTROPY_BYTES + 12u)

/* The entropy of the step alone would not do: parts of it may have gone out in the same step, as a
 * session id for instance. token_key never leaves the server. */
static void derive_key(const fedli_coord_state *c, const fedli_task *t, uint8_t key[32])
{
    uint8_t text[KEY_TEXT_BYTES];
    memcpy(text, c->event->entropy, FEDL_ENTROPY_BYTES);
    fedli_store_u32(text + FEDL_ENTROPY_BYTES, t->task_id);
    fedli_store_u32(text + FEDL_ENTROPY_BYTES + 4u, t->round);
    fedli_store_u32(text + FEDL_ENTROPY_BYTES + 8u, t->attempt);
    fedli_kdf(c->crypto, key, c->cfg.identity.token_key, "fedl.centnois.v1", text, sizeof text);
    fedli_wipe(text, sizeof text);
}

bool fedli_task_is_central(const fedli_task *t)
{
    return t->plan.privacy.mode == FEDL_PRIVACY_CENTRAL;
}

void fedli_central_noise(const fedli_coord_state *c, fedli_task *t)
{
    uint8_t key[32];
    if (!fedli_task_is_central(t)) {
        return;
    }
    derive_key(c, t, key);
    fedl_accum_noise(&t->accum, t->plan.update.sum_sigma2_q8, fedli_prg_best()->stream, key);
    if (t->plan.privacy.adaptive_clip) {
        fedl_accum_noise_bit(&t->accum, t->plan.privacy.bit_sigma2_q8, fedli_prg_best()->stream,
                             key);
    }
    fedli_wipe(key, sizeof key);
}
