/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/power.h"

#include <math.h>

#include "base/err.h"
#include "base/mem.h"
#include "metric/normal.h"

#define NEGLIGIBLE 1e-18

/* P(X = k), X binomial(n, p). */
static double probability(size_t k, size_t n, double p)
{
	return k <= n ? exp(log_binomial((double)k, (double)n, p)) : 0;
}

/* P(X >= k) of binomial(d, p) as d grows by one, and as k does. */
struct tail {
	double p, at_least;
};

static void one_more_question(struct tail *t, size_t k, size_t d)
{
	t->at_least += t->p * probability(k - 1, d - 1, t->p);
}

static void one_more_win(struct tail *t, size_t k, size_t d)
{
	t->at_least -= probability(k, d, t->p);
}

/* power[d] for d decisive questions.  `k` is the least number of wins whose two-sided p value is at most alpha; it never falls
 * as d grows. */
static void decisive_powers(const struct power_question *q, size_t n, double *power)
{
	struct tail null = { 0.5, 0 }, better = { q->win_rate, 0 }, worse = { 1 - q->win_rate, 0 };
	size_t k = 1;

	power[0] = 0;
	for (size_t d = 1; d <= n; d++) {
		one_more_question(&null, k, d);
		one_more_question(&better, k, d);
		one_more_question(&worse, k, d);
		for (; 2 * null.at_least > q->alpha && k <= d; k++) {
			one_more_win(&null, k, d);
			one_more_win(&better, k, d);
			one_more_win(&worse, k, d);
		}
		if (k > d) /* so few questions prove nothing; what is left is rounding */
			null.at_least = better.at_least = worse.at_least = 0;
		power[d] = better.at_least + worse.at_least;
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
