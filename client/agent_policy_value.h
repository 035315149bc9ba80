/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a site's policy and the forms of their values, for agent_policy.c. */
#ifndef FEDL_CLIENT_AGENT_POLICY_VALUE_H
#define FEDL_CLIENT_AGENT_POLICY_VALUE_H

#include "fedl/secagg.h"
#include "fedl/update.h"

#include <stdio.h>

#define AGENT_POLICY_KEYS       10u
#define AGENT_POLICY_PAIR_BYTES 200u /* longest "key = value", with its zero */

/* Row index of the key, AGENT_POLICY_KEYS when there is none of this name. */
uint32_t agent_policy_find(const char *key);
const char *agent_policy_key(uint32_t row);
/** Reads value (shorter than AGENT_POLICY_PAIR_BYTES) into the row's field; false, and *policy
 * untouched, when it is none. */
bool agent_policy_read(fedl_site_policy *policy, uint32_t row, const char *value);
/** What the row's value may be, for an error's text; in out or static. */
const char *agent_policy_words(uint32_t row, char out[80]);
/** Prints the row's value as it is written, or (json) as a JSON value. */
void agent_policy_value_print(FILE *out, const fedl_site_policy *policy, uint32_t row, bool json);

#endif
