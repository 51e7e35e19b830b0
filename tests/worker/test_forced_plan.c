/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "worker/forced_plan.h"

#define N 60

/* Runs the plan and checks what must hold whatever the lengths: every token once and in order, limits kept, sequences of a
 * step apart.  Returns the number of steps. */
static int check_plan(const struct forced_length *items, size_t n, struct forced_limits limits)
{
	struct forced_cursor cursor = { 0 };
	struct forced_step step;
	int steps = 0, at[N], seq[N];
	size_t open = 0; /* items before are complete */
	for (size_t i = 0; i < n; i++)
		at[i] = items[i].shared;
	for (; forced_next(items, n, &limits, &cursor, &step); steps++) {
		int tokens = 0, rows = 0;
		unsigned used = 0;
		for (int k = 0; k < step.n; k++) {
			const struct forced_segment *s = &step.segments[k];
			assert_int_equal(s->item, open);
			assert_int_equal(s->from, at[s->item]);
			assert_int_equal(s->begins, s->from == items[s->item].shared);
			assert_true(s->to > s->from && s->seq >= 1 && s->seq <= FORCED_SEQUENCES);
			assert_false(used >> s->seq & 1);
			used |= 1u << s->seq;
			if (!s->begins)
				assert_int_equal(s->seq, seq[s->item]);
			seq[s->item] = s->seq;
			tokens += s->to - s->from;
			for (int p = s->from; p < s->to; p++)
				rows += p >= items[s->item].first;
			at[s->item] = s->to;
			assert_int_equal(s->last, s->to == items[s->item].n - 1);
			open += s->last;
		}
		assert_int_equal(tokens, step.tokens);
		assert_int_equal(rows, step.rows);
		assert_true(tokens <= limits.tokens && rows <= limits.rows);
	}
	assert_int_equal(open, n);
	return steps;
}

static void every_token_is_fed_once_within_the_limits(void **state)
{
	(void)state;
	static const struct forced_limits limits[] = { { 512, 64 }, { 32, 32 }, { 16, 4 }, { 1, 1 } };
	struct forced_length items[N];
	unsigned seed = 1;
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < N; i++) {
			seed = seed * 1103515245 + 12345;
			int n = 2 + (int)(seed >> 16) % (round % 2 ? 20 : 200), first = (int)(seed >> 8) % (n - 1);
			items[i] = (struct forced_length){ n, first > 0 ? (int)(seed >> 4) % first : 0, first };
		}
		for (size_t k = 0; k < sizeof(limits) / sizeof(limits[0]); k++)
			check_plan(items, N, limits[k]);
	}
}

static void short_texts_share_a_step(void **state)
{
	(void)state;
	struct forced_length items[N];
	for (int i = 0; i < N; i++)
		items[i] = (struct forced_length){ 11, 0, 5 };
	assert_int_equal(check_plan(items, N, (struct forced_limits){ 512, 512 }), (N + 15) / 16);
	assert_int_equal(check_plan(items, N, (struct forced_limits){ 40, 512 }), N / 4);
	assert_int_equal(check_plan(items, N, (struct forced_limits){ 512, 5 }), N);
	assert_int_equal(check_plan(items, 0, (struct forced_limits){ 512, 5 }), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_token_is_fed_once_within_the_limits),
		cmocka_unit_test(short_texts_share_a_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
