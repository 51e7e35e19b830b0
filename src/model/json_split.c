/* SPDX-License-Identifier: Apache-2.0 */
#include "model/json_split.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "model/encoding.h"

/* The open brackets of a value: one bit each, 1 for '{'. */
struct nest {
	uint64_t kinds;
	unsigned depth;
};

static_assert(LIMIT_JSON_DEPTH <= 64, "struct nest has 64 bits");

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_space(struct json_split *s)
{
	while (s->pos < s->text.len && is_space(s->text.ptr[s->pos]))
		s->pos++;
}

static int64_t line_at(struct json_split *s, size_t at)
{
	if (at > s->counted) {
		s->line += encoding_count_lines(s->text, s->counted, at);
		s->counted = at;
	}
	return s->line;
}

static bool stop(struct json_split *s, enum json_split_end end, size_t at)
{
	s->end = end;
	s->end_line = line_at(s, at);
	return false;
}

static void begin(struct json_split *s, struct str text, size_t at, enum json_split_kind kind)
{
	*s = (struct json_split){ .text = text, .pos = at, .line = 1, .kind = kind };
}

void json_split_array(struct json_split *s, struct str text, size_t at, bool alone)
{
	begin(s, text, at + 1, JSON_SPLIT_ARRAY);
	s->alone = alone;
}

void json_split_object(struct json_split *s, struct str text, size_t at)
{
	begin(s, text, at + 1, JSON_SPLIT_OBJECT);
	s->alone = true;
}

void json_split_lines(struct json_split *s, struct str text)
{
	begin(s, text, 0, JSON_SPLIT_LINES);
}

/* Offset right after the string that starts at `pos`, or of the text's end.  A string directly in the outer array stops
 * before a line break, which no string may contain: the quotation mark at its end was forgotten. */
static size_t skip_string(struct str text, size_t pos, bool one_line, bool *closed)
{
	*closed = true;
	for (pos++; pos < text.len; pos++) {
		char c = text.ptr[pos];

		if (c == '"')
			return pos + 1;
		if (c == '\\')
			pos++;
		else if (one_line && (c == '\n' || c == '\r'))
			break;
	}
	*closed = false;
	return pos < text.len ? pos : text.len;
}

/* Takes one bracket; false where it does not fit (then `*why` is set). */
static bool take_bracket(struct nest *n, char c, enum json_split_end *why)
{
	bool brace = c == '{' || c == '}';

	if (c == '[' || c == '{') {
		*why = JSON_SPLIT_DEEP;
		if (n->depth + 1 >= LIMIT_JSON_DEPTH)
			return false;
		n->kinds = n->kinds << 1 | (brace ? 1U : 0U);
		n->depth++;
		return true;
	}
	*why = JSON_SPLIT_MISMATCH;
	if (!n->depth || (n->kinds & 1U) != (brace ? 1U : 0U))
		return false;
	n->kinds >>= 1;
	n->depth--;
	return true;
}

/* True where a new value begins on a new line after a complete one: somebody forgot the comma.  On the same line it is
 * more likely a quotation mark inside a question that was not escaped. */
static bool is_next_value(const struct json_split *s, size_t value_end)
{
	char c = s->text.ptr[s->pos];

	return s->kind == JSON_SPLIT_ARRAY && value_end && (c == '"' || c == '{' || c == '[') &&
	       memchr(s->text.ptr + value_end, '\n', s->pos - value_end);
}

/* Moves s->pos to the ',' or the closing bracket that ends the value, or to the line break after a broken string.
 * False where the text cannot be followed any further. */
static bool skip_value(struct json_split *s, char closing)
{
	struct nest nest = { 0 };
	enum json_split_end why = JSON_SPLIT_MORE;
	size_t value_end = 0; /* after a complete value, 0: none yet */
	bool closed;

	while (s->pos < s->text.len) {
		char c = s->text.ptr[s->pos];
		bool top = nest.depth == 0;

		if (top && (c == ',' || c == closing))
			return true;
		if (top && is_next_value(s, value_end)) {
			s->missing_comma = line_at(s, s->pos);
			return true;
		}
		if (c == '"') {
			s->pos = skip_string(s->text, s->pos, top, &closed);
			if (!closed && top && s->pos < s->text.len)
				return true;
		} else {
			if ((c == '[' || c == ']' || c == '{' || c == '}') && !take_bracket(&nest, c, &why))
				return stop(s, why, s->pos);
			s->pos++;
			if (is_space(c))
				continue;
		}
		value_end = nest.depth ? 0 : s->pos;
	}
	return stop(s, JSON_SPLIT_TRUNCATED, s->text.len);
}

