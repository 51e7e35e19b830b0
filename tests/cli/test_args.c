/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/nearest.h"
#include "cli/settings.h"

static const struct arg_option options[] = {
	{ "port", "N", "x", false },
	{ "model", "SPEC", "x", true },
	{ "fast", NULL, "x", false },
	{ "system", "TEXT", "x", false },
	{ NULL, NULL, NULL, false },
};
static const struct arg_option *const tables[] = { options, NULL };

#define PARSE(...)                                                                     \
	char *const argv[] = { __VA_ARGS__ };                                          \
	struct args *a = NULL;                                                         \
	struct err err = { 0 };                                                        \
	enum err_code code = args_parse(argv, sizeof argv / sizeof argv[0], tables, &a, &err)
#define W(text) ((char *)(uintptr_t)(text))

static void values_come_with_a_space_or_an_equals_sign(void **state)
{
	(void)state;
	PARSE(W("--port"), W("80"), W("--system=a=b"), W("file"));
	assert_int_equal(code, ERR_OK);
	assert_string_equal(args_text(a, "port", ""), "80");
	assert_string_equal(args_text(a, "system", ""), "a=b");
	assert_int_equal(args_count(a), 1);
	assert_string_equal(args_word(a, 0), "file");
	assert_false(args_has(a, "fast"));
	args_free(a);
}

static void an_option_that_may_come_often_keeps_its_order(void **state)
{
	(void)state;
	PARSE(W("--model"), W("a"), W("--fast"), W("--model=b"));
	assert_int_equal(code, ERR_OK);
	assert_string_equal(args_nth(a, "model", 0), "a");
	assert_string_equal(args_nth(a, "model", 1), "b");
	assert_null(args_nth(a, "model", 2));
	assert_true(args_has(a, "fast"));
	args_free(a);
}

static void after_two_dashes_nothing_is_an_option(void **state)
{
	(void)state;
	PARSE(W("--fast"), W("--"), W("--port"), W("-x"));
	assert_int_equal(code, ERR_OK);
	assert_int_equal(args_count(a), 2);
	assert_string_equal(args_word(a, 0), "--port");
	args_free(a);
}

static void a_dash_and_a_negative_value_are_no_options(void **state)
{
	(void)state;
	PARSE(W("-"), W("--port"), W("-1"));
	assert_int_equal(code, ERR_OK);
	assert_string_equal(args_word(a, 0), "-");
	assert_string_equal(args_text(a, "port", ""), "-1");
	args_free(a);
}

static void an_unknown_option_names_the_nearest(void **state)
{
	(void)state;
	PARSE(W("--prot"), W("80"));
	assert_int_equal(code, ERR_INVALID);
	assert_err(&err, "err_args_unknown_near");
	assert_arg(&err, "near", "--port");
}

static void an_option_like_no_other_is_just_unknown(void **state)
{
	(void)state;
	PARSE(W("--zzzzzzzz"));
	assert_int_equal(code, ERR_INVALID);
	assert_err(&err, "err_args_unknown");
}

static void abbreviations_are_not_taken(void **state)
{
	(void)state;
	PARSE(W("--por=1"));
	assert_int_equal(code, ERR_INVALID);
	assert_err(&err, "err_args_unknown_near");
}

static void a_missing_value_is_told(void **state)
{
	(void)state;
	PARSE(W("--port"));
	assert_int_equal(code, ERR_INVALID);
	assert_err(&err, "err_args_needs_value");
}

static void an_option_is_not_taken_for_a_value(void **state)
{
	(void)state;
	PARSE(W("--port"), W("--fast"));
	assert_int_equal(code, ERR_INVALID);
	assert_err(&err, "err_args_needs_value");
}

static void a_flag_takes_no_value(void **state)
{
	(void)state;
	PARSE(W("--fast=yes"));
	assert_int_equal(code, ERR_INVALID);
	assert_err(&err, "err_args_no_value");
}

static void an_option_given_twice_is_refused(void **state)
{
	(void)state;
	PARSE(W("--port=1"), W("--port=2"));
	assert_int_equal(code, ERR_INVALID);
	assert_err(&err, "err_args_twice");
}

static void short_options_are_refused(void **state)
{
	(void)state;
	PARSE(W("-p"), W("1"));
	assert_int_equal(code, ERR_INVALID);
	assert_err(&err, "err_args_short");
}

static void numbers_are_checked_against_their_range(void **state)
{
	static const char *const wrong[] = { "--port=0", "--port=65536", "--port=8x", "--port=", "--port=0x50" };
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		PARSE(W(wrong[i]));
		assert_int_equal(code, ERR_OK);
		assert_int_equal(args_int(a, "port", 1, 65535, 7878, &err), 7878);
		assert_err(&err, "err_args_integer");
		args_free(a);
	}
	PARSE(W("--port=65535"));
	assert_int_equal(code, ERR_OK);
	assert_int_equal(args_int(a, "port", 1, 65535, 7878, &err), 65535);
	assert_err(&err, "");
	args_free(a);
}

static void an_id_is_a_positive_number(void **state)
{
	static const char *const wrong[] = { "", "0", "-1", "x", "1.5", "99999999999999999999" };
	int64_t id;
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct err err = { 0 };
		assert_int_equal(args_id(wrong[i], "ID", &id, &err), ERR_INVALID);
		assert_err(&err, "err_args_id");
	}
	assert_int_equal(args_id("12", "ID", &id, NULL), ERR_OK);
	assert_int_equal(id, 12);
}

