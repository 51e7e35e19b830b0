/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include "base/limits.h"
#include "store/audit_store.h"
#include "store/model_store.h"
#include "store/question_store.h"
#include "store/setting_store.h"

static struct found_model base_model(const char *path, const char *name)
{
	return (struct found_model){ .kind = MODEL_BASE, .path = path, .name = name, .size_bytes = 1000,
				     .architecture = "llama", .file_type = "Q4_1", .n_params = 135, .n_layer = 30,
				     .n_ctx_train = 8192, .kv_bytes_per_token = 46080, .has_template = true, .epoch = NAN,
				     .step = -1, .train_loss = NAN, .eval_loss = NAN, .base_name = "" };
}

static struct found_model adapter(const char *path, double epoch, int64_t step, const char *base_name)
{
	return (struct found_model){ .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .path = path,
				     .name = "checkpoint", .size_bytes = 10, .architecture = "", .file_type = "",
				     .epoch = epoch, .step = step, .train_loss = 1.5, .eval_loss = NAN,
				     .base_name = base_name, .rank = 8, .alpha = 16 };
}

static struct found_model checkpoints[3];
static const struct loss_point losses[2] = { { 0.5, 24, 2.5, NAN }, { 1, 48, 1.5, 1.75 } };

/* A family of three epochs in the wrong order. */
static struct found_family family_of(const char *path, const char *base_name)
{
	checkpoints[0] = adapter("/f/checkpoint-96", 2, 96, base_name);
	checkpoints[1] = adapter("/f/checkpoint-48", 1, 48, base_name);
	checkpoints[2] = adapter("/f/final", NAN, -1, base_name);
	return (struct found_family){ .name = "kestrel", .path = path, .base_name = base_name, .checkpoints = checkpoints,
				      .n_checkpoints = 3, .losses = losses, .n_losses = 2, .num_train_epochs = 3 };
}

static void merge(struct db *db, struct arena *a, const struct catalogue *found, int64_t base, size_t expected)
{
	int64_t *ids;
	size_t n;
	assert_ok(model_store_merge(db, a, found, base, &ids, &n, err));
	assert_int_equal(n, expected);
}

static void a_scan_reads_back_in_order_with_its_base(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct found_model base = base_model("/m/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct.Q4_1");
	struct found_family family = family_of("/f", "HuggingFaceTB/SmolLM2-135M-Instruct");
	struct found_refusal refusal = { .path = "/m/broken.gguf" };
	struct model_list list;

	err_set(&refusal.err, ERR_DATA, "err_gguf_truncated", "path=%s", "/m/broken.gguf");
	/* The family comes first: its base is found when that is added later. */
	merge(db, a, &(struct catalogue){ .path = "/f", .families = &family, .n_families = 1 }, 0, 3);
	merge(db, a, &(struct catalogue){ .path = "/m", .models = &base, .n_models = 1, .refusals = &refusal, .n_refusals = 1 }, 0, 1);
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.n_models, 4);
	assert_int_equal(list.n_families, 1);
	const struct model_row *m = list.models;
	assert_int_equal(m[0].model.kind, MODEL_BASE);
	assert_int_equal(m[0].model.kv_bytes_per_token, 46080);
	assert_true(m[0].model.has_template && isnan(m[0].model.epoch) && m[0].model.step == -1);
	assert_string_equal(m[0].model.file_type, "Q4_1");
	assert_string_equal(m[0].sha256, "");
	assert_string_equal(m[1].model.path, "/f/final"); /* unknown epoch first */
	assert_true(m[2].model.epoch == 1 && m[2].model.step == 48 && m[2].model.rank == 8);
	assert_true(m[3].model.epoch == 2 && m[3].model.train_loss == 1.5 && isnan(m[3].model.eval_loss));
	for (int i = 1; i < 4; i++) {
		assert_int_equal(m[i].family_id, list.families[0].id);
		assert_int_equal(m[i].base_model_id, m[0].id);
	}
	assert_string_equal(list.families[0].name, "kestrel");
	assert_int_equal(list.families[0].num_train_epochs, 3);
	assert_int_equal(list.families[0].n_losses, 2);
	assert_true(list.families[0].losses[1].eval_loss == 1.75 && isnan(list.families[0].losses[0].eval_loss));
	assert_int_equal(list.n_refusals, 1);
	assert_string_equal(list.refusals[0].err.key, "err_gguf_truncated");
	arena_free(a);
}

