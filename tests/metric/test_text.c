/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/limits.h"
#include "golden.h"
#include "metric/chrf.h"
#include "metric/guard.h"
#include "metric/overlap.h"

static void check_case(const struct golden_case *c, void *context)
{
	(void)context;
	assert_int_equal(text_n_points(c->answer), (size_t)golden_expected(c, "n_codepoints"));
	assert_int_equal(text_n_bytes(c->answer), (size_t)golden_expected(c, "n_bytes_utf8"));
	assert_int_equal(text_tokens(c->answer, TEXT_MIXED).n, (size_t)golden_expected(c, "n_mixed_tokens"));
	assert_false(text_was_cut(c->answer));
}

static void lengths_agree_with_the_golden_cases(void **state)
{
	(void)state;
	golden_each(check_case, NULL);
}

static void only_the_first_256_kib_are_compared(void **state)
{
	struct text_space *space = text_space_new();
	struct buf b = BUF_INIT(4 * MIB);

	(void)state;
	for (size_t i = 0; i < LIMIT_METRIC_BYTES / 3 + 10; i++)
		buf_add_text(&b, "\xE5\xA5\xBD");
	struct text *t = text_new(space, buf_str(&b));
	assert_true(text_was_cut(t));
	assert_int_equal(text_n_points(t), LIMIT_METRIC_BYTES / 3);
	assert_int_equal(text_n_bytes(t), LIMIT_METRIC_BYTES / 3 * 3); /* no half character */
	text_space_free(space);
	buf_release(&b);
}

static void a_cleared_space_starts_again(void **state)
{
	struct text_space *space = text_space_new();

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct text *a = text_new(space, STR("one two three")), *b = text_new(space, STR("three two one"));
		assert_true(mixed_f1(a, b) == 1 && !mixed_exact(a, b));
		assert_int_equal(text_common_subsequence(a, b, TEXT_MIXED), 1);
		assert_int_equal(text_common_subsequence(a, a, TEXT_MIXED), 3);
		text_space_clear(space);
	}
	text_space_free(space);
	text_space_free(NULL);
}

static void every_form(struct text *a, struct text *b)
{
	for (int form = 0; form < TEXT_FORMS; form++) {
		struct tokens t = text_tokens(a, form);
		assert_true(t.n <= text_n_bytes(a));
		assert_true(text_matches(a, b, form)[0] <= t.n);
		assert_int_equal(text_matches(a, a, form)[0], t.n);
		assert_true(text_common_subsequence(a, b, form) <= t.n);
		assert_int_equal(text_common_subsequence(a, a, form), t.n);
	}
}

static void a_cancelled_subsequence_ends_at_once(void **state)
{
	struct text_space *space = text_space_new();
	struct buf b = BUF_INIT(1 * MIB);
	atomic_bool cancel = true;

	(void)state;
	for (int i = 0; i < 100; i++)
		buf_add_text(&b, "a b ");
	struct text *t = text_new(space, buf_str(&b));
	assert_int_equal(text_common_subsequence(t, t, TEXT_MIXED), 200);
	text_space_cancel_by(space, &cancel);
	assert_int_equal(text_common_subsequence(t, t, TEXT_MIXED), 0);
	assert_int_equal(text_common_run(t, t, TEXT_MIXED), 0);
	text_space_free(space);
	buf_release(&b);
}

/* 64 KiB of each: what a model that has gone wrong may say, and worse. */
static void hostile_texts_end_soon_and_within_bounds(void **state)
{
	static const char *const pieces[] = {
		"\xCC\x81",			      /* combining acute accents alone */
		"a",				      /* one word */
		"a ",				      /* one token over and over */
		".",				      /* nothing but stops */
		"-\n",				      /* joined by 13a */
		"&amp;",			      /* shrinks */
		"<skipped>",			      /* vanishes */
		"\xC8\xBA",			      /* a capital whose small letter is longer */
		"\xC4\xB0",			      /* becomes two characters */
		"\xCE\xA3\xCC\x81",		      /* sigma among what case ignores */
		"\xF0\x9F\x91\xA8\xE2\x80\x8D",	      /* emoji joined without end */
		"\xE8\x87\xBA\xE7\x81\xA3 x1 ",	      /* mixed */
		"\xE2\x80\xAE\xE2\x80\x8B",	      /* direction overrides and zero width */
		"the a an ",			      /* articles alone */
	};
	struct text_space *space = text_space_new();
	struct buf b = BUF_INIT(1 * MIB);

	(void)state;
	for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		buf_clear(&b);
		while (b.len < 64 * KIB)
			buf_add_text(&b, pieces[i]);
		struct text *t = text_new(space, buf_str(&b)), *other = text_new(space, STR("the a. \xE8\x87\xBA & x1 1-2"));
		struct guard_profile set = { 0 };
		guard_learn(&set, other);
		every_form(t, other);
		every_form(other, t);
		double score = chrf_plus_plus(t, &other, 1);
		assert_true(score >= 0 && score <= 100);
		assert_true(guard_check(&set, t, other).distinct_2 <= 1);
		text_space_clear(space);
	}
	buf_release(&b);
	text_space_free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_agree_with_the_golden_cases),
		cmocka_unit_test(only_the_first_256_kib_are_compared),
		cmocka_unit_test(a_cleared_space_starts_again),
		cmocka_unit_test(a_cancelled_subsequence_ends_at_once),
		cmocka_unit_test(hostile_texts_end_soon_and_within_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
