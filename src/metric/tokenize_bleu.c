/* SPDX-License-Identifier: Apache-2.0
 *
 * The regular expressions of mteval-v13a as sacrebleu 2.6.0 runs them, without copying the line for each: what they do is to put
 * spaces between characters, so a line is its bytes without white space and, for each, whether a space stands before it.
 * Runs of spaces count as one: no expression can tell them apart. */
#include <string.h>

#include "metric/tokenize.h"
#include "metric/unicode.h"

/* Who put the space there: an expression sees what stood in the line when it began, not what it puts in itself. */
#define BY_LINE 1
#define BY_FIRST 2
#define BY_SECOND 4
#define BY_THIRD 8

struct line {
	const char *bytes;
	uint8_t *space; /* n + 1: before each byte, and after the last */
	size_t n;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_stop(char c)
{
	return c == '.' || c == ',';
}

/* Everything of ASCII's punctuation but ' , - . */
static bool is_symbol(uint32_t p)
{
	return point_is_ascii_punct(p) && p != '\'' && p != ',' && p != '-' && p != '.';
}

/* ([^0-9])([.,]) becomes \1 \2 and a space: a match takes both characters, so that of two stops only the first is split off
 * by what stands before it. */
static void split_stop_after_nondigit(struct line *line)
{
	bool taken = true; /* the byte before is part of a match, or there is none */

	for (size_t i = 0; i < line->n; i++) {
		bool before = line->space[i] & BY_LINE || (!taken && !is_digit(line->bytes[i - 1]));
		taken = is_stop(line->bytes[i]) && before;
		if (taken) {
			line->space[i] |= BY_FIRST;
			line->space[i + 1] |= BY_FIRST;
		}
	}
}

/* ([.,])([^0-9]) becomes a space, \1 \2. */
static void split_stop_before_nondigit(struct line *line)
{
	bool taken = false; /* this byte is part of a match */

	for (size_t i = 0; i < line->n; i++) {
		bool space_after = line->space[i + 1] & (BY_LINE | BY_FIRST);
		bool nondigit_after = i + 1 < line->n && !is_digit(line->bytes[i + 1]);
		if (taken || !is_stop(line->bytes[i]) || !(space_after || nondigit_after)) {
			taken = false;
			continue;
		}
		line->space[i] |= BY_SECOND;
		line->space[i + 1] |= BY_SECOND;
		taken = !space_after;
	}
}

/* ([0-9])(-) becomes \1 \2 and a space. */
static void split_dash_after_digit(struct line *line)
{
	for (size_t i = 1; i < line->n; i++) {
		if (line->bytes[i] == '-' && is_digit(line->bytes[i - 1]) && !line->space[i]) {
			line->space[i] |= BY_THIRD;
			line->space[i + 1] |= BY_THIRD;
		}
	}
}

/* In place; `by` is shorter.  Returns the new length. */
static size_t replace(char *text, size_t len, struct str what, struct str by)
{
	char *out = text;
	const char *at = text, *end = text + len, *found;

	while ((found = memmem(at, (size_t)(end - at), what.ptr, what.len))) {
		size_t before = (size_t)(found - at);
		memmove(out, at, before);
		memcpy(out + before, by.ptr, by.len);
		out += before + by.len;
		at = found + what.len;
	}
	memmove(out, at, (size_t)(end - at));
	return (size_t)(out - text) + (size_t)(end - at);
}

/* The language-independent part of 13a, at white space's right end first. */
static size_t clean_13a(char *text, size_t len)
{
	len = replace(text, len, STR("<skipped>"), STR(""));
	len = replace(text, len, STR("-\n"), STR(""));
	if (memchr(text, '&', len)) {
		len = replace(text, len, STR("&quot;"), STR("\""));
		len = replace(text, len, STR("&amp;"), STR("&"));
		len = replace(text, len, STR("&lt;"), STR("<"));
		len = replace(text, len, STR("&gt;"), STR(">"));
	}
	return len;
}

/* Length of the text without white space at its end. */
static size_t trimmed(const struct tokenize_job *job)
{
	size_t len = job->text.len;

	for (size_t i = job->n_points; i > 0 && point_is_space(job->points[i - 1]); i--) {
		uint32_t p = job->points[i - 1];
		len -= p < 0x80 ? 1 : p < 0x800 ? 2 : 3;
	}
	return len;
}

/* Takes white space out of `text`, in place, and puts spaces around symbols (and Chinese characters). */
static struct line make_line(char *text, size_t len, uint8_t *space, bool zh)
{
	size_t n = 0, at = 0;
	uint8_t pending = zh ? 0 : BY_LINE; /* 13a pads the line, zh strips it */

	while (at < len) {
		size_t from = at;
		uint32_t p = (unsigned char)text[at] < 0x80 ? (unsigned char)text[at++] : utf8_next((struct str){ text, len }, &at);
		if (point_is_space(p)) {
			pending = zh && n == 0 ? 0 : BY_LINE;
			continue;
		}
		bool alone = p < 0x80 ? is_symbol(p) : zh && point_is_bleu_zh(p);
		space[n] = pending || alone ? BY_LINE : 0;
		pending = alone ? BY_LINE : 0;
		memmove(text + n, text + from, at - from);
		memset(space + n + 1, 0, at - from - 1);
		n += at - from;
	}
	space[n] = pending || !zh ? BY_LINE : 0;
	return (struct line){ text, space, n };
}

void tokenize_bleu(struct tokenize_job *job, bool zh)
{
	char *text = job->bytes;
	size_t len = trimmed(job), from = 0;

	memcpy(text, job->text.ptr, len);
	if (!zh)
		len = clean_13a(text, len);
	struct line line = make_line(text, len, (uint8_t *)text + job->text.len + 1, zh);
	split_stop_after_nondigit(&line);
	split_stop_before_nondigit(&line);
	split_dash_after_digit(&line);
	job->n = 0;
	for (size_t i = 1; i <= line.n; i++) {
		if (i == line.n || line.space[i]) {
			job->ids[job->n++] = vocab_id(job->vocab, (struct str){ line.bytes + from, i - from });
			from = i;
		}
	}
}