static void a_second_scan_keeps_ids_names_and_hashes(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct found_model base = base_model("/m/b.gguf", "b");
	struct found_family family = family_of("/f", "");
	struct catalogue found = { .path = "/", .models = &base, .n_models = 1, .families = &family, .n_families = 1 };
	int64_t *ids, *again;
	size_t n;
	struct model_row row, own = { .has_gpu = true, .gpu_layers = 12, .gpu_device = "CUDA0,CUDA1" };
	struct model_list list;

	assert_ok(model_store_merge(db, a, &found, 0, &ids, &n, err));
	assert_ok(model_store_rename(db, ids[0], "my base", err));
	assert_ok(model_store_set_hash(db, ids[0], "abc", "1000.5", err));
	assert_ok(model_store_get(db, a, ids[0], &row, err));
	assert_false(row.has_gpu); /* as the settings say */
	assert_ok(model_store_set_gpu(db, ids[0], &own, err));
	assert_err(model_store_set_gpu(db, 4711, &own, err), ERR_NOT_FOUND, "err_model_not_found");
	assert_ok(model_store_list(db, a, &list, err));
	assert_ok(family_store_rename(db, list.families[0].id, "my tune", err));
	assert_ok(family_store_hide(db, list.families[0].id, err));
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.n_families, 0);
	assert_int_equal(list.n_models, 1);

	assert_ok(model_store_merge(db, a, &found, 0, &again, &n, err)); /* adding again shows it again */
	assert_memory_equal(ids, again, n * sizeof *ids);
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.n_models, 4);
	assert_string_equal(list.families[0].name, "my tune");
	assert_int_equal(list.families[0].n_losses, 2);
	assert_ok(model_store_get(db, a, ids[0], &row, err));
	assert_string_equal(row.model.name, "my base");
	assert_string_equal(row.sha256, "abc");
	assert_string_equal(row.sha256_of, "1000.5");
	assert_true(row.has_gpu && row.gpu_layers == 12);
	assert_string_equal(row.gpu_device, "CUDA0,CUDA1");
	own.has_gpu = false;
	assert_ok(model_store_set_gpu(db, ids[0], &own, err));
	assert_ok(model_store_get(db, a, ids[0], &row, err));
	assert_true(!row.has_gpu && !*row.gpu_device);
	base.size_bytes++; /* another file at the same place */
	base.name = "c";
	merge(db, a, &found, 0, 4);
	assert_ok(model_store_get(db, a, ids[0], &row, err));
	assert_string_equal(row.sha256, "");
	assert_string_equal(row.model.name, "my base");
	arena_free(a);
}

static void a_named_base_is_used_and_checked(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct found_model bases[2] = { base_model("/m/one.gguf", "one"), base_model("/m/two.gguf", "two") };
	struct found_family family = family_of("/f", "one");
	struct catalogue tune = { .path = "/f", .families = &family, .n_families = 1 };
	int64_t *base_ids, *ids, *unused;
	size_t n;
	struct model_row row;

	assert_ok(model_store_merge(db, a, &(struct catalogue){ .path = "/m", .models = bases, .n_models = 2 }, 0, &base_ids, &n, err));
	assert_ok(model_store_merge(db, a, &tune, base_ids[1], &ids, &n, err));
	assert_ok(model_store_get(db, a, ids[0], &row, err));
	assert_int_equal(row.base_model_id, base_ids[1]);
	assert_ok(family_store_set_base(db, row.family_id, base_ids[0], err));
	assert_ok(model_store_get(db, a, ids[2], &row, err));
	assert_int_equal(row.base_model_id, base_ids[0]);
	assert_err(family_store_set_base(db, row.family_id, ids[1], err), ERR_INVALID, "err_model_not_base");
	assert_err(family_store_set_base(db, row.family_id, 99, err), ERR_NOT_FOUND, "err_model_not_found");
	assert_err(family_store_set_base(db, 99, base_ids[0], err), ERR_NOT_FOUND, "err_family_not_found");
	assert_err(model_store_merge(db, a, &tune, ids[0], &unused, &n, err), ERR_INVALID, "err_model_not_base");
	arena_free(a);
}

