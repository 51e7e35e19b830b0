/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include "model/modelfile.h"
#include "model/template_preset.h"
#include "store/match_store.h"
#include "store/selection_store.h"
#include "store/template_store.h"
#include "store/gen_params.h"

#define OF_BASE "template of the base"

static struct db *db;
static struct arena *a;
static int64_t base_id, adapter_id, family_id;

static struct template_source source(enum template_origin origin, const char *text)
{
	return (struct template_source){ .origin = origin, .path = "/x/file", .text = text, .preset = "", .system = "" };
}

/* A base with a template, and a family of one epoch that may have some of its own. */
static void add(const struct template_sources *of_adapter, bool base_has)
{
	struct template_sources of_base = { .items = { source(TEMPLATE_OF_GGUF, base_has ? OF_BASE : "") }, .n = 1 };
	struct found_model base = { .kind = MODEL_BASE, .path = "/m/base.gguf", .name = "base", .has_template = base_has, .base_name = "",
				    .templates = &of_base };
	struct found_model adapter = { .kind = MODEL_ADAPTER, .path = "/f/checkpoint-8", .name = "checkpoint-8", .base_name = "base",
				       .epoch = 1, .step = 8, .templates = of_adapter };
	struct found_family family = { .name = "f", .path = "/f", .base_name = "base", .checkpoints = &adapter, .n_checkpoints = 1 };
	int64_t *ids;
	size_t n;
	assert_ok(model_store_merge(db, a, &(struct catalogue){ .path = "/", .models = &base, .n_models = 1, .families = &family,
								.n_families = 1 },
				    0, &ids, &n, err));
	base_id = ids[0];
	adapter_id = ids[1];
	struct model_row row;
	assert_ok(model_store_get(db, a, adapter_id, &row, err));
	family_id = row.family_id;
	assert_int_equal(row.base_model_id, base_id);
}

static int open_db(void **state)
{
	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	a = arena_new();
	return 0;
}

static int close_db(void **state)
{
	(void)state;
	arena_free(a);
	db_close(db);
	return 0;
}

static struct template_use use_of(int64_t id)
{
	struct model_row row;
	struct template_use use;
	assert_ok(model_store_get(db, a, id, &row, err));
	assert_ok(template_store_use(db, a, &row, &use, err));
	return use;
}

static struct gen_params filled(int64_t id)
{
	struct gen_params p = gen_params_default();
	assert_ok(template_store_fill(db, a, id, PARAM_ALL, &p, err));
	return p;
}

static void without_anything_beside_it_an_epoch_is_asked_as_its_base(void **state)
{
	(void)state;
	add(&(struct template_sources){ .n = 0 }, true);
	struct template_use use = use_of(adapter_id);
	assert_string_equal(use.source, "base");
	assert_true(use.is_own && !use.differs && use.base_has);
	assert_string_equal(filled(adapter_id).template, "");
	assert_string_equal(use_of(base_id).source, "gguf");
	assert_string_equal(filled(base_id).template, "");
}

static void the_first_source_is_used_and_another_may_be_chosen(void **state)
{
	(void)state;
	const struct template_preset *chatml = template_preset_find("chatml");
	struct template_sources s = { .items = { source(TEMPLATE_OF_CHECKPOINT, "of the checkpoint"), source(TEMPLATE_OF_MODELFILE, chatml->jinja) },
				      .n = 2 };
	s.items[1].preset = "chatml";
	s.items[1].system = "Be brief.";
	add(&s, true);
	struct template_use use = use_of(adapter_id);
	assert_string_equal(use.source, "checkpoint");
	assert_true(use.differs && !use.is_own);
	assert_string_equal(filled(adapter_id).template, "of the checkpoint");
	assert_string_equal(filled(adapter_id).system, "Be brief.");

	static const struct { const char *choice, *source, *text, *system; } cases[] = {
		{ "modelfile", "modelfile", NULL, "Be brief." }, { "base", "base", "", "" }, { "checkpoint", "checkpoint", "of the checkpoint", "Be brief." },
		{ "gguf", "checkpoint", "of the checkpoint", "" }, { "chatml", "preset", NULL, "Be brief." }, { "", "checkpoint", "of the checkpoint", "Be brief." },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_ok(template_store_choose_family(db, family_id, cases[i].choice, NULL, err));
		assert_string_equal(use_of(adapter_id).source, cases[i].source);
		assert_string_equal(use_of(adapter_id).choice, cases[i].choice);
		struct gen_params p = filled(adapter_id);
		assert_string_equal(p.template, cases[i].text ? cases[i].text : chatml->jinja);
		assert_string_equal(p.system, cases[i].system);
	}
	/* What the user has said himself stays. */
	struct gen_params own = gen_params_default();
	assert_ok(template_store_fill(db, a, adapter_id, 0, &own, err));
	assert_string_equal(own.template, "");
	assert_string_equal(own.system, "");
	assert_err(template_store_choose_family(db, 99, "base", NULL, err), ERR_NOT_FOUND, "err_family_not_found");
	assert_err(template_store_choose_model(db, 99, "base", NULL, err), ERR_NOT_FOUND, "err_model_not_found");
	assert_true(template_choice_known("") && template_choice_known("qwen") && !template_choice_known("vicuna"));
}

