/* SPDX-License-Identifier: Apache-2.0
 *
 * The verdict's table, row by row, and what the answers themselves say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "deploy/proof_scores.h"
#include "deploy/verdict.h"

/* A model that lost nothing. */
static struct verdict_input lossless(void)
{
	return (struct verdict_input){
		.model = { .n_tokens = 5000, .n_texts = 60, .mean_kld = .002, .kld_low = .001, .kld_high = .003, .p99_kld = .05,
			   .same_top = .98, .n_references = 60, .ppl_ratio = 1.001, .ppl_low = .999, .ppl_high = 1.003 },
		.control = { .n_tokens = 5000, .mean_kld = .001, .p99_kld = .03, .same_top = .985, .ppl_ratio = 1 },
		.has_control = true,
		.n_scored = 60, .f1_before = .6, .f1_after = .6, .f1_difference = 0, .f1_low = -.01, .f1_high = .01,
		.n_answers = 60, .win_before = .4, .win_after = .4,
	};
}

static enum verdict judge(const struct verdict_input *in)
{
	struct verdict_row rows[VERDICT_ROWS_MAX];
	size_t n;
	return verdict_of(in, rows, &n);
}

static void nothing_lost_is_the_same(void **state)
{
	struct verdict_input in = lossless();
	struct verdict_row rows[VERDICT_ROWS_MAX];
	size_t n;

	(void)state;
	assert_int_equal(verdict_of(&in, rows, &n), VERDICT_SAME);
	assert_int_equal(n, 7);
	assert_string_equal(rows[0].name, "mean_kld");
	assert_true(rows[0].control == .001 && rows[0].after == .002);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rows[i].verdict, VERDICT_SAME);
}

#define CASE(field, value, expected)                    \
	do {                                            \
		struct verdict_input in = lossless();   \
		in.field = (value);                     \
		assert_int_equal(judge(&in), expected); \
	} while (0)

static void each_row_has_its_two_limits(void **state)
{
	(void)state;
	CASE(model.mean_kld, .0209, VERDICT_SAME); /* the control lost .001 of it */
	CASE(model.mean_kld, .022, VERDICT_SLIGHTLY_DIFFERENT);
	CASE(model.mean_kld, .0609, VERDICT_SLIGHTLY_DIFFERENT);
	CASE(model.mean_kld, .062, VERDICT_WORSE);
	CASE(model.p99_kld, .32, VERDICT_SAME);
	CASE(model.p99_kld, .9, VERDICT_SLIGHTLY_DIFFERENT);
	CASE(model.p99_kld, 1.1, VERDICT_WORSE);
	CASE(model.same_top, .94, VERDICT_SAME);
	CASE(model.same_top, .90, VERDICT_SLIGHTLY_DIFFERENT);
	CASE(model.same_top, .88, VERDICT_WORSE);
	CASE(n_bad_new, 1, VERDICT_SLIGHTLY_DIFFERENT); /* one alone proves little */
	CASE(n_bad_new, 2, VERDICT_WORSE);		/* 2 of 60 */
	CASE(win_after, -.01, VERDICT_WORSE);
}

static enum verdict of_f1(double mean, double low, double high)
{
	struct verdict_input in = lossless();
	struct verdict_row rows[VERDICT_ROWS_MAX];
	size_t n;

	in.f1_difference = mean;
	in.f1_low = low;
	in.f1_high = high;
	verdict_of(&in, rows, &n);
	return rows[4].verdict;
}

static enum verdict of_ppl(double ratio, double low, double high)
{
	struct verdict_input in = lossless();
	struct verdict_row rows[VERDICT_ROWS_MAX];
	size_t n;

	in.model.ppl_ratio = ratio;
	in.model.ppl_low = low;
	in.model.ppl_high = high;
	verdict_of(&in, rows, &n);
	return rows[3].verdict;
}

