/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that assay made and the jobs that make them: one file for each recipe, in use means kept, a dead server's jobs failed. */
#include "store_test.h"

#include "store/artifact_store.h"
#include "store/provider_store.h"

static struct db *db;
static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	assert_ok(db_exec(db, "INSERT INTO model(id, path, name, found_name, kind, adapter_format, size_bytes, architecture,"
			      " file_type, n_params, n_layer, n_ctx_train, kv_bytes_per_token, has_template, step, base_name,"
			      " rank, created_ms) VALUES (1, '/base', 'base', 'base', 0, 0, 1, '', '', 0, 0, 0, 0, 1, -1, '', 0, 0)",
			  err));
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	db_close(db);
	return 0;
}

static struct artifact_row add(const char *recipe, const char *path)
{
	struct found_model model = { .kind = MODEL_BASE, .path = path, .name = "kestrel", .file_type = "Q4_K_M", .size_bytes = 100,
				     .epoch = NAN, .step = -1, .train_loss = NAN, .eval_loss = NAN };
	struct artifact_row row = { .recipe = recipe, .path = path, .format = "Q4_K_M", .size_bytes = 100, .sha256 = "ab",
				    .template_hash = "cd", .source_model_id = 1, .run_id = 7, .column_id = 8,
				    .origin = "{\"label\":\"kestrel\"}", .settings = "{}" };
	assert_ok(artifact_store_add(db, arena, &model, &row, err));
	return row;
}

static void a_file_is_a_model_and_is_found_by_its_recipe(void **state)
{
	struct artifact_row row = add("r1", "/made/kestrel.gguf"), found, none;
	struct model_row model;

	(void)state;
	assert_ok(artifact_store_find(db, arena, "r1", &found, err));
	assert_int_equal(found.id, row.id);
	assert_string_equal(found.path, "/made/kestrel.gguf");
	assert_string_equal(found.format, "Q4_K_M");
	assert_string_equal(found.sha256, "ab");
	assert_string_equal(found.template_hash, "cd");
	assert_int_equal(found.size_bytes, 100);
	assert_int_equal(found.source_model_id, 1);
	assert_int_equal(found.run_id, 7);
	assert_int_equal(found.column_id, 8);
	assert_string_equal(found.origin, "{\"label\":\"kestrel\"}");
	assert_string_equal(found.settings, "{}");
	assert_string_equal(found.proof, "");
	assert_ok(model_store_get(db, arena, found.model_id, &model, err));
	assert_string_equal(model.model.path, "/made/kestrel.gguf");
	assert_ok(artifact_store_find(db, arena, "r2", &none, err));
	assert_int_equal(none.id, 0);
}

static void the_same_recipe_is_one_row_whose_proof_goes_with_its_bytes(void **state)
{
	struct artifact_row first = add("r1", "/made/a.gguf"), again, *rows;
	size_t n;

	(void)state;
	assert_ok(artifact_store_set_proof(db, first.id, "{\"verdict\":\"same\"}", err));
	assert_ok(artifact_store_get(db, arena, first.id, &again, err));
	assert_string_equal(again.proof, "{\"verdict\":\"same\"}");
	again = add("r1", "/made/b.gguf");
	assert_int_equal(again.id, first.id);
	assert_ok(artifact_store_list(db, arena, &rows, &n, err));
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].path, "/made/b.gguf");
	assert_string_equal(rows[0].proof, "");
}

static void a_file_that_is_replaced_takes_its_row_along(void **state)
{
	struct artifact_row first = add("r1", "/made/a.gguf"), second = add("r2", "/made/a.gguf"), *rows, gone;
	size_t n;

	(void)state;
	assert_ok(artifact_store_list(db, arena, &rows, &n, err));
	assert_int_equal(n, 1);
	assert_int_equal(rows[0].id, second.id);
	assert_err(artifact_store_get(db, arena, first.id, &gone, err), ERR_NOT_FOUND, "err_artifact_not_found");
	assert_ok(artifact_store_check_path(db, "/made/a.gguf", "r3", err));
	assert_ok(db_exec(db, "INSERT INTO workspace(name, model_id, params, created_ms, updated_ms)"
			      " SELECT 'w', model_id, '{}', 0, 0 FROM artifact", err));
	assert_ok(artifact_store_check_path(db, "/made/a.gguf", "r2", err)); /* the same file once more */
	assert_err(artifact_store_check_path(db, "/made/a.gguf", "r3", err), ERR_CONFLICT, "err_artifact_in_use");
	assert_err(artifact_store_check_path(db, "/base", "r3", err), ERR_CONFLICT, "err_path_is_model");
	assert_ok(artifact_store_check_path(db, "/made/new.gguf", "r3", err));
}