/* Reads `"name" :` of a member. */
static bool read_key(struct json_split *s, struct str *key)
{
	size_t start = s->pos;
	bool closed;

	if (s->text.ptr[start] != '"')
		return stop(s, JSON_SPLIT_MISMATCH, start);
	s->pos = skip_string(s->text, start, true, &closed);
	if (!closed)
		return stop(s, s->pos < s->text.len ? JSON_SPLIT_MISMATCH : JSON_SPLIT_TRUNCATED, start);
	*key = (struct str){ s->text.ptr + start, s->pos - start };
	skip_space(s);
	if (s->pos == s->text.len)
		return stop(s, JSON_SPLIT_TRUNCATED, start);
	if (s->text.ptr[s->pos] != ':')
		return stop(s, JSON_SPLIT_MISMATCH, s->pos);
	s->pos++;
	skip_space(s);
	return true;
}

/* At the closing bracket. */
static bool close_outer(struct json_split *s)
{
	size_t at = s->pos;

	if (s->after_comma)
		s->trailing_comma = line_at(s, at);
	s->pos++;
	if (s->alone) {
		skip_space(s);
		if (s->pos < s->text.len)
			return stop(s, JSON_SPLIT_TRAILING, s->pos);
	}
	return stop(s, JSON_SPLIT_END, at);
}

static bool next_line(struct json_split *s, struct json_element *out)
{
	size_t start, end;

	skip_space(s);
	if (s->pos == s->text.len)
		return stop(s, JSON_SPLIT_END, s->pos);
	start = s->pos;
	while (s->pos < s->text.len && s->text.ptr[s->pos] != '\n' && s->text.ptr[s->pos] != '\r')
		s->pos++;
	for (end = s->pos; is_space(s->text.ptr[end - 1]); end--)
		;
	*out = (struct json_element){ .start = start, .len = end - start, .line = line_at(s, start) };
	return true;
}

bool json_split_next(struct json_split *s, struct json_element *out)
{
	char closing = s->kind == JSON_SPLIT_OBJECT ? '}' : ']';
	size_t end;

	if (s->end != JSON_SPLIT_MORE)
		return false;
	if (s->kind == JSON_SPLIT_LINES)
		return next_line(s, out);
	skip_space(s);
	if (s->pos >= s->text.len)
		return stop(s, JSON_SPLIT_TRUNCATED, s->text.len);
	if (s->text.ptr[s->pos] == closing)
		return close_outer(s);
	*out = (struct json_element){ 0 };
	if (s->kind == JSON_SPLIT_OBJECT && !read_key(s, &out->key))
		return false;
	out->start = s->pos;
	out->line = line_at(s, s->pos);
	if (!skip_value(s, closing))
		return false;
	for (end = s->pos; end > out->start && is_space(s->text.ptr[end - 1]); end--)
		;
	out->len = end - out->start;
	s->after_comma = s->text.ptr[s->pos] == ',';
	if (s->after_comma)
		s->pos++;
	return true;
}

size_t json_number_length(struct str s)
{
	size_t i = s.len && s.ptr[0] == '-', digits;

#define DIGITS() for (digits = 0; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++) digits++
	if (i + 1 < s.len && s.ptr[i] == '0' && s.ptr[i + 1] >= '0' && s.ptr[i + 1] <= '9')
		return 0;
	DIGITS();
	if (!digits)
		return 0;
	if (i < s.len && s.ptr[i] == '.') {
		i++;
		DIGITS();
		if (!digits)
			return 0;
	}
	if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
		i++;
		if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
			i++;
		DIGITS();
		if (!digits)
			return 0;
	}
#undef DIGITS
	return i;
}