static void a_trainers_settings_stand_where_nobody_says_anything(void **state)
{
	(void)state;
	struct modelfile m;
	struct template_sources s = { .items = { source(TEMPLATE_OF_MODELFILE, "") }, .n = 1 };
	assert_ok(modelfile_parse(a, STR("PARAMETER stop </s>\nPARAMETER stop \"User:\"\nPARAMETER num_ctx 2048\nPARAMETER temperature 0.6\n"
					 "PARAMETER top_k 7\nPARAMETER top_p 9\nPARAMETER num_predict 99\n"), "Modelfile", &m, err));
	s.items[0].modelfile = &m;
	add(&s, true);
	struct gen_params p = filled(adapter_id), d = gen_params_default();
	assert_string_equal(p.stop, "[\"</s>\",\"User:\"]");
	assert_int_equal(p.num_ctx, 2048);
	assert_true(p.temperature == 0.6 && p.top_k == 7 && p.max_tokens == 99);
	assert_true(p.top_p == d.top_p && p.min_p == d.min_p && p.repeat_penalty == d.repeat_penalty);
	assert_int_equal(p.of_model, PARAM_STOP | PARAM_NUM_CTX | PARAM_TEMPERATURE | PARAM_TOP_K | PARAM_MAX_TOKENS);
	/* It travels with what was stored. */
	json_t *json = gen_params_json(&p);
	struct gen_params read;
	assert_ok(gen_params_parse(a, str_of(json_text_of(a, json)), &read, err));
	assert_string_equal(read.stop, p.stop);
	assert_int_equal(read.num_ctx, 2048);
	assert_int_equal(read.of_model, p.of_model);
	/* What the user has said himself stays, also the usual value. */
	struct gen_params own = gen_params_default();
	assert_ok(template_store_fill(db, a, adapter_id, PARAM_ALL & ~(PARAM_TEMPERATURE | PARAM_STOP), &own, err));
	assert_true(own.temperature == 0 && own.top_k == 7);
	assert_string_equal(own.stop, "");
	assert_int_equal(own.of_model, PARAM_NUM_CTX | PARAM_TOP_K | PARAM_MAX_TOKENS);
	/* With the base's template nothing of the trainer's is used, and the base itself has none. */
	assert_string_equal(filled(base_id).stop, "");
	assert_ok(template_store_choose_family(db, family_id, "base", NULL, err));
	p = filled(adapter_id);
	assert_true(p.of_model == 0 && p.num_ctx == 0 && p.temperature == 0 && !*p.stop);
}

static void the_same_text_as_the_base_is_kept_once_and_not_sent(void **state)
{
	(void)state;
	int64_t n;
	struct template_sources s = { .items = { source(TEMPLATE_OF_CHECKPOINT, OF_BASE) }, .n = 1 };
	add(&s, true);
	struct template_use use = use_of(adapter_id);
	assert_string_equal(use.source, "checkpoint");
	assert_true(use.is_own && !use.differs);
	assert_string_equal(filled(adapter_id).template, "");
	assert_ok(db_number(db, err, &n, 0, "SELECT count(*) FROM template_text", ""));
	assert_int_equal(n, 1);
	/* A scan that finds less takes back what the one before found. */
	add(&(struct template_sources){ .n = 0 }, true);
	assert_string_equal(use_of(adapter_id).source, "base");
}

static void a_base_without_one_can_be_given_a_preset_that_its_epochs_follow(void **state)
{
	(void)state;
	add(&(struct template_sources){ .n = 0 }, false);
	assert_string_equal(use_of(base_id).source, "none");
	assert_string_equal(use_of(adapter_id).source, "none");
	assert_ok(template_store_choose_model(db, base_id, "llama3", NULL, err));
	assert_string_equal(use_of(adapter_id).source, "base");
	assert_string_equal(filled(base_id).template, template_preset_find("llama3")->jinja);
	assert_string_equal(filled(adapter_id).template, template_preset_find("llama3")->jinja);
}

