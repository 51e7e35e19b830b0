/* SPDX-License-Identifier: Apache-2.0
 *
 * judge_world - a world in which it is known which model is best, and judges that are right a known share of the time.
 *
 * An answer has a quality, mu of its model + N(0, 1).  Of two answers people prefer the better.  A judge sees the difference
 * with noise, half of it the answers' own (every pair with that answer has it), half the pair's; between equally good models it
 * agrees with people at 1/2 + asin(rho) / pi.  A taste for slot A is added in both orders.  It has two labels' probabilities
 * to say it with: what it says then goes through the same code as a real judge's. */
#ifndef ASSAY_TESTS_JUDGE_WORLD_H
#define ASSAY_TESTS_JUDGE_WORLD_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "judge/decision.h"
#include "metric/normal.h"
#include "metric/splitmix.h"

#define WORLD_SHARPNESS 1.7 /* logits of the labels for one standard deviation */

struct world {
	size_t n_questions, n_models; /* model 0 is the base model */
	double mu[EVIDENCE_CANDIDATES_MAX];
	double agreement; /* of the judge with people */
	double slot_bias; /* in standard deviations of quality */
	bool one_order;	  /* reads the answers in one order only, which is wrong */
};

static inline double world_uniform(struct splitmix *dice)
{
	return ((double)(splitmix_next(dice) >> 11) + 0.5) / 9007199254740992.0;
}

static inline double world_normal(struct splitmix *dice)
{
	double radius = sqrt(-2 * log(world_uniform(dice)));

	return radius * cos(2 * M_PI * world_uniform(dice));
}

/* What quality one model must be ahead of an equal one to win this share of the time. */
static inline double world_lead(double win_rate)
{
	return normal_quantile(win_rate) * M_SQRT2;
}

/* Standard deviation of the judge's noise on the difference of two answers whose qualities have variance 1. */
static inline double world_noise(double agreement)
{
	double rho = sin(M_PI * (agreement - 0.5));

	return sqrt(2 * (1 / (rho * rho) - 1));
}

/* The labels' probabilities for a judge that sees `seen` between X and Y. */
static inline struct opinion world_opinion(double seen, double slot_bias, bool one_order)
{
	double first = 1 / (1 + exp(-WORLD_SHARPNESS * (seen + slot_bias))), second = 1 / (1 + exp(-WORLD_SHARPNESS * (slot_bias - seen)));
	struct reading order1 = { 0.9 * first, 0.9 * (1 - first) }, order2 = { 0.9 * second, 0.9 * (1 - second) };

	return opinion_of(order1, one_order ? (struct reading){ order1.b, order1.a } : order2);
}

/* Judges all pairs; the caller frees the list. */
static inline struct judged_pair *world_judge(const struct world *w, struct splitmix *dice, size_t *n_pairs)
{
	size_t n = w->n_models;
	struct judged_pair *pairs = mem_array(w->n_questions * n * n / 2 + 1, sizeof *pairs);
	double sd = world_noise(w->agreement);

	*n_pairs = 0;
	for (size_t q = 0; q < w->n_questions; q++) {
		double seen[EVIDENCE_CANDIDATES_MAX];
		for (size_t m = 0; m < n; m++)
			seen[m] = w->mu[m] + world_normal(dice) + sd / 2 * world_normal(dice);
		for (size_t a = 0; a < n; a++)
			for (size_t b = a + 1; b < n; b++) {
				double difference = seen[a] - seen[b] + sd * M_SQRT1_2 * world_normal(dice);
				struct opinion o = world_opinion(difference, w->slot_bias, w->one_order);
				pairs[(*n_pairs)++] = (struct judged_pair){ (uint32_t)q, (uint16_t)a, (uint16_t)b, o.score, o.outcome };
			}
	}
	return pairs;
}

static const int WORLD_EPOCHS[EVIDENCE_CANDIDATES_MAX] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* One run of the world, decided by the code that users get. */
static inline struct decision world_decide(const struct world *w, uint64_t seed)
{
	struct splitmix dice = { seed };
	struct evidence e = { .n_questions = w->n_questions, .n_candidates = w->n_models, .base = 0, .epoch = WORLD_EPOCHS, .has_judge = true, .judge_is_fit = true };
	struct decision_context context = { .n_planned = w->n_questions };
	struct bootstrap_options options = bootstrap_defaults();
	struct judged_pair *pairs = world_judge(w, &dice, &e.n_pairs);
	struct decision d;

	e.pairs = pairs;
	if (!decision_make(&e, &context, &options, &d))
		abort();
	mem_free(pairs);
	return d;
}

#endif
