/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <math.h>

#include "server/model_name.h"

static struct model_row models[] = {
	{ .id = 1, .model = { .kind = MODEL_BASE, .name = "Tiny.F16", .epoch = NAN } },
	{ .id = 2, .family_id = 5, .model = { .kind = MODEL_ADAPTER, .name = "checkpoint-200", .epoch = 1, .base_name = "acme/Tiny" } },
	{ .id = 3, .family_id = 5, .model = { .kind = MODEL_ADAPTER, .name = "checkpoint-600", .epoch = 2.97, .base_name = "" } },
	{ .id = 4, .family_id = 5, .model = { .kind = MODEL_ADAPTER, .name = "checkpoint-620", .epoch = 3 } },
	{ .id = 5, .family_id = 6, .base_model_id = 1, .model = { .kind = MODEL_ADAPTER, .name = "checkpoint-10", .epoch = NAN } },
	{ .id = 6, .family_id = 6, .base_model_id = 1, .model = { .kind = MODEL_ADAPTER, .name = "checkpoint-20", .epoch = NAN } },
};
static struct family_row families[] = { { .id = 5, .name = "kestrel" }, { .id = 6, .name = "heron" } };
static const struct model_list list = { .models = models, .n_models = 6, .families = families, .n_families = 2 };

/* Two columns must never have one heading for two models. */
static void a_checkpoint_is_named_where_its_epoch_does_not_tell_it_apart(void **state)
{
	static const char *const names[] = { "Tiny.F16", "kestrel", "kestrel/checkpoint-600", "kestrel/checkpoint-620",
					     "heron/checkpoint-10", "heron/checkpoint-20" };
	struct arena *a = arena_new();
	(void)state;
	for (size_t i = 0; i < list.n_models; i++)
		assert_string_equal(model_column_name(a, &list, &models[i]), names[i]);
	arena_free(a);
}

static void an_adapter_without_base_says_which_one_it_wants(void **state)
{
	struct err err = { 0 };
	(void)state;
	assert_ok(model_has_base(&models[0], NULL, &err));
	assert_ok(model_has_base(&models[4], NULL, &err));
	assert_int_equal(model_has_base(&models[1], "columns[0].model_id", &err), ERR_CONFLICT);
	assert_string_equal(err.key, "err_model_no_base");
	assert_int_equal(model_has_base(&models[2], NULL, &err), ERR_CONFLICT);
	assert_string_equal(err.key, "err_model_no_base_name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checkpoint_is_named_where_its_epoch_does_not_tell_it_apart),
		cmocka_unit_test(an_adapter_without_base_says_which_one_it_wants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