static void a_text_of_the_users_own_is_used_by_epochs_and_by_those_of_a_base(void **state)
{
	(void)state;
	const char *text;
	struct template_sources s = { .items = { source(TEMPLATE_OF_CHECKPOINT, "of the checkpoint"), source(TEMPLATE_OF_MODELFILE, "") }, .n = 2 };
	s.items[1].system = "Be brief.";
	add(&s, true);
	assert_ok(template_store_choose_family(db, family_id, TEMPLATE_OWN, "my own", err));
	struct template_use use = use_of(adapter_id);
	assert_string_equal(use.choice, TEMPLATE_OWN);
	assert_string_equal(use.source, "own");
	assert_string_equal(use.path, "");
	assert_int_equal(strlen(use.sha256), 64);
	assert_true(use.differs && !use.is_own);
	assert_ok(template_store_text(db, a, &use, &text, err));
	assert_string_equal(text, "my own");
	assert_string_equal(filled(adapter_id).template, "my own");
	assert_string_equal(filled(adapter_id).system, "Be brief.");
	assert_true(filled(adapter_id).of_model & PARAM_TEMPLATE);
	/* A scan leaves it; the base's own text is another one, and the same one is not sent. */
	add(&s, true);
	assert_string_equal(filled(adapter_id).template, "my own");
	assert_ok(template_store_choose_family(db, family_id, TEMPLATE_OWN, OF_BASE, err));
	assert_true(use_of(adapter_id).is_own && !use_of(adapter_id).differs);
	assert_string_equal(filled(adapter_id).template, "");
	assert_ok(template_store_choose_family(db, family_id, "base", NULL, err));
	assert_ok(template_store_choose_model(db, base_id, TEMPLATE_OWN, "of the base, corrected", err));
	assert_string_equal(use_of(base_id).source, "own");
	assert_string_equal(filled(base_id).template, "of the base, corrected");
	assert_string_equal(use_of(adapter_id).source, "base");
	assert_string_equal(filled(adapter_id).template, "of the base, corrected");
	assert_ok(template_store_choose_model(db, base_id, "", NULL, err));
	assert_string_equal(filled(base_id).template, "");
	assert_true(template_choice_known(TEMPLATE_OWN));
	assert_err(template_store_choose_family(db, 99, TEMPLATE_OWN, "x", err), ERR_NOT_FOUND, "err_family_not_found");
}

/* Full weights: what lies in the folder itself is in the file that is made of it; what lies beside it is not. */
static void a_folder_with_weights_has_its_own_template(void **state)
{
	(void)state;
	static const char *const paths[] = { "/w/checkpoint-9/tokenizer_config.json", "/w/tokenizer_config.json", "/w/checkpoint-99/x.json" };
	add(&(struct template_sources){ .n = 0 }, true);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct template_sources s = { .items = { source(TEMPLATE_OF_CHECKPOINT, "of the trainer") }, .n = 1 };
		struct found_model full = { .kind = MODEL_FULL, .path = "/w/checkpoint-9", .name = "checkpoint-9", .base_name = "", .step = 9,
					    .templates = &s };
		struct found_family family = { .name = "w", .path = "/w", .base_name = "", .checkpoints = &full, .n_checkpoints = 1 };
		int64_t *ids;
		size_t n;
		s.items[0].path = paths[i];
		assert_ok(model_store_merge(db, a, &(struct catalogue){ .path = "/w", .families = &family, .n_families = 1 }, 0, &ids, &n, err));
		assert_string_equal(use_of(ids[0]).source, "checkpoint");
		assert_int_equal(use_of(ids[0]).is_own, i == 0);
		assert_string_equal(filled(ids[0]).template, i == 0 ? "" : "of the trainer");
	}
}

static void models_of_older_files_are_found_once(void **state)
{
	(void)state;
	int64_t *ids;
	size_t n;
	add(NULL, true);
	assert_ok(db_run(db, err, "DELETE FROM template_source", ""));
	assert_ok(template_store_unknown(db, a, 10, &ids, &n, err));
	assert_int_equal(n, 2);
	assert_string_equal(use_of(base_id).source, "unknown");
	assert_true(use_of(base_id).is_own && use_of(adapter_id).is_own);
	struct template_sources s = { .items = { source(TEMPLATE_OF_GGUF, OF_BASE) }, .n = 1 };
	s.items[0].problem = (struct err){ 0 };
	assert_ok(template_store_put(db, ids[0], &s, err));
	assert_ok(template_store_unknown(db, a, 10, &ids, &n, err));
	assert_int_equal(n, 1);
}

