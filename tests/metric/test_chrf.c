/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/chrf.h"

static void check_case(const struct golden_case *c, void *context)
{
	struct chrf_counts *sums = context; /* over the first references: chrF, chrF++ */

	assert_golden(c->id, chrf(c->answer, c->references, c->n_references), golden_expected(c, "chrf"), 1e-9);
	assert_golden(c->id, chrf_plus_plus(c->answer, c->references, c->n_references), golden_expected(c, "chrfpp"), 1e-9);
	chrf_add(&sums[0], c->answer, c->references, 1, false);
	chrf_add(&sums[1], c->answer, c->references, 1, true);
}

static void chrf_agrees_with_sacrebleu_by_sentence_and_corpus(void **state)
{
	struct chrf_counts sums[2] = { 0 };
	json_t *file = golden_load("metrics.json"), *corpus = json_object_get(file, "corpus_first_reference");

	(void)state;
	golden_each(check_case, sums);
	assert_golden("corpus", chrf_of_counts(&sums[0], false),
		      json_number_value(json_object_get(json_object_get(corpus, "chrf"), "score")), 1e-9);
	assert_golden("corpus", chrf_of_counts(&sums[1], true),
		      json_number_value(json_object_get(json_object_get(corpus, "chrfpp"), "score")), 1e-9);
	json_decref(file);
}

static void chrf_is_bounded_and_100_for_the_same_text(void **state)
{
	static const char *const texts[] = { "Paris", "臺北市", "a", "Hello 世界, hello!", "😀😀", "the cat sat", "sat the cat" };
	const size_t n = sizeof texts / sizeof texts[0];
	struct text_space *space = text_space_new();

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			struct text *a = text_new(space, str_of(texts[i])), *b = text_new(space, str_of(texts[k]));
			double plain = chrf(a, &b, 1), words = chrf_plus_plus(a, &b, 1);
			assert_true(plain >= 0 && plain <= 100.000001 && words >= 0 && words <= 100.000001);
			assert_true((i == k) == (plain > 99.999999));
		}
	}
	text_space_free(space);
}

static void further_references_never_lower_the_score(void **state)
{
	struct text_space *space = text_space_new();
	struct text *answer = text_new(space, STR("the cat is on the mat"));
	struct text *references[] = { text_new(space, STR("there is a cat")), text_new(space, STR("the cat is on the mat")) };

	(void)state;
	assert_true(chrf(answer, references, 1) < 60);
	assert_true(chrf(answer, references, 2) > 99.999999);
	text_space_free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chrf_agrees_with_sacrebleu_by_sentence_and_corpus),
		cmocka_unit_test(chrf_is_bounded_and_100_for_the_same_text),
		cmocka_unit_test(further_references_never_lower_the_score),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
