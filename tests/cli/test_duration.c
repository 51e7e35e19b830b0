/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "cli/auto_show.h"
#include "cli/duration.h"

static void times_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} each[] = { { "90s", 90 }, { "5m", 300 }, { "1h", 3600 }, { "1h30m", 5400 }, { "1h0m5s", 3605 }, { "168h", DURATION_MAX_S } };
	(void)state;
	for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
		struct err err = { 0 };
		int64_t seconds = 0;
		assert_ok(duration_parse(each[i].text, &seconds, &err));
		assert_int_equal(seconds, each[i].seconds);
	}
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const wrong[] = { "", "5", "m", "5 m", "-5m", "0s", "5m1h", "5m5m", "169h", "1.5h", "9999999s", "5minutes" };
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct err err = { 0 };
		int64_t seconds;
		assert_int_equal(duration_parse(wrong[i], &seconds, &err), ERR_INVALID);
		assert_err(&err, "err_cli_duration");
	}
}

static void expect_bar(double value, double low, double high, const char *bar)
{
	char out[AUTO_BAR_WIDTH + 3];

	auto_bar(value, low, high, out);
	assert_string_equal(out, bar);
}

static void a_bar_shows_the_value_and_where_it_may_be(void **state)
{
	(void)state;
	expect_bar(0.5, 0.3, 0.7, "[      ----#---      ]");
	expect_bar(0, 0, 0.2, "[#---                ]");
	expect_bar(1, 0.8, 1, "[                ---#]");
	expect_bar(0.5, 0.5, 0.5, "[          #         ]");
}

static void why_likelihoods_are_missing_is_said(void **state)
{
	static const struct cli cli = { .lang = LANG_EN };
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	json_t *selection = json_pack("{s:{s:{s:s}, s:s, s:[], s:[]}, s:[], s:{s:i, s:i, s:n, s:{s:s}}}", "decision", "sentence", "text",
				      "Use epoch 8.", "level", "none", "reasons", "next_steps", "candidates", "checked_by", "n_references", 3,
				      "n_rated", 0, "judge", "likelihood_problem", "message", "Not enough memory.");

	(void)state;
	assert_non_null(selection);
	auto_show(&cli, selection, to);
	fclose(to);
	const char *note = strstr(text, "Likelihood of the reference answers: not measured.\n");
	assert_non_null(note);
	assert_non_null(strstr(note, "Not enough memory.\n"));
	free(text);
	json_decref(selection);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(why_likelihoods_are_missing_is_said),
		cmocka_unit_test(times_are_read_as_people_write_them),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(a_bar_shows_the_value_and_where_it_may_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
