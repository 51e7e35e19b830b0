/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "server/json_view.h"
#include "server/request.h"
#include "server/run_body.h"

static json_t *parsed(struct buf *b)
{
	struct err err = { 0 };
	json_t *value = json_parse(buf_str(b), "view", &err);
	if (!value)
		fail_msg("%s: %s", err.args, buf_text(b));
	buf_release(b);
	return value;
}

static const char *text_of(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

static struct cell_row cell_of(enum cell_state state, const char *text)
{
	return (struct cell_row){ .id = 5, .run_id = 1, .question_id = 2, .column_id = 3, .state = state, .text = text,
				  .thinking = "", .mean_ll = NAN, .tokens = "", .total_us = 2000000, .n_generated = 10 };
}

static void an_error_has_code_sentence_hint_and_field_in_the_language_asked_for(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct buf b = BUF_INIT(MIB);
	err_set(&err, ERR_INVALID, "err_field_needed", "field=name");
	view_error(&b, LANG_ZH_TW, &err);
	json_t *v = parsed(&b), *error = json_object_get(v, "error");
	assert_string_equal(text_of(error, "code"), "invalid");
	assert_string_equal(text_of(error, "field"), "name");
	assert_string_equal(text_of(error, "message"), "缺少 name。");
	json_decref(v);
}

/* What can be done at once, in the order of the buttons. */
static void check_actions(const char *key, const char *args, const char *wanted)
{
	struct err err = { 0 };
	struct buf b = BUF_INIT(MIB);
	char found[100] = "";
	size_t i;
	json_t *one;

	err_restore(&err, ERR_LIMIT, key, args);
	view_error(&b, LANG_EN, &err);
	json_t *v = parsed(&b);
	json_array_foreach(json_object_get(json_object_get(v, "error"), "actions"), i, one) {
		assert_true(*text_of(one, "label"));
		str_format(found + strlen(found), sizeof found - strlen(found), "%s ", text_of(one, "action"));
		if (strcmp(text_of(one, "action"), "free") != 0)
			assert_int_equal(json_integer_value(json_object_get(one, "model_id")), 7);
	}
	assert_string_equal(found, wanted);
	json_decref(v);
}

static void where_memory_is_short_what_helps_can_be_done_at_once(void **state)
{
	(void)state;
	check_actions("err_memory", "need=9\037free=1\037base=7", "");
	check_actions("err_memory_held", "need=9\037free=1\037base=7\037held=5", "free ");
	check_actions("err_memory_q8", "name=x\037then=4\037base=7", "q8 ");
	check_actions("err_memory_q8", "name=x\037then=4", "");
	check_actions("err_memory_q8_held", "name=x\037base=7\037held=5", "free q8 ");
	check_actions("err_memory_gpu", "name=x\037base=7", "auto cpu ");
	check_actions("err_memory_gpu_off", "name=x\037base=7", "auto ");
	check_actions("err_disk_full", "base=7\037held=5", "");
}

static void a_waiting_cell_with_live_text_is_running(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(MIB);
	struct cell_row cell = cell_of(CELL_WAITING, "");
	const struct cell_live live = { .text = STR("so far"), .thinking = STR("hm") };
	view_cell(&b, LANG_EN, &cell, &live);
	json_t *v = parsed(&b);
	assert_string_equal(text_of(v, "state"), "running");
	assert_string_equal(text_of(v, "text"), "so far");
	assert_string_equal(text_of(v, "thinking"), "hm");
	json_decref(v);
}

static void live_text_never_replaces_a_stored_answer(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(MIB);
	struct cell_row cell = cell_of(CELL_DONE, "whole answer");
	const struct cell_live live = { .text = STR("whole"), .thinking = STR("hm") };
	view_cell(&b, LANG_EN, &cell, &live);
	json_t *v = parsed(&b);
	assert_string_equal(text_of(v, "state"), "done");
	assert_string_equal(text_of(v, "text"), "whole answer");
	assert_null(json_object_get(v, "thinking"));
	assert_true(json_is_null(json_object_get(v, "mean_ll")));
	assert_true(json_real_value(json_object_get(v, "tokens_per_s")) == 5.0);
	json_decref(v);
}

static void broken_bytes_and_controls_become_valid_json(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(MIB);
	struct cell_row cell = cell_of(CELL_DONE, "\"\\\x01\xff\xe4\xb8\x80</script>\n");
	view_cell(&b, LANG_EN, &cell, NULL);
	json_t *v = parsed(&b);
	assert_string_equal(text_of(v, "text"), "\"\\\x01\xEF\xBF\xBD一</script>\n");
	json_decref(v);
}

static void a_page_puts_live_text_on_its_cell_only(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(MIB);
	struct cell_row cells[2] = { cell_of(CELL_WAITING, ""), cell_of(CELL_WAITING, "") };
	cells[1].id = 6;
	struct run_question q = { .id = 9, .q = { .text = STR("q") }, .cells = cells };
	struct cell_live live = { .cell_id = 6, .text = STR("") };
	struct page_view page = { .lang = LANG_EN, .total = 1, .event_id = 77, .live = &live, .n_live = 1 };
	view_page(&b, &page, &q, 1, 2);
	json_t *v = parsed(&b);
	json_t *shown = json_object_get(json_array_get(json_object_get(v, "questions"), 0), "cells");
	assert_string_equal(text_of(json_array_get(shown, 0), "state"), "waiting");
	assert_string_equal(text_of(json_array_get(shown, 1), "state"), "running");
	assert_int_equal(json_integer_value(json_object_get(v, "event_id")), 77);
	json_decref(v);
}

static void a_question_of_a_run_has_all_that_asking_it_again_needs(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(MIB);
	struct question question = { .text = STR("q"), .reference = STR("a"), .other_references = STR("b\nc"), .id = STR("k-1"),
				     .record = STR("{\"n\":1}") };
	struct run_question q[2] = { { .id = 9, .q = question }, { .id = 10, .position = 1, .q = { .text = STR("r") } } };
	struct page_view page = { .lang = LANG_EN, .total = 2 };
	view_page(&b, &page, q, 2, 0);
	json_t *v = parsed(&b), *shown = json_array_get(json_object_get(v, "questions"), 0);
	json_t *others = json_object_get(shown, "other_references");
	assert_int_equal(json_integer_value(json_object_get(shown, "id")), 9);
	assert_string_equal(text_of(shown, "source_id"), "k-1");
	assert_int_equal(json_array_size(others), 2);
	assert_string_equal(json_string_value(json_array_get(others, 1)), "c");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(shown, "record"), "n")), 1);
	assert_null(json_object_get(json_array_get(json_object_get(v, "questions"), 1), "other_references"));
	assert_null(json_object_get(json_array_get(json_object_get(v, "questions"), 1), "record"));
	json_decref(v);
	view_question(&b, &question, 0);
	v = parsed(&b);
	assert_string_equal(text_of(v, "id"), "k-1");
	assert_int_equal(json_array_size(json_object_get(v, "other_references")), 2);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(v, "record"), "n")), 1);
	json_decref(v);
}

