/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_test.h"

#include "base/json.h"
#include "base/limits.h"
#include "model/csv.h"
#include "report/export.h"

/* What models and files may hold, to the displeasure of each format. */
static const char *const hostile[] = {
	"=HYPERLINK(\"http://evil\",\"x\")",
	"- a Markdown list\n- with \"quotes\", commas",
	"  \n@SUM(1)",
	"＝1+1",
	"<script>alert(1)</script>",
	"</td></table><img src=x onerror=alert(1)>",
	"]]><error/>&amp;&#x41;",
	"\x01\x02\x08\x0b\x1f control",
	"broken utf-8: \xff\xfe \xed\xa0\x80 end",
	"\xe2\x80\xae" "right to left",
	"a,b;c\td\r\ne\rf",
	"\\ \" ' ` ${x} {{y}} %s %n",
	"讚 👍 𠮷",
	"\xef\xbf\xbf\xef\xbf\xbe not XML",
	"",
};
#define N_HOSTILE (sizeof hostile / sizeof *hostile)

struct fixture {
	struct db *db;
	int64_t run_id;
};

/* Two columns of the same name, hostile texts everywhere, one failed and one waiting cell. */
static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct run_row run = { .name = "run <1> | \"x\"", .seed = 7, .params = gen_params_default() };
	struct column_row columns[3] = { column_of("kestrel", 3.98), column_of("kestrel", 3.98), column_of("base|<b>", NAN) };
	struct question questions[N_HOSTILE];
	struct err problem;
	int64_t likes, column_likes;

	assert_ok(db_open_plain(":memory:", &f->db, err));
	for (size_t i = 0; i < N_HOSTILE; i++) {
		questions[i] = question_of(hostile[i][0] ? hostile[i] : "q", hostile[(i + 1) % N_HOSTILE]);
		questions[i].tags = str_of(hostile[(i + 2) % N_HOSTILE]);
	}
	questions[2].id = STR("=own-id");
	questions[2].other_references = STR("second \"one\"\nthird");
	columns[0].model_hash = "aa11";
	columns[0].template_hash = "bb22";
	columns[1].params.system = "Be <brief> & \"kind\".";
	columns[0].params.stop = "[\"</s>\"]";
	columns[0].params.num_ctx = 512;
	columns[1].device = "CPU";
	assert_ok(run_store_add(f->db, &run, columns, 3, questions, N_HOSTILE, err));
	f->run_id = run.id;
	for (size_t i = 0; i < N_HOSTILE; i++)
		for (size_t c = 0; c < 2; c++) {
			struct cell_row cell = answer_of(cell_id_of(f->db, run.id, (int64_t)i, c), hostile[i], "t");
			bool equal;
			cell.thinking = c ? hostile[(i + 3) % N_HOSTILE] : "";
			cell.finish = i == 1 ? FINISH_LENGTH : FINISH_STOP;
			cell.total_us = 1234567;
			assert_ok(run_store_answer(f->db, &cell, &equal, err));
		}
	err_set(&problem, ERR_NOT_FOUND, "err_model_not_found", "id=%s", "<9>");
	assert_ok(run_store_cell_failed(f->db, cell_id_of(f->db, run.id, 0, 2), &problem, err));
	assert_ok(vote_store_set(f->db, cell_id_of(f->db, run.id, 1, 0), 1, true, &likes, &column_likes, err));
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

struct taker {
	struct buf all;
	size_t largest;
	int stop_after; /* chunks, 0: never */
};

static bool take(void *user, struct str chunk)
{
	struct taker *t = user;
	assert_true(chunk.len > 0);
	if (chunk.len > t->largest)
		t->largest = chunk.len;
	buf_add_str(&t->all, chunk);
	return t->stop_after == 0 || --t->stop_after > 0;
}

static struct taker export_of(struct fixture *f, enum export_format format, enum lang lang)
{
	struct taker t = { .all = BUF_INIT(256 * MIB) };
	assert_ok(run_export(f->db, f->run_id, format, lang, take, &t, err));
	assert_true(t.largest <= EXPORT_CHUNK);
	return t;
}

static bool holds(const struct buf *b, const char *text)
{
	return memmem(buf_text(b), b->len, text, strlen(text)) != NULL;
}

static size_t count(const struct buf *b, const char *text)
{
	size_t n = 0, len = strlen(text);
	const char *at = buf_text(b), *end = at + b->len;
	while ((at = memmem(at, (size_t)(end - at), text, len))) {
		n++;
		at += len;
	}
	return n;
}

