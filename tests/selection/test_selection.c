/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole automatic validation with the real worker, the demo's model ($ASSAY_TEST_MODEL), its epochs and questions. */
#include "engine/engine_test.h"

#include "selection/result.h"
#include "selection/selection.h"
#include "store/question_store.h"

#define N_QUESTIONS 40
#define MAX_TOKENS 24

struct wish {
	size_t n_models;
	int64_t models[4];
	const char *labels[4];
	double epochs[4];
	int64_t judge_id;
	size_t n_questions;
	size_t n_set; /* of a question set that the questions begin; 0: none */
	struct selection_params params;
	int64_t run_id, selection_id; /* out */
};

static struct bench bench;
static struct selections *selections;
static int64_t base_id, first_id, last_id;
static struct question *questions;
static size_t n_all;
static struct arena *arena;

static bool have_model(void)
{
	const char *model = getenv("ASSAY_TEST_MODEL");
	return model && model[0];
}

static int64_t watched;
static bool is_over;

struct look {
	int64_t id;
	struct selection_row row;
	struct selection_finding *findings;
	size_t n_findings;
	int64_t total;
	struct likelihood_row *likelihoods;
	size_t n_likelihoods;
};

static void read_row(struct db *db, void *user, struct err *err)
{
	struct look *l = user;

	if (selection_store_get(db, arena, l->id, &l->row, err) == ERR_OK &&
	    selection_store_findings(db, arena, &l->row, SHOW_DECIDED, 0, 100, &l->findings, &l->n_findings, &l->total, err) == ERR_OK)
		(void)!likelihood_store_list(db, arena, l->row.run_id, &l->likelihoods, &l->n_likelihoods, err);
}

/* Workers that are still to be killed while likelihoods are taken. */
static int n_kills;

static bool has_likelihoods(const struct buf *steps)
{
	struct err err = { 0 };
	json_t *list = json_parse(buf_str(steps), "steps", &err);
	const json_t *step = json_array_get(list, 2);
	bool found = json_number_value(json_object_get(step, "fraction")) > 0 &&
		     strcmp(json_string_value(json_object_get(step, "state")), "running") == 0;
	json_decref(list);
	return found;
}

static int kill_children(void)
{
	char path[64];
	int n = 0, pid;
	str_format(path, sizeof path, "/proc/self/task/%d/children", getpid());
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	while (fscanf(f, "%d", &pid) == 1)
		n += kill(pid, SIGKILL) == 0;
	fclose(f);
	return n;
}

static void on_changed(void *user, int64_t id, bool list)
{
	(void)user;
	if (id != watched || (!list && n_kills == 0))
		return;
	struct buf steps = BUF_INIT(MIB);
	struct selection_live live;
	bool is_live = selections_live(selections, id, &live, &steps);
	if (is_live && n_kills > 0 && has_likelihoods(&steps))
		n_kills -= kill_children();
	buf_release(&steps);
	is_over = list && !is_live;
	if (is_over)
		loop_stop(bench.loop);
}

static void open_selections(void)
{
	struct selections_options options = { .loop = bench.loop, .store = bench.store, .engine = bench.engine, .work = bench.work,
					      .worker_path = bench.options.worker_path, .n_threads = 2, .changed = on_changed };
	selections = selections_new(&options);
}

static int64_t add_epoch(const char *name, double epoch)
{
	struct found_model m = { .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = name, .step = 1,
				 .path = arena_printf(bench.temp.arena, TEST_ROOT "/demo/checkpoints/%s", name) };
	(void)epoch;
	return bench_model(&bench, m, base_id);
}

