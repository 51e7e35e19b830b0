/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/decision.h"

#include <math.h>
#include <string.h>

#include "judge/decision_measure.h"
#include "judge/decision_words.h"
#include "metric/power.h"

#define POWER 0.8
#define QUESTIONS_MORE_MAX 5000 /* nobody adds more */
#define QUESTIONS_SURE 40 /* fewer never make the level high */

const char *decision_kind_name(enum decision_kind kind)
{
	static const char *const NAMES[] = { "winner", "tie", "overfitting", "undecided", "none_beats_base", "nothing_to_judge_by",
					     "too_few", "all_unusable", "identical", "time_up" };

	return NAMES[kind];
}

const char *decision_level_name(enum decision_level level)
{
	static const char *const NAMES[] = { "none", "low", "medium", "high", "very_high" };

	return NAMES[level];
}

size_t decision_questions_for(double win_rate, double tie_rate)
{
	struct power_question q = { .win_rate = win_rate, .tie_rate = fmin(tie_rate, 0.98), .alpha = DECISION_ALPHA };

	return sign_test_questions(&q, POWER);
}

/* --- before anything is measured --- */

static bool has_base(const struct evidence *e)
{
	return e->base < e->n_candidates;
}

static void count_answers(const struct evidence *e, struct decision *d)
{
	for (size_t q = 0; q < e->n_questions; q++)
		for (size_t c = 0; c < e->n_candidates; c++) {
			size_t at = q * e->n_candidates + c;
			d->candidates[c].n_unusable += e->is_unusable && e->is_unusable[at];
			d->candidates[c].n_right += e->is_right && e->reference && !isnan(e->reference[at]) && e->is_right[at];
		}
}

/* Guards: an epoch whose answers are often unusable is out, whatever the rest is worth.  The base model is what the others are
 * compared with and stays. */
static void veto(const struct evidence *e, struct decision *d)
{
	for (size_t c = 0; c < e->n_candidates; c++) {
		struct decision_candidate *k = &d->candidates[c];
		k->p_base = k->p_best = 1;
		k->score = k->first = k->score_interval.low = k->score_interval.high = NAN; /* until it is measured */
		k->is_vetoed = c != e->base && (double)k->n_unusable > DECISION_UNUSABLE_MAX * (double)e->n_questions;
		k->is_ranked = !k->is_vetoed && (c == e->base || !e->is_dropped || !e->is_dropped[c]);
	}
}

static size_t count_ranked_epochs(const struct evidence *e, const struct decision *d)
{
	size_t n = 0;

	for (size_t c = 0; c < e->n_candidates; c++)
		n += c != e->base && d->candidates[c].is_ranked;
	return n;
}

static bool all_vetoed(const struct evidence *e, const struct decision *d)
{
	size_t n_epochs = 0, n_vetoed = 0;

	for (size_t c = 0; c < e->n_candidates; c++) {
		n_epochs += c != e->base;
		n_vetoed += c != e->base && d->candidates[c].is_vetoed;
	}
	return n_epochs && n_vetoed == n_epochs;
}

static bool all_identical(const struct evidence *e)
{
	for (size_t i = 0; has_base(e) && e->is_identical && i < e->n_questions * e->n_candidates; i++)
		if (i % e->n_candidates != e->base && !e->is_identical[i])
			return false;
	return has_base(e) && e->is_identical && e->n_questions && e->n_candidates > 1;
}

/* --- the rule --- */

/* No candidate is better than the base model by more than the margin, 95 % sure of each. */
static bool none_is_better(const struct measure *m, const struct decision *d)
{
	for (size_t c = 0; c < m->e->n_candidates; c++) {
		const struct contrast *t = &m->to_base[c];
		if (c == m->e->base || !d->candidates[c].is_ranked)
			continue;
		if (!t->n || t->upper >= DECISION_MARGIN)
			return false;
	}
	return has_base(m->e);
}

static bool may_be_chosen(const struct measure *m, const struct decision *d, size_t c)
{
	const struct decision_candidate *k = &d->candidates[c];

	return k->is_ranked && k->is_tied && c != m->e->base && (k->beats_base || !has_base(m->e));
}

