/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/power.h"

#include <math.h>

#include "base/err.h"
#include "base/mem.h"
#include "metric/normal.h"

#define NEGLIGIBLE 1e-18

/* P(X >= k), X binomial(n, p), by the terms from k up; k is above the mean or the sum runs through it. */
static double upper_tail(size_t k, size_t n, double p)
{
	double odds = p / (1 - p), sum = 0, term;
	size_t mode = (size_t)((double)(n + 1) * p);

	if (k > n)
		return 0;
	term = exp(log_binomial((double)k, (double)n, p));
	for (size_t i = k; i <= n; i++) {
		sum += term;
		term *= (double)(n - i) / (double)(i + 1) * odds;
		if (i > mode && term < sum * NEGLIGIBLE)
			break;
	}
	return sum;
}

/* The least number of wins among `n` for which the two-sided p value is at most alpha; n + 1 where none is. */
static size_t critical(size_t n, double alpha, size_t guess)
{
	size_t k = guess > n / 2 ? guess : n / 2 + 1;

	while (k <= n && 2 * upper_tail(k, n, 0.5) > alpha)
		k++;
	while (k > n / 2 + 1 && 2 * upper_tail(k - 1, n, 0.5) <= alpha)
		k--;
	return k;
}

/* power[d] for d decisive questions. */
static void decisive_powers(const struct power_question *q, size_t n, double *power)
{
	size_t k = 1;

	for (size_t d = 0; d <= n; d++) {
		k = critical(d, q->alpha, k);
		power[d] = upper_tail(k, d, q->win_rate) + upper_tail(k, d, 1 - q->win_rate);
	}
}

/* The mean of power[d] over d binomial(n, 1 - tie_rate), from the mode outwards. */
static double mixed_power(const double *power, size_t n, double tie_rate)
{
	double decisive = 1 - tie_rate, odds = decisive / tie_rate, sum = 0, term, first;
	size_t mode = (size_t)((double)(n + 1) * decisive);

	if (tie_rate <= 0)
		return power[n];
	mode = mode > n ? n : mode;
	first = term = exp(log_binomial((double)mode, (double)n, decisive));
	for (size_t d = mode; d <= n && term > NEGLIGIBLE; d++) {
		sum += term * power[d];
		term *= (double)(n - d) / (double)(d + 1) * odds;
	}
	term = first;
	for (size_t d = mode; d > 0 && term > NEGLIGIBLE; d--) {
		term *= (double)d / (double)(n - d + 1) / odds;
		sum += term * power[d - 1];
	}
	return sum;
}

static void check(const struct power_question *q, size_t n)
{
	if (n > POWER_QUESTIONS_MAX || !(q->win_rate > 0 && q->win_rate < 1) || !(q->tie_rate >= 0 && q->tie_rate < 1))
		BUG("power of %zu questions at %g, ties %g", n, q->win_rate, q->tie_rate);
}

double sign_test_power(const struct power_question *q, size_t n)
{
	double *power = mem_array(n + 1, sizeof *power);

	check(q, n);
	decisive_powers(q, n, power);
	double result = mixed_power(power, n, q->tie_rate);
	mem_free(power);
	return result;
}

size_t sign_test_questions(const struct power_question *q, double wanted)
{
	double *power = NULL;
	size_t found = 0;

	check(q, 0);
	for (size_t n = 1, room = 64; !found && n <= POWER_QUESTIONS_MAX; room *= 2) { /* powers of twice as many at a time */
		room = room < POWER_QUESTIONS_MAX ? room : POWER_QUESTIONS_MAX;
		power = mem_grow(power, (room + 1) * sizeof *power);
		decisive_powers(q, room, power);
		for (; !found && n <= room; n++)
			found = mixed_power(power, n, q->tie_rate) >= wanted ? n : 0;
	}
	mem_free(power);
	return found;
}
