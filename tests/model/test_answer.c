/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"
#include "base/limits.h"
#include "model/answer.h"

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

/* Joins what is new: thinking in out[1], the text in out[0]; each part must be valid UTF-8, and thinking comes first. */
static void take_new(struct answer *a, struct buf out[2], bool last)
{
	struct buf part = BUF_INIT(KIB);
	bool is_thinking;
	while (answer_stream(a, &part, last, &is_thinking)) {
		assert_true(part.len > 0 && utf8_valid(buf_str(&part), NULL));
		assert_true(!is_thinking || out[0].len == 0);
		buf_add_str(&out[is_thinking], buf_str(&part));
		buf_clear(&part);
	}
	buf_release(&part);
}

/* Feeds `text` in pieces of `step` bytes and takes what is streamed; its end is there where it came to it. */
static void feed(struct answer *a, const char *text, size_t step, struct buf out[2])
{
	size_t len = strlen(text);
	for (size_t at = 0; at < len; at += step) {
		size_t n = len - at < step ? len - at : step;
		bool on = answer_add(a, (struct str){ text + at, n });
		take_new(a, out, !on);
		if (!on)
			return;
	}
	take_new(a, out, true);
}

#define OUT { BUF_INIT(KIB), BUF_INIT(KIB) }

static void out_release(struct buf out[2])
{
	buf_release(&out[0]);
	buf_release(&out[1]);
}

/* What is streamed, wherever the pieces are cut, is what the whole is split into. */
static void check_stops(const char *raw, const char *stop, bool open, const char *thinking, const char *text)
{
	struct answer_rules r;
	rules_set(&r, stop);
	r.think_open = open;
	for (size_t step = 1; step < 20; step++) {
		struct answer a;
		struct buf out[2] = OUT, whole[2] = OUT;
		answer_init(&a, &r);
		feed(&a, raw, step, out);
		answer_split(&a, &whole[1], &whole[0]);
		assert_string_equal(buf_text(&whole[1]), thinking);
		assert_string_equal(buf_text(&whole[0]), text);
		assert_string_equal(buf_text(&out[1]), thinking);
		assert_string_equal(buf_text(&out[0]), text);
		out_release(out);
		out_release(whole);
		answer_release(&a);
	}
	rules_free(&r);
}

static void check_split(const char *raw, bool open, const char *thinking, const char *text)
{
	check_stops(raw, NULL, open, thinking, text);
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
	check_split("  \n", false, "", "  \n");
	check_split("<thin", false, "", "<thin");
	check_split("<thinking> is a word", false, "", "<thinking> is a word");
	check_split("a < b </thin\n  \n\n</think>", true, "a < b </thin", "");
	check_split(" \n</think>\n\n  x ", true, "", "x ");
	check_split("為什麼 🙂\n</think>\n因為", true, "為什麼 🙂", "因為");
}

static void thinking_and_stop_texts_do_not_confuse_each_other(void **state)
{
	(void)state;
	check_stops("<think>a STOP b", "STOP", false, "a", "");
	check_stops("<think>a</think>\nb STOP c", "STOP", false, "a", "b ");
	check_stops("<think>a</think>\nb", "\nb", false, "a", "");
	/* It begins in the middle of a tag. */
	check_stops("<think>a</think>\n\nb", "k>\n", false, "a</thin", "");
	check_stops("<think>ab", "k>ab", false, "", "<thin");
}

static void a_tag_is_never_streamed_in_part(void **state)
{
	(void)state;
	struct answer_rules r;
	struct answer a;
	struct buf out[2] = OUT;
	rules_set(&r, NULL);
	answer_init(&a, &r);
	assert_true(answer_add(&a, STR("<thi")));
	take_new(&a, out, false);
	assert_int_equal(out[0].len + out[1].len, 0);
	assert_true(answer_add(&a, STR("nk>Eight or nine.\n</th")));
	take_new(&a, out, false);
	assert_string_equal(buf_text(&out[1]), "Eight or nine.");
	assert_true(answer_add(&a, STR("ink>\n\nEight")));
	take_new(&a, out, false);
	assert_string_equal(buf_text(&out[1]), "Eight or nine.");
	assert_string_equal(buf_text(&out[0]), "Eight");
	out_release(out);
	answer_release(&a);
	rules_free(&r);
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
	struct buf out[2] = OUT, thinking = BUF_INIT(KIB), text = BUF_INIT(KIB);
	rules_set(&r, NULL);
	answer_init(&a, &r);
	feed(&a, "漢\xE5\xAD", 1, out);
	answer_split(&a, &thinking, &text);
	assert_string_equal(buf_text(&out[0]), "漢");
	assert_string_equal(buf_text(&text), "漢");
	out_release(out);
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
	struct buf out[2] = OUT;
	rules_set(&r, NULL);
	answer_init(&a, &r);
	feed(&a, "a\xFF" "b\xE4\xB8" "c", 1, out);
	assert_string_equal(buf_text(&out[0]), "a\xEF\xBF\xBD" "b\xEF\xBF\xBD\xEF\xBF\xBD" "c");
	out_release(out);
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
		struct buf out[2] = OUT;
		answer_init(&a, &r);
		feed(&a, "a <|e b<|end|> more", step, out);
		assert_true(a.stopped);
		assert_string_equal(buf_text(&out[0]), "a <|e b");
		answer_release(&a);
		out_release(out);
	}
	rules_free(&r);
}

static void what_might_become_a_stop_text_is_held_back(void **state)
{
	(void)state;
	struct answer_rules r;
	struct answer a;
	struct buf out[2] = OUT;
	rules_set(&r, "<|end|>");
	answer_init(&a, &r);
	assert_true(answer_add(&a, STR("x<|en")));
	take_new(&a, out, false);
	assert_string_equal(buf_text(&out[0]), "x");
	assert_true(answer_add(&a, STR("ough")));
	take_new(&a, out, false);
	assert_string_equal(buf_text(&out[0]), "x<|enough");
	out_release(out);
	answer_release(&a);
	rules_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thinking_is_kept_apart_from_the_text),
		cmocka_unit_test(thinking_and_stop_texts_do_not_confuse_each_other),
		cmocka_unit_test(a_tag_is_never_streamed_in_part),
		cmocka_unit_test(the_stream_never_cuts_a_character),
		cmocka_unit_test(a_character_that_the_limit_cut_is_left_out),
		cmocka_unit_test(broken_bytes_become_replacement_characters),
		cmocka_unit_test(a_stop_text_ends_the_answer_and_is_never_shown),
		cmocka_unit_test(what_might_become_a_stop_text_is_held_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
