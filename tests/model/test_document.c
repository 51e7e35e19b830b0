/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents as text and as passages: what HTML shows, where passages begin and end. */
#include "base/limits.h"
#include "model/document.h"
#include "model/html_text.h"
#include "support/check.h"

static void assert_html(const char *html, const char *expected)
{
	struct buf out = BUF_INIT(MIB);
	html_text(&out, str_of(html));
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
}

/* Each <p> looks at the end of what is written, not at all line ends that a <pre> left there. */
static void empty_lines_cost_no_time(void **state)
{
	(void)state;
	enum { N_LINES = 500 * 1000, N_TAGS = 1000 * 1000 };
	struct buf in = BUF_INIT(8 * MIB), out = BUF_INIT(4 * MIB);
	buf_add_str(&in, STR("a<pre>"));
	for (int i = 0; i < N_LINES; i++)
		buf_add_char(&in, '\n');
	for (int i = 0; i < N_TAGS; i++)
		buf_add_str(&in, STR("<p>"));
	html_text(&out, (struct str){ in.ptr, in.len });
	assert_in_range(out.len, N_LINES, N_LINES + 8);
	buf_release(&in);
	buf_release(&out);
}

static void html_is_what_a_reader_sees(void **state)
{
	(void)state;
	assert_html("<h1>Leave</h1><p>Fourteen   days<br>a year.</p><p>No more.", "# Leave\n\nFourteen days\na year.\n\nNo more.\n");
	assert_html("<ul><li>one</li><li>two</li></ul>", "- one\n- two\n\n");
	assert_html("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n\n");
	assert_html("a <b>bold</b> word, <a href='x>y'>a link</a>.", "a bold word, a link.\n");
	assert_html("<pre>one\n  two</pre>", "one\n  two\n\n");
	assert_html("&lt;b&gt; &amp; &quot;&#20013;&#x6587;&quot;&nbsp;&hellip; &bogus; &;", "<b> & \"中文\" … &bogus; &;\n");
	assert_html("1 < 2 and 3 > 2 <3", "1 < 2 and 3 > 2 <3\n");
}

static void scripts_styles_and_comments_never_come_through(void **state)
{
	(void)state;
	assert_html("a<script>alert('</p>')</script>b<STYLE>p{}</STYLE>c<!-- d --><!-- <b> -->e", "abce\n");
	assert_html("<head><title>t</title></head><body>x", "x\n");
	assert_html("a<script>never ended", "a\n");
	assert_html("a<!-- never ended", "a\n");
	assert_html("a<p title=\"never ended", "a\n\n");
	assert_html("&#0;&#27;&#xD800;&#x110000;x\x01\x7fy", "&#0;&#27;&#xD800;&#x110000;xy\n");
	assert_html("", "");
}

static void the_format_follows_from_name_and_content(void **state)
{
	(void)state;
	assert_int_equal(document_format_of("a.MD", STR("<html>")), DOCUMENT_MD);
	assert_int_equal(document_format_of("a.htm", STR("x")), DOCUMENT_HTML);
	assert_int_equal(document_format_of("a.txt", STR("<html>")), DOCUMENT_TXT);
	assert_int_equal(document_format_of("a", STR("  <!DOCTYPE html><p>")), DOCUMENT_HTML);
	assert_int_equal(document_format_of("a", STR("words")), DOCUMENT_TXT);
}

static void passages_end_at_headings(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct str text = STR("Before.\n# 員工手冊\n## 請假\n每年十四天特休。\n病假三十天。\n## Travel ##\nBy train.\n```\n# not one\n```\n");
	size_t n;
	struct passage *p = document_split(a, text, DOCUMENT_MD, &n);
	assert_int_equal(n, 3);
	assert_true(str_eq_text((struct str){ text.ptr + p[0].start, p[0].length }, "Before."));
	assert_int_equal(p[0].heading.len, 0);
	assert_true(str_eq_text(p[1].heading, "請假"));
	assert_true(str_eq_text((struct str){ text.ptr + p[1].start, p[1].length }, "每年十四天特休。\n病假三十天。"));
	assert_true(str_eq_text(p[2].heading, "Travel"));
	assert_true(str_ends((struct str){ text.ptr + p[2].start, p[2].length }, "# not one\n```"));
	p = document_split(a, text, DOCUMENT_TXT, &n);
	assert_int_equal(n, 1); /* plain text has no headings */
	arena_free(a);
}

static size_t chars(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
	return n;
}

static void long_texts_are_cut_at_sentences_and_neighbours_share_some(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct buf text = BUF_INIT(MIB);
	for (int i = 0; i < 200; i++)
		buf_printf(&text, "第%d條規定員工每年可以請假十四天，並且應該事先提出申請。", i);
	size_t n;
	struct passage *p = document_split(a, buf_str(&text), DOCUMENT_TXT, &n);
	assert_in_range(n, 7, 12);
	for (size_t i = 0; i < n; i++) {
		struct str s = { text.ptr + p[i].start, p[i].length };
		assert_true(chars(s) <= PASSAGE_CHARS);
		assert_true(str_starts(s, "第") && str_ends(s, "。"));
		if (i == 0)
			continue;
		size_t end = p[i - 1].start + p[i - 1].length;
		assert_true(p[i].start < end && p[i].start > p[i - 1].start); /* shared */
		assert_true(chars((struct str){ text.ptr + p[i].start, end - p[i].start }) <= PASSAGE_OVERLAP);
	}
	assert_int_equal(p[0].start, 0);
	assert_int_equal(p[n - 1].start + p[n - 1].length, text.len);
	buf_clear(&text);
	for (int i = 0; i < 3000; i++)
		buf_add_text(&text, "字");
	p = document_split(a, buf_str(&text), DOCUMENT_TXT, &n); /* no sentence ends at all */
	assert_int_equal(n, 4);
	assert_true(utf8_valid((struct str){ text.ptr + p[1].start, p[1].length }, NULL));
	buf_release(&text);
	arena_free(a);
}

static void line_ends_and_control_characters_are_made_plain(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(KIB);
	document_text(&out, STR("a\r\nb\rc\x01\td"), DOCUMENT_TXT);
	assert_string_equal(buf_text(&out), "a\nb\nc\td");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_is_what_a_reader_sees),
		cmocka_unit_test(empty_lines_cost_no_time),
		cmocka_unit_test(scripts_styles_and_comments_never_come_through),
		cmocka_unit_test(the_format_follows_from_name_and_content),
		cmocka_unit_test(passages_end_at_headings),
		cmocka_unit_test(long_texts_are_cut_at_sentences_and_neighbours_share_some),
		cmocka_unit_test(line_ends_and_control_characters_are_made_plain),
	};
	return cmocka_run_group_tests_name("model/document", tests, NULL, NULL);
}
