/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/clock.h"
#include "selection/selection_judge.h"
#include "support/check.h"

/* Answers took 40 s; their scores are next. */
static struct selection scoring(void)
{
	return (struct selection){ .at = STEP_SCORES, .started_ms = clock_mono_ms(), .n_set_questions = 40,
				   .before = { .n_questions = 40, .n_columns = 2, .first_question_id = 7, .question_bytes = 40 * 50, .reference_bytes = 40 * 55, .judge_call_ms = NAN },
				   .steps = { [STEP_ANSWERS] = { .state = STEP_DONE, .ms = 40000 } } };
}

static void what_comes_after_the_answers_counts(void **state)
{
	struct selection s = scoring();

	(void)state;
	assert_int_equal(selection_remaining_ms(&s), 0);
	s.before.n_references = 50;
	struct cell_row cell = { .prompt_us = 80000 };
	struct engine_event event = { .kind = ENGINE_CELL, .question_id = 8, .cell = &cell };
	remaining_heard(&s, &event); /* read with others: the first question was taken over from another run */
	assert_int_equal(selection_remaining_ms(&s), 0);
	event.question_id = 7;
	remaining_heard(&s, &event);
	cell.prompt_us = 50000; /* both were alone, as the first of their columns */
	remaining_heard(&s, &event);
	event.question_id = 9;
	cell.prompt_us = 1000; /* its begin was there from others */
	remaining_heard(&s, &event);
	assert_int_equal(selection_remaining_ms(&s), 7500); /* the references are half as long as the prompts */
	remaining_read_alone(&s, 0);
	remaining_read_alone(&s, 40000); /* when it was computed for another run */
	assert_int_equal(selection_remaining_ms(&s), 6000);
	s.at = STEP_DECISION;
	assert_int_equal(selection_remaining_ms(&s), 0);
	s.at = STEP_COUNT;
	assert_int_equal(selection_remaining_ms(&s), 0);
}

static void a_step_goes_on_as_it_went(void **state)
{
	struct selection s = scoring();

	(void)state;
	s.at = STEP_LIKELIHOOD;
	s.steps[STEP_LIKELIHOOD] = (struct step){ .state = STEP_DONE, .ms = 3000 };
	assert_int_equal(selection_remaining_ms(&s), -1);
	s.before.n_references = 50;
	s.prompt_ms = 80;
	assert_in_range(selection_remaining_ms(&s), 8999, 9000); /* as was thought before it began */
	s.steps[STEP_LIKELIHOOD].fraction = 0.4;
	assert_int_equal(selection_remaining_ms(&s), 4500);
}

static void further_rounds_count_up_to_the_limit(void **state)
{
	struct selection s = scoring();

	(void)state;
	s.n_set_questions = 100;
	assert_int_equal(selection_remaining_ms(&s), 60000);
	s.params.budget_s = 30;
	assert_in_range(selection_remaining_ms(&s), 29000, 30000);
	s.is_last_round = true;
	assert_int_equal(selection_remaining_ms(&s), 0);
}

static void a_judge_that_was_never_asked_may_take_any_time(void **state)
{
	struct selection s = scoring();

	(void)state;
	s.row.judge_model_id = 1;
	assert_int_equal(selection_remaining_ms(&s), -1);
	s.params.budget_s = 30;
	assert_in_range(selection_remaining_ms(&s), 29000, 30000);
	/* One that was asked in another validation: its exam, and each question in both orders. */
	s.params.budget_s = 0;
	s.before.judge_call_ms = 100;
	s.before.n_exam_calls = 90;
	s.before.open_share = 0.75; /* short references decide the others */
	assert_int_equal(selection_remaining_ms(&s), 9000 + 30 * 2 * 100);
	s.at = STEP_EXAM;
	assert_int_equal(selection_remaining_ms(&s), 9000 + 30 * 2 * 100);
}

static void hear_answer(struct selection *s, int64_t question_id, const char *text)
{
	struct cell_row cell = { .state = CELL_DONE, .text = text };
	struct engine_event event = { .kind = ENGINE_CELL, .question_id = question_id, .cell = &cell };

	remaining_heard(s, &event);
}

static void equal_answers_need_no_judge(void **state)
{
	struct selection s = scoring();

	(void)state;
	s.arena = arena_new();
	s.row.judge_model_id = 1;
	s.before.judge_call_ms = 100;
	s.before.open_share = 0.5;
	assert_int_equal(selection_remaining_ms(&s), 20 * 2 * 100);
	const char *const answers[][2] = { { "one", "one" }, { "one", "two" }, { "one", "" }, { "two", "two" } };
	for (size_t i = 0; i < 4; i++)
		for (size_t c = 0; c < 2; c++)
			hear_answer(&s, 7 + (int64_t)i, answers[i][c]);
	hear_answer(&s, 6, "of another run"); /* and one beyond what is looked at */
	hear_answer(&s, 1000000, "too far");
	assert_int_equal(selection_remaining_ms(&s), 20 / 2 * 2 * 100);
	arena_free(s.arena);
}

static void its_speed_is_known_from_the_exam(void **state)
{
	struct selection s = scoring();
	struct material m = { .n_columns = 2, .n_questions = 4, .n_answered = 4 };
	struct judging j = { .state = JUDGE_ASKED };

	(void)state;
	s.row.judge_model_id = 1;
	s.material = &m;
	s.judging = &j;
	s.n_cells = 2 * 4;
	s.n_for_judge = 1;
	s.n_set_questions = 4;
	s.at = STEP_EXAM;
	s.steps[STEP_EXAM] = (struct step){ .state = STEP_DONE, .ms = 5000, .fraction = 0.5, .n_calls = 50 };
	assert_int_equal(selection_remaining_ms(&s), 5000 + 2 * 100); /* one pair of answers that nothing else decides, in both orders */
	j.n_pairs = 1;
	s.n_cells = 2 * 12; /* eight new ones, two of them like that one */
	s.n_set_questions = 12;
	s.at = STEP_SCORES;
	assert_int_equal(selection_remaining_ms(&s), 2 * 2 * 100);
	j.state = JUDGE_FAILED;
	assert_int_equal(selection_remaining_ms(&s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_after_the_answers_counts), cmocka_unit_test(a_step_goes_on_as_it_went),
		cmocka_unit_test(further_rounds_count_up_to_the_limit), cmocka_unit_test(a_judge_that_was_never_asked_may_take_any_time),
		cmocka_unit_test(equal_answers_need_no_judge), cmocka_unit_test(its_speed_is_known_from_the_exam),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
