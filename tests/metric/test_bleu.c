/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/bleu.h"

static const char *const keys[] = { "bleu_13a", "bleu_zh", "bleu_char" };
static const enum text_form forms[] = { TEXT_BLEU_13A, TEXT_BLEU_ZH, TEXT_CHARS };

static void compare(const char *where, const json_t *wanted, const struct bleu_counts *counts, bool effective_order)
{
	assert_non_null(wanted);
	for (size_t k = 0; k < BLEU_ORDER; k++) {
		assert_int_equal(counts->match[k], json_integer_value(json_array_get(json_object_get(wanted, "counts"), k)));
		assert_int_equal(counts->total[k], json_integer_value(json_array_get(json_object_get(wanted, "totals"), k)));
	}
	assert_int_equal(counts->answer_length, json_integer_value(json_object_get(wanted, "sys_len")));
	assert_int_equal(counts->reference_length, json_integer_value(json_object_get(wanted, "ref_len")));
	assert_golden(where, bleu_brevity_penalty(counts), json_number_value(json_object_get(wanted, "bp")), 1e-9);
	assert_golden(where, bleu_of_counts(counts, effective_order), json_number_value(json_object_get(wanted, "score")), 1e-9);
}

static void check_case(const struct golden_case *c, void *context)
{
	struct bleu_counts *sums = context;

	for (size_t t = 0; t < 3; t++) {
		const json_t *wanted = json_object_get(c->expected, keys[t]);
		struct bleu_counts counts = { 0 };
		bleu_add(&counts, c->answer, c->references, c->n_references, forms[t]);
		compare(c->id, wanted, &counts, true);
		assert_golden(c->id, bleu(c->answer, c->references, c->n_references, forms[t]),
			      json_number_value(json_object_get(wanted, "score")), 1e-9);
		bleu_add(&sums[t], c->answer, c->references, 1, forms[t]);
	}
}

static void bleu_agrees_with_sacrebleu_by_sentence_and_corpus(void **state)
{
	struct bleu_counts sums[3] = { 0 };
	json_t *file = golden_load("metrics.json"), *corpus = json_object_get(file, "corpus_first_reference");

	(void)state;
	golden_each(check_case, sums);
	for (size_t t = 0; t < 3; t++)
		compare("corpus", json_object_get(corpus, keys[t]), &sums[t], false);
	json_decref(file);
}

static void a_corpus_of_short_answers_has_no_long_n_grams(void **state)
{
	struct text_space *space = text_space_new();
	struct text *answer = text_new(space, STR("two words")), *reference = text_new(space, STR("two words"));
	struct bleu_counts counts = { 0 };

	(void)state;
	bleu_add(&counts, answer, &reference, 1, TEXT_BLEU_13A);
	assert_true(bleu_of_counts(&counts, false) == 0);
	assert_golden("effective", bleu_of_counts(&counts, true), 100, 1e-9);
	text_space_free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bleu_agrees_with_sacrebleu_by_sentence_and_corpus),
		cmocka_unit_test(a_corpus_of_short_answers_has_no_long_n_grams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