static void a_column_says_what_the_engine_knows(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(MIB);
	struct column_row c = { .id = 3, .label = "m", .epoch = NAN, .params = gen_params_default(), .device = "",
				.n_waiting = 2 };
	const struct run_row run = { .n_questions = 2 };
	struct run_live live = { .is_active = true, .n_columns = 1 };
	live.columns[0] = (struct column_live){ .column_id = 3, .state = COLUMN_LOADING, .progress = 0.5 };
	view_column(&b, LANG_EN, &run, &c, &live);
	json_t *v = parsed(&b);
	assert_string_equal(text_of(v, "state"), "loading");
	assert_true(json_is_null(json_object_get(v, "epoch")));
	assert_int_equal(json_integer_value(json_object_get(v, "n_total")), 2);
	json_decref(v);

	struct err cause = { 0 }; /* its row is written a moment later */
	(void)!err_set(&cause, ERR_LIMIT, "err_disk_full", NULL);
	live.columns[0] = (struct column_live){ .column_id = 3, .state = COLUMN_FAILED, .problem = &cause };
	view_column(&b, LANG_EN, &run, &c, &live);
	v = parsed(&b);
	assert_string_equal(text_of(v, "state"), "failed");
	assert_string_equal(text_of(json_object_get(v, "problem"), "code"), "limit");
	json_decref(v);
}