static int setup(void **state)
{
	struct err err = { 0 };
	struct buf text = BUF_INIT(MIB);
	struct question_import import;

	(void)state;
	if (!have_model())
		return 0;
	bench_open(&bench, TEST_BIN "/assay-worker");
	open_selections();
	arena = arena_new();
	base_id = bench_model(&bench, (struct found_model){ .kind = MODEL_BASE, .path = getenv("ASSAY_TEST_MODEL"), .name = "base",
							    .size_bytes = 98362432 }, 0);
	first_id = add_epoch("checkpoint-12", 1);
	last_id = add_epoch("checkpoint-96", 8);
	assert_ok(fs_read(TEST_ROOT "/demo/questions.jsonl", &text, &err));
	struct question_options options = { .file_name = "questions.jsonl" };
	atomic_bool cancel = false;
	assert_ok(questions_read(arena, str_of(arena_strndup(arena, text.ptr, text.len)), &options, &import, &cancel, &err));
	questions = import.questions;
	n_all = import.n_questions;
	buf_release(&text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (!have_model())
		return 0;
	selections_free(selections);
	bench_close(&bench);
	arena_free(arena);
	return 0;
}

static void add_selection(struct db *db, void *user, struct err *err)
{
	struct wish *w = user;
	struct run_row run = { .name = "a run", .seed = 7, .params = gen_params_default() };
	struct column_row columns[4] = { 0 };
	struct question *asked = arena_array(arena, w->n_questions, sizeof *asked);
	struct buf params = BUF_INIT(MIB);

	run.params.max_tokens = MAX_TOKENS;
	for (size_t i = 0; i < w->n_models; i++)
		columns[i] = (struct column_row){ .model_id = w->models[i], .label = w->labels[i], .epoch = w->epochs[i],
						  .params = run.params, .slots = 16 };
	for (size_t i = 0; i < w->n_questions; i++)
		asked[i] = questions[i % n_all];
	if (!w->run_id) {
		if (run_store_add(db, &run, columns, w->n_models, asked, w->n_questions, err) != ERR_OK)
			return;
		w->run_id = run.id;
	}
	selection_params_write(&w->params, &params);
	int64_t set_id = 0;
	if (w->n_set && question_set_add(db, "set", "jsonl", questions, w->n_set, &set_id, err) != ERR_OK)
		return;
	struct selection_row row = { .question_set_id = set_id, .name = "an automatic validation", .run_id = w->run_id, .judge_model_id = w->judge_id,
				     .params = buf_text(&params) };
	if (selection_store_add(db, &row, err) == ERR_OK)
		w->selection_id = row.id;
	buf_release(&params);
}

static void more_time(struct db *db, void *user, struct err *err)
{
	struct wish *w = user;
	struct selection_row row;
	struct buf params = BUF_INIT(MIB);

	if (selection_store_get(db, arena, w->selection_id, &row, err) != ERR_OK)
		return;
	selection_params_write(&w->params, &params);
	row.params = buf_text(&params);
	row.state = SELECTION_WAITING;
	(void)!selection_store_set(db, &row, err);
	buf_release(&params);
}

static struct look follow(int64_t id)
{
	struct look look = { .id = id };

	watched = id;
	is_over = false;
	bench.timed_out = false;
	bench.watched = 0;
	loop_timer_set(bench.timeout, 200000);
	if (!is_over)
		loop_run(bench.loop);
	loop_timer_set(bench.timeout, -1);
	if (bench.timed_out)
		fail_msg("it did not end");
	bench_store(&bench, read_row, &look);
	return look;
}

static struct look validate(struct wish *w)
{
	bench_store(&bench, add_selection, w);
	selections_start(selections, w->selection_id);
	return follow(w->selection_id);
}

static json_t *words(const struct look *l, enum lang lang)
{
	return result_in_words(l->row.result, lang);
}

static const char *at(const json_t *value, const char *a, const char *b)
{
	const char *text = json_string_value(b ? json_object_get(json_object_get(value, a), b) : json_object_get(value, a));
	return text ? text : "(none)";
}

static struct wish family(void)
{
	return (struct wish){ .n_models = 3, .models = { base_id, first_id, last_id }, .labels = { "SmolLM2", "kestrel", "kestrel" },
			      .epochs = { NAN, 1, 8 }, .n_questions = N_QUESTIONS, .params = { .training_path = "" } };
}

static const char *step_state(const struct look *l, size_t i)
{
	struct err err = { 0 };
	json_t *steps = json_parse(str_of(l->row.steps), "steps", &err);
	const char *state = arena_strdup(arena, json_string_value(json_object_get(json_array_get(steps, i), "state")));
	json_decref(steps);
	return state ? state : "";
}

static double step_seconds(const struct look *l, size_t i)
{
	struct err err = { 0 };
	json_t *steps = json_parse(str_of(l->row.steps), "steps", &err);
	double seconds = json_number_value(json_object_get(json_array_get(steps, i), "seconds"));
	json_decref(steps);
	return seconds;
}

static void the_references_choose_the_last_epoch(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	struct wish w = family();
	struct look l = validate(&w);
	assert_err(&l.row.problem, "");
	assert_int_equal(l.row.state, SELECTION_DONE);
	json_t *en = words(&l, LANG_EN), *zh = words(&l, LANG_ZH_TW);
	const json_t *decision = json_object_get(en, "decision");
	assert_string_equal(at(decision, "kind", NULL), "winner");
	assert_true(strncmp(at(json_object_get(decision, "sentence"), "text", NULL), "Use epoch 8. It answers ", 24) == 0);
	assert_non_null(strstr(at(json_object_get(json_object_get(zh, "decision"), "sentence"), "text", NULL), "建議採用第 8 週期。"));
	assert_non_null(strstr(at(json_object_get(decision, "level_note"), "text", NULL), "epoch 8 would come first practically every time"));
	assert_string_equal(step_state(&l, 2), "done");
	assert_string_equal(step_state(&l, 3), "skipped");
	assert_int_equal(l.n_likelihoods, 3 * N_QUESTIONS);
	assert_true(l.n_findings > 10 && l.total == (int64_t)l.n_findings);
	assert_true(l.findings[0].cells[0].cell_id > 0 && l.findings[0].row.cells[2].text[0]);
	json_t *tuned = json_array_get(json_object_get(en, "candidates"), 2), *base = json_array_get(json_object_get(en, "candidates"), 0);
	assert_true(json_is_true(json_object_get(tuned, "is_recommended")) && json_is_true(json_object_get(base, "is_base")));
	assert_true(json_number_value(json_object_get(tuned, "log_likelihood")) > json_number_value(json_object_get(base, "log_likelihood")));
	json_decref(en);
	json_decref(zh);
	/* The same answers, judged again: the same result to the bit, and nothing is computed anew. */
	w.selection_id = 0;
	int64_t before = clock_mono_ms();
	struct look again = validate(&w);
	assert_int_equal(again.row.state, SELECTION_DONE);
	assert_string_equal(again.row.result, l.row.result);
	assert_true(clock_mono_ms() - before < 20000);
}

static void the_same_epoch_under_two_names_is_no_difference(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	struct wish w = family();
	w.models[1] = last_id;
	w.labels[1] = "kestrel again";
	w.epochs[1] = 8;
	struct look l = validate(&w);
	assert_int_equal(l.row.state, SELECTION_DONE);
	json_t *en = words(&l, LANG_EN);
	const json_t *decision = json_object_get(en, "decision");
	assert_string_equal(at(decision, "kind", NULL), "tie");
	assert_non_null(strstr(at(json_object_get(decision, "sentence"), "text", NULL), "kestrel again · epoch 8"));
	json_decref(en);
}

static void one_that_is_stopped_goes_on_later(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	struct wish w = family();
	w.n_models = 2;
	w.n_questions = 20;
	w.params.fresh = true;
	bench_store(&bench, add_selection, &w);
	selections_start(selections, w.selection_id);
	bench.watched = 0;
	bench.n_cells = 0;
	while (bench.n_cells < 3) {
		loop_timer_set(bench.timeout, 20);
		loop_run(bench.loop);
	}
	assert_true(selections_stop(selections, w.selection_id));
	struct look l = follow(w.selection_id);
	assert_int_equal(l.row.state, SELECTION_STOPPED);
	assert_string_equal(step_state(&l, 0), "cancelled");
	assert_false(selections_stop(selections, w.selection_id));
	selections_start(selections, w.selection_id);
	l = follow(w.selection_id);
	assert_int_equal(l.row.state, SELECTION_DONE);
	assert_true(l.row.elapsed_ms > 0);
	/* One that is done and goes on has nothing left to ask: what its steps took stays with it. */
	double answers = step_seconds(&l, 0);
	bench_store(&bench, more_time, &w);
	selections_start(selections, w.selection_id);
	l = follow(w.selection_id);
	assert_int_equal(l.row.state, SELECTION_DONE);
	assert_true(answers > 0 && step_seconds(&l, 0) >= answers);
}

static void with_time_it_asks_as_many_more_as_there_is_time_for(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	struct wish w = family();
	w.models[1] = last_id; /* equals: more questions could settle it */
	w.n_set = n_all;
	w.params.budget_s = 600;
	w.params.n_planned = (int64_t)n_all;
	struct look l = validate(&w);
	assert_int_equal(l.row.state, SELECTION_DONE);
	json_t *en = words(&l, LANG_EN);
	assert_int_equal(json_integer_value(json_object_get(en, "n_answered")), n_all);
	assert_string_equal(at(json_object_get(en, "decision"), "kind", NULL), "tie");
	assert_true(l.n_likelihoods >= 3 * N_QUESTIONS);
	json_decref(en);
	/* A little time: the first questions, and the sentence that it was up or that they sufficed. */
	w.run_id = 0;
	w.params.fresh = true;
	w.params.budget_s = 2;
	l = validate(&w);
	en = words(&l, LANG_EN);
	assert_true(json_integer_value(json_object_get(en, "n_answered")) < (json_int_t)n_all);
	json_decref(en);
	/* And on, without a limit, with what the first one asked. */
	w.params.fresh = false;
	w.params.budget_s = 0;
	bench_store(&bench, more_time, &w);
	selections_start(selections, w.selection_id);
	l = follow(w.selection_id);
	en = words(&l, LANG_EN);
	assert_int_equal(json_integer_value(json_object_get(en, "n_answered")), n_all);
	json_decref(en);
}

static void it_ends_when_more_questions_would_not_change_the_result(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	struct wish w = family();
	w.n_models = 2;
	w.models[1] = last_id;
	w.epochs[1] = 8;
	w.n_set = n_all;
	w.params.budget_s = 600;
	w.params.n_planned = (int64_t)n_all;
	struct look l = validate(&w);
	json_t *en = words(&l, LANG_EN);
	const json_t *decision = json_object_get(en, "decision");
	assert_int_equal(json_integer_value(json_object_get(en, "n_answered")), 60); /* 40, and 20 that nobody looked at */
	assert_string_equal(at(decision, "kind", NULL), "winner");
	assert_string_equal(at(decision, "level", NULL), "very_high");
	bool said = false;
	for (size_t i = 0; i < json_array_size(json_object_get(decision, "reasons")); i++)
		said |= !strcmp(at(json_array_get(json_object_get(decision, "reasons"), i), "text", NULL),
				"It ended after 60 of 68 questions: more would not change the result.");
	assert_true(said);
	json_decref(en);
}

static void when_the_time_is_up_it_says_so(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	struct wish w = family();
	w.params.fresh = true;
	w.params.budget_s = 1;
	struct look l = validate(&w);
	assert_int_equal(l.row.state, SELECTION_DONE);
	json_t *en = words(&l, LANG_EN);
	assert_true(json_integer_value(json_object_get(en, "n_answered")) < N_QUESTIONS);
	json_decref(en);
}

static void reopen_with(int64_t reserve)
{
	selections_free(selections);
	bench.options.memory_reserve = reserve;
	bench_reopen(&bench);
	open_selections();
}

static void the_base_for(int64_t id, char text[32])
{
	str_format(text, 32, "base=%lld%c", (long long)id, ERR_ARG_SEP);
}

static void what_does_not_fit_into_memory_is_left_out_and_says_why(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	struct wish w = family();
	char base[32];
	int64_t judge = bench_model(&bench, (struct found_model){ .kind = MODEL_BASE, .path = temp_path(&bench.temp, "judge.gguf"), .name = "owl",
								  .size_bytes = 98362432 }, 0);
	assert_int_equal(symlink(getenv("ASSAY_TEST_MODEL"), temp_path(&bench.temp, "judge.gguf")), 0);
	w.judge_id = judge;
	w.n_questions = 12;
	bench_store(&bench, add_selection, &w);
	bench_follow(&bench, w.run_id); /* the answers: there was memory for them */
	reopen_with(INT64_MAX / 2);
	selections_start(selections, w.selection_id);
	struct look l = follow(w.selection_id);
	assert_int_equal(l.row.state, SELECTION_DONE);
	assert_string_equal(step_state(&l, 2), "skipped");
	assert_string_equal(step_state(&l, 3), "skipped");
	assert_int_equal(l.n_likelihoods, 0);
	json_t *raw = json_loads(l.row.result, 0, NULL), *en = words(&l, LANG_EN);
	const json_t *likelihood = json_object_get(raw, "likelihood_problem"), *judged = json_object_get(json_object_get(raw, "judge"), "problem");
	assert_string_equal(at(likelihood, "code", NULL), "limit");
	assert_string_equal(at(likelihood, "key", NULL), "err_memory");
	the_base_for(base_id, base);
	assert_non_null(strstr(arena_printf(arena, "%s%c", at(likelihood, "args", NULL), ERR_ARG_SEP), base));
	assert_string_equal(at(json_object_get(raw, "judge"), "state", NULL), "failed");
	assert_string_equal(at(judged, "key", NULL), "err_memory");
	the_base_for(judge, base);
	assert_non_null(strstr(arena_printf(arena, "%s%c", at(judged, "args", NULL), ERR_ARG_SEP), base));
	assert_true(strncmp(at(json_object_get(en, "likelihood_problem"), "text", NULL), "Not enough memory", 17) == 0);
	assert_string_not_equal(at(json_object_get(en, "decision"), "kind", NULL), "nothing_to_judge_by");
	json_decref(raw);
	json_decref(en);
	/* There is memory again. */
	reopen_with(1);
	w.judge_id = 0;
	l = validate(&w);
	assert_string_equal(step_state(&l, 2), "done");
	assert_int_equal(l.n_likelihoods, 3 * 12);
	assert_null(strstr(l.row.result, "likelihood_problem"));
}

/* Likelihoods of a few answers, in whose computing `kills` workers are killed. */
static struct look with_workers_killed(int kills)
{
	struct wish w = family();

	w.n_questions = 8;
	w.params.fresh = true;
	n_kills = kills;
	struct look l = validate(&w);
	assert_int_equal(n_kills, 0);
	assert_int_equal(l.row.state, SELECTION_DONE);
	return l;
}

static void another_worker_goes_on_once_where_one_is_killed(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	struct look l = with_workers_killed(1);
	assert_string_equal(step_state(&l, 2), "done");
	assert_int_equal(l.n_likelihoods, 3 * 8);
	assert_null(strstr(l.row.result, "likelihood_problem"));
	l = with_workers_killed(2);
	assert_string_equal(step_state(&l, 2), "skipped");
	json_t *raw = json_loads(l.row.result, 0, NULL);
	assert_string_equal(at(json_object_get(raw, "likelihood_problem"), "key", NULL), "err_worker_killed");
	json_decref(raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_references_choose_the_last_epoch),
		cmocka_unit_test(the_same_epoch_under_two_names_is_no_difference),
		cmocka_unit_test(one_that_is_stopped_goes_on_later),
		cmocka_unit_test(with_time_it_asks_as_many_more_as_there_is_time_for),
		cmocka_unit_test(it_ends_when_more_questions_would_not_change_the_result),
		cmocka_unit_test(when_the_time_is_up_it_says_so),
		cmocka_unit_test(another_worker_goes_on_once_where_one_is_killed),
		cmocka_unit_test(what_does_not_fit_into_memory_is_left_out_and_says_why),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