/* --- matches --- */

static void a_match_is_known_by_both_hashes(void **state)
{
	(void)state;
	struct match_row row = { .adapter_sha256 = "aa", .base_sha256 = "bb", .source = "train.jsonl", .checked_ms = 5,
				 .result = { MATCH_FITS, 32, 30, 500, -2, -0.5, 0.001 } }, seen;
	assert_ok(match_store_put(db, &row, err));
	assert_ok(match_store_get(db, a, "aa", "bb", &seen, err));
	assert_int_equal(seen.result.verdict, MATCH_FITS);
	assert_int_equal(seen.result.n_better, 30);
	assert_true(seen.result.with == -0.5 && seen.result.p == 0.001 && seen.checked_ms == 5);
	assert_string_equal(seen.source, "train.jsonl");
	assert_ok(match_store_get(db, a, "aa", "cc", &seen, err));
	assert_int_equal(seen.checked_ms, 0);
	row.result.verdict = MATCH_DOES_NOT_FIT;
	assert_ok(match_store_put(db, &row, err));
	assert_ok(match_store_get(db, a, "aa", "bb", &seen, err));
	assert_int_equal(seen.result.verdict, MATCH_DOES_NOT_FIT);
}

/* A validation that has measured both columns' references says the same as a check. */
static void a_validation_proves_a_match(void **state)
{
	(void)state;
	enum { N = 10 };
	struct question questions[N];
	struct column_row columns[2] = { { .position = 0, .label = "base", .model_hash = "bb", .adapter_hash = "" },
					 { .position = 1, .label = "epoch", .model_hash = "bb", .adapter_hash = "aa" } };
	struct run_row run = { .name = "demo", .params = gen_params_default(), .n_columns = 2, .n_questions = N, .created_ms = 1 };
	struct match_row seen;
	int64_t run_id, set_id;
	add(&(struct template_sources){ .n = 0 }, true);
	for (int i = 0; i < 2; i++) {
		columns[i].params = gen_params_default();
		columns[i].model_id = i ? adapter_id : base_id;
		columns[i].template_hash = columns[i].build = columns[i].device = "";
	}
	for (size_t i = 0; i < N; i++)
		questions[i] = question_of("q", "r");
	assert_ok(run_store_add(db, &run, columns, 2, questions, N, err));
	assert_ok(match_store_of_runs(db, a, "aa", "bb", NAN, &seen, err));
	assert_int_equal(seen.result.n_answers, 0);
	assert_ok(match_store_answers(db, family_id, &run_id, &set_id, err));
	assert_int_equal(run_id, run.id);
	assert_int_equal(set_id, 0);
	struct run_question *rows;
	size_t n;
	int64_t total;
	assert_ok(run_store_page(db, a, run.id, RUN_ALL, 0, N, &rows, &n, &total, err));
	for (size_t i = 0; i < n; i++) {
		struct likelihood_row both[2] = { { rows[i].cells[0].id, 5, -20 - (double)i }, { rows[i].cells[1].id, 5, -2 - (double)i / 10 } };
		assert_ok(likelihood_store_add(db, both, 2, err));
	}
	assert_ok(match_store_of_runs(db, a, "aa", "bb", NAN, &seen, err));
	assert_int_equal(seen.result.n_answers, N);
	assert_int_equal(seen.result.verdict, MATCH_FITS);
	assert_string_equal(seen.source, "demo");
	assert_ok(match_store_of_runs(db, a, "aa", "cc", NAN, &seen, err));
	assert_int_equal(seen.result.n_answers, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_db, close_db)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_anything_beside_it_an_epoch_is_asked_as_its_base),
		TEST(the_first_source_is_used_and_another_may_be_chosen),
		TEST(a_trainers_settings_stand_where_nobody_says_anything),
		TEST(the_same_text_as_the_base_is_kept_once_and_not_sent),
		TEST(a_base_without_one_can_be_given_a_preset_that_its_epochs_follow),
		TEST(a_text_of_the_users_own_is_used_by_epochs_and_by_those_of_a_base),
		TEST(a_folder_with_weights_has_its_own_template),
		TEST(models_of_older_files_are_found_once),
		TEST(a_match_is_known_by_both_hashes),
		TEST(a_validation_proves_a_match),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
