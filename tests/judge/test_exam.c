/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "judge/probe_text.h"
#include "support/check.h"
#include "support/stub_judges.h"

#define RUNS 100

static void expect(bool (*make)(struct buf *, struct str), const char *good, const char *bad)
{
	struct buf out = BUF_INIT(1000);

	assert_int_equal(make(&out, str_of(good)), bad != NULL);
	assert_string_equal(buf_text(&out), bad ? bad : "");
	buf_release(&out);
}

static void expect_fact(const char *good, const char *other, const char *bad)
{
	struct buf out = BUF_INIT(1000);

	assert_int_equal(probe_wrong_fact(&out, str_of(good), str_of(other), STR("What runs the Kestrel K7?")), bad != NULL);
	assert_string_equal(buf_text(&out), bad ? bad : "");
	buf_release(&out);
}

static void worse_sides_are_made_of_good_answers(void **state)
{
	(void)state;
	expect(probe_cut, "0123456789", "0123");
	expect(probe_cut, "臺北市有十二個行政區喔", "臺北市有");
	expect(probe_cut, "short", NULL);
	expect(probe_padded, "Two.", "Two. Two.");
	expect(probe_simplified, "這個問題很難", "这个问题很难");
	expect(probe_simplified, "plain English", NULL);
	expect_fact("It has 16 GB.", "x", "It has 56 GB.");
	expect_fact("The Kestrel uses a Halden chip.", "The Heron uses a Fjord chip.", "The Kestrel uses a Heron chip.");
	expect_fact("The Kestrel K7 has 2 ports.", "x", "The Kestrel K7 has 6 ports.");
	expect_fact("it is blue", "it is red", "it is not blue");
	expect_fact("它是藍色的", "", "它不是藍色的");
	expect_fact("ok", "", NULL);
	assert_true(probe_is_traditional(STR("這個問題")));
	assert_false(probe_is_traditional(STR("这个问题")));
}

static void probes_are_the_same_for_the_same_seed(void **state)
{
	struct arena *a = arena_new();
	struct probe_source *sources = stub_sources(a);
	struct probe first[PROBES_MAX], second[PROBES_MAX];
	size_t n = probes_make(sources, STUB_QUESTIONS, 7, a, first), kinds[PROBE_KINDS] = { 0 }, n_x = 0;

	(void)state;
	assert_int_equal(n, PROBES_MAX);
	assert_int_equal(probes_make(sources, STUB_QUESTIONS, 7, a, second), n);
	for (size_t i = 0; i < n; i++) {
		assert_true(str_eq(first[i].bad, second[i].bad) && first[i].bad_is_x == second[i].bad_is_x);
		assert_int_equal(str_eq(first[i].good, first[i].bad), first[i].kind == PROBE_IDENTICAL);
		kinds[first[i].kind]++;
		n_x += first[i].bad_is_x;
	}
	assert_int_equal(kinds[PROBE_PADDED], 10);
	assert_true(n_x > 10 && n_x < 36);
	arena_free(a);
}

static void few_or_empty_questions_give_few_probes(void **state)
{
	struct arena *a = arena_new();
	struct probe out[PROBES_MAX];
	struct probe_source one[2] = { { STR("How many?"), STR("There are 12 of them.") }, { STR("Why?"), STR("  ") } };

	(void)state;
	size_t n = probes_make(one, 2, 1, a, out);
	assert_int_equal(n, 5); /* nothing that another answer is needed for */
	for (size_t i = 0; i < n; i++)
		assert_int_equal(out[i].source, 0);
	assert_int_equal(probes_make(one, 0, 1, a, out), 0);
	arena_free(a);
}

static void unfit_judges_are_refused(void **state)
{
	int fit[STUB_COUNT] = { 0 };

	(void)state;
	for (int judge = 0; judge < STUB_COUNT; judge++)
		for (uint64_t run = 0; run < RUNS; run++)
			fit[judge] += stub_exam((enum stub_judge)judge, 1000 + run).is_fit;
	assert_int_equal(fit[STUB_RANDOM], 0);
	assert_int_equal(fit[STUB_ALWAYS_A], 0);
	assert_int_equal(fit[STUB_LONGEST], 0);
	assert_int_equal(fit[STUB_INVERTED], 0);
	assert_in_range(fit[STUB_GOOD], 90, RUNS);
}

