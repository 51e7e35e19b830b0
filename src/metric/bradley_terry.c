/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/bradley_terry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "metric/matrix.h"
#include "metric/splitmix.h"

#define PLAYERS_MAX (BRADLEY_TERRY_MAX + 1) /* and the phantom */
#define PARAMS_MAX (PLAYERS_MAX + 1)	    /* and ln nu */
#define PHANTOM_GAME 0.5
#define STEPS_MAX 200
#define TOLERANCE 1e-13

/* Games between players, and what Newton's method needs. */
struct problem {
	size_t n, n_params; /* players; with ties one parameter more: ln nu, the last */
	bool has_ties;
	double wins[PLAYERS_MAX * PLAYERS_MAX];
	double ties[PLAYERS_MAX * PLAYERS_MAX];
	double params[PARAMS_MAX];
	double gradient[PARAMS_MAX];
	double information[PARAMS_MAX * PARAMS_MAX];
};

/* Probabilities of: i wins, j wins, tie. */
static void outcomes(const struct problem *p, size_t i, size_t j, double out[3])
{
	double a = p->params[i], b = p->params[j], tie = p->has_ties ? (a + b) / 2 + p->params[p->n] : -INFINITY;
	double top = fmax(fmax(a, b), tie), sum;

	out[0] = exp(a - top);
	out[1] = exp(b - top);
	out[2] = exp(tie - top);
	sum = out[0] + out[1] + out[2];
	for (int k = 0; k < 3; k++)
		out[k] /= sum;
}

static double log_likelihood(const struct problem *p)
{
	double sum = 0, q[3];

	for (size_t i = 0; i < p->n; i++)
		for (size_t j = i + 1; j < p->n; j++) {
			double won = p->wins[i * p->n + j], lost = p->wins[j * p->n + i], tied = p->ties[i * p->n + j];
			outcomes(p, i, j, q);
			sum += (won > 0 ? won * log(q[0]) : 0) + (lost > 0 ? lost * log(q[1]) : 0) + (tied > 0 ? tied * log(q[2]) : 0);
		}
	return sum;
}

/* Adds the games of one pair: each outcome has a vector of three entries (i, j, ln nu); the gradient is what was seen minus
 * what is expected, the information the covariance of the vector. */
static void add_pair(struct problem *p, size_t i, size_t j)
{
	static const double vectors[3][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0.5, 0.5, 1 } };
	double seen[3] = { p->wins[i * p->n + j], p->wins[j * p->n + i], p->ties[i * p->n + j] };
	double games = seen[0] + seen[1] + seen[2], q[3], mean[3] = { 0 };
	size_t at[3] = { i, j, p->n }, n_entries = p->has_ties ? 3 : 2;

	if (games <= 0)
		return;
	outcomes(p, i, j, q);
	for (size_t k = 0; k < 3; k++)
		for (size_t e = 0; e < n_entries; e++)
			mean[e] += q[k] * vectors[k][e];
	for (size_t k = 0; k < 3; k++)
		for (size_t e = 0; e < n_entries; e++) {
			double off = vectors[k][e] - mean[e];
			p->gradient[at[e]] += seen[k] * off;
			for (size_t f = 0; f < n_entries; f++)
				p->information[at[e] * p->n_params + at[f]] += games * q[k] * off * (vectors[k][f] - mean[f]);
		}
}

/* The information is blind to a constant added to all theta; 1/n in each entry makes it see.  The pseudo-inverse is then the
 * inverse without that part. */
static void add_constant(struct problem *p, double sign)
{
	for (size_t i = 0; i < p->n; i++)
		for (size_t j = 0; j < p->n; j++)
			p->information[i * p->n_params + j] += sign / (double)p->n;
}

/* Gradient and inverse information at the current parameters. */
static bool evaluate(struct problem *p)
{
	memset(p->gradient, 0, sizeof p->gradient);
	memset(p->information, 0, sizeof p->information);
	for (size_t i = 0; i < p->n; i++)
		for (size_t j = i + 1; j < p->n; j++)
			add_pair(p, i, j);
	add_constant(p, 1);
	return matrix_invert(p->information, p->n_params);
}

static void move(struct problem *p, const double *from, const double *step, double length)
{
	for (size_t i = 0; i < p->n_params; i++)
		p->params[i] = from[i] + length * step[i];
}