static void plain_csv_gives_every_text_back(void **state)
{
	struct fixture *f = *state;
	struct taker t = export_of(f, EXPORT_CSV, LANG_EN);
	struct csv_reader reader;
	struct csv_record record;

	csv_reader_init(&reader, buf_str(&t.all), ',');
	assert_true(csv_reader_next(&reader, &record));
	assert_int_equal(record.n, 3 + 3 * 2 + 1 + 3 * 5 + 3 + 1 + 1);
	static const char *const heads[] = { "ID", "Question", "Reference answer", "kestrel · epoch 4",
					     "kestrel · epoch 4 likes", "kestrel · epoch 4 (2)",
					     "kestrel · epoch 4 (2) thinking", "kestrel · epoch 4 (2) likes", "base|<b>",
					     "base|<b> likes", "kestrel · epoch 4 model", "kestrel · epoch 4 settings",
					     "kestrel · epoch 4 tokens", "kestrel · epoch 4 seconds",
					     "kestrel · epoch 4 state" };
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		assert_true(str_eq_text(record.fields[i], heads[i]));
	static const char *const ends[] = { "kestrel · epoch 4 epoch", "kestrel · epoch 4 template (SHA-256)",
					    "kestrel · epoch 4 (2) epoch", "kestrel · epoch 4 (2) system prompt", "base|<b> epoch" };
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		assert_true(str_eq_text(record.fields[25 + i], ends[i]));
	for (size_t i = 0; i < N_HOSTILE; i++) {
		assert_true(csv_reader_next(&reader, &record));
		assert_int_equal(record.n, 30);
		assert_true(str_eq_text(record.fields[1], hostile[i][0] ? hostile[i] : "q"));
		assert_true(str_eq_text(record.fields[2], hostile[(i + 1) % N_HOSTILE]));
		assert_true(str_eq_text(record.fields[3], hostile[i]));
		assert_true(str_eq_text(record.fields[4], i == 1 ? "1" : "0"));
		assert_true(str_eq_text(record.fields[5], hostile[i]));
		assert_true(str_eq_text(record.fields[6], hostile[(i + 3) % N_HOSTILE])); /* also where there is no more than that */
		assert_true(str_eq_text(record.fields[7], "0"));
		assert_true(str_eq_text(record.fields[8], ""));
		assert_true(str_ends(record.fields[11], " seed=7 num_ctx=512 stop=[\"</s>\"]"));
		assert_true(str_eq_text(record.fields[12], "10"));
		assert_true(str_eq_text(record.fields[13], "1.234"));
		assert_true(str_eq_text(record.fields[14], i == 1 ? "cut at 256 tokens" : "done"));
		assert_true(str_eq_text(record.fields[22], ""));
		assert_true(str_eq_text(record.fields[24],
					i == 0 ? "failed: There is no model with the number <9>." : "waiting"));
		assert_true(str_eq_text(record.fields[25], "3.98"));
		assert_true(str_eq_text(record.fields[26], "bb22"));
		assert_true(str_eq_text(record.fields[27], "3.98"));
		assert_true(str_eq_text(record.fields[28], "Be <brief> & \"kind\"."));
		assert_true(str_eq_text(record.fields[29], "")); /* the epoch of a base model */
		if (i == 2)
			assert_true(str_eq_text(record.fields[0], "=own-id"));
		if (i == 3)
			assert_true(str_eq_text(record.fields[0], "4"));
	}
	assert_false(csv_reader_next(&reader, &record));
	csv_reader_release(&reader);
	buf_release(&t.all);
}

