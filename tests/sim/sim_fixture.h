/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small experiment for tests: four classes of 8×8 pictures in IDX files in a temporary folder, a
 * plan over them, and one call that runs a world on it. The oracle trains every survivor of a
 * committed round again, without network, machines or crypto, and compares sum, tail and model.
 */
#ifndef FEDL_TESTS_SIM_FIXTURE_H
#define FEDL_TESTS_SIM_FIXTURE_H

#include "sim_data.h"
#include "sim_world.h"

#define FIXTURE_CLIENTS 5u

typedef struct sim_fixture {
    char folder[64];
    char plan_path[96];
    fedl_sim_data data;
} sim_fixture;

/** extra: overrides "section.key=value", ended by NULL; may be NULL. Fails the test on errors. */
void sim_fixture_open(sim_fixture *fixture, const char *const *extra);
void sim_fixture_close(sim_fixture *fixture);

typedef struct sim_result {
    fedl_sim_outcome outcome;
    fedl_sim_totals totals;
    uint32_t checked_rounds; /* by the oracle */
    uint32_t fewest_reports;
    uint32_t bad_messages; /* REFUSED or REJECTED in the server's log */
    uint32_t enrolled;
    char text[FEDL_SIM_TEXT_BYTES];
} sim_result;

/** A config for this fixture that tests may change before sim_fixture_run(). */
fedl_sim_config sim_fixture_config(const sim_fixture *fixture);
/** Runs a world to its end; every commit is checked against the oracle. tamper of cfg->watch is
 * kept, its context must be NULL. */
sim_result sim_fixture_run(const fedl_sim_config *cfg);

#endif