/* One Newton step, shortened until the likelihood does not fall.  Returns its size, or -1 where there is no way. */
static double newton_step(struct problem *p)
{
	double from[PARAMS_MAX], step[PARAMS_MAX] = { 0 }, size = 0, length = 1, before = log_likelihood(p);

	if (!evaluate(p))
		return -1;
	memcpy(from, p->params, sizeof from);
	for (size_t i = 0; i < p->n_params; i++) {
		for (size_t j = 0; j < p->n_params; j++)
			step[i] += p->information[i * p->n_params + j] * p->gradient[j];
		size = fmax(size, fabs(step[i]));
	}
	move(p, from, step, length);
	while (log_likelihood(p) < before - 1e-9 * fabs(before) && length > 1e-6)
		move(p, from, step, length /= 2);
	return size * length;
}

static bool fit(struct problem *p)
{
	for (int i = 0; i < STEPS_MAX; i++) {
		double size = newton_step(p);
		if (size < 0)
			return false;
		if (size < TOLERANCE)
			return evaluate(p);
	}
	return false;
}

/* Who beat (or tied with) somebody who … who beat everybody: the best fit is finite only where each reaches all (Ford, 1957). */
static bool is_connected(const struct problem *p)
{
	bool reach[PLAYERS_MAX][PLAYERS_MAX];

	for (size_t i = 0; i < p->n; i++)
		for (size_t j = 0; j < p->n; j++)
			reach[i][j] = i == j || p->wins[i * p->n + j] > 0 || p->ties[i * p->n + j] > 0;
	for (size_t k = 0; k < p->n; k++)
		for (size_t i = 0; i < p->n; i++)
			for (size_t j = 0; j < p->n; j++)
				reach[i][j] = reach[i][j] || (reach[i][k] && reach[k][j]);
	for (size_t i = 0; i < p->n; i++)
		for (size_t j = 0; j < p->n; j++)
			if (!reach[i][j])
				return false;
	return true;
}

/* Davidson's fit is infinite where there are ties only, too: nu has no bound. */
static bool needs_phantom(const struct problem *p)
{
	double won = 0;

	for (size_t i = 0; i < p->n * p->n; i++)
		won += p->wins[i];
	return !is_connected(p) || (p->has_ties && won <= 0);
}

static void set_games(struct problem *p, const double *wins, const double *ties, size_t n, size_t n_players)
{
	memset(p, 0, sizeof *p);
	p->n = n_players;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			p->wins[i * n_players + j] = i == j ? 0 : wins[i * n + j];
			p->ties[i * n_players + j] = ties && i != j ? ties[i * n + j] : 0;
			p->has_ties = p->has_ties || p->ties[i * n_players + j] > 0;
		}
	for (size_t i = 0; n_players > n && i < n; i++)
		p->wins[i * n_players + n] = p->wins[n * n_players + i] = PHANTOM_GAME;
	p->n_params = n_players + p->has_ties;
}

