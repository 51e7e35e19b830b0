/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "engine/active.h"
#include "support/check.h"

static struct active_column columns[2];
static struct live_cell cells[2];
static struct active a;

/* Two columns of `n` cells each, of which nothing is answered. */
static void begin(int64_t n)
{
	memset(columns, 0, sizeof columns);
	memset(cells, 0, sizeof cells);
	a = (struct active){ .columns = columns, .n_columns = 2, .started_ms = clock_mono_ms() };
	columns[0].row.n_waiting = columns[1].row.n_waiting = n;
	eta_begin(&a);
}

/* `n` answers of `n_bytes`, as they are heard and stored. */
static void answer(struct active_column *c, int n, size_t n_bytes)
{
	for (int i = 0; i < n; i++) {
		if (!c->remote)
			eta_heard(&a, n_bytes);
		eta_over(&a, c, n_bytes);
	}
}

static void assert_about(int64_t seen, int64_t expected)
{
	assert_in_range(seen, expected * 9 / 10, expected * 11 / 10);
}

static void nobody_knows_before_several_are_answered_together(void **state)
{
	(void)state;
	begin(10);
	assert_int_equal(eta_ms(&a), -1); /* not: nothing is left */
	eta_group_sent(&a, 1); /* the first question alone */
	answer(&columns[0], 1, 400);
	assert_int_equal(eta_ms(&a), -1);
	eta_group_sent(&a, 9);
	answer(&columns[0], 1, 400);
	assert_int_equal(eta_ms(&a), -1); /* at once */
	a.pace_since_ms -= 10000;
	assert_true(eta_ms(&a) > 0);
}

static void short_answers_take_less_than_long_ones(void **state)
{
	(void)state;
	begin(101);
	answer(&columns[0], 1, 968);
	answer(&columns[1], 1, 68);
	eta_group_sent(&a, 50);
	answer(&columns[0], 50, 968); /* 1000 bytes each with the question */
	a.pace_since_ms -= 50000;
	/* 50 more of 1000, and 100 of a column of which one of 100 is known: half of that, half of the mean of 550. */
	assert_about(eta_ms(&a), 50000 + 100 * 325);
	answer(&columns[1], 99, 68);
	a.pace_since_ms -= 10000;
	assert_about(eta_ms(&a), 50000);
	/* What is being written counts as written. */
	a.flights[0] = (struct flight){ .cells = cells, .n_cells = 2 };
	cells[0].text.said.len = 40 * 968;
	cells[1].text.said.len = 40 * 968;
	cells[1].over = true;
	assert_about(eta_ms(&a), 11000);
}

static void what_failed_is_not_waited_for(void **state)
{
	(void)state;
	begin(20);
	eta_group_sent(&a, 10);
	answer(&columns[0], 10, 968);
	a.pace_since_ms -= 10000;
	for (int i = 0; i < 10; i++)
		eta_over(&a, &columns[0], 0);
	columns[1].state = COLUMN_FAILED;
	assert_int_equal(eta_ms(&a), 0);
}

static void a_provider_answers_beside_this_machine(void **state)
{
	(void)state;
	begin(20);
	columns[1].remote = (struct remote_column *)&columns; /* any */
	eta_group_sent(&a, 10);
	answer(&columns[0], 10, 968);
	a.pace_since_ms -= 10000;
	a.started_ms -= 10000;
	assert_int_equal(eta_ms(&a), -1);
	answer(&columns[1], 5, 100);
	assert_about(eta_ms(&a), 30000);
	answer(&columns[1], 13, 100);
	assert_about(eta_ms(&a), 10000);
}

static void the_last_minutes_count_more(void **state)
{
	(void)state;
	begin(1000);
	eta_group_sent(&a, 64);
	answer(&columns[0], 240, 968);
	a.pace_since_ms -= 240000;
	eta_heard(&a, 1);
	assert_about(clock_mono_ms() - a.pace_since_ms, 120000);
	assert_about((int64_t)a.pace_work, 120000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_knows_before_several_are_answered_together), cmocka_unit_test(short_answers_take_less_than_long_ones),
		cmocka_unit_test(what_failed_is_not_waited_for), cmocka_unit_test(a_provider_answers_beside_this_machine),
		cmocka_unit_test(the_last_minutes_count_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
