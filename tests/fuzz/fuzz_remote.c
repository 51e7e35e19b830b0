/* SPDX-License-Identifier: Apache-2.0
 *
 * What other servers say, in any bytes and any pieces: lines and events come out the same however the bytes are cut, reasons
 * are printable, names that are made are names.  The first byte says where the bytes are cut. */
#include <string.h>

#include "base/line_reader.h"
#include "base/mem.h"
#include "base/msg.h"
#include "engine/ollama.h"
#include "engine/remote_answer.h"
#include "engine/remote_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINE_MAX_HERE 200

static bool add_line(void *user, struct str line)
{
	struct buf *out = user;

	if (line.len > LINE_MAX_HERE)
		BUG("a line of %zu bytes", line.len);
	buf_add_str(out, line);
	buf_add_char(out, '\n');
	return true;
}

static bool add_event(void *user, const char *event, struct str data)
{
	struct buf *out = user;

	buf_add_text(out, event);
	return add_line(user, data) && out;
}

static void read_all(struct str text, size_t piece, bool events, struct buf *out)
{
	struct line_reader lines;
	struct event_reader reader;
	bool good = true;

	line_reader_init(&lines, LINE_MAX_HERE);
	event_reader_init(&reader, LINE_MAX_HERE);
	for (size_t at = 0; at < text.len && good; at += piece) {
		struct str part = { text.ptr + at, text.len - at < piece ? text.len - at : piece };
		good = events ? event_reader_feed(&reader, part, add_event, out) : line_reader_feed(&lines, part, add_line, out);
	}
	if (good)
		good = events ? event_reader_finish(&reader, add_event, out) : line_reader_finish(&lines, add_line, out);
	if (good == (events ? reader.lines.is_broken : lines.is_broken))
		BUG("broken or not?");
	event_reader_release(&reader);
	line_reader_release(&lines);
}

static void compare_pieces(struct str text, size_t piece, bool events)
{
	struct buf whole = BUF_INIT(1 << 22), cut = BUF_INIT(1 << 22);

	read_all(text, text.len + 1, events, &whole);
	read_all(text, piece, events, &cut);
	if (!str_eq(buf_str(&whole), buf_str(&cut)))
		BUG("other lines in pieces of %zu", piece);
	buf_release(&whole);
	buf_release(&cut);
}

static void add_text(void *user, struct str text, bool is_thinking)
{
	buf_add_str(&((struct buf *)user)[is_thinking], text);
}

/* Returns whether it was a whole answer; its text is in out[0], its thinking in out[1]. */
static bool read_answer(struct str text, size_t piece, enum provider_kind kind, struct buf *out)
{
	struct remote remote = { .row = { .kind = kind, .name = "fuzz", .url = "http://127.0.0.1" } };
	struct remote_answer a;
	bool more = true;

	remote_answer_init(&a, &remote, 4);
	a.on_text = add_text;
	a.user = out;
	for (size_t at = 0; at < text.len && more; at += piece)
		more = remote_answer_feed(&a, (struct str){ text.ptr + at, text.len - at < piece ? text.len - at : piece });
	bool whole = remote_answer_finish(&a) == ERR_OK;
	if (whole && (a.finish == FINISH_NONE || !str_eq(buf_str(&out[0]), buf_str(&a.text)) || !str_eq(buf_str(&out[1]), buf_str(&a.thinking)) ||
		      !utf8_valid(buf_str(&a.text), NULL) || !utf8_valid(buf_str(&a.thinking), NULL)))
		BUG("an answer that is none");
	if (!whole && (a.err.code == ERR_OK || !msg_text(LANG_EN, a.err.key)))
		BUG("a failure without a sentence");
	if (!more && whole)
		BUG("broken off and whole");
	remote_answer_release(&a);
	return whole;
}

static void compare_answers(struct str text, size_t piece, enum provider_kind kind)
{
	struct buf one[2] = { BUF_INIT(1 << 22), BUF_INIT(1 << 22) }, two[2] = { BUF_INIT(1 << 22), BUF_INIT(1 << 22) };

	if (read_answer(text, text.len + 1, kind, one) != read_answer(text, piece, kind, two) ||
	    !str_eq(buf_str(&one[0]), buf_str(&two[0])) || !str_eq(buf_str(&one[1]), buf_str(&two[1])))
		BUG("another answer in pieces of %zu", piece);
	for (int i = 0; i < 2; i++) {
		buf_release(&one[i]);
		buf_release(&two[i]);
	}
}

/* A judge's reply is two probabilities, or none. */
static void read_judgement(struct str text, enum provider_kind kind)
{
	struct remote remote = { .row = { .kind = kind, .name = "fuzz", .url = "http://127.0.0.1" } };
	struct err ignored = { 0 };
	struct reading r;
	bool in_words;
	json_t *json = json_parse(text, "reply", &ignored);

	if (json && remote_judge_read(&remote, json, &r, &in_words) && !(r.a >= 0 && r.b >= 0 && r.a + r.b <= 1.002))
		BUG("probabilities %g and %g", r.a, r.b);
	json_decref(json);
}

static void read_words(struct str text)
{
	char reason[100], name[200], *copy = mem_alloc(text.len + 1);
	struct ollama_version version;
	struct url_parts url;

	memcpy(copy, text.ptr, text.len);
	remote_reason(text, reason, sizeof reason);
	if (!utf8_valid(str_of(reason), NULL) || strpbrk(reason, "\n\r\x1b") || !reason[0])
		BUG("a reason that cannot be printed");
	ollama_name_make(copy, name, sizeof name);
	if (!ollama_name_ok(name))
		BUG("no name: %s", name);
	(void)ollama_name_ok(copy);
	(void)ollama_name_equal(copy, name);
	(void)ollama_version_parse(copy, &version);
	ollama_host(copy, &url);
	if (!url.text[0])
		BUG("no address");
	mem_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct str text = { (const char *)data + 1, size - 1 };
	compare_pieces(text, (size_t)data[0] % 16 + 1, false);
	compare_pieces(text, (size_t)data[0] % 16 + 1, true);
	compare_answers(text, (size_t)data[0] % 16 + 1, PROVIDER_OPENAI);
	compare_answers(text, (size_t)data[0] % 16 + 1, PROVIDER_OLLAMA);
	read_judgement(text, PROVIDER_OPENAI);
	read_judgement(text, PROVIDER_OLLAMA);
	read_words(text);
	return 0;
}
