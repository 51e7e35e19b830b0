/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/overlap.h"

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
		cmocka_unit_test(f1_is_symmetric_bounded_and_1_for_the_same_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
