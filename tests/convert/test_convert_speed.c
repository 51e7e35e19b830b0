/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "convert/convert_speed.h"
#include "support/temp.h"

static struct temp temp;

static void what_is_measured_goes_before_what_is_guessed(void **state)
{
	const char *data = temp_path(&temp, "data");
	(void)state;
	assert_true(convert_speed_read(data) == 0);
	assert_int_equal(convert_speed_ms(0, 1000), 0);
	temp_text(&temp, "data/cache/convert_speed.json", "{\"bytes_per_s\": 5e6, \"measured\": false}");
	assert_true(convert_speed_read(data) == 5e6);
	assert_int_equal(convert_speed_ms(5e6, 10000000), 2000);
	convert_speed_note(data, 100 << 20, 1000);
	assert_true(convert_speed_read(data) == 100 << 20);
	/* As long again at a third of the speed: 200 MiB took 4 s. */
	convert_speed_note(data, 100 << 20, 3000);
	assert_true(convert_speed_read(data) == 50 << 20);
	convert_speed_note(data, 1 << 20, 100000);
	assert_true(convert_speed_read(data) == 50 << 20);
}

static void nonsense_says_nothing(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"bytes_per_s\": \"fast\"}", "{\"bytes_per_s\": -5}", "{\"bytes_per_s\": 1e300}" };
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		temp_text(&temp, "broken/cache/convert_speed.json", texts[i]);
		assert_true(convert_speed_read(temp_path(&temp, "broken")) == 0);
	}
	convert_speed_sample(temp_path(&temp, "broken"), temp_path(&temp, "nowhere"));
	assert_true(convert_speed_read(temp_path(&temp, "broken")) == 0);
	convert_speed_note(temp_path(&temp, "broken"), 1 << 30, 0);
	assert_true(convert_speed_read(temp_path(&temp, "broken")) > 1e9);
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_close(&temp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_measured_goes_before_what_is_guessed),
		cmocka_unit_test(nonsense_says_nothing),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
