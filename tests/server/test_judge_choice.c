/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "server/judge_choice.h"

#define BILLION 1000000000ULL
#define MEMORY (16 * GIB)

static struct model_row model_of(int64_t id, const char *name, uint64_t n_params)
{
	return (struct model_row){ .id = id,
				   .model = { .kind = MODEL_BASE, .name = name, .path = name, .n_params = n_params, .size_bytes = n_params / 2,
					      .has_template = true, .base_name = "" } };
}

/* The number of the judge for two epochs of model 1; 0: none. */
static int64_t choice(const struct model_row *models, size_t n, const int64_t *made, size_t n_made)
{
	struct model_list list = { .models = (struct model_row *)models, .n_models = n };
	struct model_row candidates[] = { models[0], { .id = 101, .base_model_id = 1, .model = { .kind = MODEL_ADAPTER, .name = "epoch 1", .path = "" } } };
	const struct model_row *judge = judge_choose(&list, candidates, 2, made, n_made, MEMORY);

	return judge ? judge->id : 0;
}

static void the_largest_that_fits_is_chosen(void **state)
{
	const struct model_row models[] = { model_of(1, "tiny", BILLION), model_of(2, "small", 3 * BILLION), model_of(3, "large", 14 * BILLION),
					    model_of(4, "huge", 70 * BILLION) };
	(void)state;
	assert_int_equal(choice(models, 4, NULL, 0), 3);
}

static void of_two_sizes_of_the_same_model_the_finer_one_is_chosen(void **state)
{
	struct model_row models[] = { model_of(1, "tiny", BILLION), model_of(2, "judge.Q8_0", 7 * BILLION), model_of(3, "judge.Q4_K_M", 7 * BILLION) };
	(void)state;
	models[1].model.size_bytes = 7 * BILLION;
	assert_int_equal(choice(models, 3, NULL, 0), 2);
}

static void neither_a_candidate_nor_its_base_in_another_format_judges(void **state)
{
	const struct model_row models[] = { model_of(1, "Bird-7B-Instruct.Q4_K_M", 7 * BILLION), model_of(2, "Bird-7B-Instruct.Q8_0", 7 * BILLION) };
	(void)state;
	assert_int_equal(choice(models, 2, NULL, 0), 0);
}

static void what_was_made_of_a_candidate_does_not_judge(void **state)
{
	const struct model_row models[] = { model_of(1, "bird", 7 * BILLION), model_of(2, "kestrel-epoch-8", 7 * BILLION), model_of(3, "other", 2 * BILLION) };
	const int64_t made[] = { 2 };
	(void)state;
	assert_int_equal(choice(models, 3, made, 1), 3);
	assert_int_equal(choice(models, 3, NULL, 0), 2);
}

static void what_cannot_judge_is_passed_over(void **state)
{
	struct model_row models[] = { model_of(1, "bird", 7 * BILLION), model_of(2, "raw", 8 * BILLION), model_of(3, "removed", 8 * BILLION),
				      model_of(4, "served", 8 * BILLION), model_of(5, "epoch", 8 * BILLION), model_of(6, "small", BILLION - 1) };
	(void)state;
	models[1].model.has_template = false;
	models[2].is_hidden = true;
	models[3].model.kind = MODEL_REMOTE;
	models[4].model.kind = MODEL_FULL;
	assert_int_equal(choice(models, 6, NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_that_fits_is_chosen),
		cmocka_unit_test(of_two_sizes_of_the_same_model_the_finer_one_is_chosen),
		cmocka_unit_test(neither_a_candidate_nor_its_base_in_another_format_judges),
		cmocka_unit_test(what_was_made_of_a_candidate_does_not_judge),
		cmocka_unit_test(what_cannot_judge_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
