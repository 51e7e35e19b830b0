/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rating.h"

#include <math.h>

#include "judge/decision.h"
#include "judge/plan.h"
#include "support/check.h"

#define MODELS 3 /* the base model and two epochs */
#define QUESTIONS 60

static const int EPOCHS[MODELS] = { 0, 1, 2 };
static double thumbs[QUESTIONS * MODELS];
static bool unusable[QUESTIONS * MODELS];
static char texts[QUESTIONS][64];
static struct str questions[QUESTIONS], answers[QUESTIONS * MODELS];
static struct evidence evidence;

static void answer(size_t q, const char *base, const char *first, const char *second)
{
	answers[q * MODELS] = str_of(base);
	answers[q * MODELS + 1] = str_of(first);
	answers[q * MODELS + 2] = str_of(second);
}

static void like(size_t q, int base, int first, int second)
{
	thumbs[q * MODELS] = base;
	thumbs[q * MODELS + 1] = first;
	thumbs[q * MODELS + 2] = second;
}

/* Questions that have nothing in common, answers that are all the same, no thumbs. */
static void clear(size_t n)
{
	for (size_t q = 0; q < QUESTIONS; q++) {
		snprintf(texts[q], sizeof texts[q], "a%zu b%zu c%zu", q, q, q);
		questions[q] = str_of(texts[q]);
		answer(q, "yes", "yes", "yes");
		like(q, 0, 0, 0);
	}
	for (size_t i = 0; i < QUESTIONS * MODELS; i++) {
		thumbs[i] = NAN;
		unusable[i] = false;
	}
	evidence = (struct evidence){ .n_questions = n, .n_candidates = MODELS, .base = 0, .epoch = EPOCHS, .thumbs = thumbs, .is_unusable = unusable };
}

static struct rating_plan plan(void)
{
	return rating_plan_make(&(struct rating_request){ &evidence, questions, answers });
}

static void where_no_answer_differs_there_is_nothing_to_rate(void **state)
{
	(void)state;
	clear(QUESTIONS);
	struct rating_plan p = plan();
	assert_true(p.n == 0 && p.n_more == 0 && p.n_rated == 0);
	answer(7, "yes", "no", "yes");
	answer(8, "Yes.", "yes", "YES"); /* the same words */
	p = plan();
	assert_true(p.n == 1 && p.questions[0] == 7 && p.n_more == 1);
	evidence.n_questions = 0;
	assert_int_equal(plan().n, 0);
}

static void the_most_different_answers_come_first(void **state)
{
	(void)state;
	clear(QUESTIONS);
	answer(3, "one two three four", "one two three five", "one two three six");
	answer(5, "one two", "three four", "five six");
	answer(9, "one two three four", "one two five six", "seven eight three four");
	struct rating_plan p = plan();
	assert_int_equal(p.n, 3);
	assert_true(p.questions[0] == 5 && p.questions[1] == 9 && p.questions[2] == 3);
}

static void what_a_guard_decides_and_what_was_rated_is_not_asked(void **state)
{
	(void)state;
	clear(QUESTIONS);
	answer(1, "one", "two", "three");
	answer(2, "one", "two", "three");
	answer(3, "one", "two", "three");
	like(2, 0, 1, 0);
	unusable[3 * MODELS] = unusable[3 * MODELS + 1] = true;
	struct rating_plan p = plan();
	assert_true(p.n == 1 && p.questions[0] == 1 && p.n_rated == 1);
	/* Nobody asks about an epoch that is out for its unusable answers, or was dropped. */
	for (size_t q = 20; q < QUESTIONS; q++)
		unusable[q * MODELS + 2] = true;
	answer(1, "one", "one", "three");
	assert_int_equal(plan().n, 0);
	clear(QUESTIONS);
	answer(1, "one", "one", "three");
	evidence.is_dropped = (bool[MODELS]){ false, false, true };
	assert_int_equal(plan().n, 0);
}

