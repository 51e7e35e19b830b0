/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "server/buckets.h"

static int taken(struct buckets *b, uint64_t who, int64_t at_ms, int asked)
{
	int n = 0;

	for (int i = 0; i < asked; i++)
		n += buckets_take(b, who, at_ms);
	return n;
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
	(void)state;
	struct buckets *b = buckets_new(10, 30);
	assert_int_equal(taken(b, 7, 0, 100), 30);
	assert_int_equal(taken(b, 7, 99, 100), 0);
	assert_int_equal(taken(b, 7, 100, 100), 1);
	assert_int_equal(taken(b, 7, 1100, 100), 10);
	assert_int_equal(taken(b, 7, 1000 * 1000, 100), 30);
	buckets_free(b);
}

static void everybody_has_a_bucket_of_their_own(void **state)
{
	(void)state;
	struct buckets *b = buckets_new(10, 30);
	assert_int_equal(taken(b, 1, 5, 100), 30);
	assert_int_equal(taken(b, 2, 5, 10), 10);
	assert_int_equal(taken(b, 0, 5, 100), 30);
	assert_int_equal(taken(b, 2, 5, 100), 20);
	buckets_free(b);
}

/* More callers than buckets: who has asked too much is not forgotten for the sake of those who have asked once. */
static void the_emptiest_buckets_are_kept(void **state)
{
	(void)state;
	struct buckets *b = buckets_new(1, 30);
	assert_int_equal(taken(b, 1, 5, 100), 30);
	for (uint64_t who = 2; who < 10 * BUCKETS_MAX; who++)
		assert_int_equal(taken(b, who, 5, 1), 1);
	assert_int_equal(taken(b, 1, 5, 1), 0);
	assert_int_equal(taken(b, 1, 2005, 10), 2);
	buckets_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
		cmocka_unit_test(everybody_has_a_bucket_of_their_own),
		cmocka_unit_test(the_emptiest_buckets_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
