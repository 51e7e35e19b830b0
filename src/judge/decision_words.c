/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/decision_words.h"

#include <math.h>
#include <stdio.h>

#include "base/err.h"

const char *reason_args(const struct reason *reason, char text[REASON_TEXT_MAX])
{
	int at = 0;

	text[0] = 0;
	for (size_t i = 0; i < reason->n_args && at < REASON_TEXT_MAX; i++)
		at += snprintf(text + at, (size_t)(REASON_TEXT_MAX - at), "%s%s=%s%.0f", i ? (char[]){ ERR_ARG_SEP, 0 } : "",
			       reason->args[i].name, reason->args[i].candidate ? "@" : "",
			       reason->args[i].candidate ? (double)(reason->args[i].candidate - 1) : reason->args[i].value);
	return text;
}

/* Past the end the last is replaced: the first ones matter most. */
static struct reason *add(struct decision *d, const char *key)
{
	if (d->n_reasons < REASONS_MAX)
		d->n_reasons++;
	struct reason *r = &d->reasons[d->n_reasons - 1];
	*r = (struct reason){ .key = key };
	return r;
}

static void with(struct reason *r, const char *name, double value)
{
	if (r->n_args == REASON_ARGS_MAX)
		return;
	r->args[r->n_args].name = name;
	r->args[r->n_args++].value = value;
}

/* A candidate by its name: its value is its epoch. */
static void with_candidate(struct reason *r, const char *name, const struct measure *m, size_t candidate)
{
	with(r, name, m->e->epoch[candidate]);
	r->args[r->n_args - 1].candidate = candidate + 1;
}

static double percent(size_t part, size_t whole)
{
	return whole ? round(100 * (double)part / (double)whole) : 0;
}

static bool is_base(const struct measure *m, size_t candidate)
{
	return candidate == m->e->base;
}

/* The epoch to use, and against the base model. */
static void explain_winner(const struct measure *m, struct decision *d)
{
	const struct decision_candidate *own = &d->candidates[d->recommended];
	bool has_base = m->e->base < m->e->n_candidates;
	size_t n_right = has_base ? d->candidates[m->e->base].n_right : 0;
	const size_t *by = d->n_by_layer;
	struct reason *r;

	if (has_base && own->n_right > n_right && by[LAYER_REFERENCE] + by[LAYER_LONG_REFERENCE] > by[LAYER_JUDGE] + by[LAYER_THUMBS]) {
		r = add(d, "decision_winner_references");
		with_candidate(r, "n", m, d->recommended);
		with(r, "a", percent(own->n_right, d->n_references));
		with(r, "b", percent(n_right, d->n_references));
		return;
	}
	r = add(d, has_base ? "decision_winner_compared" : "decision_winner");
	with_candidate(r, "n", m, d->recommended);
	if (has_base) {
		with(r, "w", (double)own->wins);
		with(r, "d", (double)(own->wins + own->losses));
	}
}

static void explain_tie(const struct measure *m, struct decision *d)
{
	struct reason *r = add(d, "decision_tie");
	size_t other = d->best;

	for (size_t c = 0; other == d->recommended && c < m->e->n_candidates; c++)
		if (c != d->recommended && d->candidates[c].is_ranked && d->candidates[c].is_tied && !is_base(m, c))
			other = c;
	with_candidate(r, "first", m, d->recommended);
	with_candidate(r, "n", m, d->recommended);
	with_candidate(r, "m", m, other);
	with(r, "q", (double)d->n_questions);
}

static void explain_undecided(const struct measure *m, struct decision *d)
{
	bool keep = is_base(m, d->recommended);
	struct reason *r = add(d, !d->more_questions ? keep ? "decision_undecided_small_base" : "decision_undecided_small" :
				  keep ? "decision_undecided_base" : "decision_undecided");

	if (d->more_questions)
		with(r, "k", (double)d->more_questions);
	if (!keep)
		with_candidate(r, "n", m, d->recommended);
}

static void explain_time_up(const struct measure *m, const struct decision_context *context, struct decision *d)
{
	bool keep = is_base(m, d->recommended);

	if (d->recommended == SIZE_MAX) {
		add(d, "decision_time_up_nothing");
		return;
	}
	struct reason *r = add(d, keep ? "decision_time_up_base" : "decision_time_up");
	with(r, "q", (double)d->n_questions);
	with(r, "m", (double)context->n_planned);
	if (!keep)
		with_candidate(r, "n", m, d->recommended);
}

static void explain_nothing(struct decision *d)
{
	struct reason *r = add(d, "decision_nothing_to_judge_by");
	double n = d->n_rated < DECISION_QUESTIONS_MIN ? DECISION_QUESTIONS_MIN - (double)d->n_rated : 1;

	with(r, "n", n);
	with(r, "t", ceil(n * DECISION_RATE_SECONDS / 60));
}