static void a_refusal_ends_when_the_file_is_accepted(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct found_refusal refusals[2] = { { .path = "/m/b.gguf" }, { .path = "/f/checkpoint-1" } };
	struct found_model base = base_model("/m/b.gguf", "b");
	struct found_family family = family_of("/f", "");
	struct model_list list;

	err_set(&refusals[0].err, ERR_DATA, "err_gguf_truncated", NULL);
	err_set(&refusals[1].err, ERR_UNSUPPORTED, "err_adapter_dora", NULL);
	merge(db, a, &(struct catalogue){ .path = "/", .refusals = refusals, .n_refusals = 2 }, 0, 0);
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.n_refusals, 2);
	merge(db, a, &(struct catalogue){ .path = "/m/b.gguf", .models = &base, .n_models = 1 }, 0, 1);
	merge(db, a, &(struct catalogue){ .path = "/f", .families = &family, .n_families = 1 }, 0, 3);
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.n_refusals, 0);
	arena_free(a);
}

/* The bad file was deleted; what lies elsewhere stays refused. */
static void a_new_scan_of_a_folder_forgets_what_was_refused_there(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct found_refusal refusals[3] = { { .path = "/m/gone.gguf" }, { .path = "/m2/b.gguf" }, { .path = "/m/b.gguf" } };
	struct found_model base = base_model("/m/b.gguf", "b");
	struct model_list list;

	for (int i = 0; i < 3; i++)
		err_set(&refusals[i].err, ERR_DATA, "err_file_empty", NULL);
	merge(db, a, &(struct catalogue){ .path = "/", .refusals = refusals, .n_refusals = 3 }, 0, 0);
	merge(db, a, &(struct catalogue){ .path = "/m", .models = &base, .n_models = 1 }, 0, 1);
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.n_refusals, 1);
	assert_string_equal(list.refusals[0].path, "/m2/b.gguf");
	arena_free(a);
}

/* "base.gguf+run/checkpoint-48" scans one folder of a family that is known whole. */
static void a_scan_of_one_checkpoint_keeps_the_losses_of_all(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct found_family family = family_of("/f", ""), one = family;
	struct model_list list;

	merge(db, a, &(struct catalogue){ .path = "/f", .families = &family, .n_families = 1 }, 0, 3);
	one.n_checkpoints = 1;
	one.n_losses = 1;
	merge(db, a, &(struct catalogue){ .path = "/f/checkpoint-96", .families = &one, .n_families = 1 }, 0, 1);
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.families[0].n_losses, 2);
	family.n_losses = 1; /* the whole again, now with less: as it is */
	merge(db, a, &(struct catalogue){ .path = "/f", .families = &family, .n_families = 1 }, 0, 3);
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.families[0].n_losses, 1);
	arena_free(a);
}

static void a_family_without_checkpoints_is_not_listed(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct found_family family = family_of("/f", "");
	struct catalogue found = { .path = "/f", .families = &family, .n_families = 1 };
	int64_t *ids;
	size_t n;
	struct model_list list;

	assert_ok(model_store_merge(db, a, &found, 0, &ids, &n, err));
	for (size_t i = 0; i < n; i++)
		assert_ok(model_store_hide(db, ids[i], err));
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.n_families, 0);
	merge(db, a, &found, 0, 3);
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.n_families, 1);
	arena_free(a);
}

static void a_hidden_model_is_kept_for_its_runs(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct found_model base = base_model("/m/b.gguf", "b");
	int64_t *ids;
	size_t n;
	struct model_list list;
	struct model_row row;

	assert_ok(model_store_merge(db, a, &(struct catalogue){ .path = "/m", .models = &base, .n_models = 1 }, 0, &ids, &n, err));
	assert_ok(model_store_hide(db, ids[0], err));
	assert_ok(model_store_list(db, a, &list, err));
	assert_int_equal(list.n_models, 0);
	assert_ok(model_store_get(db, a, ids[0], &row, err));
	assert_true(row.is_hidden);
	assert_err(model_store_hide(db, 99, err), ERR_NOT_FOUND, "err_model_not_found");
	assert_err(model_store_rename(db, 99, "x", err), ERR_NOT_FOUND, "err_model_not_found");
	assert_err(model_store_set_hash(db, 99, "x", "", err), ERR_NOT_FOUND, "err_model_not_found");
	assert_err(model_store_get(db, a, 99, &row, err), ERR_NOT_FOUND, "err_model_not_found");
	assert_err(family_store_rename(db, 99, "x", err), ERR_NOT_FOUND, "err_family_not_found");
	assert_err(family_store_hide(db, 99, err), ERR_NOT_FOUND, "err_family_not_found");
	arena_free(a);
}