/* Centres theta over the real players, and its covariance: (I - 1/n) V (I - 1/n). */
static void take_result(struct problem *p, struct bradley_terry *out)
{
	size_t n = out->n;
	double mean = 0, rows[BRADLEY_TERRY_MAX] = { 0 }, all = 0;

	for (size_t i = 0; i < n; i++) {
		mean += p->params[i] / (double)n;
		for (size_t j = 0; j < n; j++)
			rows[i] += p->information[i * p->n_params + j] / (double)n;
		all += rows[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		out->theta[i] = p->params[i] - mean;
		for (size_t j = 0; j < n; j++)
			out->covariance[i * n + j] = p->information[i * p->n_params + j] - rows[i] - rows[j] + all;
	}
	out->nu = p->has_ties ? exp(p->params[p->n]) : 0;
}

void bradley_terry(const double *wins, const double *ties, size_t n, struct bradley_terry *out)
{
	struct problem p;

	if (n < 2 || n > BRADLEY_TERRY_MAX)
		BUG("bradley_terry of %zu models", n);
	memset(out, 0, sizeof *out);
	out->n = n;
	set_games(&p, wins, ties, n, n);
	out->has_phantom = needs_phantom(&p);
	if (out->has_phantom)
		set_games(&p, wins, ties, n, n + 1);
	out->converged = fit(&p);
	take_result(&p, out);
	set_games(&p, wins, ties, n, n);
	memcpy(p.params, out->theta, n * sizeof *p.params);
	if (p.has_ties)
		p.params[n] = log(out->nu);
	out->log_likelihood = log_likelihood(&p);
}

double bradley_terry_se(const struct bradley_terry *fitted, size_t i)
{
	return sqrt(fitted->covariance[i * fitted->n + i]);
}

double bradley_terry_se_difference(const struct bradley_terry *fitted, size_t i, size_t j)
{
	const double *c = fitted->covariance;
	size_t n = fitted->n;

	return sqrt(c[i * n + i] + c[j * n + j] - 2 * c[i * n + j]);
}

double bradley_terry_elo(double theta)
{
	return 1000 + 400 / M_LN10 * theta;
}

/* --- bootstrap over questions --- */

/* Also within a question, so that sums do not depend on the order of the list or on the sort. */
static int by_question(const void *a, const void *b)
{
	const struct comparison *x = a, *y = b;

	if (x->question != y->question)
		return x->question < y->question ? -1 : 1;
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	if (x->b != y->b)
		return x->b < y->b ? -1 : 1;
	return (x->a_wins > y->a_wins) - (x->a_wins < y->a_wins);
}

/* starts[q] .. starts[q + 1] are the comparisons of question q. */
static void index_questions(const struct comparison *sorted, size_t n, size_t n_questions, size_t *starts)
{
	size_t at = 0;

	for (size_t q = 0; q <= n_questions; q++) {
		while (at < n && sorted[at].question < q)
			at++;
		starts[q] = at;
	}
}

static void draw_wins(const struct comparison *sorted, const size_t *starts, size_t n_questions, size_t n_models,
		      struct splitmix *dice, double *wins)
{
	memset(wins, 0, n_models * n_models * sizeof *wins);
	for (size_t i = 0; i < n_questions; i++) {
		size_t q = splitmix_below(dice, n_questions);
		for (size_t k = starts[q]; k < starts[q + 1]; k++) {
			const struct comparison *c = &sorted[k];
			wins[c->a * n_models + c->b] += c->a_wins;
			wins[c->b * n_models + c->a] += 1 - c->a_wins;
		}
	}
}

static int by_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Strengths that Newton's method can only tell apart by rounding are a tie. */
static void credit_strongest(const double *theta, size_t n, double part, double *first)
{
	double top = theta[0];
	size_t n_top = 0;

	for (size_t m = 1; m < n; m++)
		top = fmax(top, theta[m]);
	for (size_t m = 0; m < n; m++)
		n_top += theta[m] > top - 1e-9;
	for (size_t m = 0; m < n; m++)
		if (theta[m] > top - 1e-9)
			first[m] += part / (double)n_top;
}

bool bradley_terry_bootstrap(const struct comparison *list, size_t n, size_t n_models, size_t n_questions,
			     const struct bootstrap_options *options, struct bradley_terry_spread *out)
{
	struct comparison *sorted = mem_copy(list, n * sizeof *list);
	size_t *starts = mem_array(n_questions + 1, sizeof *starts), n_draws = options->n_resamples, b;
	double *thetas = mem_array(n_models * n_draws + 1, sizeof *thetas), wins[BRADLEY_TERRY_MAX * BRADLEY_TERRY_MAX];
	double tail = (1 - options->confidence) / 2;
	struct splitmix dice = { options->seed };
	struct bradley_terry fitted;

	memset(out, 0, sizeof *out);
	qsort(sorted, n, sizeof *sorted, by_question);
	index_questions(sorted, n, n_questions, starts);
	for (b = 0; b < n_draws; b++) {
		if (options->cancel && atomic_load_explicit(options->cancel, memory_order_relaxed))
			break;
		draw_wins(sorted, starts, n_questions, n_models, &dice, wins);
		bradley_terry(wins, NULL, n_models, &fitted);
		credit_strongest(fitted.theta, n_models, 1 / (double)n_draws, out->first);
		for (size_t m = 0; m < n_models; m++)
			thetas[m * n_draws + b] = fitted.theta[m];
	}
	for (size_t m = 0; b == n_draws && n_draws && m < n_models; m++) {
		double *own = thetas + m * n_draws;
		qsort(own, n_draws, sizeof *own, by_double);
		out->theta[m] = (struct interval){ quantile(own, n_draws, tail), quantile(own, n_draws, 1 - tail) };
	}
	mem_free(thetas);
	mem_free(starts);
	mem_free(sorted);
	return b == n_draws;
}
