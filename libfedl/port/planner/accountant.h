/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What noise costs: zero-concentrated differential privacy (Bun, Steinke 2016) of integer sums.
 *
 * Devices scale to grid steps, round stochastically and add discrete Gaussian noise (Kairouz, Liu,
 * Steinke, "The Distributed Discrete Gaussian Mechanism", ICML 2021). Adjacency: one device's
 * vector replaced by zero. Sums of noise of n devices count as n·σ²; ρ of rounds adds up; ε is only
 * made from the total. No amplification by sampling is claimed.
 *
 * Floating point, so for tools: budgets from (ε, δ) and back. What is charged is a count of 2^-40
 * (FEDL_RHO_ONE) that fedl_privacy_charge() makes in integers; a test compares the two.
 */
#ifndef FEDL_PORT_ACCOUNTANT_H
#define FEDL_PORT_ACCOUNTANT_H

#include "fedl/secagg.h"

/**
 * Smallest ε ≥ 0 with (ε, δ)-DP for everything that is ρ-zCDP:
 * min over α > 1 of ρα + (ln(1/(αδ)) + (α − 1)·ln(1 − 1/α))/(α − 1)
 * (Canonne, Kamath, Steinke, NeurIPS 2020, Proposition 12). INFINITY unless 0 < δ < 1 and ρ is
 * finite and ≥ 0.
 */
double fedl_zcdp_epsilon(double rho, double delta);
/** Largest ρ whose ε at δ is at most epsilon; 0 when there is none. */
double fedl_zcdp_rho(double epsilon, double delta);

/**
 * Δ̃² = C² + d/4 + √(2·ln(1/β))·(C + √d/2) with β = e^-1/2: the square of the largest L2 norm, in
 * grid steps, that conditional stochastic rounding lets out for a vector of norm clip_steps = s·C
 * and dimension d (padding counts).
 */
double fedl_zcdp_sensitivity2(double clip_steps, double dimension);
/** ρ of one sum: Δ̃²/(2·n_eff·σ²), σ² of one device in steps²; n_eff: devices that add noise. */
double fedl_zcdp_rho_of_sum(double sensitivity2, double n_eff, double sigma2);
/**
 * Exact δ(ε) of one integer query of sensitivity 1 with noise N_ℤ(0, σ²): Σ max(0, p(x) − e^ε·p(x −
 * 1)) over all integers. Checks the sampler and the bounds above. 0 < σ² ≤ 2^20.
 */
double fedl_zcdp_exact_delta(double sigma2, double epsilon);

/** ρ in units of 2^-40, rounded up: for charges. UINT64_MAX when it does not fit or is no number.
 */
uint64_t fedl_zcdp_units_up(double rho);
/** Rounded down: for budgets. 0 when it is negative or no number. */
uint64_t fedl_zcdp_units_down(double rho);
double fedl_zcdp_from_units(uint64_t units);

#endif
