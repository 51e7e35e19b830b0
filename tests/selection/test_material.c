/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a run from round to round. */
#include "selection/material.h"

#include <math.h>

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

/* Three people rated: thumbs are their shares, and what came after somebody rated leaves the question open. */
static void thumbs_are_shares_of_those_who_have_seen_all(void **state)
{
	enum { QUESTIONS = 4, COLUMNS = 2 };
	static const struct {
		int64_t n_ratings, seen, likes[COLUMNS];
		enum cell_state second;
		double thumbs[COLUMNS]; /* below 0: not rated */
	} rows[QUESTIONS] = {
		{ 3, -1, { 3, 1 }, CELL_DONE, { 1, 1.0 / 3 } },
		{ 3, -1, { 0, 0 }, CELL_DONE, { 0, 0 } },
		{ 3, 1, { 3, 0 }, CELL_DONE, { -1, -1 } },   /* the second answer came later */
		{ 3, 1, { 3, 0 }, CELL_FAILED, { 1, 0 } },   /* and here never */
	};
	struct cell_row cells[QUESTIONS][COLUMNS];
	struct run_question questions[QUESTIONS];
	struct material m = { .arena = arena_new(), .questions = questions, .n_questions = QUESTIONS, .n_columns = COLUMNS };
	atomic_bool cancel = false;
	struct err err = { 0 };

	(void)state;
	for (size_t q = 0; q < QUESTIONS; q++) {
		questions[q] = (struct run_question){ .q.text = STR("Why?"), .cells = cells[q], .n_ratings = rows[q].n_ratings,
						      .seen = rows[q].seen };
		for (size_t c = 0; c < COLUMNS; c++)
			cells[q][c] = (struct cell_row){ .state = c ? rows[q].second : CELL_DONE, .text = "Because.", .thinking = "",
							 .n_likes = rows[q].likes[c] };
	}
	assert_int_equal(material_score(&m, "", &cancel, &err), ERR_OK);
	for (size_t q = 0; q < QUESTIONS; q++)
		for (size_t c = 0; c < COLUMNS; c++) {
			double found = m.thumbs[q * COLUMNS + c];
			if (rows[q].thumbs[c] < 0 ? !isnan(found) : fabs(found - rows[q].thumbs[c]) > 1e-12)
				fail_msg("question %zu, column %zu: %g", q, c, found);
		}
	arena_free(m.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opinions_follow_their_questions),
		cmocka_unit_test(the_base_is_what_most_stand_on),
		cmocka_unit_test(thumbs_are_shares_of_those_who_have_seen_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
