/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/plan.h"

#include <math.h>

#include "judge/decision.h"
#include "metric/sequential.h"

#define LEFT_MIN 2 /* candidates besides the base model */

size_t plan_calls(size_t n_candidates)
{
	return n_candidates < 2 ? 0 : n_candidates * (n_candidates - 1);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What `n` questions cost with `n_finalists` after the first ones. */
static struct plan_result cost(const struct plan_request *r, size_t n, size_t n_finalists)
{
	bool is_race = n_finalists < r->n_candidates && n > PLAN_QUESTIONS_MIN;
	struct plan_result p = { .n_questions = n, .n_raced = is_race ? PLAN_QUESTIONS_MIN : n, .n_finalists = is_race ? n_finalists : r->n_candidates };
	size_t rest = n - p.n_raced, n_answers = p.n_raced * r->n_candidates + rest * p.n_finalists;

	p.n_answers = n_answers > r->n_stored ? n_answers - r->n_stored : 0;
	if (r->speeds.judge_call_s > 0)
		p.n_judge_calls = r->n_exam_calls + p.n_raced * plan_calls(r->n_candidates) + rest * plan_calls(p.n_finalists);
	p.seconds = r->speeds.load_s + (double)p.n_answers * r->speeds.answer_s + (double)p.n_judge_calls * r->speeds.judge_call_s;
	p.fits = r->budget_s <= 0 || p.seconds <= r->budget_s;
	return p;
}

/* The most questions that fit, from `least` on; `least` where none do. */
static struct plan_result most(const struct plan_request *r, size_t least, size_t n_finalists)
{
	size_t low = least, high = r->n_questions;

	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;
		if (cost(r, middle, n_finalists).fits)
			low = middle;
		else
			high = middle - 1;
	}
	return cost(r, low, n_finalists);
}

struct plan_result plan_make(const struct plan_request *request)
{
	struct plan_result all = cost(request, request->n_questions, request->n_candidates);

	if (all.fits)
		return all;
	return most(request, smaller(request->n_questions, PLAN_QUESTIONS_MIN), smaller(request->n_candidates, PLAN_FINALISTS + 1));
}

/* --- racing --- */

/* ln of the wealth of a bet that a and b are not equal, and the sum of their differences. */
static double bet(const struct evidence_reader *reader, const struct evidence *e, const bool *is_out, size_t pair[2], double *sum)
{
	struct betting wealth = betting_start(0.5, DECISION_ALPHA);
	struct duels duels;

	*sum = 0;
	for (size_t q = 0; q < e->n_questions; q++) {
		evidence_duels(reader, q, &duels);
		double difference = contrast_in_question(&duels, e->n_candidates, is_out, pair[0], pair[1]);
		if (isnan(difference))
			continue;
		*sum += difference;
		betting_add(&wealth, 0.5 + difference / 2);
	}
	return betting_log_wealth(&wealth);
}

/* The candidate that others are measured by: the largest sum of differences to the first ranked one. */
static size_t find_leader(const struct evidence_reader *reader, const struct evidence *e, const bool *is_out)
{
	size_t first = 0, leader;
	double best = 0, sum;

	while (first < e->n_candidates && is_out[first])
		first++;
	leader = first;
	for (size_t c = first + 1; c < e->n_candidates; c++) {
		if (is_out[c])
			continue;
		bet(reader, e, is_out, (size_t[]){ c, first }, &sum);
		if (sum > best) {
			best = sum;
			leader = c;
		}
	}
	return leader;
}

static size_t count_left(const struct evidence *e, const bool *is_out)
{
	size_t n = 0;

	for (size_t c = 0; c < e->n_candidates; c++)
		n += !is_out[c] && c != e->base;
	return n;
}

/* ln of the wealth that tells any two candidates apart: alpha is shared by all pairs. */
static double wealth_wanted(const struct evidence *e)
{
	return log((double)(e->n_candidates * (e->n_candidates - 1)) / 2 / DECISION_ALPHA);
}

size_t plan_race(const struct evidence *e, bool is_dropped[EVIDENCE_CANDIDATES_MAX])
{
	size_t n = e->n_candidates, n_left = count_left(e, is_dropped), n_dropped = 0, losers[EVIDENCE_CANDIDATES_MAX];
	double wanted = wealth_wanted(e), sum;

	if (e->n_questions < PLAN_QUESTIONS_MIN || n_left <= LEFT_MIN)
		return 0;
	struct evidence_reader *reader = evidence_reader_new(e);
	size_t leader = find_leader(reader, e, is_dropped);
	for (size_t c = 0; c < n && n_left > LEFT_MIN; c++)
		if (c != leader && c != e->base && !is_dropped[c] && bet(reader, e, is_dropped, (size_t[]){ leader, c }, &sum) >= wanted && sum > 0) {
			losers[n_dropped++] = c;
			n_left--;
		}
	evidence_reader_free(reader);
	for (size_t i = 0; i < n_dropped; i++)
		is_dropped[losers[i]] = true;
	return n_dropped;
}

/* --- the end --- */

bool plan_is_settled(const struct evidence *e, const bool is_dropped[EVIDENCE_CANDIDATES_MAX])
{
	struct evidence looked = *e;
	bool settled = true;
	double sum;

	if (e->n_questions < PLAN_QUESTIONS_MIN + DECISION_FRESH_MIN || e->n_candidates < 2)
		return false;
	looked.n_questions -= DECISION_FRESH_MIN;
	struct evidence_reader *reader = evidence_reader_new(&looked);
	size_t leader = find_leader(reader, &looked, is_dropped);
	for (size_t c = 0; c < e->n_candidates && settled; c++)
		if (c != leader && !is_dropped[c])
			settled = bet(reader, &looked, is_dropped, (size_t[]){ leader, c }, &sum) >= wealth_wanted(e) && sum > 0;
	evidence_reader_free(reader);
	return settled;
}

size_t plan_round(size_t n_asked, size_t n)
{
	size_t round = n_asked / 2 > DECISION_FRESH_MIN ? n_asked / 2 : DECISION_FRESH_MIN;

	return smaller(round, n);
}