/* Likes of several people are not independent, and where nobody has rated there is nothing to tell. */
static void an_interval_stands_at_the_likes_of_one_person(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(MIB);
	const struct column_row c = { .id = 3, .label = "m", .epoch = NAN, .params = gen_params_default(), .device = "", .n_likes = 3 };
	const struct run_live live = { .n_columns = 0 };
	for (int64_t n_raters = 0; n_raters < 3; n_raters++) {
		const struct run_row run = { .n_questions = 8, .n_raters = n_raters };
		view_column(&b, LANG_EN, &run, &c, &live);
		json_t *v = parsed(&b), *low = json_object_get(v, "likes_low"), *high = json_object_get(v, "likes_high");
		assert_int_equal(low && high, n_raters == 1);
		if (n_raters == 1) {
			assert_true(fabs(json_number_value(low) - 0.1368) < 1e-4);
			assert_true(fabs(json_number_value(high) - 0.6943) < 1e-4);
		}
		json_decref(v);
	}
}

static void check_body(const char *text, enum err_code code, const char *field)
{
	struct err err = { 0 };
	struct run_body body = { 0 };
	char found[256] = "";
	json_t *json = json_parse(str_of(text), "test", &err);
	assert_non_null(json);
	struct arena *a = arena_new();
	if (run_body_read(json, a, &body, &err) != code)
		fail_msg("%s: %s", text, err.key);
	if (field) {
		err_arg(&err, "field", found, sizeof found);
		assert_string_equal(found, field);
	}
	json_decref(json);
	arena_free(a);
}

static void a_wrong_run_names_the_field(void **state)
{
	(void)state;
	check_body("{\"questions\":[\"a\"],\"columns\":[{\"model_id\":1}]}", ERR_OK, NULL);
	check_body("{\"question_set_id\":4,\"columns\":[{\"model_id\":1}],\"mode\":\"fast\"}", ERR_OK, NULL);
	check_body("{\"questions\":[\"a\"]}", ERR_INVALID, "columns");
	check_body("{\"questions\":[\"a\"],\"columns\":[]}", ERR_INVALID, "columns");
	check_body("{\"columns\":[{\"model_id\":1}]}", ERR_INVALID, "questions");
	check_body("{\"questions\":[\"a\"],\"question_set_id\":1,\"columns\":[{\"model_id\":1}]}", ERR_INVALID, "questions");
	check_body("{\"questions\":[\"a\"],\"columns\":[{\"model_id\":1},{}]}", ERR_INVALID, "columns[1].model_id");
	check_body("{\"questions\":[\"a\"],\"columns\":[{\"model_id\":1,\"params\":{\"top_p\":2}}]}", ERR_INVALID,
		   "columns[0].params.top_p");
	check_body("{\"questions\":[\"a\"],\"columns\":[{\"model_id\":1}],\"params\":{\"max_tokens\":0}}", ERR_INVALID,
		   "params.max_tokens");
	check_body("{\"questions\":[\"a\"],\"columns\":[{\"model_id\":1}],\"mode\":\"slow\"}", ERR_INVALID, "mode");
	check_body("{\"questions\":[\"a\"],\"columns\":[{\"model_id\":1}],\"seed\":4294967296}", ERR_INVALID, "seed");
	check_body("{\"questions\":1,\"columns\":[{\"model_id\":1}]}", ERR_INVALID, "questions");
}

static void every_error_code_has_its_status(void **state)
{
	(void)state;
	assert_int_equal(status_of(ERR_INVALID), 400);
	assert_int_equal(status_of(ERR_DATA), 422);
	assert_int_equal(status_of(ERR_NOT_FOUND), 404);
	assert_int_equal(status_of(ERR_CONFLICT), 409);
	assert_int_equal(status_of(ERR_LIMIT), 413);
	assert_int_equal(status_of(ERR_DENIED), 403);
	assert_int_equal(status_of(ERR_BUSY), 503);
	assert_int_equal(status_of(ERR_INTERNAL), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_has_code_sentence_hint_and_field_in_the_language_asked_for),
		cmocka_unit_test(where_memory_is_short_what_helps_can_be_done_at_once),
		cmocka_unit_test(a_waiting_cell_with_live_text_is_running),
		cmocka_unit_test(live_text_never_replaces_a_stored_answer),
		cmocka_unit_test(broken_bytes_and_controls_become_valid_json),
		cmocka_unit_test(a_page_puts_live_text_on_its_cell_only),
		cmocka_unit_test(a_question_of_a_run_has_all_that_asking_it_again_needs),
		cmocka_unit_test(a_column_says_what_the_engine_knows),
		cmocka_unit_test(an_interval_stands_at_the_likes_of_one_person),
		cmocka_unit_test(a_wrong_run_names_the_field),
		cmocka_unit_test(every_error_code_has_its_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
