/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/length_control.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "metric/matrix.h"

#define STEPS_MAX 100
#define TOLERANCE 1e-12
#define PHANTOM_GAMES 1.0 /* half won, half lost */
#define GAMMA_VARIANCE 100.0
#define PARAMS_MAX (BRADLEY_TERRY_MAX + 1) /* and gamma, the last */

struct problem {
	const struct comparison *list;
	const double *length_difference;
	size_t n, n_models;
	double sd;
	double params[PARAMS_MAX], gradient[PARAMS_MAX], information[PARAMS_MAX * PARAMS_MAX];
};

static double logistic(double x)
{
	return 1 / (1 + exp(-x));
}

/* Root mean square, as a comparison's sides have no order of their own: its difference may as well be negated. */
static double spread(const double *differences, size_t n)
{
	double squares = 0;

	for (size_t i = 0; i < n; i++)
		squares += differences[i] * differences[i];
	return squares > 0 ? sqrt(squares / (double)n) : 1;
}

static void add_comparison(struct problem *p, size_t i)
{
	const struct comparison *c = &p->list[i];
	size_t n = p->n_models, at[3] = { c->a, c->b, n };
	double vector[3] = { 1, -1, tanh(p->length_difference[i] / p->sd) };
	double won = logistic(p->params[c->a] - p->params[c->b] + p->params[n] * vector[2]);

	for (size_t e = 0; e < 3; e++) {
		p->gradient[at[e]] += (c->a_wins - won) * vector[e];
		for (size_t f = 0; f < 3; f++)
			p->information[at[e] * (n + 1) + at[f]] += won * (1 - won) * vector[e] * vector[f];
	}
}

/* Gradient and inverse information of likelihood and priors. */
static bool evaluate(struct problem *p)
{
	size_t n = p->n_models;

	memset(p->gradient, 0, sizeof p->gradient);
	memset(p->information, 0, sizeof p->information);
	for (size_t i = 0; i < p->n; i++)
		add_comparison(p, i);
	for (size_t m = 0; m < n; m++) {
		double won = logistic(p->params[m]);
		p->gradient[m] += PHANTOM_GAMES * (0.5 - won);
		p->information[m * (n + 1) + m] += PHANTOM_GAMES * won * (1 - won);
	}
	p->gradient[n] -= p->params[n] / GAMMA_VARIANCE;
	p->information[n * (n + 1) + n] += 1 / GAMMA_VARIANCE;
	return matrix_invert(p->information, n + 1);
}

/* Steps are held to 2 in each parameter: from 0, where it starts, Newton's method then arrives from anywhere. */
static bool fit(struct problem *p)
{
	for (int s = 0; s < STEPS_MAX; s++) {
		double step[PARAMS_MAX] = { 0 }, size = 0;
		if (!evaluate(p))
			return false;
		for (size_t i = 0; i <= p->n_models; i++) {
			for (size_t j = 0; j <= p->n_models; j++)
				step[i] += p->information[i * (p->n_models + 1) + j] * p->gradient[j];
			size = fmax(size, fabs(step[i]));
		}
		for (size_t i = 0; i <= p->n_models; i++)
			p->params[i] += size > 2 ? step[i] * 2 / size : step[i];
		if (size < TOLERANCE)
			return evaluate(p);
	}
	return false;
}

static double longer_wins(const struct comparison *list, const double *length_difference, size_t n)
{
	double longer = 0, decided = 0;

	for (size_t i = 0; i < n; i++) {
		bool has_winner = list[i].a_wins != 0.5 && length_difference[i] != 0;
		decided += has_winner;
		longer += has_winner && (list[i].a_wins > 0.5) == (length_difference[i] > 0);
	}
	return decided > 0 ? longer / decided : NAN;
}

void length_control(const struct comparison *list, const double *length_difference, size_t n, size_t n_models, struct length_control *out)
{
	struct problem p = { .list = list, .length_difference = length_difference, .n = n, .n_models = n_models };
	double mean = 0;

	if (n_models < 2 || n_models > BRADLEY_TERRY_MAX)
		BUG("length_control of %zu models", n_models);
	memset(out, 0, sizeof *out);
	p.sd = spread(length_difference, n);
	out->converged = fit(&p);
	for (size_t m = 0; m < n_models; m++)
		mean += p.params[m] / (double)n_models;
	for (size_t m = 0; m < n_models; m++)
		out->theta[m] = p.params[m] - mean;
	out->gamma = p.params[n_models];
	out->gamma_se = sqrt(p.information[n_models * (n_models + 1) + n_models]);
	out->longer_wins = longer_wins(list, length_difference, n);
}
