/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/evidence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

struct evidence_reader {
	const struct evidence *e;
	struct judged_pair *pairs; /* sorted by question */
	size_t *starts;		   /* pairs of question q: starts[q] to starts[q + 1] */
	size_t n_references, n_rated;
	bool admits[LAYER_COUNT];
};

const char *layer_name(enum layer layer)
{
	static const char *const NAMES[] = { "none", "guards", "thumbs", "reference", "judge", "long_reference" };

	return NAMES[layer];
}

/* All fields, so that sums do not depend on the order in which opinions came. */
static int by_question(const void *a, const void *b)
{
	const struct judged_pair *x = a, *y = b;

	if (x->question != y->question)
		return x->question < y->question ? -1 : 1;
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	if (x->b != y->b)
		return x->b < y->b ? -1 : 1;
	return (x->a_score > y->a_score) - (x->a_score < y->a_score);
}

static void index_pairs(struct evidence_reader *r)
{
	const struct evidence *e = r->e;
	size_t at = 0;

	r->pairs = mem_copy(e->pairs, e->n_pairs * sizeof *e->pairs);
	qsort(r->pairs, e->n_pairs, sizeof *r->pairs, by_question);
	r->starts = mem_array(e->n_questions + 1, sizeof *r->starts);
	for (size_t q = 0; q <= e->n_questions; q++) {
		while (at < e->n_pairs && r->pairs[at].question < q)
			at++;
		r->starts[q] = at;
	}
}

static bool has_number(const double *values, size_t question, size_t n)
{
	for (size_t c = 0; values && c < n; c++)
		if (!isnan(values[question * n + c]))
			return true;
	return false;
}

static void count_questions(struct evidence_reader *r)
{
	const struct evidence *e = r->e;

	for (size_t q = 0; q < e->n_questions; q++) {
		r->n_references += has_number(e->reference, q, e->n_candidates);
		r->n_rated += has_number(e->thumbs, q, e->n_candidates);
	}
}

struct evidence_reader *evidence_reader_new(const struct evidence *e)
{
	struct evidence_reader *r = mem_alloc(sizeof *r);

	if (e->n_candidates > EVIDENCE_CANDIDATES_MAX)
		BUG("evidence about %zu candidates", e->n_candidates);
	r->e = e;
	index_pairs(r);
	count_questions(r);
	bool has_judge = e->has_judge && e->judge_is_fit && e->n_pairs;
	bool has_references = r->n_references && (2 * r->n_references >= e->n_questions || !has_judge);
	r->admits[LAYER_GUARDS] = e->is_unusable != NULL;
	r->admits[LAYER_THUMBS] = r->n_rated > 0;
	r->admits[LAYER_REFERENCE] = r->admits[LAYER_LONG_REFERENCE] = has_references;
	r->admits[LAYER_JUDGE] = has_judge;
	return r;
}

void evidence_reader_free(struct evidence_reader *r)
{
	if (!r)
		return;
	mem_free(r->pairs);
	mem_free(r->starts);
	mem_free(r);
}

bool evidence_admits(const struct evidence_reader *r, enum layer layer)
{
	return r->admits[layer];
}

size_t evidence_n_references(const struct evidence_reader *r)
{
	return r->n_references;
}

size_t evidence_n_rated(const struct evidence_reader *r)
{
	return r->n_rated;
}

static void put(struct duels *d, size_t a, size_t b, double score, enum outcome outcome)
{
	d->score[a][b] = score;
	d->score[b][a] = 1 - score;
	d->outcome[a][b] = outcome;
	d->outcome[b][a] = (enum outcome)(-(int)outcome);
}

static enum outcome outcome_within(double difference, double band)
{
	return difference > band ? OUTCOME_WIN : difference < -band ? OUTCOME_LOSS : OUTCOME_TIE;
}

/* Two numbers in [0, 1] decide, unless one is missing. */
static bool put_numbers(struct duels *d, const double *row, size_t a, size_t b)
{
	double difference = row[a] - row[b];

	if (isnan(difference))
		return false;
	put(d, a, b, 0.5 + difference / 2, outcome_within(difference, EVIDENCE_REFERENCE_BAND));
	return true;
}

/* By the table of the header; what the judge says stands in `d` already. */
static enum layer decide(const struct evidence_reader *r, size_t q, struct duels *d, size_t a, size_t b)
{
	const struct evidence *e = r->e;
	size_t row = q * e->n_candidates;
	bool is_short = !e->is_short || e->is_short[q];

	if (r->admits[LAYER_GUARDS] && e->is_unusable[row + a] != e->is_unusable[row + b]) {
		bool wins = e->is_unusable[row + b];
		put(d, a, b, wins, wins ? OUTCOME_WIN : OUTCOME_LOSS);
		return LAYER_GUARDS;
	}
	if (r->admits[LAYER_THUMBS] && fabs(e->thumbs[row + a] - e->thumbs[row + b]) > 0) {
		double difference = e->thumbs[row + a] - e->thumbs[row + b];
		put(d, a, b, 0.5 + difference / 2, outcome_within(difference, 0));
		return LAYER_THUMBS;
	}
	if (r->admits[LAYER_REFERENCE] && is_short && put_numbers(d, e->reference + row, a, b))
		return LAYER_REFERENCE;
	if (!isnan(d->score[a][b]))
		return LAYER_JUDGE;
	if (r->admits[LAYER_LONG_REFERENCE] && put_numbers(d, e->reference + row, a, b))
		return LAYER_LONG_REFERENCE;
	return r->admits[LAYER_THUMBS] && put_numbers(d, e->thumbs + row, a, b) ? LAYER_THUMBS : LAYER_NONE; /* liked alike */
}

void evidence_duels(const struct evidence_reader *r, size_t question, struct duels *out)
{
	const struct evidence *e = r->e;
	size_t n = e->n_candidates;

	memset(out, 0, sizeof *out);
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++)
			out->score[a][b] = NAN;
	for (size_t i = r->starts[question]; r->admits[LAYER_JUDGE] && i < r->starts[question + 1]; i++) {
		const struct judged_pair *p = &r->pairs[i];
		if (p->a < n && p->b < n && p->a != p->b)
			put(out, p->a, p->b, p->a_score, p->outcome);
	}
	for (size_t a = 0; a < n; a++)
		for (size_t b = a + 1; b < n; b++)
			out->layer[a][b] = out->layer[b][a] = decide(r, question, out, a, b);
}
