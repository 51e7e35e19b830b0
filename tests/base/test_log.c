/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static struct buf recent = BUF_INIT(4 << 20);

/* The last line in the ring, without its end. */
static const char *last_line(void)
{
	buf_clear(&recent);
	log_recent(&recent);
	if (recent.len)
		recent.ptr[--recent.len] = '\0';
	const char *at = strrchr(buf_text(&recent), '\n');
	return at ? at + 1 : buf_text(&recent);
}

static int quiet(void **state)
{
	(void)state;
	int64_t wall = 1795511702000;
	clock_set_test(NULL, &wall);
	log_set_quiet(true);
	return 0;
}

static int release(void **state)
{
	(void)state;
	buf_release(&recent);
	return 0;
}

static void a_line_has_time_level_part_and_sentence(void **state)
{
	(void)state;
	log_info("worker", "loaded model=%s ms=%d", "kestrel", 12);
	assert_string_equal(last_line(), "2026-11-24T09:15:02Z info  worker: loaded model=kestrel ms=12");
	log_error("store", "full");
	assert_string_equal(last_line(), "2026-11-24T09:15:02Z error store: full");
}

static void lines_below_the_level_go_nowhere(void **state)
{
	(void)state;
	log_warn("x", "shown");
	log_debug("x", "not shown");
	assert_non_null(strstr(last_line(), "shown"));
	assert_null(strstr(last_line(), "not shown"));
	log_set_level(LOG_DEBUG);
	log_debug("x", "now shown");
	assert_non_null(strstr(last_line(), "now shown"));
	log_set_level(LOG_INFO);
}

static void secrets_never_leave(void **state)
{
	(void)state;
	static const struct {
		const char *said;
		const char *logged;
	} cases[] = {
		{ "key=hunter2hunter2 end", "key=[hidden] end" },
		{ "hunter2hunter2hunter2hunter2", "[hidden][hidden]" },
		{ "Authorization: Bearer abc.DEF-123", "Authorization: Bearer [hidden]" },
		{ "authorization: bearer abc", "authorization: bearer [hidden]" },
		{ "key=sk-abcdefghij, next", "key=[hidden], next" },
		{ "\"sk-abcdefghij\"", "\"[hidden]\"" },
		{ "url/sk-proj-abcdefghij", "url/[hidden]" },
		{ "desk-abcdefghij", "desk-abcdefghij" },
		{ "sk-short", "sk-short" },
		{ "abc is too short to be registered", "abc is too short to be registered" },
	};
	log_add_secret("hunter2hunter2");
	log_add_secret("hunter2hunter2");
	log_add_secret("abc");
	log_add_secret("");
	log_add_secret(NULL);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		log_info("x", "%s", cases[i].said);
		assert_string_equal(strstr(last_line(), "x: ") + 3, cases[i].logged);
	}
}

static void a_secret_that_a_long_line_cuts_does_not_leave_either(void **state)
{
	(void)state;
	char text[9001];
	for (size_t before = 1900; before < 2100; before++) {
		memset(text, 'a', sizeof text);
		memcpy(text + before, " hunter2hunter2 ", 16);
		text[9000] = '\0';
		log_info("x", "%s", text);
		assert_null(strstr(last_line(), "hunter"));
	}
	for (size_t before = 8100; before < 8200; before++) {
		memset(text, 0, sizeof text);
		/* Long secrets become short, so that the end of the raw line moves into what is shown. */
		for (size_t i = 0; i + 60 < before; i += 60)
			memcpy(text + i, " sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 60);
		size_t len = strlen(text);
		memset(text + len, ' ', before - len);
		memcpy(text + before, "hunter2hunter2", 14);
		log_info("x", "%s", text);
		assert_null(strstr(last_line(), "hunter"));
	}
}

static void a_value_cannot_forge_a_second_line(void **state)
{
	(void)state;
	log_info("x", "%s", "a\nb\x1b[2J");
	assert_string_equal(strstr(last_line(), "x: ") + 3, "a b[2J");
}

static void the_ring_keeps_the_newest_500(void **state)
{
	(void)state;
	for (int i = 0; i < 1203; i++)
		log_info("ring", "n=%d.", i);
	buf_clear(&recent);
	log_recent(&recent);
	size_t lines = 0;
	for (size_t i = 0; i < recent.len; i++)
		lines += recent.ptr[i] == '\n';
	assert_int_equal(lines, 500);
	assert_non_null(strstr(buf_text(&recent), "n=703."));
	assert_null(strstr(buf_text(&recent), "n=702."));
	assert_non_null(strstr(last_line(), "n=1202."));
}

static void lines_go_to_stderr_unless_quiet(void **state)
{
	(void)state;
	int ends[2], saved = dup(STDERR_FILENO);
	char got[200] = { 0 };
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	log_info("x", "quiet");
	log_set_quiet(false);
	log_info("x", "loud");
	log_set_quiet(true);
	dup2(saved, STDERR_FILENO);
	assert_true(read(ends[0], got, sizeof got - 1) > 0);
	assert_string_equal(got, "2026-11-24T09:15:02Z info  x: loud\n");
	close(ends[0]);
	close(ends[1]);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_part_and_sentence),
		cmocka_unit_test(lines_below_the_level_go_nowhere),
		cmocka_unit_test(secrets_never_leave),
		cmocka_unit_test(a_secret_that_a_long_line_cuts_does_not_leave_either),
		cmocka_unit_test(a_value_cannot_forge_a_second_line),
		cmocka_unit_test(the_ring_keeps_the_newest_500),
		cmocka_unit_test(lines_go_to_stderr_unless_quiet),
	};
	return cmocka_run_group_tests(tests, quiet, release);
}
