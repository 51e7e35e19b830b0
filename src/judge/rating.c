/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rating.h"

#include <math.h>

#include "base/mem.h"
#include "judge/decision.h"
#include "judge/plan.h"
#include "metric/overlap.h"
#include "metric/sequential.h"
#include "metric/sign_test.h"

#define VOTES_MAX 5000
#define NOBODY SIZE_MAX

struct rating {
	const struct rating_request *request;
	const struct evidence *e;
	size_t n; /* candidates */
	bool is_out[EVIDENCE_CANDIDATES_MAX];
	size_t wins[EVIDENCE_CANDIDATES_MAX][EVIDENCE_CANDIDATES_MAX]; /* of the row over the column */
	size_t leader;
	double weight[EVIDENCE_CANDIDATES_MAX][EVIDENCE_CANDIDATES_MAX], total_weight;
	double *values, *likeness; /* of each question; likeness to those rated or picked */
	struct text **texts;	   /* of the questions */
};

/* --- what the thumbs say so far --- */

static bool is_rated(const struct evidence *e, size_t q)
{
	return e->thumbs && !isnan(e->thumbs[q * e->n_candidates]);
}

static bool is_unusable(const struct evidence *e, size_t q, size_t c)
{
	return e->is_unusable && e->is_unusable[q * e->n_candidates + c];
}

/* As in the decision: an epoch with too many unusable answers is out. */
static void find_out(struct rating *r)
{
	for (size_t c = 0; c < r->n; c++) {
		size_t n_unusable = 0;
		for (size_t q = 0; q < r->e->n_questions; q++)
			n_unusable += is_unusable(r->e, q, c);
		bool is_vetoed = (double)n_unusable > DECISION_UNUSABLE_MAX * (double)r->e->n_questions;
		r->is_out[c] = (r->e->is_dropped && r->e->is_dropped[c]) || (c != r->e->base && is_vetoed);
	}
}

static void count_wins(struct rating *r, size_t q)
{
	const double *thumbs = r->e->thumbs + q * r->n;

	for (size_t a = 0; a < r->n; a++)
		for (size_t b = 0; b < r->n; b++)
			r->wins[a][b] += thumbs[a] > thumbs[b] && is_unusable(r->e, q, a) == is_unusable(r->e, q, b);
}

static void find_leader(struct rating *r)
{
	double best = 0;

	r->leader = NOBODY;
	for (size_t c = 0; c < r->n; c++) {
		double lead = 0;
		for (size_t o = 0; !r->is_out[c] && o < r->n; o++)
			lead += r->is_out[o] ? 0 : (double)r->wins[c][o] - (double)r->wins[o][c];
		if (lead > best) {
			best = lead;
			r->leader = c;
		}
	}
}

/* --- what a question is worth --- */

static double doubt(const struct rating *r, size_t a, size_t b)
{
	return sign_test(r->wins[a][b], r->wins[b][a]).p_two_sided;
}

static double contention(const struct rating *r, size_t c)
{
	return r->leader == NOBODY || c == r->leader || c == r->e->base ? 1 : doubt(r, c, r->leader);
}

static void weigh(struct rating *r)
{
	for (size_t a = 0; a < r->n; a++)
		for (size_t b = a + 1; b < r->n; b++) {
			if (r->is_out[a] || r->is_out[b])
				continue;
			r->weight[a][b] = doubt(r, a, b) * contention(r, a) * contention(r, b);
			r->total_weight += r->weight[a][b];
		}
}

static double value_of(const struct rating *r, struct text_space *space, size_t q)
{
	struct text *answers[EVIDENCE_CANDIDATES_MAX];
	double sum = 0;

	for (size_t c = 0; c < r->n; c++)
		answers[c] = text_new(space, r->request->answers[q * r->n + c]);
	for (size_t a = 0; a < r->n; a++)
		for (size_t b = a + 1; b < r->n; b++)
			if (r->weight[a][b] > 0 && !is_unusable(r->e, q, a) && !is_unusable(r->e, q, b))
				sum += r->weight[a][b] * (1 - mixed_f1(answers[a], answers[b]));
	text_space_clear(space);
	return r->total_weight > 0 ? sum / r->total_weight : 0;
}

