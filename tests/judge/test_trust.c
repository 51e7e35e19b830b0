/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"
#include "support/judge_world.h"

/* The short form of bench/trust, with the bounds that this many runs allow. */

#define MODELS 6

static void the_planted_best_is_recommended(void **state)
{
	int found = 0;

	(void)state;
	for (int i = 0; i < 60; i++) {
		struct world w = { .n_questions = 250, .n_models = MODELS, .agreement = 0.72, .slot_bias = 0.5 };
		size_t planted = 1 + (size_t)i % (MODELS - 1);
		w.mu[planted] = world_lead(0.6);
		found += world_decide(&w, 100 + (uint64_t)i).recommended == planted;
	}
	assert_in_range(found, 54, 60);
}

static int count_alarms(double slot_bias, bool one_order)
{
	int alarms = 0;

	for (int i = 0; i < 100; i++) {
		struct world w = { .n_questions = 100, .n_models = MODELS, .agreement = 0.72, .slot_bias = slot_bias, .one_order = one_order };
		struct decision d = world_decide(&w, 200 + (uint64_t)i);
		bool any = false;
		for (size_t c = 1; c < MODELS; c++)
			any = any || d.candidates[c].p_base <= DECISION_ALPHA;
		alarms += any;
	}
	return alarms;
}

static void equals_raise_no_alarm(void **state)
{
	(void)state;
	assert_in_range(count_alarms(0, false), 0, 12);
	assert_in_range(count_alarms(1.5, false), 0, 12);
}

static void one_order_alone_would(void **state)
{
	(void)state;
	assert_in_range(count_alarms(0.5, true), 40, 100);
}

static void fifty_equal_questions_have_no_clear_winner(void **state)
{
	int undecided = 0;

	(void)state;
	for (int i = 0; i < 60; i++) {
		struct world w = { .n_questions = 50, .n_models = MODELS, .agreement = 0.72, .slot_bias = 0.5 };
		struct decision d = world_decide(&w, 300 + (uint64_t)i);
		undecided += d.kind == DECISION_UNDECIDED && d.more_questions > 100 && d.more_questions < 300;
	}
	assert_in_range(undecided, 54, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_planted_best_is_recommended), cmocka_unit_test(equals_raise_no_alarm), cmocka_unit_test(one_order_alone_would),
		cmocka_unit_test(fifty_equal_questions_have_no_clear_winner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