/* The earliest of those that are as good as the best. */
static size_t earliest_tied(const struct measure *m, const struct decision *d, size_t *n_tied)
{
	size_t earliest = SIZE_MAX;

	*n_tied = 0;
	for (size_t c = 0; c < m->e->n_candidates; c++) {
		if (!may_be_chosen(m, d, c))
			continue;
		++*n_tied;
		if (earliest == SIZE_MAX || m->e->epoch[c] < m->e->epoch[earliest])
			earliest = c;
	}
	return earliest;
}

static double first_of_tied(const struct measure *m, const struct decision *d)
{
	double sum = 0;

	for (size_t c = 0; c < m->e->n_candidates; c++)
		if (c == d->recommended || may_be_chosen(m, d, c))
			sum += d->candidates[c].first;
	return sum;
}

/* The last epoch is proven worse than the best. */
static bool is_overfitted(const struct measure *m, const struct decision *d)
{
	size_t last = SIZE_MAX;

	for (size_t c = 0; c < m->e->n_candidates; c++)
		if (c != m->e->base && d->candidates[c].is_ranked && (last == SIZE_MAX || m->e->epoch[c] > m->e->epoch[last]))
			last = c;
	return last != SIZE_MAX && m->e->epoch[last] > m->e->epoch[d->best] && !d->candidates[last].is_in_best_set;
}

static void choose(const struct measure *m, struct decision *d)
{
	size_t n_tied, earliest = earliest_tied(m, d, &n_tied);
	bool is_proven = has_base(m->e) ? d->best != m->e->base && d->candidates[d->best].beats_base : false;

	d->recommended = d->best;
	if (!has_base(m->e))
		is_proven = first_of_tied(m, d) >= 0.9;
	if (is_proven) {
		d->recommended = earliest;
		d->kind = n_tied > 1 ? DECISION_TIE : is_overfitted(m, d) ? DECISION_OVERFITTING : DECISION_WINNER;
	} else if (none_is_better(m, d)) {
		d->recommended = m->e->base;
		d->kind = DECISION_NONE_BEATS_BASE;
	} else {
		d->kind = DECISION_UNDECIDED;
		if (measure_is_only_closer(m, d, d->best) && d->candidates[d->best].n_right < d->candidates[m->e->base].n_right)
			d->recommended = m->e->base;
	}
}

/* Whether everything but the candidates that are as good is proven worse than the best. */
static bool is_set_apart(const struct measure *m, const struct decision *d)
{
	for (size_t c = 0; c < m->e->n_candidates; c++)
		if (d->candidates[c].is_ranked && d->candidates[c].is_in_best_set && !d->candidates[c].is_tied)
			return false;
	return true;
}

static bool judge_decided(const struct decision *d)
{
	const size_t *n = d->n_by_layer;

	return n[LAYER_JUDGE] > n[LAYER_THUMBS] + n[LAYER_REFERENCE] + n[LAYER_LONG_REFERENCE];
}

static enum decision_level level_of(const struct measure *m, const struct decision_context *context, const struct decision *d)
{
	double first = first_of_tied(m, d);
	bool is_proven = d->kind == DECISION_WINNER || d->kind == DECISION_TIE || d->kind == DECISION_OVERFITTING;
	enum decision_level level = LEVEL_LOW;

	if (d->kind == DECISION_NONE_BEATS_BASE)
		return LEVEL_HIGH;
	if (is_proven)
		level = first >= 0.95 && is_set_apart(m, d) ? LEVEL_VERY_HIGH : first >= 0.9 ? LEVEL_HIGH : LEVEL_MEDIUM;
	if (level == LEVEL_VERY_HIGH && judge_decided(d) && !context->judge_agrees_with_people)
		level = LEVEL_HIGH;
	return level > LEVEL_MEDIUM && m->n_judgeable < QUESTIONS_SURE ? LEVEL_MEDIUM : level;
}

