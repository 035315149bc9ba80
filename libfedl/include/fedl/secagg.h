/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secure aggregation: what a plan fixes, what a site demands, and every reason for which a device
 * refuses to go on. Specification: docs/protocol.md "Masked rounds", docs/threat-model.md.
 */
#ifndef FEDL_SECAGG_H
#define FEDL_SECAGG_H

#include "fedl/bytes.h"
#include "fedl/status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fedl_aggregation {
    FEDL_AGGREGATION_PLAIN = 1,  /* encrypted to the server, clipped, not masked: the lab mode */
    FEDL_AGGREGATION_MASKED = 2, /* pairwise masks: the server sees sums only */
    FEDL_AGGREGATION_HELPER = 3, /* one mask per device, its seed sealed to a second party */
} fedl_aggregation;

typedef enum fedl_server_trust {
    FEDL_TRUST_CURIOUS = 1, /* the server follows the protocol but looks at everything */
    FEDL_TRUST_ACTIVE = 2,  /* the server may lie: devices compare their views (CONFIRM) */
} fedl_server_trust;

#define FEDL_COHORT_MIN          3u     /* fewest devices in any masked sum */
#define FEDL_COHORT_MAX          65535u /* devices in one roster */
#define FEDL_NEIGHBOURS_MAX      254u   /* k: x coordinates are 1 … 255 */
#define FEDL_COMPLETE_GRAPH_MAX  128u   /* larger cohorts use a Harary graph */
#define FEDL_SECAGG_ATTEMPTS_MAX 3u     /* a device answers attempts 1 … 3 of a round */
#define FEDL_EPOCH_ROUNDS_MAX    1024u  /* longest life of an epoch key, in rounds (J_max) */

/* The part of a plan that both sides read. Unused (zero) when aggregation is plain. */
typedef struct fedl_secagg_config {
    fedl_server_trust trust;
    uint16_t min_cohort;     /* fewest devices in a disclosed sum, FEDL_COHORT_MIN … 65535 */
    uint16_t gamma_permille; /* most colluding devices, in ‰ of a cohort, 0 … 333 */
    uint16_t delta_permille; /* drop-outs to be survived after READY, in ‰, 0 … 400 */
    uint32_t step_ms;        /* server waits this long for each of the steps after ROSTER */
    uint32_t epoch_rounds; /* life of a device's epoch key in rounds, 1 … FEDL_EPOCH_ROUNDS_MAX */
} fedl_secagg_config;

typedef enum fedl_privacy_mode {
    FEDL_PRIVACY_NONE = 1,
    FEDL_PRIVACY_DISTRIBUTED = 2, /* every device adds its part of the noise before masking */
    FEDL_PRIVACY_CENTRAL = 3,     /* the (trusted) server adds noise to the sum */
} fedl_privacy_mode;

#define FEDL_RHO_ONE                                                                               \
    (UINT64_C(1) << 40) /* ρ of zero-concentrated DP is counted in units of 2^-40 */

/* Zero when mode is NONE. */
typedef struct fedl_privacy_config {
    fedl_privacy_mode mode;
    bool rotate;        /* random signs and block Walsh–Hadamard transform before rounding */
    bool adaptive_clip; /* the clip norm follows a quantile of the norms */
    uint16_t quantile_permille; /* adaptive_clip: target share of unclipped devices */
    uint32_t sigma2_q8; /* variance of the noise, grid steps², Q8: per device (DISTRIBUTED, 4·2^8
                           … 2^24) or of the sum (CENTRAL, 1 … FEDL_SUM_SIGMA2_Q8_MAX) */
    uint32_t bit_sigma2_q8; /* adaptive_clip: variance of the noise of "above the bound", Q8, per
                               device or of the sum as sigma2_q8, in the same range; else 0 */
    uint64_t rho_budget;    /* of the whole task, FEDL_RHO_ONE units; no round begins beyond it */
} fedl_privacy_config;