static void explain_result(const struct measure *m, const struct decision_context *context, struct decision *d)
{
	struct reason *r;

	switch (d->kind) {
	case DECISION_WINNER:
		explain_winner(m, d);
		break;
	case DECISION_TIE:
		explain_tie(m, d);
		break;
	case DECISION_OVERFITTING:
		with_candidate(add(d, "decision_overfitting"), "n", m, d->recommended);
		break;
	case DECISION_UNDECIDED:
		explain_undecided(m, d);
		break;
	case DECISION_NONE_BEATS_BASE:
		add(d, "decision_none_beats_base");
		break;
	case DECISION_NOTHING_TO_JUDGE_BY:
		explain_nothing(d);
		break;
	case DECISION_TOO_FEW:
		r = add(d, d->best == SIZE_MAX ? "decision_too_few_nothing" : "decision_too_few");
		with(r, "q", (double)d->n_questions);
		with(r, "k", (double)d->more_questions);
		break;
	case DECISION_ALL_UNUSABLE:
		add(d, "decision_all_unusable");
		break;
	case DECISION_IDENTICAL:
		add(d, "decision_identical");
		break;
	case DECISION_TIME_UP:
		explain_time_up(m, context, d);
		break;
	}
}

static void explain_draws(const struct measure *m, struct decision *d)
{
	bool keep = is_base(m, d->recommended);

	if (d->n_questions < DECISION_QUESTIONS_MIN)
		return; /* draws of so few say nothing */
	double p = round(100 * d->candidates[d->recommended].first);
	bool all = p >= 100; /* "about 100 of 100" says less than it seems to */
	struct reason *r = add(d, all ? (keep ? "decision_draws_all_base" : "decision_draws_all")
				      : (keep ? "decision_draws_base" : "decision_draws"));

	with(r, "q", (double)d->n_questions);
	if (!keep)
		with_candidate(r, "n", m, d->recommended);
	if (!all)
		with(r, "p", p);
}

/* How the chosen epoch did against the next best one. */
static void explain_runner_up(const struct measure *m, struct decision *d)
{
	size_t counts[3] = { 0 };

	if (is_base(m, d->recommended) || d->runner_up == SIZE_MAX || d->runner_up == d->recommended)
		return;
	measure_duel(m, d->recommended, d->runner_up, counts);
	if (!(counts[0] + counts[2]))
		return;
	struct reason *r = add(d, "decision_runner_up");
	with_candidate(r, "first", m, d->recommended);
	with_candidate(r, "m", m, d->runner_up);
	with(r, "w", (double)counts[0]);
	with(r, "d", (double)(counts[0] + counts[2]));
}

static void explain_best_set(const struct measure *m, struct decision *d)
{
	size_t n = 0;

	for (size_t c = 0; c < m->e->n_candidates; c++)
		n += c != d->best && !is_base(m, c) && d->candidates[c].is_in_best_set;
	if (n && d->kind != DECISION_UNDECIDED && d->kind != DECISION_TIME_UP)
		with(add(d, "decision_not_distinguishable"), "k", (double)n);
}

static void explain_guards(const struct measure *m, struct decision *d)
{
	for (size_t c = 0; c < m->e->n_candidates; c++) {
		const struct decision_candidate *k = &d->candidates[c];
		if (is_base(m, c) || !(k->is_vetoed || (c == d->recommended && k->n_unusable)))
			continue;
		struct reason *r = add(d, k->is_vetoed ? "decision_vetoed" : "decision_unusable");
		with_candidate(r, k->is_vetoed ? "first" : "n", m, c);
		with(r, "u", (double)k->n_unusable);
		with(r, "q", (double)d->n_questions);
	}
}

/* The best would have beaten the base model if closeness were enough. */
static bool explain_closer(const struct measure *m, struct decision *d)
{
	const struct decision_candidate *best = &d->candidates[d->best];

	if (!measure_is_only_closer(m, d, d->best) || best->p_base > DECISION_ALPHA)
		return false;
	struct reason *r = add(d, "decision_only_closer");
	with_candidate(r, "n", m, d->best);
	with(r, "a", (double)best->n_right);
	with(r, "b", (double)d->candidates[m->e->base].n_right);
	with(r, "q", (double)d->n_references);
	return true;
}

/* The judge's taste for length made the best the best. */
static void explain_length(const struct measure *m, struct decision *d)
{
	size_t other = d->best_at_equal_length;

	if (other == d->best)
		return;
	struct reason *r = add(d, is_base(m, other) ? "decision_length_base" : "decision_length");
	if (!is_base(m, other))
		with_candidate(r, "n", m, other);
}

void decision_explain(const struct measure *m, const struct decision_context *context, struct decision *d)
{
	explain_result(m, context, d);
	if (d->recommended != SIZE_MAX && d->best != SIZE_MAX) {
		if (!explain_closer(m, d)) /* draws are of closeness, too */
			explain_draws(m, d);
		explain_runner_up(m, d);
		explain_best_set(m, d);
		explain_length(m, d);
	}
	bool is_early = context->is_settled || (context->is_time_up && d->kind != DECISION_TIME_UP);
	if (is_early && d->recommended != SIZE_MAX && d->n_questions < context->n_planned) {
		struct reason *r = add(d, context->is_settled ? "decision_settled" : "decision_time_was_up");
		with(r, "q", (double)d->n_questions);
		with(r, "m", (double)context->n_planned);
	}
	if (m->e->has_judge && !m->e->judge_is_fit)
		add(d, "decision_judge_unfit");
	if (d->kind != DECISION_ALL_UNUSABLE)
		explain_guards(m, d);
}
