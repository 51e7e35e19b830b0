/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_test.h"

#include "base/json.h"
#include "base/limits.h"
#include "metric/guard.h"
#include "report/selection_report.h"
#include "store/selection_store.h"

#define N_QUESTIONS 4

static const char hostile[] = "<script>alert(1)</script> ]]>&\x01 \xff \xe2\x80\xae";

struct fixture {
	struct db *db;
	int64_t id, run_id;
};

/* A result as selection/result.h has it; {1}, {2}, {3} stand for the ids of the columns. */
static const char result_format[] =
	"{\"n_questions\":4,\"n_answered\":4,\"n_references\":3,\"n_rated\":1,"
	"\"judge\":{\"model_id\":9,\"name\":\"<judge>\",\"state\":\"failed\",\"exam\":{\"is_fit\":false,\"found\":20,\"asked\":40,"
	"\"findings\":[{\"key\":\"exam_facts\",\"args\":\"a=3\\u001fb=8\",\"is_failure\":true}],"
	"\"kinds\":[{\"kind\":\"fact\",\"found\":3,\"asked\":8}],\"flip_rate\":0.25,\"slot_bias\":0.1,\"longer_rate\":null,"
	"\"people\":null}},"
	"\"candidates\":["
	"{\"column_id\":%lld,\"model_id\":1,\"label\":\"<base>\",\"epoch\":null,\"is_base\":true,\"is_recommended\":false,"
	"\"is_best\":false,\"is_vetoed\":false,\"is_ranked\":true,\"n_right\":1,\"n_references\":3,\"n_unusable\":0,\"score\":0.3,"
	"\"score_low\":0.2,\"score_high\":0.4,\"first\":0,\"wins\":0,\"ties\":0,\"losses\":0,\"win_rate\":null,\"win_rate_low\":null,"
	"\"win_rate_high\":null,\"p_base\":1,\"p_best\":0.01,\"beats_base\":false,\"is_tied\":false,\"is_in_best_set\":false,"
	"\"train_loss\":null,\"eval_loss\":null,\"log_likelihood\":-2.5,\"likes\":0},"
	"{\"column_id\":%lld,\"model_id\":2,\"label\":\"bird\",\"epoch\":1,\"is_base\":false,\"is_recommended\":true,"
	"\"is_best\":true,\"is_vetoed\":false,\"is_ranked\":true,\"n_right\":3,\"n_references\":3,\"n_unusable\":0,"
	"\"score\":0.71000000000000008,\"score_low\":0.6,\"score_high\":0.8,\"first\":0.97,\"wins\":3,\"ties\":1,\"losses\":0,"
	"\"win_rate\":1,\"win_rate_low\":0.44,\"win_rate_high\":1,\"p_base\":0.01,\"p_best\":1,\"beats_base\":true,\"is_tied\":false,"
	"\"is_in_best_set\":true,\"train_loss\":0.5,\"eval_loss\":0.6,\"log_likelihood\":-0.5,\"likes\":1},"
	"{\"column_id\":%lld,\"model_id\":3,\"label\":\"bird\",\"epoch\":2,\"is_base\":false,\"is_recommended\":false,"
	"\"is_best\":false,\"is_vetoed\":false,\"is_ranked\":true,\"n_right\":0,\"n_references\":3,\"n_unusable\":1,\"score\":0.1,"
	"\"score_low\":0,\"score_high\":0.2,\"first\":0,\"wins\":0,\"ties\":1,\"losses\":3,\"win_rate\":0,\"win_rate_low\":0,"
	"\"win_rate_high\":0.56,\"p_base\":0.02,\"p_best\":0.01,\"beats_base\":false,\"is_tied\":false,\"is_in_best_set\":false,"
	"\"train_loss\":0.1,\"eval_loss\":0.9,\"log_likelihood\":-0.9,\"likes\":0}],"
	"\"decision\":{\"kind\":\"overfitting\",\"level\":\"high\",\"recommended_column_id\":%lld,\"best_column_id\":%lld,"
	"\"runner_up_column_id\":%lld,\"sentence\":{\"key\":\"decision_overfitting\",\"args\":\"n=@1\"},"
	"\"level_note\":{\"key\":\"decision_draws\",\"args\":\"q=4\\u001fn=@1\\u001fp=97\"},"
	"\"reasons\":[{\"key\":\"decision_unusable\",\"args\":\"n=@2\\u001fu=1\\u001fq=4\"}],"
	"\"next_steps\":[{\"action\":\"create\",\"key\":\"selection_next_create\",\"args\":\"n=@1\"}],\"n_decided\":3,"
	"\"more_questions\":0,\"win_rate\":0.8},"
	"\"curves\":[{\"name\":\"all\",\"n_questions\":3,\"unit\":\"right\",\"points\":["
	"{\"column_id\":%lld,\"value\":0.3333,\"low\":0.1,\"high\":0.6},{\"column_id\":%lld,\"value\":1,\"low\":0.7,\"high\":1},"
	"{\"column_id\":%lld,\"value\":null,\"low\":null,\"high\":null}]}],"
	"\"leak\":{\"n_examples\":50,\"n_questions_seen\":2,\"repeats\":[{\"column_id\":%lld,\"n\":1}]}}";