static void value_all(struct rating *r, size_t n_rated)
{
	size_t n_open = r->e->n_questions - n_rated, step = 1 + n_open / (RATING_LOOKED_MAX + 1), at = 0;
	struct text_space *space = text_space_new();

	for (size_t q = 0; q < r->e->n_questions; q++)
		if (!is_rated(r->e, q) && at++ % step == 0)
			r->values[q] = value_of(r, space, q);
	text_space_free(space);
}

/* --- picking --- */

static void compare_with(struct rating *r, size_t picked)
{
	for (size_t q = 0; q < r->e->n_questions; q++)
		if (r->values[q] > 0)
			r->likeness[q] = fmax(r->likeness[q], mixed_f1(r->texts[q], r->texts[picked]));
	r->values[picked] = 0;
}

/* A question that only repeats others is still a question: it comes last. */
static double gain(const struct rating *r, size_t q)
{
	return r->values[q] * fmax(1e-6, 1 - r->likeness[q]);
}

static void pick(struct rating *r, struct rating_plan *out)
{
	struct text_space *space = text_space_new();

	for (size_t q = 0; q < r->e->n_questions; q++)
		r->texts[q] = text_new(space, r->request->questions[q]);
	for (size_t q = 0; q < r->e->n_questions; q++)
		if (is_rated(r->e, q))
			compare_with(r, q);
	while (out->n < RATING_LIST_MAX) {
		size_t best = 0;
		for (size_t q = 1; q < r->e->n_questions; q++)
			if (gain(r, q) > gain(r, best))
				best = q;
		if (r->e->n_questions == 0 || !(r->values[best] > 0))
			break;
		out->questions[out->n++] = best;
		compare_with(r, best);
	}
	text_space_free(space);
}

/* --- enough? --- */

size_t rating_missing(size_t wins, size_t losses, size_t n_rated, double bar)
{
	double n = (double)(wins + losses), share = ((double)wins + 1) / (n + 2);

	if (wins > losses && e_process_log((double)wins, n, 0.5, E_PROCESS_PRIOR, E_PROCESS_PRIOR) >= bar)
		return 0;
	for (double more = n + 1; wins > losses && more <= VOTES_MAX; more++)
		if (e_process_log(share * more, more, 0.5, E_PROCESS_PRIOR, E_PROCESS_PRIOR) >= bar)
			return (size_t)ceil((more - n) * (double)n_rated / n);
	return SIZE_MAX;
}

/* Up to PLAN_QUESTIONS_MIN questions for all rivals; further ones only for what is proven in the end: better than the base model. */
static size_t count_more(const struct rating *r, size_t n_rated)
{
	double bar = log((double)(r->n * (r->n - 1)) / 2 / DECISION_ALPHA);
	size_t rest = n_rated < PLAN_QUESTIONS_MIN ? PLAN_QUESTIONS_MIN - n_rated : 0, most = 0;

	if (n_rated < DECISION_QUESTIONS_MIN)
		return DECISION_QUESTIONS_MIN - n_rated; /* too few to guess by */
	for (size_t c = 0; c < r->n; c++) {
		if (r->is_out[c] || c == r->leader)
			continue;
		size_t missing = r->leader == NOBODY ? SIZE_MAX : rating_missing(r->wins[r->leader][c], r->wins[c][r->leader], n_rated, bar);
		if (missing > rest && (c != r->e->base || missing > RATING_MORE_MAX))
			missing = rest;
		most = missing > most ? missing : most;
	}
	return most;
}

struct rating_plan rating_plan_make(const struct rating_request *request)
{
	const struct evidence *e = request->e;
	struct rating *r = mem_alloc(sizeof *r);
	struct rating_plan out = { .n = 0 };

	*r = (struct rating){ .request = request, .e = e, .n = e->n_candidates };
	r->values = mem_array(e->n_questions + 1, sizeof *r->values);
	r->likeness = mem_array(e->n_questions + 1, sizeof *r->likeness);
	r->texts = mem_array(e->n_questions + 1, sizeof(struct text *));
	find_out(r);
	for (size_t q = 0; q < e->n_questions; q++)
		if (is_rated(e, q)) {
			out.n_rated++;
			count_wins(r, q);
		}
	find_leader(r);
	weigh(r);
	value_all(r, out.n_rated);
	pick(r, &out);
	out.n_more = count_more(r, out.n_rated);
	if (out.n < RATING_LIST_MAX && out.n_more > out.n)
		out.n_more = out.n; /* the others have nothing to tell */
	mem_free(r->values);
	mem_free(r->likeness);
	mem_free(r->texts);
	mem_free(r);
	return out;
}
