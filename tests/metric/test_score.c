/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/score.h"

static double golden_f(const struct golden_case *c, const char *key)
{
	return json_number_value(json_object_get(json_object_get(c->expected, key), "f"));
}

static double golden_bleu(const struct golden_case *c, const char *key)
{
	return json_number_value(json_object_get(json_object_get(c->expected, key), "score")) / 100;
}

static void check_case(const struct golden_case *c, void *context)
{
	double seen[SCORE_COUNT];

	(void)context;
	score_all(c->answer, c->references, c->n_references, seen);
	assert_golden(c->id, seen[SCORE_EXACT], golden_expected(c, "mixed_em"), 0);
	assert_golden(c->id, seen[SCORE_F1], golden_expected(c, "mixed_f1"), 1e-9);
	assert_golden(c->id, seen[SCORE_SQUAD_EXACT], golden_expected(c, "squad_em"), 0);
	assert_golden(c->id, seen[SCORE_SQUAD_F1], golden_expected(c, "squad_v2_f1"), 1e-9);
	assert_golden(c->id, seen[SCORE_CHRF], golden_expected(c, "chrf") / 100, 1e-9);
	assert_golden(c->id, seen[SCORE_CHRF_PLUS_PLUS], golden_expected(c, "chrfpp") / 100, 1e-9);
	assert_golden(c->id, seen[SCORE_ROUGE_1], golden_f(c, "rouge_mixed_rouge1"), 1e-9);
	assert_golden(c->id, seen[SCORE_ROUGE_2], golden_f(c, "rouge_mixed_rouge2"), 1e-9);
	assert_golden(c->id, seen[SCORE_ROUGE_L], golden_f(c, "rouge_mixed_rougeL"), 1e-9);
	assert_golden(c->id, seen[SCORE_ROUGE_1_ASCII], golden_f(c, "rouge_default_rouge1"), 1e-9);
	assert_golden(c->id, seen[SCORE_ROUGE_2_ASCII], golden_f(c, "rouge_default_rouge2"), 1e-9);
	assert_golden(c->id, seen[SCORE_ROUGE_L_ASCII], golden_f(c, "rouge_default_rougeL"), 1e-9);
	assert_golden(c->id, seen[SCORE_BLEU_13A], golden_bleu(c, "bleu_13a"), 1e-9);
	assert_golden(c->id, seen[SCORE_BLEU_ZH], golden_bleu(c, "bleu_zh"), 1e-9);
	assert_golden(c->id, seen[SCORE_BLEU_CHAR], golden_bleu(c, "bleu_char"), 1e-9);
	assert_golden(c->id, seen[SCORE_DISTINCT_1], golden_expected(c, "distinct1"), 1e-9);
	assert_golden(c->id, seen[SCORE_DISTINCT_2], golden_expected(c, "distinct2"), 1e-9);
	assert_golden(c->id, seen[SCORE_CHARACTERS], golden_expected(c, "n_codepoints"), 0);
	assert_golden(c->id, seen[SCORE_TOKENS], golden_expected(c, "n_mixed_tokens"), 0);
	for (int m = 0; m < SCORE_COUNT; m++)
		if (score_info(m)->is_rate)
			assert_true(isnan(seen[m]) || (seen[m] >= 0 && seen[m] <= 1));
}

static void all_scores_at_once_are_those_of_each_metric(void **state)
{
	(void)state;
	golden_each(check_case, NULL);
}

static void names_are_found_and_unique(void **state)
{
	(void)state;
	for (int m = 0; m < SCORE_COUNT; m++)
		assert_int_equal(score_find(str_of(score_info(m)->name)), m);
	assert_int_equal(score_find(STR("")), SCORE_COUNT);
	assert_int_equal(score_find(STR("chr")), SCORE_COUNT);
}

static void without_a_reference_only_the_answer_itself_is_measured(void **state)
{
	struct text_space *space = text_space_new();
	struct text *answer = text_new(space, STR("42 is 42")), *word = text_new(space, STR("none"));
	struct text *references[] = { word, text_new(space, STR("42")) };
	double seen[SCORE_COUNT];

	(void)state;
	score_all(answer, NULL, 0, seen);
	for (int m = 0; m < SCORE_COUNT; m++)
		assert_true(isnan(seen[m]) == score_info(m)->needs_reference);
	assert_true(isnan(score(SCORE_NUMBER, answer, references, 1)));
	assert_true(score(SCORE_NUMBER, answer, references, 2) == 1);
	text_space_free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_scores_at_once_are_those_of_each_metric),
		cmocka_unit_test(names_are_found_and_unique),
		cmocka_unit_test(without_a_reference_only_the_answer_itself_is_measured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