static void add_findings(struct fixture *f)
{
	struct selection_cell cells[3 * N_QUESTIONS];
	struct selection_question questions[N_QUESTIONS];
	struct arena *a = arena_new();
	struct run_question *rows;
	size_t n;
	int64_t total;

	assert_ok(run_store_page(f->db, a, f->run_id, RUN_ALL, 0, N_QUESTIONS, &rows, &n, &total, err));
	for (size_t i = 0; i < N_QUESTIONS; i++) {
		questions[i] = (struct selection_question){ rows[i].id, rows[i].position, i ? LAYER_REFERENCE : LAYER_NONE,
							    i == 0 ? OUTCOME_TIE : i == 3 ? OUTCOME_LOSS : OUTCOME_WIN, i == 2 };
		for (size_t c = 0; c < 3; c++)
			cells[3 * i + c] = (struct selection_cell){ rows[i].cells[c].id, i ? 0.25 * (double)c + 0.123456789 : NAN, c == 1,
								    i == 2 && c == 2 ? GUARD_LOOP : 0, i == 1 && c == 1 };
	}
	assert_ok(selection_store_set_findings(f->db, f->id, cells, 3 * N_QUESTIONS, questions, N_QUESTIONS, err));
	arena_free(a);
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct run_row run = { .name = "a run", .seed = 7, .params = gen_params_default() };
	struct column_row columns[3] = { column_of("<base>", NAN), column_of("bird", 1), column_of("bird", 2) };
	struct question questions[N_QUESTIONS];
	struct buf result = BUF_INIT(MIB);

	assert_ok(db_open_plain(":memory:", &f->db, err));
	for (size_t i = 0; i < N_QUESTIONS; i++)
		questions[i] = question_of(i == 3 ? hostile : "What is it?", i ? "A bird." : "");
	questions[2].turn = questions[2].back = 1; /* asked after the answer to the one before */
	columns[1].adapter_hash = "bb22";
	assert_ok(run_store_add(f->db, &run, columns, 3, questions, N_QUESTIONS, err));
	f->run_id = run.id;
	for (size_t i = 0; i < N_QUESTIONS; i++)
		for (size_t c = 0; c < 3; c++)
			answer(f->db, cell_id_of(f->db, run.id, (int64_t)i, c), i == 3 ? hostile : "It is a bird.");
#define ID(c) (long long)columns[c].id
	buf_printf(&result, result_format, ID(0), ID(1), ID(2), ID(1), ID(1), ID(0), ID(0), ID(1), ID(2), ID(2));
	struct selection_row row = { .name = "mine | <b>", .state = SELECTION_WAITING, .run_id = run.id,
				     .params = "{\"budget_s\":90,\"n_planned\":0,\"training_path\":\"\"}" };
	assert_ok(selection_store_add(f->db, &row, err));
	row.state = SELECTION_DONE;
	row.steps = "[{\"name\":\"answers\",\"state\":\"done\",\"fraction\":1,\"detail\":\"\",\"seconds\":1.5}]";
	row.result = buf_text(&result);
	row.elapsed_ms = 2500;
	assert_ok(selection_store_set(f->db, &row, err));
	f->id = row.id;
	add_findings(f);
	buf_release(&result);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	db_close(f->db);
	mem_free(f);
	return 0;
}