static void a_loss_must_be_shown_and_so_must_its_absence(void **state)
{
	struct verdict_input in = lossless();

	(void)state;
	assert_int_equal(of_f1(0, -.02, .02), VERDICT_SAME);
	assert_int_equal(of_f1(.01, -.03, .05), VERDICT_UNDECIDED); /* too few questions */
	assert_int_equal(of_f1(-.04, -.1, .01), VERDICT_UNDECIDED);
	assert_int_equal(of_f1(-.04, -.06, -.01), VERDICT_SLIGHTLY_DIFFERENT);
	assert_int_equal(of_f1(-.015, -.08, -.001), VERDICT_SLIGHTLY_DIFFERENT); /* shown, and perhaps more than .02 */
	assert_int_equal(of_f1(-.06, -.1, -.02), VERDICT_WORSE);
	assert_int_equal(of_ppl(1.005, .995, 1.01), VERDICT_SAME);
	assert_int_equal(of_ppl(1.005, .98, 1.03), VERDICT_UNDECIDED);
	assert_int_equal(of_ppl(1.03, 1.01, 1.05), VERDICT_SLIGHTLY_DIFFERENT);
	assert_int_equal(of_ppl(1.08, 1.02, 1.14), VERDICT_WORSE);
	in.n_scored = 7;
	in.f1_low = in.f1_high = in.f1_difference = -.5; /* too few to say anything */
	assert_int_equal(judge(&in), VERDICT_SAME);
	in = lossless();
	in.f1_low = -.2; /* does not spoil what the other rows say */
	in.f1_high = .2;
	assert_int_equal(judge(&in), VERDICT_SAME);
}

static void a_new_defect_in_a_hundred_is_a_slight_one(void **state)
{
	struct verdict_input in = lossless();

	(void)state;
	in.n_answers = 200;
	in.n_bad_before = 3;
	in.n_bad_after = 3; /* two were mended, two are new */
	in.n_bad_new = 2;
	assert_int_equal(judge(&in), VERDICT_SLIGHTLY_DIFFERENT);
	in.n_bad_new = 0;
	assert_int_equal(judge(&in), VERDICT_SAME);
}

static void what_is_not_known_has_no_row(void **state)
{
	struct verdict_input in = { .model = { .ppl_ratio = NAN }, .win_before = NAN, .win_after = NAN };
	struct verdict_row rows[VERDICT_ROWS_MAX];
	size_t n;

	(void)state;
	assert_int_equal(verdict_of(&in, rows, &n), VERDICT_UNDECIDED);
	assert_int_equal(n, 0);
	in.n_answers = 10;
	assert_int_equal(verdict_of(&in, rows, &n), VERDICT_UNDECIDED); /* form alone is no evidence */
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].name, "guards");
	in.n_bad_new = 5;
	assert_int_equal(verdict_of(&in, rows, &n), VERDICT_WORSE);
	in = lossless();
	in.has_control = false;
	in.model.mean_kld = .0205;
	assert_int_equal(verdict_of(&in, rows, &n), VERDICT_SLIGHTLY_DIFFERENT);
	assert_true(isnan(rows[0].control));
}

static void advice_names_a_larger_format(void **state)
{
	(void)state;
	assert_string_equal(verdict_larger_format("Q4_K_M", false), "Q5_K_M");
	assert_string_equal(verdict_larger_format("Q2_K", false), "Q3_K_S");
	assert_string_equal(verdict_larger_format("q6_k", false), "Q8_0");
	assert_string_equal(verdict_larger_format("Q8_0", false), "F16");
	assert_string_equal(verdict_larger_format("IQ2_XXS", false), "Q4_K_M");
	assert_string_equal(verdict_larger_format("Q4_K_M", true), "Q8_0");
	assert_string_equal(verdict_larger_format("Q8_0", true), "F16");
	assert_null(verdict_larger_format("F16", false));
	assert_null(verdict_larger_format("BF16", false));
}

/* Two-sided 95 %, from any table. */
static void students_t_is_near_enough(void **state)
{
	(void)state;
	assert_true(fabs(verdict_t(3) - 3.182) < .04);
	assert_true(fabs(verdict_t(7) - 2.365) < .01);
	assert_true(fabs(verdict_t(30) - 2.042) < .005);
	assert_true(fabs(verdict_t(100000) - 1.960) < .001);
}

/* --- answers --- */

