/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"
#include "base/limits.h"
#include "worker/answer.h"

static void rules_set(struct answer_rules *r, const char *stop)
{
	*r = (struct answer_rules){ 0 };
	r->stops = r->think_start = r->think_end = BUF_INIT(KIB);
	if (stop)
		buf_add(&r->stops, stop, strlen(stop) + 1);
	buf_add(&r->think_start, "<think>", sizeof("<think>"));
	buf_add(&r->think_end, "</think>", sizeof("</think>"));
}

static void rules_free(struct answer_rules *r)
{
	buf_release(&r->stops);
	buf_release(&r->think_start);
	buf_release(&r->think_end);
}

/* Feeds `text` in pieces of `step` bytes; the stream's parts are joined in `out`, each must be valid UTF-8. */
static void feed(struct answer *a, const char *text, size_t step, struct buf *out)
{
	size_t len = strlen(text);
	for (size_t at = 0; at < len; at += step) {
		size_t n = len - at < step ? len - at : step, before = out->len;
		bool on = answer_add(a, (struct str){ text + at, n });
		answer_stream(a, out, !on);
		assert_true(utf8_valid((struct str){ out->ptr + before, out->len - before }, NULL));
		if (!on)
			return;
	}
	answer_stream(a, out, true);
}

static void check_split(const char *raw, bool open, const char *thinking, const char *text)
{
	struct answer_rules r;
	rules_set(&r, NULL);
	r.think_open = open;
	for (size_t step = 1; step < 9; step++) {
		struct answer a;
		struct buf out = BUF_INIT(KIB), t = BUF_INIT(KIB), x = BUF_INIT(KIB);
		answer_init(&a, &r);
		feed(&a, raw, step, &out);
		answer_split(&a, &t, &x);
		assert_string_equal(buf_text(&out), raw);
		assert_string_equal(buf_text(&t), thinking);
		assert_string_equal(buf_text(&x), text);
		buf_release(&out);
		buf_release(&t);
		buf_release(&x);
		answer_release(&a);
	}
	rules_free(&r);
}

static void thinking_is_kept_apart_from_the_text(void **state)
{
	(void)state;
	check_split("Plain answer.", false, "", "Plain answer.");
	check_split("<think>\nwhy\n</think>\n\nYes.", false, "why", "Yes.");
	check_split("\n <think></think>Yes.", false, "", "Yes.");
	check_split("why not</think> Yes.", true, "why not", "Yes.");
	check_split("<think>cut off in the mid", false, "cut off in the mid", "");
	check_split("still thinking", true, "still thinking", "");
	check_split("I write <think> in the middle</think>.", false, "", "I write <think> in the middle</think>.");
	check_split("<think>a</think>b</think>c", false, "a", "b</think>c");
	check_split("", false, "", "");
}

static void the_stream_never_cuts_a_character(void **state)
{
	(void)state;
	check_split("繁體中文 🙂 é", false, "", "繁體中文 🙂 é");
}

static void a_character_that_the_limit_cut_is_left_out(void **state)
{
	(void)state;
	struct answer_rules r;
	struct answer a;
	struct buf out = BUF_INIT(KIB), thinking = BUF_INIT(KIB), text = BUF_INIT(KIB);
	rules_set(&r, NULL);
	answer_init(&a, &r);
	feed(&a, "漢\xE5\xAD", 1, &out);
	answer_split(&a, &thinking, &text);
	assert_string_equal(buf_text(&out), "漢");
	assert_string_equal(buf_text(&text), "漢");
	buf_release(&out);
	buf_release(&thinking);
	buf_release(&text);
	answer_release(&a);
	rules_free(&r);
}

static void broken_bytes_become_replacement_characters(void **state)
{
	(void)state;
	struct answer_rules r;
	struct answer a;
	struct buf out = BUF_INIT(KIB);
	rules_set(&r, NULL);
	answer_init(&a, &r);
	feed(&a, "a\xFF" "b\xE4\xB8" "c", 1, &out);
	assert_string_equal(buf_text(&out), "a\xEF\xBF\xBD" "b\xEF\xBF\xBD\xEF\xBF\xBD" "c");
	buf_release(&out);
	answer_release(&a);
	rules_free(&r);
}

static void a_stop_text_ends_the_answer_and_is_never_shown(void **state)
{
	(void)state;
	struct answer_rules r;
	rules_set(&r, "<|end|>");
	for (size_t step = 1; step < 12; step++) {
		struct answer a;
		struct buf out = BUF_INIT(KIB);
		answer_init(&a, &r);
		feed(&a, "a <|e b<|end|> more", step, &out);
		assert_true(a.stopped);
		assert_string_equal(buf_text(&out), "a <|e b");
		answer_release(&a);
		buf_release(&out);
	}
	rules_free(&r);
}

static void what_might_become_a_stop_text_is_held_back(void **state)
{
	(void)state;
	struct answer_rules r;
	struct answer a;
	struct buf out = BUF_INIT(KIB);
	rules_set(&r, "<|end|>");
	answer_init(&a, &r);
	assert_true(answer_add(&a, STR("x<|en")));
	answer_stream(&a, &out, false);
	assert_string_equal(buf_text(&out), "x");
	assert_true(answer_add(&a, STR("ough")));
	answer_stream(&a, &out, false);
	assert_string_equal(buf_text(&out), "x<|enough");
	buf_release(&out);
	answer_release(&a);
	rules_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thinking_is_kept_apart_from_the_text),
		cmocka_unit_test(the_stream_never_cuts_a_character),
		cmocka_unit_test(a_character_that_the_limit_cut_is_left_out),
		cmocka_unit_test(broken_bytes_become_replacement_characters),
		cmocka_unit_test(a_stop_text_ends_the_answer_and_is_never_shown),
		cmocka_unit_test(what_might_become_a_stop_text_is_held_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
