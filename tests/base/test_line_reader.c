/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/line_reader.h"

static struct buf seen;

static bool note_line(void *user, struct str line)
{
	(void)user;
	buf_add_char(&seen, '[');
	buf_add_str(&seen, line);
	buf_add_char(&seen, ']');
	return true;
}

static bool note_event(void *user, const char *event, struct str data)
{
	(void)user;
	buf_printf(&seen, "<%s|", event);
	buf_add_str(&seen, data);
	buf_add_char(&seen, '>');
	return true;
}

static int open_seen(void **state)
{
	(void)state;
	seen = BUF_INIT(64 * 1024);
	return 0;
}

static int close_seen(void **state)
{
	(void)state;
	buf_release(&seen);
	return 0;
}

/* Feeds `text` in two pieces cut at `at`. */
static void read_lines(struct str text, size_t at)
{
	struct line_reader r;

	buf_clear(&seen);
	line_reader_init(&r, 100);
	assert_true(line_reader_feed(&r, (struct str){ text.ptr, at }, note_line, NULL));
	assert_true(line_reader_feed(&r, (struct str){ text.ptr + at, text.len - at }, note_line, NULL));
	assert_true(line_reader_finish(&r, note_line, NULL));
	line_reader_release(&r);
}

static void lines_end_in_three_ways_at_every_split(void **state)
{
	static const char text[] = "\xef\xbb\xbf" "one\ntwo\r\nthree\rfour\n\r\n\xe4\xb8\xad" "end";
	(void)state;
	for (size_t at = 0; at < sizeof text; at++) {
		read_lines(str_of(text), at < sizeof text - 1 ? at : sizeof text - 1);
		assert_string_equal(buf_text(&seen), "[one][two][three][four][][\xe4\xb8\xad" "end]");
	}
}

static void a_long_line_breaks_the_reader_for_good(void **state)
{
	struct line_reader r;
	(void)state;
	line_reader_init(&r, 8);
	assert_true(line_reader_feed(&r, STR("12345678\n"), note_line, NULL));
	assert_false(line_reader_feed(&r, STR("123456789"), note_line, NULL));
	assert_true(r.is_broken);
	assert_false(line_reader_feed(&r, STR("\nx\n"), note_line, NULL));
	assert_false(line_reader_finish(&r, note_line, NULL));
	assert_string_equal(buf_text(&seen), "[12345678]");
	line_reader_release(&r);
}

static bool stop_at_once(void *user, struct str line)
{
	(void)line;
	++*(int *)user;
	return false;
}

static void a_reader_stops_when_it_is_told_to(void **state)
{
	struct line_reader r;
	int n = 0;
	(void)state;
	line_reader_init(&r, 8);
	assert_false(line_reader_feed(&r, STR("1\n2\n3\n"), stop_at_once, &n));
	assert_int_equal(n, 1);
	assert_false(r.is_broken);
	line_reader_release(&r);
}

static void read_events(const char *text, size_t at)
{
	struct event_reader r;
	size_t len = strlen(text);

	buf_clear(&seen);
	event_reader_init(&r, 100);
	assert_true(event_reader_feed(&r, (struct str){ text, at }, note_event, NULL));
	assert_true(event_reader_feed(&r, (struct str){ text + at, len - at }, note_event, NULL));
	assert_true(event_reader_finish(&r, note_event, NULL));
	event_reader_release(&r);
}

static void events_are_read_as_servers_really_write_them(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "data: {\"a\":1}\n\ndata: [DONE]\n\n", "<|{\"a\":1}><|[DONE]>" },
		{ "data:{\"a\":1}\r\n\r\ndata:[DONE]\r\n\r\n", "<|{\"a\":1}><|[DONE]>" },
		{ "data: {\"a\":1}\rdata: [DONE]", "<|{\"a\":1}><|[DONE]>" },
		{ ": hello\nid: 7\nretry: 10\nevent: error\ndata: x\n\n", "<error|x>" },
		{ "data: {\"a\":\ndata: \"}\"}\n\n", "<|{\"a\":\n\"}\"}>" },
		{ "data: {\"a\":{\"b\":2}}\ndata: {\"c\":\"\\\"}\"}\n", "<|{\"a\":{\"b\":2}}><|{\"c\":\"\\\"}\"}>" },
		{ "{\"error\":{\"message\":\"no\"}}", "<|{\"error\":{\"message\":\"no\"}}>" },
		{ "\n\n: only a comment\n\n", "" },
		{ "data\nfoo: bar\n\n", "" },
		{ "data:\n\n", "<|>" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (size_t at = 0; at <= strlen(cases[i].text); at++) {
			read_events(cases[i].text, at);
			assert_string_equal(buf_text(&seen), cases[i].expected);
		}
	}
}

static void an_event_is_not_longer_than_its_limit(void **state)
{
	struct event_reader r;
	(void)state;
	event_reader_init(&r, 10);
	assert_true(event_reader_feed(&r, STR("data:1234\n"), note_event, NULL));
	assert_true(event_reader_feed(&r, STR("data:5678\n"), note_event, NULL));
	assert_true(event_reader_feed(&r, STR("data:9\n"), note_event, NULL));
	assert_false(event_reader_feed(&r, STR("\n"), note_event, NULL));
	assert_true(r.lines.is_broken);
	event_reader_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_end_in_three_ways_at_every_split, open_seen, close_seen),
		cmocka_unit_test_setup_teardown(a_long_line_breaks_the_reader_for_good, open_seen, close_seen),
		cmocka_unit_test_setup_teardown(a_reader_stops_when_it_is_told_to, open_seen, close_seen),
		cmocka_unit_test_setup_teardown(events_are_read_as_servers_really_write_them, open_seen, close_seen),
		cmocka_unit_test_setup_teardown(an_event_is_not_longer_than_its_limit, open_seen, close_seen),
	};
	return cmocka_run_group_tests_name("line_reader", tests, NULL, NULL);
}