static void a_file_that_a_workspace_uses_stays(void **state)
{
	struct artifact_row row = add("r1", "/made/a.gguf"), gone;
	struct model_list list;

	(void)state;
	assert_ok(db_exec(db, "INSERT INTO workspace(name, model_id, params, created_ms, updated_ms)"
			      " SELECT 'w', model_id, '{}', 0, 0 FROM artifact", err));
	assert_err(artifact_store_remove(db, row.id, err), ERR_CONFLICT, "err_artifact_in_use");
	assert_ok(db_exec(db, "DELETE FROM workspace", err));
	assert_ok(artifact_store_remove(db, row.id, err));
	assert_err(artifact_store_get(db, arena, row.id, &gone, err), ERR_NOT_FOUND, "err_artifact_not_found");
	assert_err(artifact_store_remove(db, row.id, err), ERR_NOT_FOUND, "err_artifact_not_found");
	assert_ok(model_store_list(db, arena, &list, err));
	for (size_t i = 0; i < list.n_models; i++)
		assert_string_not_equal(list.models[i].model.path, "/made/a.gguf");
}

static struct creation_row add_creation(int64_t run_id)
{
	struct creation_row row = { .state = CREATION_WAITING, .target = "file", .name = "kestrel", .params = "{\"format\":\"Q8_0\"}",
				    .source_model_id = 3, .run_id = run_id, .column_id = 5 };
	assert_ok(creation_store_add(db, &row, err));
	return row;
}

static void a_job_keeps_its_steps_and_its_problem(void **state)
{
	struct creation_row row = add_creation(9), read, *rows;
	size_t n;

	(void)state;
	row.state = CREATION_FAILED;
	row.steps = "[{\"name\":\"merge\"}]";
	row.result = "{}";
	err_set(&row.problem, ERR_IO, "err_disk_full", "path=%s", "/made");
	assert_ok(creation_store_set(db, &row, err));
	assert_ok(creation_store_get(db, arena, row.id, &read, err));
	assert_int_equal(read.state, CREATION_FAILED);
	assert_string_equal(read.steps, "[{\"name\":\"merge\"}]");
	assert_string_equal(read.params, "{\"format\":\"Q8_0\"}");
	assert_string_equal(read.problem.key, "err_disk_full");
	assert_int_equal(read.source_model_id, 3);
	assert_int_equal(read.column_id, 5);
	assert_true(read.finished_ms > 0);
	add_creation(10);
	assert_ok(creation_store_list(db, arena, 9, &rows, &n, err));
	assert_int_equal(n, 1);
	assert_ok(creation_store_list(db, arena, 0, &rows, &n, err));
	assert_int_equal(n, 2);
	assert_int_equal(rows[0].run_id, 10);
}

static void a_job_at_work_stays_and_a_dead_servers_job_has_failed(void **state)
{
	struct creation_row row = add_creation(0), read;

	(void)state;
	row.state = CREATION_RUNNING;
	row.steps = "[]";
	row.result = "{}";
	assert_ok(creation_store_set(db, &row, err));
	assert_err(creation_store_remove(db, row.id, err), ERR_CONFLICT, "err_creation_running");
	assert_ok(creation_store_recover(db, err));
	assert_ok(creation_store_get(db, arena, row.id, &read, err));
	assert_int_equal(read.state, CREATION_FAILED);
	assert_string_equal(read.problem.key, "err_creation_interrupted");
	assert_ok(creation_store_remove(db, row.id, err));
	assert_err(creation_store_remove(db, row.id, err), ERR_NOT_FOUND, "err_creation_not_found");
	assert_err(creation_store_set(db, &row, err), ERR_NOT_FOUND, "err_creation_not_found");
}

static size_t n_unfinished(struct unfinished_row **rows)
{
	size_t n;
	assert_ok(unfinished_store_list(db, arena, rows, &n, err));
	return n;
}

static void what_an_import_may_leave_is_known_until_it_is_gone(void **state)
{
	struct provider_row provider = { .kind = PROVIDER_OLLAMA, .name = "Lab", .url = "http://lab:11434", .key_source = "", .ca_file = "", .pin = "",
					 .key_last4 = "", .concurrency = 1, .timeout_s = 1 };
	struct unfinished_row *rows;

	(void)state;
	assert_ok(provider_store_add(db, arena, &provider, err));
	const struct unfinished_row replacing = { provider.id, provider.url, "kestrel:q4", "kestrel:assay-before-1" },
				    other = { provider.id, "http://elsewhere:11434", "kestrel:q4", "" };
	assert_ok(unfinished_store_add(db, &replacing, err));
	assert_ok(unfinished_store_add(db, &other, err));
	assert_int_equal(n_unfinished(&rows), 2);
	assert_ok(unfinished_store_remove(db, &other, err));
	assert_ok(unfinished_store_keep_new(db, &replacing, err));
	assert_int_equal(n_unfinished(&rows), 1);
	assert_string_equal(rows[0].name, "");
	assert_string_equal(rows[0].backup, "kestrel:assay-before-1");
	assert_string_equal(rows[0].url, provider.url);
	assert_ok(provider_store_hide(db, arena, provider.id, err));
	assert_int_equal(n_unfinished(&rows), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_a_model_and_is_found_by_its_recipe),
		TEST(the_same_recipe_is_one_row_whose_proof_goes_with_its_bytes),
		TEST(a_file_that_is_replaced_takes_its_row_along),
		TEST(a_file_that_a_workspace_uses_stays),
		TEST(a_job_keeps_its_steps_and_its_problem),
		TEST(a_job_at_work_stays_and_a_dead_servers_job_has_failed),
		TEST(what_an_import_may_leave_is_known_until_it_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