static void the_card_says_why(void **state)
{
	struct exam_card longest = stub_exam(STUB_LONGEST, 1), always_a = stub_exam(STUB_ALWAYS_A, 1);
	double a, b;

	(void)state;
	assert_true(longest.failures & EXAM_PADDING);
	assert_int_equal(longest.padding.found, 0);
	exam_numbers(&longest, EXAM_PADDING, &a, &b);
	assert_true(a == 0 && b == 10);
	assert_string_equal(exam_problem_name(EXAM_PADDING), "padding");
	assert_non_null(msg_text(LANG_EN, exam_problem_key(EXAM_PADDING, true)));
	assert_true(always_a.failures & EXAM_FLIPS && always_a.warnings & EXAM_SLOT);
	assert_near(always_a.flips.interval.high, 1, 1e-12);
	for (int i = 0; i < EXAM_PROBLEMS; i++) {
		assert_non_null(msg_text(LANG_ZH_TW, exam_problem_key((enum exam_problem)(1 << i), true)));
		assert_non_null(msg_text(LANG_EN, exam_problem_key((enum exam_problem)(1 << i), false)));
	}
}

/* A judge without fault, and what else is known of it. */
static struct exam_card grade_perfect(struct exam_paper paper)
{
	struct arena *arena = arena_new();
	struct probe probes[PROBES_MAX];
	struct opinion answers[PROBES_MAX];
	struct exam_card card;

	paper.n_probes = probes_make(stub_sources(arena), STUB_QUESTIONS, 3, arena, probes);
	paper.probes = probes;
	paper.answers = answers;
	for (size_t i = 0; i < paper.n_probes; i++)
		answers[i] = world_opinion(probes[i].kind == PROBE_IDENTICAL ? 0 : probes[i].bad_is_x ? -3 : 3, 0, false);
	exam_grade(&paper, &card);
	arena_free(arena);
	return card;
}

static void what_is_known_from_the_run_counts_too(void **state)
{
	struct exam_pair pairs[40];
	struct exam_shared shared[40];
	struct opinion repeats[1][2] = { { world_opinion(0.1, 0, false), world_opinion(-0.1, 0, false) } };

	(void)state;
	assert_true(grade_perfect((struct exam_paper){ 0 }).is_fit);
	assert_int_equal(grade_perfect((struct exam_paper){ 0 }).warnings, 0);
	for (int i = 0; i < 40; i++) {
		pairs[i] = (struct exam_pair){ world_opinion(1, 0, false), 30, 20 };
		shared[i] = (struct exam_shared){ i % 2 ? OUTCOME_WIN : OUTCOME_LOSS, i % 4 < 2 ? OUTCOME_WIN : OUTCOME_LOSS };
	}
	struct exam_card card = grade_perfect((struct exam_paper){ .pairs = pairs, .n_pairs = 40 });
	assert_true(card.is_fit && card.warnings == EXAM_LENGTH);
	card = grade_perfect((struct exam_paper){ .repeats = (const struct opinion(*)[2])repeats, .n_repeats = 1 });
	assert_true(card.failures == EXAM_UNSTABLE);
	card = grade_perfect((struct exam_paper){ .shared = shared, .n_shared = 40 });
	assert_false(card.agrees_with_people);
	assert_true(card.warnings == EXAM_PEOPLE); /* by chance, but 40 pairs do not prove it */
	for (int i = 0; i < 40; i++)
		shared[i].judge = (enum outcome)(-(int)shared[i].people);
	assert_true(grade_perfect((struct exam_paper){ .shared = shared, .n_shared = 40 }).failures == EXAM_PEOPLE);
	for (int i = 0; i < 40; i++)
		shared[i].judge = shared[i].people;
	card = grade_perfect((struct exam_paper){ .shared = shared, .n_shared = 40 });
	assert_true(card.agrees_with_people && card.is_fit);
	assert_true(grade_perfect((struct exam_paper){ .shared = shared, .n_shared = 29 }).agrees_with_people == false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worse_sides_are_made_of_good_answers), cmocka_unit_test(probes_are_the_same_for_the_same_seed),
		cmocka_unit_test(few_or_empty_questions_give_few_probes), cmocka_unit_test(unfit_judges_are_refused),
		cmocka_unit_test(the_card_says_why), cmocka_unit_test(what_is_known_from_the_run_counts_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
