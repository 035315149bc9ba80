/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the owner of this device demands of every task: fedl_site_policy as `key = value` lines, in
 * the file `policy` of the home (written by join, may be edited) and as --policy KEY=VALUE.
 */
#ifndef FEDL_CLIENT_AGENT_POLICY_H
#define FEDL_CLIENT_AGENT_POLICY_H

#include "agent_home.h"

/* ε of policies and of the device's ledger is told for this δ; what is kept is ρ. */
#define AGENT_POLICY_DELTA 1e-6

/** Changes one value; pair is "key = value", blanks around both don't matter. False: text says in
 * one line what is wrong, and *policy is untouched. */
bool agent_policy_set(fedl_site_policy *policy, const char *pair, char text[256]);
/** The default, then the file of the home if there is one, then the --policy options. */
agent_exit agent_policy_load(fedl_site_policy *policy, const agent_home *home,
                             const agent_options *options, char text[AGENT_TEXT_BYTES]);
/** Writes the --policy options into the home; without any, no file. */
fedl_status agent_policy_save(const agent_home *home, const agent_options *options);
/** Every value, as lines or (json) as the members of an object. */
void agent_policy_print(FILE *out, const fedl_site_policy *policy, bool json);

#endif