static bool take(void *user, struct str chunk)
{
	buf_add_str(user, chunk);
	return true;
}

static struct buf report_of(struct fixture *f, enum selection_report_format format, enum lang lang, const char *rule)
{
	struct buf all = BUF_INIT(64 * MIB);
	assert_ok(selection_report(f->db, f->id, format, lang, rule, take, &all, err));
	return all;
}

static void expect(const struct buf *b, const char *text)
{
	if (!memmem(buf_text(b), b->len, text, strlen(text)))
		fail_msg("\"%s\" is not in:\n%s", text, buf_text(b));
}

static void reject(const struct buf *b, const char *text)
{
	if (memmem(buf_text(b), b->len, text, strlen(text)))
		fail_msg("\"%s\" is in:\n%s", text, buf_text(b));
}

static void the_page_says_it_in_a_sentence_with_its_evidence(void **state)
{
	static const char *const english[] = {
		"Use epoch 1. After it the answers get worse", "\u25CF\u25CF\u25CF\u25CB", "would come first in about 97 of 100 draws",
		"Unusable answers of epoch 2", "Put epoch 1 to work", "<svg", "Epoch 2", "33%", "71%", "60\u201380%", "proven better",
		"proven worse", "failed (20 of 40 planted mistakes found)", "only 3 of 8 planted wrong facts", "25%",
		"2 questions stand word for word in the training file (50 examples)", "1 answer repeats training text",
		"Better answers: 2 questions", "Worse answers: 1 question", "repeats itself endlessly", "repeats training text",
		"Time limit: 90 s. Time taken: 2.5 s.", "Answering the questions", "bb22", "What the numbers mean", "<span class=\"note\">Turn 2 of question 2</span><br>What is it?" };
	struct buf page = report_of(*state, SELECTION_HTML, LANG_EN, NULL);

	for (size_t i = 0; i < sizeof english / sizeof *english; i++)
		expect(&page, english[i]);
	buf_release(&page);
	page = report_of(*state, SELECTION_HTML, LANG_ZH_TW, NULL);
	expect(&page, "建議採用第 1 週期");
	expect(&page, "把握程度");
	expect(&page, "已證實較差");
	buf_release(&page);
}

static void the_page_runs_and_loads_nothing(void **state)
{
	struct buf page = report_of(*state, SELECTION_HTML, LANG_EN, NULL);

	reject(&page, "<script");
	reject(&page, "<base>");
	reject(&page, "<judge>");
	reject(&page, "mine | <b>");
	reject(&page, "src=");
	reject(&page, "http://");
	expect(&page, "default-src 'none'");
	expect(&page, "&lt;script&gt;");
	buf_release(&page);
}

static void the_same_result_gives_the_same_bytes(void **state)
{
	for (int format = SELECTION_HTML; format <= SELECTION_JUNIT; format++) {
		struct buf first = report_of(*state, (enum selection_report_format)format, LANG_EN, "base");
		struct buf second = report_of(*state, (enum selection_report_format)format, LANG_EN, "base");
		assert_true(str_eq(buf_str(&first), buf_str(&second)));
		buf_release(&first);
		buf_release(&second);
	}
}