static void excel_csv_has_a_bom_crlf_and_no_formula(void **state)
{
	struct fixture *f = *state;
	struct taker t = export_of(f, EXPORT_CSV_EXCEL, LANG_ZH_TW);
	struct csv_reader reader;
	struct csv_record record;

	assert_memory_equal(buf_text(&t.all), "\xEF\xBB\xBF", 3);
	assert_true(str_ends(buf_str(&t.all), "\"\r\n"));
	assert_true(holds(&t.all, "\"編號\",\"問題\",\"參考答案\",\"kestrel - 第 4 週期\",\"kestrel - 第 4 週期 讚\","
				  "\"kestrel - 第 4 週期 (2)\",\"kestrel - 第 4 週期 (2) 思考過程\",\"kestrel - 第 4 週期 (2) 讚\","));
	csv_reader_init(&reader, (struct str){ t.all.ptr + 3, t.all.len - 3 }, ',');
	assert_true(csv_reader_next(&reader, &record));
	for (size_t i = 0; i < N_HOSTILE; i++) {
		assert_true(csv_reader_next(&reader, &record));
		assert_int_equal(record.n, 30);
		assert_int_equal(str_starts(record.fields[3], "'"), i < 4);
		assert_int_equal(str_starts(record.fields[6], "'"), (i + 3) % N_HOSTILE < 4);
		if (i == 2)
			assert_true(str_eq_text(record.fields[0], "'=own-id"));
	}
	csv_reader_release(&reader);
	buf_release(&t.all);
}

/* To the byte what programs have read since the first version, and the epoch behind it. */
static void where_nobody_thinks_csv_has_no_column_for_it(void **state)
{
	struct fixture *f = *state;
	static const char settings[] =
		"max_tokens=256 temperature=0 top_p=0.95 top_k=40 min_p=0 repeat_penalty=1 thinking=off seed=7";
	char want[512];

	f->run_id = add_run_of(f->db, 1, 1);
	answer(f->db, cell_id_of(f->db, f->run_id, 0, 0), "=2");
	for (int excel = 0; excel < 2; excel++) {
		struct taker t = export_of(f, excel ? EXPORT_CSV_EXCEL : EXPORT_CSV, LANG_EN);
		str_format(want, sizeof want,
			   "%s\"ID\",\"Question\",\"Reference answer\",\"model · epoch 0\",\"model · epoch 0 likes\","
			   "\"model · epoch 0 model\",\"model · epoch 0 settings\",\"model · epoch 0 tokens\","
			   "\"model · epoch 0 seconds\",\"model · epoch 0 state\",\"model · epoch 0 epoch\"\r\n"
			   "\"1\",\"question 0\",\"reference\",\"%s=2\",0,\"model · epoch 0\",\"%s\",10,0.001,\"done\",0\r\n",
			   excel ? "\xEF\xBB\xBF" : "", excel ? "'" : "", settings);
		assert_string_equal(buf_text(&t.all), want);
		buf_release(&t.all);
	}
}

/* A question's own stands where the column has none, as when it was asked. */
static void csv_says_which_system_prompt_was_sent(void **state)
{
	static const char *const want[][2] = { { "'=own of the question", "'-of the column" }, { "", "'-of the column" } };
	struct fixture *f = *state;
	struct run_row run = { .params = gen_params_default() };
	struct column_row columns[2] = { column_of("a", NAN), column_of("b", 2.5) };
	struct question q[2] = { question_of("x", ""), question_of("y", "") };
	struct csv_reader reader;
	struct csv_record record;

	q[0].system = STR("=own of the question");
	columns[1].params.system = "-of the column";
	assert_ok(run_store_add(f->db, &run, columns, 2, q, 2, err));
	f->run_id = run.id;
	struct taker t = export_of(f, EXPORT_CSV_EXCEL, LANG_ZH_TW);
	csv_reader_init(&reader, (struct str){ t.all.ptr + 3, t.all.len - 3 }, ',');
	assert_true(csv_reader_next(&reader, &record));
	assert_int_equal(record.n, 3 + 2 * 2 + 2 * 5 + 4);
	assert_true(str_eq_text(record.fields[17], "a 訓練輪次"));
	assert_true(str_eq_text(record.fields[18], "a 系統提示詞"));
	assert_true(str_eq_text(record.fields[20], "b - 第 2.5 週期 系統提示詞"));
	for (size_t i = 0; i < 2; i++) {
		assert_true(csv_reader_next(&reader, &record));
		assert_true(str_eq_text(record.fields[17], ""));
		assert_true(str_eq_text(record.fields[18], want[i][0]));
		assert_true(str_eq_text(record.fields[19], "2.5"));
		assert_true(str_eq_text(record.fields[20], want[i][1]));
	}
	csv_reader_release(&reader);
	buf_release(&t.all);
}

static json_t *line_of(struct str *rest)
{
	struct err err = { 0 };
	json_t *obj = json_parse(str_split(rest, '\n'), "line", &err);
	if (!obj)
		fail_msg("%s %s", err.key, err.args);
	return obj;
}