/* What the owner of a device demands of every plan, whatever the server says. */
typedef struct fedl_site_policy {
    fedl_aggregation min_aggregation; /* PLAIN: anything; HELPER: plain is refused; MASKED: helper
                                         too */
    bool require_active;              /* refuse plans with trust = curious */
    bool require_privacy;             /* refuse plans without DISTRIBUTED noise */
    uint16_t min_cohort;              /* ≥ FEDL_COHORT_MIN; smaller plans are refused */
    uint16_t gamma_permille; /* colluding devices this site reckons with: a plan's γ may not
                                be smaller */
    uint32_t epochs_max;
    uint32_t w_max;
    uint32_t clip_q16_max;
    uint64_t rho_max;    /* most that one task may spend, FEDL_RHO_ONE units: plans with a larger
                            budget, or without noise of the devices, are refused; UINT64_MAX = any */
    uint64_t rho_budget; /* of this device, over all its tasks together, past ones included;
                            UINT64_MAX = no limit */
} fedl_site_policy;

/** masked, min_cohort 5, γ 100 ‰, 100 epochs, w_max 8, any clip, any ρ, no budget. */
void fedl_site_policy_default(fedl_site_policy *policy);

/*
 * X(NAME, value, text, remedy): why a device did not go on, and what people do about it; values
 * never change once released. docs/client.md has the same table.
 */