static void the_same_question_in_other_words_comes_last(void **state)
{
	(void)state;
	clear(QUESTIONS);
	questions[10] = str_of("How long is the warranty of the K7?");
	questions[11] = str_of("How long is the warranty of the K7, please?");
	answer(10, "one two", "three four", "five six");
	answer(11, "one two", "three four", "five six");
	answer(12, "one two three", "one two four", "one five six");
	struct rating_plan p = plan();
	assert_int_equal(p.n, 3);
	assert_true(p.questions[0] == 10 && p.questions[1] == 12 && p.questions[2] == 11);
	/* Neither is its twin asked at once after it was rated. */
	like(10, 0, 1, 0);
	p = plan();
	assert_true(p.n == 2 && p.questions[0] == 12);
}

static void pairs_that_thumbs_tell_apart_already_count_less(void **state)
{
	(void)state;
	clear(QUESTIONS);
	answer(50, "one two", "three four", "three four"); /* the base model against both */
	answer(51, "three five", "three four", "one two");    /* all, the epochs more than the base model and the first */
	assert_int_equal(plan().questions[0], 51);
	for (size_t q = 0; q < 12; q++)
		like(q, 0, 1, 1);
	answer(50, "one two", "three four", "three four");
	answer(51, "three four", "three four", "three five");
	assert_int_equal(plan().questions[0], 51);
}

static void it_ends_when_the_thumbs_decide(void **state)
{
	size_t last = DECISION_QUESTIONS_MIN + 1;

	(void)state;
	clear(QUESTIONS);
	for (size_t q = 0; q < QUESTIONS; q++)
		answer(q, "one", "two", "three");
	for (size_t q = 0; q < DECISION_QUESTIONS_MIN; q++) {
		struct rating_plan p = plan();
		assert_int_equal(p.n_rated, q);
		assert_int_equal(p.n_more, DECISION_QUESTIONS_MIN - q);
		assert_true(p.n_more < last);
		last = p.n_more;
		like(q, 0, 0, 1);
	}
	assert_int_equal(plan().n_more, 0);
	/* Two that are alike are asked about until there are forty. */
	for (size_t q = 0; q < DECISION_QUESTIONS_MIN; q++)
		like(q, 0, q % 8 != 0, q % 8 != 4);
	assert_int_equal(plan().n_more, PLAN_QUESTIONS_MIN - DECISION_QUESTIONS_MIN);
	for (size_t q = 0; q < PLAN_QUESTIONS_MIN; q++)
		like(q, 0, q % 8 != 0, q % 8 != 4);
	assert_int_equal(plan().n_more, 0);
	/* After that only a lead over the base model is worth more questions. */
	for (size_t q = 0; q < PLAN_QUESTIONS_MIN; q++)
		like(q, q % 4 == 0, q % 4 != 0, q % 4 != 0);
	assert_in_range(plan().n_more, 1, RATING_MORE_MAX);
	for (size_t q = 0; q < PLAN_QUESTIONS_MIN; q++)
		like(q, q % 2 == 0, q % 2 != 0, q % 2 != 0);
	assert_int_equal(plan().n_more, 0);
	/* Never more than there are. */
	for (size_t q = 30; q < QUESTIONS; q++) {
		answer(q, "same", q == 50 ? "other" : "same", "same");
		thumbs[q * MODELS] = thumbs[q * MODELS + 1] = thumbs[q * MODELS + 2] = NAN;
	}
	assert_int_equal(plan().n_more, 1);
}

static void what_is_missing_is_about_what_it_takes(void **state)
{
	double bar = log(20);
	size_t none = rating_missing(30, 0, 30, bar), some = rating_missing(14, 6, 20, bar), thin = rating_missing(14, 6, 40, bar);

	(void)state;
	assert_int_equal(none, 0);
	assert_in_range(some, 15, 60); /* at 70 of 100: 53 votes in the median */
	assert_in_range(thin, 2 * some - 1, 2 * some); /* every other question is decisive */
	assert_true(rating_missing(5, 5, 20, bar) == SIZE_MAX && rating_missing(0, 0, 3, bar) == SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_no_answer_differs_there_is_nothing_to_rate), cmocka_unit_test(the_most_different_answers_come_first),
		cmocka_unit_test(what_a_guard_decides_and_what_was_rated_is_not_asked),
		cmocka_unit_test(the_same_question_in_other_words_comes_last),
		cmocka_unit_test(pairs_that_thumbs_tell_apart_already_count_less), cmocka_unit_test(it_ends_when_the_thumbs_decide),
		cmocka_unit_test(what_is_missing_is_about_what_it_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