static struct proof_answers answers_of(const char *reference, const char *before, const char *after, const char *base)
{
	return (struct proof_answers){ str_of("which CPU?"), str_of(reference), str_of(before), str_of(after),
				       base ? str_of(base) : (struct str){ 0 }, { 0 } };
}

static void equal_answers_differ_by_nothing(void **state)
{
	struct verdict_input in = { .win_before = NAN, .win_after = NAN };
	struct proof_answers a[12];
	atomic_bool cancel = false;

	(void)state;
	for (int i = 0; i < 12; i++)
		a[i] = answers_of("the Halden Q5 eight core", "the Halden Q5 eight core", "the Halden Q5 eight core", "no idea");
	assert_true(proof_scores(a, 12, &cancel, &in));
	assert_int_equal(in.n_scored, 12);
	assert_true(in.f1_before == 1 && in.f1_after == 1 && in.f1_difference == 0 && in.f1_low == 0);
	assert_true(in.win_before == 1 && in.win_after == 1);
	assert_int_equal(in.n_answers, 12);
	assert_int_equal(in.n_bad_after, 0);
}

static void every_accepted_answer_counts(void **state)
{
	struct verdict_input in = { .win_before = NAN, .win_after = NAN };
	struct proof_answers a[12];
	atomic_bool cancel = false;

	(void)state;
	for (int i = 0; i < 12; i++) {
		a[i] = answers_of("the Halden Q5 eight core", "the Halden Q5 eight core", "an octa-core part by Halden", "it has eight");
		a[i].other_references = STR("no such thing\n\nan octa-core part by Halden\n");
	}
	assert_true(proof_scores(a, 12, &cancel, &in));
	assert_true(in.f1_before == 1 && in.f1_after == 1 && in.f1_difference == 0);
	assert_true(in.win_before > 0 && in.win_before == in.win_after);
	a[0].other_references = (struct str){ 0 };
	assert_true(proof_scores(a, 12, &cancel, &in));
	assert_true(in.f1_after < 1);
}

static void a_lost_win_and_empty_answers_are_seen(void **state)
{
	struct verdict_input in = { .model = { .ppl_ratio = NAN } };
	struct proof_answers a[12];
	atomic_bool cancel = false;

	(void)state;
	for (int i = 0; i < 12; i++)
		a[i] = answers_of("the Halden Q5 eight core", "the Halden Q5 eight core", i < 6 ? "" : "something else", "the Halden");
	assert_true(proof_scores(a, 12, &cancel, &in));
	assert_int_equal(in.n_bad_after, 6);
	assert_int_equal(in.n_bad_new, 6);
	assert_true(in.win_before > 0 && in.win_after < 0);
	assert_true(in.f1_high < -.5);
	assert_int_equal(judge(&in), VERDICT_WORSE);
}

static void without_references_only_the_guards_speak(void **state)
{
	struct verdict_input in = { .model = { .ppl_ratio = NAN } };
	struct proof_answers a[] = { answers_of("", "it has eight cores", "it has eight cores", NULL) };
	atomic_bool cancel = false, cancelled = true;

	(void)state;
	assert_true(proof_scores(a, 1, &cancel, &in));
	assert_int_equal(in.n_scored, 0);
	assert_true(isnan(in.f1_difference) && isnan(in.win_before));
	assert_int_equal(judge(&in), VERDICT_UNDECIDED);
	assert_false(proof_scores(a, 1, &cancelled, &in));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_lost_is_the_same),
		cmocka_unit_test(each_row_has_its_two_limits),
		cmocka_unit_test(a_loss_must_be_shown_and_so_must_its_absence),
		cmocka_unit_test(a_new_defect_in_a_hundred_is_a_slight_one),
		cmocka_unit_test(what_is_not_known_has_no_row),
		cmocka_unit_test(advice_names_a_larger_format),
		cmocka_unit_test(students_t_is_near_enough),
		cmocka_unit_test(equal_answers_differ_by_nothing),
		cmocka_unit_test(every_accepted_answer_counts),
		cmocka_unit_test(a_lost_win_and_empty_answers_are_seen),
		cmocka_unit_test(without_references_only_the_guards_speak),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
