/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a run from round to round. */
#include "selection/material.h"

#include "support/check.h"

static void opinions_follow_their_questions(void **state)
{
	size_t before[] = { 0, 2, 5 }, after[] = { 0, 1, 2, 7 };
	struct material old = { .answered = before, .n_answered = 3 }, now = { .answered = after, .n_answered = 4 };
	struct judged_pair pairs[] = { { .question = 0, .a_score = 0.1 }, { .question = 1, .a_score = 0.2 }, { .question = 2, .a_score = 0.3 },
				       { .question = 1, .a_score = 0.4 } };

	(void)state;
	assert_int_equal(material_follow(&old, &now, pairs, 4), 3); /* question 5 is gone */
	assert_true(pairs[0].question == 0 && pairs[0].a_score == 0.1);
	assert_true(pairs[1].question == 2 && pairs[1].a_score == 0.2);
	assert_true(pairs[2].question == 2 && pairs[2].a_score == 0.4);
	assert_int_equal(material_follow(&old, &now, NULL, 0), 0);
}

static void the_base_is_what_most_stand_on(void **state)
{
	struct model_row models[4] = { { .id = 1, .model.kind = MODEL_BASE }, { .id = 2, .model.kind = MODEL_BASE },
				       { .id = 3, .model.kind = MODEL_ADAPTER, .base_model_id = 2 },
				       { .id = 4, .model.kind = MODEL_ADAPTER, .base_model_id = 2 } };

	(void)state;
	assert_int_equal(material_find_base(models, 4), 1);
	assert_true(material_find_base(models, 1) == EVIDENCE_NO_BASE);
	assert_true(material_find_base(models + 2, 2) == EVIDENCE_NO_BASE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opinions_follow_their_questions),
		cmocka_unit_test(the_base_is_what_most_stand_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