/* --- question sets --- */

/* A set, a run of it, and the questions that are added to a run from it. */
static void a_record_goes_with_its_question(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct question q[2] = { question_of("a", ""), question_of("b", "") }, *back;
	struct run_row run = { .params = gen_params_default() };
	struct column_row column = column_of("m", NAN);
	struct run_question *asked;
	struct str record;
	int64_t id, other, found, total;
	size_t n;

	assert_ok(question_set_keep(db, "without", "csv", q, 2, &other, err));
	q[1].record = STR("{\"n\":1}");
	assert_ok(question_set_keep(db, "with", "csv", q, 2, &id, err));
	assert_int_not_equal(id, other);
	assert_ok(question_set_find(db, q, 2, &found, err));
	assert_int_equal(found, id);
	assert_ok(question_set_read(db, a, id, 0, 2, &back, &n, &total, err));
	assert_int_equal(back[1].record.len, 0); /* a whole set has no room for them */
	assert_ok(run_store_add(db, &run, &column, 1, back, 2, err));
	assert_ok(run_store_add_questions(db, run.id, &back[1], 1, err));
	assert_ok(question_set_remove(db, id, err));
	assert_ok(run_store_page(db, a, run.id, RUN_ALL, 0, 10, &asked, &n, &total, err));
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		assert_ok(question_record_get(db, a, &asked[i].q, &record, err));
		assert_true(str_eq_text(record, i ? "{\"n\":1}" : ""));
	}
	arena_free(a);
}

static void a_question_set_is_read_in_pages(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct question questions[3] = { question_of("一", "1"), question_of("two", ""), question_of("three", "3") }, *back;
	struct question_set_row *sets;
	int64_t id, total;
	size_t n;

	questions[1].system = STR("be brief");
	questions[1].tags = STR("a,b");
	questions[1].id = STR("q-2");
	questions[1].line = 7;
	assert_ok(question_set_add(db, "set", "objects", questions, 3, &id, err));
	assert_ok(question_set_list(db, a, &sets, &n, err));
	assert_int_equal(n, 1);
	assert_string_equal(sets[0].name, "set");
	assert_string_equal(sets[0].format, "objects");
	assert_int_equal(sets[0].n_questions, 3);
	assert_int_equal(sets[0].n_with_reference, 2);
	assert_ok(question_set_read(db, a, id, 1, 5, &back, &n, &total, err));
	assert_int_equal(n, 2);
	assert_int_equal(total, 3);
	assert_string_equal(back[0].text.ptr, "two");
	assert_int_equal(back[0].reference.len, 0);
	assert_string_equal(back[0].system.ptr, "be brief");
	assert_string_equal(back[0].tags.ptr, "a,b");
	assert_string_equal(back[0].id.ptr, "q-2");
	assert_int_equal(back[0].line, 7);
	assert_ok(question_set_remove(db, id, err));
	assert_err(question_set_remove(db, id, err), ERR_NOT_FOUND, "err_question_set_not_found");
	assert_err(question_set_read(db, a, id, 0, 5, &back, &n, &total, err), ERR_NOT_FOUND, "err_question_set_not_found");
	assert_err(question_set_add(db, "big", "txt", questions, LIMIT_QUESTIONS + 1, &id, err), ERR_LIMIT,
		   "err_questions_limit");
	arena_free(a);
}

