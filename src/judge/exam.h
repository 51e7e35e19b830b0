/* SPDX-License-Identifier: Apache-2.0
 *
 * exam - may this judge's opinion count?  Grades its answers to the planted probes, and what is known of it from elsewhere.
 *
 *   audit                                            passes                                 else
 *   probes other, cut, language (together)           >= 90 % found                          fails
 *   probes with a wrong fact                         >= 70 % found                          fails
 *   padded probes                                    >= 80 % found                          fails
 *   probes it could be asked                         >= 20, and >= 4 of each group          fails (no exam without)
 *   label mass P(A) + P(B) >= 0.5                    in >= 90 % of all opinions             fails
 *   order flips, probes and pairs together           <= 35 %                                warns; above 60 % fails
 *   the same pair asked again                        same outcome always, score within .001 warns; outcome changed fails *
 *   taste for a slot, mean over pairs                at most 0.5 logit                      warns: costs power, both orders cancel it
 *   the longer answer wins, of decided pairs         at most 70 %                           warns (people: 64 %)
 *   agreement with people's thumbs, >= 30 pairs      kappa's lower bound > 0.2, or          warns; kappa's upper bound < 0.2 fails
 *                                                    non-tie accuracy's lower bound > 0.6
 *
 *   * a provider that answers in words is sampled: there more than 10 % changed outcomes fail
 *
 * A probe is found where the good side wins in both orders.  Consistency is not correctness: a judge may agree with itself nearly
 * always and be wrong nearly always, which only probes show.  Thread: any. */
#ifndef ASSAY_JUDGE_EXAM_H
#define ASSAY_JUDGE_EXAM_H

#include "judge/probe.h"
#include "judge/opinion.h"
#include "metric/agreement.h"

#define EXAM_REPEATS 6 /* pairs that are asked twice */
#define EXAM_FLIPS_WARN 0.35
#define EXAM_FLIPS_MAX 0.60
#define EXAM_SLOT_BIAS_MAX 0.5
#define EXAM_LONGER_MAX 0.70
#define EXAM_SHARED_MIN 30

/* An opinion of X, with what is known of the pair. */
struct exam_pair {
	struct opinion opinion;
	size_t x_length, y_length; /* in mixed tokens or characters; 0 and 0: unknown */
};

/* A pair that people's thumbs decide too. */
struct exam_shared {
	enum outcome people, judge;
};

struct exam_paper {
	const struct probe *probes;
	const struct opinion *answers; /* to the probes; X is the bad side where probe.bad_is_x, else the good one */
	size_t n_probes;
	const struct exam_pair *pairs; /* of real answers, as far as it judged any; none before the run */
	size_t n_pairs;
	const struct opinion (*repeats)[2]; /* the same pair asked twice, in another batch */
	size_t n_repeats;
	const struct exam_shared *shared;
	size_t n_shared;
	bool in_words; /* asked for text, not for probabilities */
};

enum exam_problem {
	EXAM_TOO_FEW = 1,	/* questions to make probes of */
	EXAM_FORMAT = 2,	/* does not answer with a label */
	EXAM_MISTAKES = 4,	/* other, cut, language */
	EXAM_FACTS = 8,
	EXAM_PADDING = 16,
	EXAM_FLIPS = 32,
	EXAM_UNSTABLE = 64,
	EXAM_PEOPLE = 128,	/* disagrees with the thumbs */
	EXAM_SLOT = 256,	/* warning only */
	EXAM_LENGTH = 512,	/* warning only */
};

#define EXAM_PROBLEMS 10

/* "too_few", "format", "mistakes", "facts", "padding", "flips", "unstable", "people", "slot", "length": as in JSON. */
const char *exam_problem_name(enum exam_problem problem);

/* The message that says it, with {a} and {b} as exam_numbers() gives them: found of asked, or percent and limit. */
const char *exam_problem_key(enum exam_problem problem, bool is_failure);

/* `found` of `n`, and the 95 % interval of the share (Wilson). */
struct exam_share {
	size_t found, n;
	struct interval interval;
};

struct exam_card {
	bool is_fit;
	unsigned failures, warnings;	    /* of enum exam_problem */
	struct exam_share kinds[PROBE_KINDS]; /* PROBE_IDENTICAL: ties */
	struct exam_share mistakes, facts, padding, all; /* the marked groups; all five kinds */
	struct exam_share valid;   /* opinions with the labels' mass */
	struct exam_share flips;   /* of the valid ones that are not about identical texts */
	struct exam_share longer;  /* of decided real pairs of unequal length */
	struct exam_share stable;  /* repeats with the same outcome */
	double slot_bias;	   /* mean, logits; NaN without a valid opinion */
	double largest_change;	   /* of a score between repeats */
	size_t n_shared;
	struct agreement people;   /* of outcomes; NaN without shared pairs */
	struct exam_share people_decided; /* same side, where both decided */
	bool agrees_with_people;   /* at least EXAM_SHARED_MIN shared pairs and above the mark */
};

/* Grades.  Call it before the run with the probes, and again with the pairs that it judged: a judge may still fail then. */
void exam_grade(const struct exam_paper *paper, struct exam_card *out);

/* {a} and {b} of a problem's message. */
void exam_numbers(const struct exam_card *card, enum exam_problem problem, double *a, double *b);

#endif
