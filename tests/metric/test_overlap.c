/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/overlap.h"
#include "metric/unicode.h"

typedef double pair_fn(struct text *answer, struct text *reference);

static double squad_em(struct text *a, struct text *r)
{
	return squad_exact(a, r);
}

static double mixed_em(struct text *a, struct text *r)
{
	return mixed_exact(a, r);
}

static double best(const struct golden_case *c, pair_fn *metric)
{
	double score = 0;

	for (size_t r = 0; r < c->n_references; r++)
		score = fmax(score, metric(c->answer, c->references[r]));
	return score;
}

static double cmrc_em(struct text *a, struct text *r)
{
	return cmrc_exact(a, r);
}

/* Only Han characters, the script's punctuation and white space: there its words do not depend on NLTK. */
static bool is_pure(const struct text *t)
{
	for (size_t i = 0; i < text_n_points(t); i++) {
		uint32_t p = text_points(t)[i];
		if (!(p >= 0x4E00 && p <= 0x9FA5) && !point_is_cmrc_punct(p) && !point_is_space(p))
			return false;
	}
	return true;
}

static void check_cmrc(const struct golden_case *c, void *context)
{
	size_t *n_pure = context;
	bool pure = is_pure(c->answer);

	for (size_t r = 0; r < c->n_references; r++)
		pure = pure && is_pure(c->references[r]);
	assert_golden(c->id, best(c, cmrc_em), golden_expected(c, "cmrc_em"), 0);
	if (pure)
		assert_golden(c->id, best(c, cmrc_f1), golden_expected(c, "cmrc_f1"), 1e-9);
	*n_pure += pure;
}

static void cmrc_agrees_where_no_latin_word_is_cut(void **state)
{
	size_t n_pure = 0;

	(void)state;
	golden_each(check_cmrc, &n_pure);
	assert_int_equal(n_pure, 23);
}

static void check_case(const struct golden_case *c, void *context)
{
	(void)context;
	assert_golden(c->id, best(c, squad_em), golden_expected(c, "squad_em"), 0);
	assert_golden(c->id, best(c, squad_f1), golden_expected(c, "squad_v2_f1"), 1e-9);
	assert_golden(c->id, best(c, squad_f1_v11), golden_expected(c, "squad_v11_f1"), 1e-9);
	assert_golden(c->id, best(c, mixed_em), golden_expected(c, "mixed_em"), 0);
	assert_golden(c->id, best(c, mixed_f1), golden_expected(c, "mixed_f1"), 1e-9);
}

static void exact_match_and_f1_agree_with_the_reference_programs(void **state)
{
	(void)state;
	golden_each(check_case, NULL);
}

static void f1_is_symmetric_bounded_and_1_for_the_same_text(void **state)
{
	static const char *const texts[] = { "", "The capital is Paris.", "臺北市（Taipei）", "a an the", "的的的的的", "Q4_K_M 量化",
					     "paris the paris", "!!!", "１２３ abc" };
	const size_t n = sizeof texts / sizeof texts[0];
	struct text_space *space = text_space_new();

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			struct text *a = text_new(space, str_of(texts[i])), *b = text_new(space, str_of(texts[k]));
			double f1 = mixed_f1(a, b), squad = squad_f1(a, b);
			assert_true(f1 >= 0 && f1 <= 1 && squad >= 0 && squad <= 1);
			assert_true(f1 == mixed_f1(b, a) && squad == squad_f1(b, a));
			assert_true(i != k || (f1 == 1 && squad == 1 && mixed_exact(a, b) && squad_exact(a, b)));
			assert_true(!mixed_exact(a, b) || f1 == 1);
		}
	}
	text_space_free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_match_and_f1_agree_with_the_reference_programs),
		cmocka_unit_test(cmrc_agrees_where_no_latin_word_is_cut),
		cmocka_unit_test(f1_is_symmetric_bounded_and_1_for_the_same_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