static void the_same_questions_are_one_set(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct question q[2] = { question_of("one", "1"), question_of("two", "2") }, other[2] = { q[0], q[1] };
	struct question_set_row *sets;
	int64_t first, second, id;
	size_t n;

	assert_ok(question_set_keep(db, "first", "jsonl", q, 2, &first, err));
	other[1].other_references = STR("zwei");
	assert_ok(question_set_keep(db, "second", "jsonl", other, 2, &second, err));
	assert_int_not_equal(first, second);
	q[1].line = 9;
	assert_ok(question_set_keep(db, "third", "csv", q, 2, &id, err));
	assert_int_equal(id, first);
	assert_ok(question_set_list(db, a, &sets, &n, err));
	assert_int_equal(n, 2);
	assert_int_equal(sets[0].id, first); /* given last */
	assert_string_equal(sets[0].name, "third");
	assert_string_equal(sets[0].format, "jsonl");
	assert_ok(question_set_find(db, q, 1, &id, err));
	assert_int_equal(id, 0);
	q[0].system = STR("be brief");
	assert_ok(question_set_find(db, q, 2, &id, err));
	assert_int_equal(id, 0);
	q[0].system = (struct str){ 0 };
	q[0].id = STR("k-1");
	assert_ok(question_set_find(db, q, 2, &id, err));
	assert_int_equal(id, 0);
	q[0].id = (struct str){ 0 };
	q[1].turn = q[1].back = 1;
	assert_ok(question_set_find(db, q, 2, &id, err));
	assert_int_equal(id, 0);
	assert_ok(question_set_add(db, "twin", "csv", other, 2, &second, err));
	assert_ok(question_set_find(db, other, 2, &id, err));
	assert_int_equal(id, second); /* of two, the newest */
	arena_free(a);
}

static void texts_come_back_byte_for_byte(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	static const char nul[] = "before\0after";
	struct question q = question_of("x", ""), *back;
	int64_t id, total;
	size_t n;

	q.text = (struct str){ nul, sizeof nul - 1 };
	q.reference = STR("'; DROP TABLE run; --\r\n\t\"");
	assert_ok(question_set_add(db, "", "", &q, 1, &id, err));
	assert_ok(question_set_read(db, a, id, 0, 1, &back, &n, &total, err));
	assert_true(str_eq(back[0].text, q.text));
	assert_true(str_eq(back[0].reference, q.reference));
	arena_free(a);
}

/* --- settings and the rest --- */

static void settings_are_set_replaced_and_removed(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	const char *value;

	assert_ok(setting_get(db, a, "lang", &value, err));
	assert_null(value);
	assert_ok(setting_set(db, "lang", "en", err));
	assert_ok(setting_set(db, "lang", "", err));
	assert_ok(setting_get(db, a, "lang", &value, err));
	assert_string_equal(value, "");
	assert_ok(setting_set(db, "lang", NULL, err));
	assert_ok(setting_get(db, a, "lang", &value, err));
	assert_null(value);
	arena_free(a);
}

static void sessions_and_calibrations_are_kept(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct session_row s = { .expires_ms = 5, .cookie_hash = "c0", .key_hash = "k0" }, *rows;
	size_t n;
	int64_t slots;

	assert_ok(session_store_add(db, &s, err));
	assert_ok(session_store_add(db, &s, err));
	assert_ok(session_store_list(db, a, &rows, &n, err));
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].cookie_hash, "c0");
	assert_string_equal(rows[0].key_hash, "k0");
	assert_int_equal(rows[0].expires_ms, 5);
	assert_ok(session_store_remove(db, rows[0].id, err));
	assert_ok(session_store_list(db, a, &rows, &n, err));
	assert_int_equal(n, 1);
	assert_ok(calibration_get(db, "key", &slots, err));
	assert_int_equal(slots, 0);
	assert_ok(calibration_set(db, "key", 8, "{}", err));
	assert_ok(calibration_set(db, "key", 16, NULL, err));
	assert_ok(calibration_get(db, "key", &slots, err));
	assert_int_equal(slots, 16);
	arena_free(a);
}

static void the_audit_is_listed_newest_first_and_never_changed(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct err refused = { 0 };
	struct audit_row row = { .who = "owner", .what = "remove_run", .subject = "1", .source = "127.0.0.1" }, *rows;
	size_t n;

	assert_ok(audit_add(db, &row, err));
	row.subject = "2";
	assert_ok(audit_add(db, &row, err));
	assert_ok(audit_list(db, a, 0, 10, &rows, &n, err));
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].subject, "2");
	assert_string_equal(rows[0].source, "127.0.0.1");
	assert_true(rows[0].at_ms > 0);
	assert_ok(audit_list(db, a, rows[0].id, 10, &rows, &n, err));
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].subject, "1");
	assert_int_not_equal(db_run(db, &refused, "DELETE FROM audit", ""), ERR_OK);
	assert_int_not_equal(db_run(db, &refused, "UPDATE audit SET what = ''", ""), ERR_OK);
	arena_free(a);
}

