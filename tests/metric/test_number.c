/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/number.h"

static double last(const char *text)
{
	struct text_space *space = text_space_new();
	double value = NAN;

	if (!number_last(text_new(space, str_of(text)), &value))
		value = NAN;
	text_space_free(space);
	return value;
}

static double match(const char *answer, const char *reference)
{
	struct text_space *space = text_space_new();
	double value = number_match(text_new(space, str_of(answer)), text_new(space, str_of(reference)));

	text_space_free(space);
	return value;
}

static void the_last_number_is_read_in_every_notation(void **state)
{
	static const struct {
		const char *text;
		double value;
	} cases[] = {
		{ "The answer is 42.", 42 },	{ "1,234.50", 1234.5 },	  { "$1,000", 1000 },	 { "NT$36,900元", 36900 },
		{ "-5", -5 },			{ "−5", -5 },		  { "10-20", 20 },	 { "(3) -4", -4 },
		{ ".5", 0.5 },			{ "0.5", 0.5 },		  { "3.", 3 },		 { "1e-6", 1e-6 },
		{ "1e−6", 1e-6 },		{ "2em", 2 },		  { "１２３", 123 },	 { "約5～10公里", 10 },
		{ "－７", -7 },			{ "3 of 1,2,3", 3 },	  { "12,34", 34 },	 { "1,234,567", 1234567 },
		{ "1234,567", 567 },		{ "10萬", 100000 },	  { "3.5 億", 3.5 },	 { "3.5億", 3.5e8 },
		{ "2千萬", 2e7 },		{ "四十二", 42 },	  { "三百零五", 305 },	 { "十五", 15 },
		{ "二〇二六年", 2026 },		{ "一萬兩千", 12000 },	  { "三點一四", 3.14 },	 { "負三", -3 },
		{ "一億零五百萬", 105000000 },	{ "答案是 42，一共兩個", 42 }, { "一千二百三十四", 1234 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_golden(cases[i].text, last(cases[i].text), cases[i].value, 1e-12);
	assert_true(isnan(last("")) && isnan(last("none at all")) && isnan(last("- . ,")));
}

static void numbers_match_whatever_stands_around_them(void **state)
{
	(void)state;
	assert_true(match("So the total is 1,234.50 dollars.", "#### 1234.5") == 1);
	assert_true(match("四十二", "42") == 1);
	assert_true(match("12 apples and 30 pears make 42", "42") == 1);
	assert_true(match("41", "42") == 0);
	assert_true(match("many", "42") == 0);
	assert_true(match("0.30000000000000004", "0.3") == 1);
	assert_true(isnan(match("42", "forty-two")));
}

static void absurd_numbers_are_none(void **state)
{
	static char digits[2001];

	(void)state;
	memset(digits, '9', 2000);
	assert_true(isnan(last(digits)));
	assert_true(isnan(last("1e999999")));
	assert_true(isfinite(last("十十十十十百百百")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_number_is_read_in_every_notation),
		cmocka_unit_test(numbers_match_whatever_stands_around_them),
		cmocka_unit_test(absurd_numbers_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