#define FEDL_REFUSAL_MAP(X)                                                                        \
    X(PLAIN, 1, "the task is plain, this site asks for masking",                                   \
      "set aggregation mode = masked in the plan, or join this device with --allow-plain")         \
    X(TRUST, 2, "this site asks for trust = active",                                               \
      "set trust = active in the plan, or require_active = no in the policy")                      \
    X(POLICY_COHORT, 3, "the plan's min_cohort is below this site's",                              \
      "raise min_cohort in the plan, or lower min_cohort in the policy")                           \
    X(POLICY_GAMMA, 4, "the plan reckons with fewer colluding devices than this site",             \
      "raise gamma in the plan, or lower gamma in the policy")                                     \
    X(POLICY_EPOCHS, 5, "more local epochs than this site allows",                                 \
      "lower epochs in the plan, or raise epochs_max in the policy")                               \
    X(POLICY_WEIGHT, 6, "w_max is above this site's",                                              \
      "lower w_max in the plan, or raise w_max in the policy")                                     \
    X(POLICY_CLIP, 7, "the clip norm is above this site's",                                        \
      "lower clip in the plan, or raise clip_max in the policy")                                   \
    X(POLICY_PRIVACY, 8, "this site asks for differential privacy",                                \
      "set privacy mode = distributed in the plan, or require_privacy = no in the policy")         \
    X(BUDGET, 9, "the privacy budget is spent",                                                    \
      "nothing: spent privacy does not come back; only a new task has a budget again")             \
    X(ROUND_REUSED, 10, "this round and attempt was answered before",                              \
      "nothing after a restart, the next attempt serves; if it lasts, the server went back to an " \
      "old backup")                                                                                \
    X(ATTEMPTS, 11, "too many attempts of one round", "set attempts = 3 or less in the plan")      \
    X(ROUND_CLOSED, 12, "shares of this round were given away already",                            \
      "nothing after a restart, the next round serves; if it lasts, the server went back to an "   \
      "old backup")                                                                                \
    X(ROSTER_FORM, 13, "the roster is malformed, or its ids do not rise",                          \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(ROSTER_SELF, 14, "this device is missing in the roster, or stands there twice",              \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(ROSTER_NONCE, 15, "the roster has another nonce or key for this device",                     \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(ROSTER_KEYS, 16, "two devices in the roster have the same key",                              \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(ROSTER_CHANGED, 17, "the roster changed while it was read",                                  \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(COHORT_SMALL, 18, "fewer devices than this site asks for",                                   \
      "wait until more devices take part, or lower min_cohort or gamma in the policy")             \
    X(PARAMETERS, 19, "k or t is weaker than the table asks for",                                  \
      "update server and device; if both are new, the server is broken or lies")                   \
    X(CERTIFICATE, 20, "a neighbour's certificate is not good",                                    \
      "let the named device leave and join again; without a name, this one")                       \
    X(EPOCH_KEY, 21, "a neighbour's epoch key is not certified for this round",                    \
      "restart the named device; if it lasts, revoke it")                                          \
    X(WEAK_KEY, 22, "a neighbour's key is of low order",                                           \
      "revoke the named device: its key was chosen to be known")                                   \
    X(SHARE, 23, "a neighbour's share does not open",                                              \
      "nothing once, the next attempt leaves one of the two out; if it lasts, revoke the named "   \
      "device")                                                                                    \
    X(FORWARD_FORM, 24, "the first set of survivors is malformed",                                 \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(FORWARD_SELF, 25, "this device is not in the first set of survivors",                        \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(FORWARD_SMALL, 26, "the first set of survivors is too small",                                \
      "too many devices vanished: raise step_timeout in the plan")                                 \
    X(FORWARD_NEIGHBOURS, 27, "too few neighbours are in the first set of survivors",              \
      "too many devices vanished: raise step_timeout or step_dropout in the plan")                 \
    X(FORWARD_CHANGED, 28, "the first set of survivors changed while it was read",                 \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(SURVIVORS_FORM, 29, "the last set of survivors is malformed",                                \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(SURVIVORS_SELF, 30, "this device is not in the last set of survivors",                       \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(SURVIVORS_SMALL, 31, "the last set of survivors is too small",                               \
      "too many devices vanished: raise step_timeout in the plan")                                 \
    X(SURVIVORS_NEIGHBOURS, 32, "too few neighbours are in the last set of survivors",             \
      "too many devices vanished: raise step_timeout or step_dropout in the plan")                 \
    X(SURVIVORS_FORGED, 33, "the last set of survivors is not within the first",                   \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(SURVIVORS_CHANGED, 34, "the last set of survivors changed while it was read",                \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(CONFIRM_FORM, 35, "the confirmations are malformed",                                         \
      "keep this device away until the operator has explained it: the server is broken or lies")   \
    X(CONFIRM_FEW, 36, "too few neighbours confirm the same sets of survivors",                    \
      "devices vanished: raise step_timeout in the plan; if it lasts, the server shows them "      \
      "different survivors")                                                                       \
    X(STATE_LOST, 37, "the state of this attempt is lost",                                         \
      "make a new task: this device has forgotten which rounds of this one it answered")           \
    X(HELPER, 38, "the helper's certificate is not good",                                          \
      "give the server the helper's certificate of this fleet, and one that has not expired")      \
    X(COHORT_LARGE, 39, "more devices than the plan's ring has room for",                          \
      "update the server; if it is new, it is broken or lies")                                     \
    X(POLICY_HELPER, 40, "the task trusts a helper, this site asks for masks among devices",       \
      "set aggregation mode = masked in the plan, or min_aggregation = helper in the policy")      \
    X(POLICY_EPSILON, 41, "the plan may spend more privacy than this site allows",                 \
      "lower epsilon in the plan, or raise epsilon_max in the policy")                             \
    X(BOUND, 42, "the bound of adaptive clipping is not one that the plan allows",                 \
      "update the server; if it is new, it is broken or lies")

typedef enum fedl_refusal {
    FEDL_REFUSAL_NONE = 0,
#define FEDL_REFUSAL_ENUM(name, value, text, remedy) FEDL_REFUSAL_##name = (value),
    FEDL_REFUSAL_MAP(FEDL_REFUSAL_ENUM)
#undef FEDL_REFUSAL_ENUM
} fedl_refusal;

/** True for a value of the list above; not for NONE. */
bool fedl_refusal_known(fedl_refusal refusal);
/** The text of the list above; "none" for NONE, "unknown" for a value that is not in it. */
const char *fedl_refusal_text(fedl_refusal refusal);
/** The remedy of the list above; "none" and "unknown" likewise. */
const char *fedl_refusal_remedy(fedl_refusal refusal);
/** The name of the list above, "POLICY_COHORT"; "NONE" and "unknown" likewise. */
const char *fedl_refusal_name(fedl_refusal refusal);

#ifdef __cplusplus
}
#endif
#endif