static void a_base_keeps_how_its_weights_are_used(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct found_model base = base_model("/m/b.gguf", "b");
	struct found_family family = family_of("/f", "b");
	struct catalogue found = { .path = "/", .models = &base, .n_models = 1, .families = &family, .n_families = 1 };
	enum weights w = WEIGHTS_Q8_0;
	struct model_row row;
	int64_t *ids;
	size_t n;

	assert_ok(model_store_merge(db, a, &found, 0, &ids, &n, err));
	int64_t of_base = ids[0], of_adapter = ids[1];
	assert_err(model_store_set_weights(db, a, of_base, WEIGHTS_Q8_0, err), ERR_INVALID, "err_weights_not"); /* Q4_1 */
	assert_ok(model_store_weights(db, a, of_base, true, &w, err));
	assert_int_equal(w, WEIGHTS_STORED);
	base.file_type = "F16";
	assert_ok(model_store_merge(db, a, &found, 0, &ids, &n, err));
	assert_err(model_store_set_weights(db, a, of_adapter, WEIGHTS_Q8_0, err), ERR_INVALID, "err_weights_not");
	assert_err(model_store_set_weights(db, a, 99, WEIGHTS_Q8_0, err), ERR_NOT_FOUND, "err_model_not_found");
	assert_ok(model_store_set_weights(db, a, of_base, WEIGHTS_Q8_0, err));
	assert_ok(model_store_set_hash(db, of_base, "abc", "1.2", err));
	assert_ok(model_store_set_q8_hash(db, of_base, "def", "3.4", err));
	assert_ok(model_store_merge(db, a, &found, 0, &ids, &n, err));
	assert_ok(model_store_get(db, a, of_base, &row, err));
	assert_int_equal(row.weights, WEIGHTS_Q8_0);
	assert_string_equal(row.sha256, "abc");
	assert_string_equal(row.q8_sha256, "def");
	assert_string_equal(row.q8_sha256_of, "3.4");
	assert_ok(model_store_weights(db, a, of_adapter, false, &w, err)); /* as its base says, */
	assert_int_equal(w, WEIGHTS_Q8_0);
	w = WEIGHTS_STORED;
	assert_ok(model_store_weights(db, a, of_adapter, true, &w, err)); /* but for what was said */
	assert_int_equal(w, WEIGHTS_STORED);
	assert_ok(model_store_set_weights(db, a, of_base, WEIGHTS_STORED, err));
	assert_ok(model_store_weights(db, a, of_adapter, false, &w, err));
	assert_int_equal(w, WEIGHTS_STORED);
	assert_err(model_store_set_q8_hash(db, 99, "x", "", err), ERR_NOT_FOUND, "err_model_not_found");
	arena_free(a);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_memory_db, close_memory_db)
	const struct CMUnitTest tests[] = {
		TEST(a_scan_reads_back_in_order_with_its_base),
		TEST(a_second_scan_keeps_ids_names_and_hashes),
		TEST(a_named_base_is_used_and_checked),
		TEST(a_refusal_ends_when_the_file_is_accepted),
		TEST(a_new_scan_of_a_folder_forgets_what_was_refused_there),
		TEST(a_scan_of_one_checkpoint_keeps_the_losses_of_all),
		TEST(a_family_without_checkpoints_is_not_listed),
		TEST(a_hidden_model_is_kept_for_its_runs),
		TEST(a_base_keeps_how_its_weights_are_used),
		TEST(a_question_set_is_read_in_pages),
		TEST(a_record_goes_with_its_question),
		TEST(the_same_questions_are_one_set),
		TEST(texts_come_back_byte_for_byte),
		TEST(settings_are_set_replaced_and_removed),
		TEST(sessions_and_calibrations_are_kept),
		TEST(the_audit_is_listed_newest_first_and_never_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
