/* SPDX-License-Identifier: Apache-2.0
 *
 * decision - which epoch to use, and how sure that is: from the evidence of a run, nothing else.
 *
 * Two things that are not the same: a recommendation, which is always given where there is anything to judge by (the best of
 * the candidates by all comparisons; of practical equals the earliest), and its evidence level, which says how well that is
 * proven.  A program that speaks only when something is proven is silent nearly always: with 250 questions the best of six is
 * found in 98 of 100 cases and proven better than every other in 11.
 *
 * Everything here follows from the input and options->seed, to the bit.  Reasons are message keys and numbers.
 *
 *     struct decision d;
 *     if (decision_make(&evidence, &context, &options, &d))
 *             msg_render(out, lang, d.reasons[0].key, reason_args(&d.reasons[0], text));
 *
 * Thread: any; some 10 to 100 ms for hundreds of questions, options->cancel stops it. */
#ifndef ASSAY_JUDGE_DECISION_H
#define ASSAY_JUDGE_DECISION_H

#include "judge/contrast.h"

#define DECISION_QUESTIONS_MIN 20 /* fewer are an impression */
#define DECISION_ALPHA 0.05	  /* two-sided, for all tests against the base model together (Holm) */
#define DECISION_MARGIN 0.03	  /* of a soft win rate: what nobody would notice */
#define DECISION_TIE_P 0.8	  /* a difference that chance alone makes in 4 of 5 cases is none */
#define DECISION_UNUSABLE_MAX 0.2 /* a candidate with a larger share of unusable answers is out */
#define DECISION_WIN_RATE 0.6	  /* the difference that `more_questions` would settle, 80 % of the time */
#define DECISION_FRESH_MIN 20	  /* questions that no choice has looked at: fewer tell no win rate */
#define DECISION_RATE_SECONDS 15  /* that a person takes to rate a question */

enum decision_kind {
	DECISION_WINNER,	    /* the best is proven better than the base model */
	DECISION_TIE,		    /* so are several that are as good as each other: the earliest */
	DECISION_OVERFITTING,	    /* a winner, and the last epoch is proven worse than it */
	DECISION_UNDECIDED,	    /* no candidate is proven better than the base model, nor the contrary */
	DECISION_NONE_BEATS_BASE,   /* no candidate is better by more than the margin */
	DECISION_NOTHING_TO_JUDGE_BY,
	DECISION_TOO_FEW,
	DECISION_ALL_UNUSABLE,
	DECISION_IDENTICAL,
	DECISION_TIME_UP	    /* undecided or too few, because the time ran out */
};

/* "winner", "tie", "overfitting", "undecided", "none_beats_base", "nothing_to_judge_by", "too_few", "all_unusable",
 * "identical", "time_up": as in JSON. */
const char *decision_kind_name(enum decision_kind kind);

enum decision_level { LEVEL_NONE, LEVEL_LOW, LEVEL_MEDIUM, LEVEL_HIGH, LEVEL_VERY_HIGH };

/* "none", "low", "medium", "high", "very_high". */
const char *decision_level_name(enum decision_level level);

/* What the run's circumstances were. */
struct decision_context {
	bool is_time_up;
	bool is_settled; /* fewer than planned were asked, because they sufficed (judge/plan.h) */
	size_t n_planned; /* questions; evidence->n_questions of them are answered */
	bool judge_agrees_with_people; /* checked on enough shared votes: only then can a judge alone make the level very high */
};

#define REASON_ARGS_MAX 5

struct reason {
	const char *key; /* of messages/ */
	size_t n_args;
	struct {
		const char *name;
		double value; /* whole numbers; shares are percentages, rounded; of a candidate its epoch */
		size_t candidate; /* index + 1 of the candidate that it names: {n}, {m}, at the begin of a sentence {first}; 0: a number */
	} args[REASON_ARGS_MAX];
};

#define REASON_TEXT_MAX 256
/* "name=value" pairs as msg_render() reads them, in `text`, which is returned.  A candidate's value is "@" and its index: what it
 * is called depends on the language and on the others (selection/result.h). */
const char *reason_args(const struct reason *reason, char text[REASON_TEXT_MAX]);

struct decision_candidate {
	bool is_vetoed;	 /* too many unusable answers */
	bool is_ranked;	 /* neither vetoed nor dropped */
	size_t n_unusable, n_right; /* answers; n_right of n_references */
	double score;	 /* mean soft win against the other ranked candidates; NaN where there is none */
	struct interval score_interval; /* 95 %, over questions */
	double first;	 /* share of the draws of the questions in which it comes first */
	size_t wins, ties, losses; /* questions against the base model */
	struct interval win_rate;  /* 95 % (Wilson), of wins among wins and losses */
	double p_base; /* difference to the base model: Holm over the epochs; 1 for the base model */
	double p_best; /* difference to the best: Holm over all others; 1 for the best */
	bool beats_base;
	bool is_tied; /* as good as the best: no difference, or one within the margin */
	bool is_in_best_set; /* not proven worse than the best */
};

#define REASONS_MAX 12

struct decision {
	enum decision_kind kind;
	enum decision_level level;
	size_t best;	    /* index of the highest score; SIZE_MAX where nothing ranks */
	size_t recommended; /* index of the one to use; may be the base model; SIZE_MAX: none */
	size_t runner_up;   /* the best of the others, the base model aside; SIZE_MAX: none */
	struct decision_candidate candidates[EVIDENCE_CANDIDATES_MAX];
	size_t n_questions, n_references, n_rated;
	size_t n_decided; /* questions in which the recommended one and the base model (without one: the runner-up) differ */
	size_t n_by_layer[LAYER_COUNT]; /* comparisons of ranked candidates that each layer decided */
	double tie_rate; /* of all comparisons of ranked candidates */
	double win_rate; /* soft, of the recommended one against the base model, without the luck of having been chosen: from
			  * questions that racing did not look at, else less the bootstrap's optimism; NaN without a base model */
	size_t more_questions; /* so many more would settle a difference of 60 to 40; 0: enough, or more would not help */
	double length_taste; /* of the judge: gamma of length_control(), above 0 where longer answers win more; NaN where unknown */
	size_t best_at_equal_length; /* the strongest with that taste taken out; = best where unknown or not proven */
	struct reason reasons[REASONS_MAX]; /* the first is the result's sentence */
	size_t n_reasons;
};

/* False where it was cancelled. */
bool decision_make(const struct evidence *e, const struct decision_context *context, const struct bootstrap_options *options,
		   struct decision *out);

/* Questions, one after the other, that settle a difference of `win_rate` among decisive ones at DECISION_ALPHA with 80 % power;
 * 0 where 20,000 are not enough. */
size_t decision_questions_for(double win_rate, double tie_rate);

#endif
