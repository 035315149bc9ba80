/* SPDX-License-Identifier: Apache-2.0 */
/* Names and texts of refusals, and the default policy of a site. */
#include "fedl/secagg.h"

bool fedl_refusal_known(fedl_refusal refusal)
{
    switch (refusal) {
#define REFUSAL_KNOWN(name, value, text, remedy) case FEDL_REFUSAL_##name:
        FEDL_REFUSAL_MAP(REFUSAL_KNOWN)
#undef REFUSAL_KNOWN
        return true;
    case FEDL_REFUSAL_NONE:
        break;
    }
    return false;
}

const char *fedl_refusal_text(fedl_refusal refusal)
{
    switch (refusal) {
    case FEDL_REFUSAL_NONE:
        return "none";
#define REFUSAL_TEXT(name, value, text, remedy)                                                    \
    case FEDL_REFUSAL_##name:                                                                      \
        return text;
        FEDL_REFUSAL_MAP(REFUSAL_TEXT)
#undef REFUSAL_TEXT
    }
    return "unknown";
}

const char *fedl_refusal_remedy(fedl_refusal refusal)
{
    switch (refusal) {
    case FEDL_REFUSAL_NONE:
        return "none";
#define REFUSAL_REMEDY(name, value, text, remedy)                                                  \
    case FEDL_REFUSAL_##name:                                                                      \
        return remedy;
        FEDL_REFUSAL_MAP(REFUSAL_REMEDY)
#undef REFUSAL_REMEDY
    }
    return "unknown";
}

const char *fedl_refusal_name(fedl_refusal refusal)
{
    switch (refusal) {
    case FEDL_REFUSAL_NONE:
        return "NONE";
#define REFUSAL_NAME(name, value, text, remedy)                                                    \
    case FEDL_REFUSAL_##name:                                                                      \
        return #name;
        FEDL_REFUSAL_MAP(REFUSAL_NAME)
#undef REFUSAL_NAME
    }
    return "unknown";
}

void fedl_site_policy_default(fedl_site_policy *policy)
{
    const fedl_site_policy standard = {.min_aggregation = FEDL_AGGREGATION_MASKED,
                                       .min_cohort = 5,
                                       .gamma_permille = 100,
                                       .epochs_max = 100,
                                       .w_max = 8,
                                       .clip_q16_max = UINT32_MAX,
                                       .rho_max = UINT64_MAX,
                                       .rho_budget = UINT64_MAX};
    *policy = standard;
}
