/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/rouge.h"

static void compare(const struct golden_case *c, const char *key, struct rouge seen)
{
	const json_t *wanted = json_object_get(c->expected, key);

	assert_golden(c->id, seen.precision, json_number_value(json_object_get(wanted, "p")), 1e-9);
	assert_golden(c->id, seen.recall, json_number_value(json_object_get(wanted, "r")), 1e-9);
	assert_golden(c->id, seen.f, json_number_value(json_object_get(wanted, "f")), 1e-9);
	assert_non_null(wanted);
}

static void check_case(const struct golden_case *c, void *context)
{
	static const char *const keys[2][3] = {
		{ "rouge_default_rouge1", "rouge_default_rouge2", "rouge_default_rougeL" },
		{ "rouge_mixed_rouge1", "rouge_mixed_rouge2", "rouge_mixed_rougeL" },
	};
	static const enum text_form forms[] = { TEXT_ROUGE, TEXT_MIXED };

	(void)context;
	for (int i = 0; i < 2; i++) {
		compare(c, keys[i][0], rouge_n(c->answer, c->references, c->n_references, forms[i], 1));
		compare(c, keys[i][1], rouge_n(c->answer, c->references, c->n_references, forms[i], 2));
		compare(c, keys[i][2], rouge_l(c->answer, c->references, c->n_references, forms[i]));
	}
}

static void rouge_agrees_with_rouge_score(void **state)
{
	(void)state;
	golden_each(check_case, NULL);
}

static void chinese_scores_only_on_mixed_tokens(void **state)
{
	struct text_space *space = text_space_new();
	struct text *answer = text_new(space, STR("臺北市")), *reference = text_new(space, STR("臺北市。"));

	(void)state;
	assert_true(rouge_n(answer, &reference, 1, TEXT_ROUGE, 1).f == 0);
	assert_true(rouge_n(answer, &reference, 1, TEXT_MIXED, 2).f == 1);
	text_space_free(space);
}

static void precision_and_recall_change_places_with_the_texts(void **state)
{
	struct text_space *space = text_space_new();
	struct text *a = text_new(space, STR("the cat sat on the mat")), *b = text_new(space, STR("the mat, the cat and the dog"));

	(void)state;
	struct rouge ab = rouge_l(a, &b, 1, TEXT_MIXED), ba = rouge_l(b, &a, 1, TEXT_MIXED);
	assert_true(ab.precision == ba.recall && ab.recall == ba.precision);
	assert_golden("f", ab.f, ba.f, 1e-12);
	text_space_free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rouge_agrees_with_rouge_score),
		cmocka_unit_test(chinese_scores_only_on_mixed_tokens),
		cmocka_unit_test(precision_and_recall_change_places_with_the_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