static void the_first_word_is_found_behind_common_options(void **state)
{
	char *const argv[] = { W("--port"), W("80"), W("--fast"), W("run"), W("x") };
	char *const none[] = { W("--port"), W("80") };
	(void)state;
	assert_int_equal(args_first_word(argv, 5, options), 3);
	assert_int_equal(args_first_word(none, 2, options), 2);
}

static void the_nearest_name_forgives_slips_only(void **state)
{
	static const char *const names[] = { "serve", "models", "doctor", "version" };
	(void)state;
	assert_string_equal(nearest_name("sevre", names, 4), "serve");
	assert_string_equal(nearest_name("model", names, 4), "models");
	assert_string_equal(nearest_name("vers", names, 4), "version");
	assert_null(nearest_name("banana", names, 4));
	assert_null(nearest_name("", names, 4));
}

static enum err_code put(const char *name, const char *value, json_t *params, struct err *err)
{
	*err = (struct err){ 0 };
	return setting_put(params, str_of(name), str_of(value), err);
}

static void settings_become_the_params_of_the_api(void **state)
{
	json_t *params = json_object();
	struct err err;
	(void)state;
	assert_ok(put("max_tokens", "64", params, &err));
	assert_ok(put("temperature", "0.7", params, &err));
	assert_ok(put("thinking", "true", params, &err));
	assert_ok(put("system", "", params, &err));
	json_t *expected = json_pack("{s:i, s:f, s:b, s:s}", "max_tokens", 64, "temperature", 0.7, "thinking", 1, "system", "");
	assert_true(json_equal(params, expected));
	json_decref(expected);
	json_decref(params);
}

static void a_stop_may_be_named_several_times_and_an_empty_one_is_none(void **state)
{
	(void)state;
	json_t *params = json_object();
	struct err err;
	assert_ok(put("stop", "", params, &err));
	assert_int_equal(json_array_size(json_object_get(params, "stop")), 0);
	assert_ok(put("stop", "a, b", params, &err));
	assert_ok(put("stop", "</s>", params, &err));
	json_t *expected = json_pack("{s:[s, s]}", "stop", "a, b", "</s>");
	assert_true(json_equal(params, expected));
	char *line = mem_alloc(300);
	memset(line, 'x', 299);
	assert_int_equal(put("stop", line, params, &err), ERR_INVALID);
	assert_err(&err, "err_setting_text");
	for (int i = 2; i < LIMIT_STOPS; i++)
		assert_ok(put("stop", "c", params, &err));
	assert_int_equal(put("stop", "d", params, &err), ERR_INVALID);
	assert_err(&err, "err_stops");
	mem_free(line);
	json_decref(expected);
	json_decref(params);
}

static void settings_out_of_range_are_refused(void **state)
{
	static const char *const wrong[][3] = {
		{ "max_tokens", "0", "err_setting_integer" },      { "max_tokens", "1.5", "err_setting_integer" },
		{ "max_tokens", "32769", "err_setting_integer" },  { "temperature", "-1", "err_setting_number" },
		{ "temperature", "nan", "err_setting_number" },    { "temperature", "6", "err_setting_number" },
		{ "top_p", "1.1", "err_setting_number" },          { "repeat_penalty", "0", "err_setting_number" },
		{ "thinking", "1", "err_setting_bool" },           { "system", "\xff", "err_setting_utf8" },
		{ "num_ctx", "-1", "err_setting_integer" },	   { "stop", "\xff", "err_setting_utf8" },
		{ "temprature", "1", "err_setting_unknown_near" }, { "qqqqqqqq", "1", "err_setting_unknown" },
	};
	json_t *params = json_object();
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct err err;
		assert_int_equal(put(wrong[i][0], wrong[i][1], params, &err), ERR_INVALID);
		assert_err(&err, wrong[i][2]);
	}
	assert_int_equal(json_object_size(params), 0);
	json_decref(params);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_with_a_space_or_an_equals_sign),
		cmocka_unit_test(an_option_that_may_come_often_keeps_its_order),
		cmocka_unit_test(after_two_dashes_nothing_is_an_option),
		cmocka_unit_test(a_dash_and_a_negative_value_are_no_options),
		cmocka_unit_test(an_unknown_option_names_the_nearest),
		cmocka_unit_test(an_option_like_no_other_is_just_unknown),
		cmocka_unit_test(abbreviations_are_not_taken),
		cmocka_unit_test(a_missing_value_is_told),
		cmocka_unit_test(an_option_is_not_taken_for_a_value),
		cmocka_unit_test(a_flag_takes_no_value),
		cmocka_unit_test(an_option_given_twice_is_refused),
		cmocka_unit_test(short_options_are_refused),
		cmocka_unit_test(numbers_are_checked_against_their_range),
		cmocka_unit_test(an_id_is_a_positive_number),
		cmocka_unit_test(the_first_word_is_found_behind_common_options),
		cmocka_unit_test(the_nearest_name_forgives_slips_only),
		cmocka_unit_test(settings_become_the_params_of_the_api),
		cmocka_unit_test(a_stop_may_be_named_several_times_and_an_empty_one_is_none),
		cmocka_unit_test(settings_out_of_range_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