static void json_has_everything(void **state)
{
	struct buf text = report_of(*state, SELECTION_JSON, LANG_EN, NULL);
	struct err err = { 0 };
	json_t *all = json_parse(buf_str(&text), "report", &err);

	if (!all)
		fail_msg("%s %s", err.key, err.args);
	json_t *result = json_object_get(all, "result"), *decision = json_object_get(result, "decision");
	const json_t *sentence = json_object_get(decision, "sentence"), *questions = json_object_get(all, "questions");
	assert_string_equal(json_string_value(json_object_get(sentence, "key")), "decision_overfitting");
	assert_string_equal(json_string_value(json_object_get(sentence, "args")), "n=@1");
	assert_non_null(strstr(json_string_value(json_object_get(sentence, "text")), "Use epoch 1."));
	const json_t *chosen = json_array_get(json_object_get(result, "candidates"), 1);
	assert_true(json_real_value(json_object_get(chosen, "score")) == 0.71000000000000008);
	assert_int_equal(json_array_size(questions), N_QUESTIONS);
	const json_t *second = json_array_get(questions, 2), *answers = json_object_get(second, "answers");
	assert_int_equal(json_integer_value(json_object_get(second, "turn")), 2);
	assert_int_equal(json_integer_value(json_object_get(second, "conversation")), 2);
	assert_string_equal(json_string_value(json_object_get(second, "outcome")), "win");
	assert_string_equal(json_string_value(json_object_get(second, "layer")), "reference");
	assert_string_equal(json_string_value(json_object_get(json_array_get(answers, 0), "answer")), "It is a bird.");
	assert_true(json_real_value(json_object_get(json_array_get(answers, 0), "score")) == 0.123456789);
	assert_string_equal(json_string_value(json_array_get(json_object_get(json_array_get(answers, 2), "guards"), 0)), "loop");
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(json_array_get(questions, 0), "answers"), 0), "score")));
	json_t *columns = json_object_get(json_object_get(all, "run"), "columns");
	assert_string_equal(json_string_value(json_object_get(json_array_get(columns, 1), "adapter_hash")), "bb22");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(all, "params"), "budget_s")), 90);
	json_decref(all);
	buf_release(&text);
}

static void junit_has_a_test_for_each_candidate_and_gate(void **state)
{
	struct buf xml = report_of(*state, SELECTION_JUNIT, LANG_EN, "regress");

	expect(&xml, "tests=\"5\" failures=\"2\" errors=\"0\" skipped=\"0\"");
	expect(&xml, "name=\"bird \u00B7 epoch 1\" classname=\"candidates\"");
	expect(&xml, "<failure type=\"candidate_worse\"");
	expect(&xml, "name=\"--fail-below regress\" classname=\"gates\"");
	expect(&xml, "the last candidate, is proven worse than the base model.");
	expect(&xml, "name=\"&lt;base&gt;\"");
	buf_release(&xml);
	xml = report_of(*state, SELECTION_JUNIT, LANG_EN, NULL);
	expect(&xml, "tests=\"4\" failures=\"1\"");
	reject(&xml, "gates");
	buf_release(&xml);
}

static void one_without_a_result_says_so_and_why(void **state)
{
	struct fixture *f = *state;
	struct arena *a = arena_new();
	struct selection_row row;

	assert_ok(selection_store_get(f->db, a, f->id, &row, err));
	row.state = SELECTION_FAILED;
	row.result = "{}";
	err_set(&row.problem, ERR_NOT_FOUND, "err_model_not_found", "id=%d", 77);
	assert_ok(selection_store_set(f->db, &row, err));
	struct buf page = report_of(f, SELECTION_HTML, LANG_EN, NULL), xml = report_of(f, SELECTION_JUNIT, LANG_EN, "base");
	expect(&page, "There is no result yet.");
	expect(&page, "There is no model with the number 77.");
	expect(&xml, "failures=\"1\" errors=\"1\"");
	buf_release(&page);
	buf_release(&xml);
	arena_free(a);
}

static void what_is_not_there_is_told(void **state)
{
	struct fixture *f = *state;
	struct buf all = BUF_INIT(MIB);
	enum selection_report_format format;

	assert_err(selection_report(f->db, 99, SELECTION_JSON, LANG_EN, NULL, take, &all, err), ERR_NOT_FOUND, "err_selection_not_found");
	assert_err(selection_report_format_parse("pdf", &format, err), ERR_INVALID, "err_field_choice");
	assert_ok(selection_report_format_parse("junit", &format, err));
	assert_string_equal(selection_report_extension(format), "xml");
	assert_int_equal(all.len, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_page_says_it_in_a_sentence_with_its_evidence),
		TEST(the_page_runs_and_loads_nothing),
		TEST(the_same_result_gives_the_same_bytes),
		TEST(json_has_everything),
		TEST(junit_has_a_test_for_each_candidate_and_gate),
		TEST(one_without_a_result_says_so_and_why),
		TEST(what_is_not_there_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