static const char *text_of(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

static void jsonl_has_everything(void **state)
{
	struct fixture *f = *state;
	struct taker t = export_of(f, EXPORT_JSONL, LANG_EN);
	struct str rest = buf_str(&t.all);
	json_t *run = line_of(&rest);
	json_t *columns = json_object_get(run, "columns"), *column = json_array_get(columns, 1);

	assert_string_equal(text_of(run, "type"), "run");
	assert_string_equal(text_of(run, "name"), "run <1> | \"x\"");
	assert_int_equal(json_integer_value(json_object_get(run, "seed")), 7);
	assert_int_equal(json_array_size(columns), 3);
	assert_string_equal(text_of(json_array_get(columns, 0), "model_hash"), "aa11");
	assert_string_equal(text_of(json_object_get(column, "params"), "system"), "Be <brief> & \"kind\".");
	assert_true(json_real_value(json_object_get(json_object_get(column, "params"), "top_p")) == 0.95);
	assert_true(json_is_null(json_object_get(json_array_get(columns, 2), "epoch")));
	json_decref(run);
	for (size_t i = 0; i < N_HOSTILE; i++) {
		json_t *line = line_of(&rest), *answers = json_object_get(line, "answers");
		json_t *second = json_array_get(answers, 1), *others = json_object_get(line, "other_references");
		assert_int_equal(json_integer_value(json_object_get(line, "position")), i);
		assert_int_equal(json_array_size(others), i == 2 ? 2 : 0);
		if (i == 2)
			assert_string_equal(json_string_value(json_array_get(others, 0)), "second \"one\"");
		assert_int_equal(json_array_size(answers), 3);
		assert_string_equal(text_of(second, "state"), "done");
		if (utf8_valid(str_of(hostile[i]), NULL)) {
			assert_string_equal(text_of(second, "answer"), hostile[i]);
			assert_string_equal(text_of(line, "question"), hostile[i][0] ? hostile[i] : "q");
		}
		if (utf8_valid(str_of(hostile[(i + 3) % N_HOSTILE]), NULL))
			assert_string_equal(text_of(second, "thinking"), hostile[(i + 3) % N_HOSTILE]);
		assert_string_equal(text_of(second, "tokens_sha256"), "t");
		assert_string_equal(text_of(second, "finish"), i == 1 ? "length" : "stop");
		assert_true(json_real_value(json_object_get(second, "mean_ll")) == -0.5);
		json_t *third = json_array_get(answers, 2), *problem = json_object_get(third, "problem");
		assert_string_equal(text_of(third, "state"), i == 0 ? "failed" : "waiting");
		assert_int_equal(problem != NULL, i == 0);
		if (problem)
			assert_string_equal(text_of(problem, "key"), "err_model_not_found");
		json_decref(line);
	}
	assert_int_equal(rest.len, 0);
	buf_release(&t.all);
}

/* A conversation, of which the first turn has the record, around a question without one. */
static void add_run_with_records(struct fixture *f)
{
	struct run_row run = { .params = gen_params_default() };
	struct column_row column = column_of("m", NAN);
	struct question q[4] = { question_of("a", "r"), question_of("b", ""), question_of("c", ""), question_of("a2", "") };

	q[0].id = q[3].id = STR("k1");
	q[0].record = STR("{\"id\":\"k1\",\"category\":\"geo\",\"meta\":{\"n\":[1,2]}}");
	q[2].id = STR("=k3");
	q[2].record = STR("{\"id\":\"=k3\",\"類別\":\"=1+1\"}");
	q[3].turn = 1;
	q[3].back = 3;
	assert_ok(run_store_add(f->db, &run, &column, 1, q, 4, err));
	f->run_id = run.id;
}

static void jsonl_has_the_whole_record(void **state)
{
	static const char *const records[] = { "{\"id\":\"k1\",\"category\":\"geo\",\"meta\":{\"n\":[1,2]}}", NULL, NULL,
					       "{\"id\":\"=k3\",\"類別\":\"=1+1\"}" };
	struct fixture *f = *state;

	add_run_with_records(f);
	struct taker t = export_of(f, EXPORT_JSONL, LANG_EN);
	struct str rest = buf_str(&t.all);
	json_decref(line_of(&rest));
	for (size_t i = 0; i < 4; i++) {
		json_t *line = line_of(&rest), *record = json_object_get(line, "record");
		struct buf text = BUF_INIT(1000);
		assert_int_equal(record != NULL, records[i] != NULL);
		if (record)
			json_write(&text, record);
		assert_string_equal(buf_text(&text), records[i] ? records[i] : "");
		buf_release(&text);
		json_decref(line);
	}
	buf_release(&t.all);
}

static void csv_has_id_and_category_of_the_record_after_the_number(void **state)
{
	static const char *const ids[] = { "k1", "k1", "", "'=k3" }, *const categories[] = { "geo", "geo", "", "'=1+1" };
	struct fixture *f = *state;
	struct csv_reader reader;
	struct csv_record record;

	add_run_with_records(f);
	struct taker t = export_of(f, EXPORT_CSV_EXCEL, LANG_ZH_TW);
	csv_reader_init(&reader, (struct str){ t.all.ptr + 3, t.all.len - 3 }, ',');
	assert_true(csv_reader_next(&reader, &record));
	assert_true(str_eq_text(record.fields[1], "record_id"));
	assert_true(str_eq_text(record.fields[2], "category"));
	assert_true(str_eq_text(record.fields[3], "問題"));
	for (size_t i = 0; i < 4; i++) {
		assert_true(csv_reader_next(&reader, &record));
		assert_true(str_eq_text(record.fields[1], ids[i]));
		assert_true(str_eq_text(record.fields[2], categories[i]));
	}
	csv_reader_release(&reader);
	buf_release(&t.all);
}

static void html_runs_and_loads_nothing(void **state)
{
	struct fixture *f = *state;
	struct taker t = export_of(f, EXPORT_HTML, LANG_ZH_TW);

	assert_true(str_starts(buf_str(&t.all), "<!doctype html>\n<html lang=\"zh-TW\">"));
	assert_true(holds(&t.all, "default-src 'none'"));
	assert_true(holds(&t.all, "驗證：run &lt;1&gt; | &quot;x&quot;"));
	assert_true(holds(&t.all, "kestrel - 第 4 週期 (2)"));
	assert_true(holds(&t.all, "1 個讚（共 15 題）<span class=\"bar\" style=\"width:6%\">")); /* of the questions, not of the best */
	assert_true(holds(&t.all, "&lt;script&gt;alert(1)&lt;/script&gt;"));
	assert_true(holds(&t.all, "思考過程"));
	assert_true(holds(&t.all, "aa11"));
	assert_true(holds(&t.all, "base|&lt;b&gt;"));
	assert_false(holds(&t.all, "<script"));
	assert_false(holds(&t.all, "<img"));
	assert_false(holds(&t.all, "src=\"")); /* in text the quotation mark is escaped */
	assert_false(holds(&t.all, "href="));
	assert_false(holds(&t.all, "<b>x"));
	assert_int_equal(count(&t.all, "<td"), count(&t.all, "</td>"));
	assert_int_equal(count(&t.all, "<tr>"), count(&t.all, "</tr>"));
	assert_int_equal(count(&t.all, "<div"), count(&t.all, "</div>"));
	assert_true(utf8_valid(buf_str(&t.all), NULL));
	buf_release(&t.all);
}

static void junit_is_clean_xml_with_a_suite_for_each_column(void **state)
{
	struct fixture *f = *state;
	struct taker t = export_of(f, EXPORT_JUNIT, LANG_EN);

	assert_int_equal(count(&t.all, "<testsuite "), 3);
	assert_int_equal(count(&t.all, "<testcase"), 3 * N_HOSTILE);
	assert_int_equal(count(&t.all, "</testcase>"), 3 * N_HOSTILE);
	assert_int_equal(count(&t.all, "<error "), 1);
	assert_int_equal(count(&t.all, "<skipped "), N_HOSTILE - 1);
	assert_true(holds(&t.all, "name=\"base|&lt;b&gt;\" tests=\"15\" failures=\"0\" errors=\"1\" skipped=\"14\""));
	assert_true(holds(&t.all, "message=\"There is no model with the number &lt;9&gt;.\""));
	assert_true(holds(&t.all, "]]&gt;&lt;error/&gt;&amp;amp;&amp;#x41;"));
	assert_true(utf8_valid(buf_str(&t.all), NULL));
	for (size_t i = 0; i < t.all.len; i++)
		assert_true((unsigned char)t.all.ptr[i] >= 0x20 || strchr("\n\r\t", t.all.ptr[i]));
	assert_false(holds(&t.all, "\xef\xbf\xbf"));
	buf_release(&t.all);
}

/* Fields far larger than a chunk, and rows whose chunk ends anywhere. */
static void long_answers_come_in_bounded_chunks(void **state)
{
	struct fixture *f = *state;
	size_t len = 3 * MIB + 17;
	char *text = mem_alloc(len + 1);
	struct csv_reader reader;
	struct csv_record record;
	bool equal;

	for (size_t i = 0; i < len; i++)
		text[i] = "ab\"c,\n"[i % 6];
	int64_t id = add_run_of(f->db, 2, 3);
	f->run_id = id;
	for (int64_t q = 0; q < 2; q++)
		for (size_t c = 0; c < 3; c++) {
			/* below the reader's limit in the second row, at odd sizes */
			size_t n = q == 0 ? len : 261000 + c * 577;
			char keep = text[n];
			text[n] = '\0';
			struct cell_row cell = answer_of(cell_id_of(f->db, id, q, c), text, "t");
			assert_ok(run_store_answer(f->db, &cell, &equal, err));
			text[n] = keep;
		}
	for (int format = EXPORT_CSV_EXCEL; format <= EXPORT_JUNIT; format++) {
		struct taker t = export_of(f, (enum export_format)format, LANG_EN);
		assert_int_equal(t.largest, format == EXPORT_CSV_EXCEL ? t.largest : EXPORT_CHUNK);
		if (format == EXPORT_CSV_EXCEL)
			assert_true(t.all.len < 6 * 40000 + 8000); /* cut for Excel */
		if (format == EXPORT_CSV) {
			csv_reader_init(&reader, buf_str(&t.all), ',');
			for (int i = 0; i < 3; i++)
				assert_true(csv_reader_next(&reader, &record));
			assert_int_equal(record.n_found, 27);
			assert_int_equal(record.fields[7].len, 261000 + 2 * 577);
			assert_false(csv_reader_next(&reader, &record));
			csv_reader_release(&reader);
		}
		buf_release(&t.all);
	}
	mem_free(text);
}

static void a_sink_that_stops_ends_the_export(void **state)
{
	struct fixture *f = *state;
	char *text = mem_alloc(1 * MIB + 1);
	bool equal;

	memset(text, 'x', 1 * MIB);
	f->run_id = add_run_of(f->db, 1, 1);
	struct cell_row cell = answer_of(cell_id_of(f->db, f->run_id, 0, 0), text, "t");
	assert_ok(run_store_answer(f->db, &cell, &equal, err));
	for (int format = EXPORT_CSV; format <= EXPORT_JUNIT; format++) {
		struct taker t = { .all = BUF_INIT(8 * MIB), .stop_after = 2 };
		assert_err(run_export(f->db, f->run_id, (enum export_format)format, LANG_EN, take, &t, err), ERR_CANCELLED,
			   "err_export_stopped");
		assert_int_equal(t.all.len, 2 * EXPORT_CHUNK);
		buf_release(&t.all);
	}
	mem_free(text);
}

static void formats_have_names_and_types(void **state)
{
	struct fixture *f = *state;
	enum export_format format;
	struct taker t = { .all = BUF_INIT(MIB) };

	for (int i = EXPORT_CSV_EXCEL; i <= EXPORT_JUNIT; i++) {
		assert_ok(export_format_parse(export_format_name((enum export_format)i), &format, err));
		assert_int_equal(format, i);
		assert_non_null(export_mime(format));
	}
	assert_string_equal(export_extension(EXPORT_JUNIT), "xml");
	assert_err(export_format_parse("pdf", &format, err), ERR_INVALID, "err_export_format");
	assert_err(run_export(f->db, 99, EXPORT_CSV, LANG_EN, take, &t, err), ERR_NOT_FOUND, "err_run_not_found");
	assert_int_equal(t.all.len, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(plain_csv_gives_every_text_back),
		TEST(excel_csv_has_a_bom_crlf_and_no_formula),
		TEST(where_nobody_thinks_csv_has_no_column_for_it),
		TEST(csv_says_which_system_prompt_was_sent),
		TEST(jsonl_has_everything),
		TEST(jsonl_has_the_whole_record),
		TEST(csv_has_id_and_category_of_the_record_after_the_number),
		TEST(html_runs_and_loads_nothing),
		TEST(junit_is_clean_xml_with_a_suite_for_each_column),
		TEST(long_answers_come_in_bounded_chunks),
		TEST(a_sink_that_stops_ends_the_export),
		TEST(formats_have_names_and_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
