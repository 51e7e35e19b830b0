/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"

static const char *utc(int64_t ms)
{
	static char out[32];
	clock_format_utc(ms, out);
	return out;
}

static void times_are_written_in_utc(void **state)
{
	(void)state;
	assert_string_equal(utc(0), "1970-01-01T00:00:00Z");
	assert_string_equal(utc(1795511702999), "2026-11-24T09:15:02Z");
	assert_string_equal(utc(951782400000), "2000-02-29T00:00:00Z");
	assert_string_equal(utc(-1), "1969-12-31T23:59:59Z");
	assert_string_equal(utc(INT64_MAX), "9999-12-31T23:59:59Z");
	assert_string_equal(utc(INT64_MIN), "0000-01-01T00:00:00Z");
}

static void a_day_ends_at_midnight(void **state)
{
	const int64_t day = 24LL * 3600 * 1000, noon = 1795478400000; /* of UTC; the zone of this machine moves it by hours only */
	int n_ends = 0;

	(void)state;
	assert_true(clock_same_day(noon, noon));
	assert_false(clock_same_day(noon, noon + day));
	assert_false(clock_same_day(noon, noon + 365 * day));
	for (int64_t t = noon; t < noon + day; t += 3600 * 1000)
		n_ends += !clock_same_day(t, t + 3600 * 1000);
	assert_int_equal(n_ends, 1);
}

static void a_test_can_stop_either_clock(void **state)
{
	(void)state;
	int64_t mono = 5500, wall = 42;
	clock_set_test(&mono, &wall);
	assert_int_equal(clock_mono_us(), 5500);
	assert_int_equal(clock_mono_ms(), 5);
	assert_int_equal(clock_wall_ms(), 42);
	clock_set_test(NULL, &wall);
	assert_true(clock_mono_us() != 5500);
	clock_set_test(NULL, NULL);
	assert_true(clock_wall_ms() > 1700000000000);
	int64_t before = clock_mono_us();
	assert_true(clock_mono_us() >= before);
}

static void random_bytes_fill_all_and_differ(void **state)
{
	(void)state;
	unsigned char a[1000] = { 0 };
	random_bytes(a, sizeof a);
	int zeros = 0;
	for (size_t i = 0; i < sizeof a; i++)
		zeros += a[i] == 0;
	assert_true(zeros < 40); /* about 4 are expected */
	assert_true(random_u64() != random_u64());
	random_bytes(NULL, 0);
}

static void seeds_never_change(void **state)
{
	(void)state;
	/* A stored run is replayed with these: another value here would break every stored run.
	 * splitmix64(0) is the first output of the published generator for the seed 0. */
	assert_true(seed_mix(0, 0xE220A8397B1DCDAF) == 0xE220A8397B1DCDAF);
	assert_true(seed_mix(1, 2) != seed_mix(2, 1));
	assert_true(seed_mix(42, 0) != seed_mix(42, 1));
	assert_true(seed_mix(42, 7) == seed_mix(42, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_in_utc),
		cmocka_unit_test(a_day_ends_at_midnight),
		cmocka_unit_test(a_test_can_stop_either_clock),
		cmocka_unit_test(random_bytes_fill_all_and_differ),
		cmocka_unit_test(seeds_never_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
