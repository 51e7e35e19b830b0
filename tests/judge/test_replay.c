/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "judge/opinion.h"
#include "support/check.h"

/* Recorded verdicts of four judges in both orders, where somebody has them: ASSAY_TEST_DATA names a folder with
 * llmbar/judge_verdicts_both_orders.jsonl (LLMBar's evaluator outputs; a verdict is 1 or 2, the better answer, or 0). */

#define LINE_MAX 4096

struct expected {
	const char *set, *judge;
	double right_in_one_order, undecided, right_where_agreed;
};

static const struct expected EXPECTED[] = {
	{ "mtbench200", "GPT-4", 0.810, 0.130, 0.856 },	      { "mtbench200", "ChatGPT", 0.713, 0.425, 0.870 },
	{ "mtbench200", "LLaMA2", 0.720, 0.330, 0.828 },      { "mtbench200", "PaLM2", 0.703, 0.300, 0.814 },
	{ "faireval66", "GPT-4", 0.727, 0.303, 0.826 },	      { "faireval66", "ChatGPT", 0.576, 0.818, 0.917 },
	{ "neighbor134", "GPT-4", 0.787, 0.067, 0.808 },	      { "neighbor134", "ChatGPT", 0.194, 0.284, 0.073 },
	{ "neighbor134", "LLaMA2", 0.246, 0.224, 0.173 },
};

struct tally {
	int n, right, agreed, agreed_right;
};

/* Answer 1 is X: in order 1 it stands in slot A, in order 2 in slot B. */
static struct reading reading_of(json_int_t verdict, bool is_swapped)
{
	return verdict == 0 ? (struct reading){ 0, 0 } : (struct reading){ (verdict == 1) != is_swapped, (verdict == 1) == is_swapped };
}

static void count(const json_t *verdicts, json_int_t label, struct tally *t)
{
	json_int_t first = json_integer_value(json_array_get(verdicts, 0)), second = json_integer_value(json_array_get(verdicts, 1));
	struct opinion o = opinion_of(reading_of(first, false), reading_of(second, true));

	t->n++;
	t->right += (first == label) + (second == label);
	if (o.is_valid && o.outcome != OUTCOME_TIE) {
		t->agreed++;
		t->agreed_right += (o.outcome == OUTCOME_WIN) == (label == 1);
	}
}

static void recorded_verdicts_give_the_published_figures(void **state)
{
	const char *folder = getenv("ASSAY_TEST_DATA");
	struct tally tallies[sizeof EXPECTED / sizeof *EXPECTED] = { 0 };
	char path[1000], line[LINE_MAX];
	FILE *file = NULL;

	(void)state;
	if (folder && snprintf(path, sizeof path, "%s/llmbar/judge_verdicts_both_orders.jsonl", folder) > 0)
		file = fopen(path, "r");
	if (!file)
		skip();
	while (fgets(line, sizeof line, file)) {
		json_t *row = json_loads(line, 0, NULL);
		for (size_t i = 0; i < sizeof EXPECTED / sizeof *EXPECTED; i++)
			if (!strcmp(json_string_value(json_object_get(row, "set")), EXPECTED[i].set))
				count(json_object_get(json_object_get(row, "judges"), EXPECTED[i].judge), json_integer_value(json_object_get(row, "label")), &tallies[i]);
		json_decref(row);
	}
	fclose(file);
	for (size_t i = 0; i < sizeof EXPECTED / sizeof *EXPECTED; i++) {
		const struct tally *t = &tallies[i];
		assert_true(t->n > 0);
		assert_near((double)t->right / (2 * t->n), EXPECTED[i].right_in_one_order, 0.0006);
		assert_near(1 - (double)t->agreed / t->n, EXPECTED[i].undecided, 0.0006); /* flips, and verdicts that nobody could read */
		assert_near((double)t->agreed_right / t->agreed, EXPECTED[i].right_where_agreed, 0.0006);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(recorded_verdicts_give_the_published_figures) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