/* The fewest that settle a difference of 60 to 40; where so many were not enough, the difference is smaller. */
static size_t questions_to_add(const struct decision *d)
{
	static const double RATES[] = { DECISION_WIN_RATE, 0.55, 0.525 };

	for (size_t i = 0; i < sizeof RATES / sizeof *RATES; i++) {
		size_t n = decision_questions_for(RATES[i], d->tie_rate);
		if (n > d->n_questions)
			return n - d->n_questions <= QUESTIONS_MORE_MAX ? n - d->n_questions : 0;
	}
	return 0;
}

static void set_outcome_of_winner(const struct measure *m, struct decision *d)
{
	size_t counts[3] = { 0 }, other = has_base(m->e) && d->recommended != m->e->base ? m->e->base : d->runner_up;

	if (d->recommended == SIZE_MAX || other == SIZE_MAX || other == d->recommended)
		return;
	measure_duel(m, d->recommended, other, counts);
	d->n_decided = counts[0] + counts[2];
}

/* Nothing ranks the candidates. */
static void leave_open(const struct decision_context *context, struct decision *d)
{
	d->best = d->runner_up = SIZE_MAX;
	d->kind = DECISION_NOTHING_TO_JUDGE_BY;
	if (!d->n_questions && context->is_time_up) {
		d->kind = DECISION_TIME_UP;
	} else if (d->n_questions < DECISION_QUESTIONS_MIN) {
		d->kind = DECISION_TOO_FEW;
		d->more_questions = DECISION_QUESTIONS_MIN - d->n_questions;
	}
}

static bool decide(struct measure *m, const struct decision_context *context, struct decision *d)
{
	measure_scores(m, d);
	d->n_references = evidence_n_references(m->reader);
	d->n_rated = evidence_n_rated(m->reader);
	if (!m->n_judgeable || (m->n_judgeable < DECISION_QUESTIONS_MIN && d->n_questions >= DECISION_QUESTIONS_MIN)) {
		leave_open(context, d);
		return true;
	}
	if (!measure_doubt(m, d))
		return false;
	measure_length(m, d);
	choose(m, d);
	if (m->n_judgeable < DECISION_QUESTIONS_MIN) {
		d->recommended = d->best;
		d->kind = DECISION_TOO_FEW;
	}
	d->level = level_of(m, context, d);
	if (d->kind == DECISION_UNDECIDED)
		d->more_questions = questions_to_add(d);
	if (d->kind == DECISION_TOO_FEW)
		d->more_questions = DECISION_QUESTIONS_MIN - m->n_judgeable;
	if (context->is_time_up && (d->kind == DECISION_UNDECIDED || d->kind == DECISION_TOO_FEW))
		d->kind = DECISION_TIME_UP;
	set_outcome_of_winner(m, d);
	return true;
}

bool decision_make(const struct evidence *e, const struct decision_context *context, const struct bootstrap_options *options,
		   struct decision *out)
{
	struct measure m = { .e = e, .options = options };
	bool done = true;

	memset(out, 0, sizeof *out);
	out->best = out->recommended = out->runner_up = SIZE_MAX;
	out->n_questions = e->n_questions;
	out->best_at_equal_length = SIZE_MAX;
	out->win_rate = out->length_taste = NAN;
	count_answers(e, out);
	veto(e, out);
	for (size_t c = 0; c < e->n_candidates; c++)
		m.is_out[c] = !out->candidates[c].is_ranked;
	if (all_identical(e)) {
		out->kind = DECISION_IDENTICAL;
		out->recommended = e->base;
	} else if (e->n_questions && all_vetoed(e, out)) {
		out->kind = DECISION_ALL_UNUSABLE;
	} else if (!e->n_questions || !count_ranked_epochs(e, out)) {
		leave_open(context, out);
	} else {
		struct evidence_reader *reader = evidence_reader_new(e);
		m.reader = reader;
		done = decide(&m, context, out);
		if (done)
			decision_explain(&m, context, out);
		evidence_reader_free(reader);
		measure_release(&m);
		return done;
	}
	decision_explain(&m, context, out);
	return done;
}
