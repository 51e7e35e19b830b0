/* SPDX-License-Identifier: Apache-2.0 */
#include "model/document.h"

#include <string.h>

#include "model/html_text.h"

const char *document_format_name(enum document_format f)
{
	static const char *const names[] = { "txt", "md", "html" };
	return names[f];
}

static bool ends_with(const char *name, const char *ending)
{
	size_t a = strlen(name), b = strlen(ending);
	return a >= b && str_eq_nocase((struct str){ name + a - b, b }, ending);
}

enum document_format document_format_of(const char *name, struct str text)
{
	struct str begin = str_trim((struct str){ text.ptr, text.len < 256 ? text.len : 256 });
	if (ends_with(name, ".md") || ends_with(name, ".markdown"))
		return DOCUMENT_MD;
	if (ends_with(name, ".html") || ends_with(name, ".htm") || ends_with(name, ".xhtml"))
		return DOCUMENT_HTML;
	if (ends_with(name, ".txt"))
		return DOCUMENT_TXT;
	bool html = (begin.len >= 14 && str_eq_nocase((struct str){ begin.ptr, 14 }, "<!doctype html")) ||
		    (begin.len >= 5 && str_eq_nocase((struct str){ begin.ptr, 5 }, "<html"));
	return html ? DOCUMENT_HTML : DOCUMENT_TXT;
}

void document_text(struct buf *out, struct str text, enum document_format format)
{
	if (format == DOCUMENT_HTML) {
		html_text(out, text);
		return;
	}
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '\r') {
			if (i + 1 == text.len || text.ptr[i + 1] != '\n')
				buf_add_char(out, '\n');
		} else if ((unsigned char)c >= 0x20 || c == '\n' || c == '\t') {
			buf_add_char(out, c);
		}
	}
}

/* --- sentences --- */

struct unit {
	size_t start, end;
	size_t chars;
	bool begins_section;
	struct str heading;
};

struct units {
	struct arena *a;
	struct str text;
	struct unit *all;
	size_t n, cap;
	struct str heading;
	bool new_section;
};

static size_t count_chars(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
	return n;
}

static void add_unit(struct units *u, size_t start, size_t end)
{
	struct str s = { u->text.ptr + start, end - start };
	if (str_trim(s).len == 0)
		return;
	if (u->n == u->cap) {
		struct unit *old = u->all;
		u->cap = u->cap ? 2 * u->cap : 64;
		u->all = arena_array(u->a, u->cap, sizeof *u->all);
		if (u->n)
			memcpy(u->all, old, u->n * sizeof *old);
	}
	u->all[u->n++] = (struct unit){ start, end, count_chars(s), u->new_section, u->heading };
	u->new_section = false;
}

/* True where a sentence ends before `at`: after 。！？； or before the space behind . ! ? */
static bool is_sentence_end(struct str text, size_t at, uint32_t last)
{
	if (last == 0x3002 || last == 0xFF01 || last == 0xFF1F || last == 0xFF1B)
		return true;
	return (last == '.' || last == '!' || last == '?') && (at == text.len || text.ptr[at] == ' ' || text.ptr[at] == '\n');
}

/* A line's sentences; one that is too long is cut hard. */
static void add_line(struct units *u, size_t start, size_t end)
{
	struct str line = { u->text.ptr, end };
	size_t from = start, chars = 0;
	for (size_t at = start; at < end;) {
		uint32_t c = utf8_next(line, &at);
		chars++;
		if (is_sentence_end(line, at, c) || chars >= PASSAGE_CHARS) {
			add_unit(u, from, at);
			from = at;
			chars = 0;
		}
	}
	add_unit(u, from, end);
}

/* The words of "## Heading ##", empty where it is none. */
static struct str heading_of(struct str line)
{
	size_t level = 0;
	while (level < line.len && line.ptr[level] == '#')
		level++;
	if (level < 1 || level > 6 || level == line.len || (line.ptr[level] != ' ' && line.ptr[level] != '\t'))
		return (struct str){ line.ptr, 0 };
	struct str rest = str_trim((struct str){ line.ptr + level, line.len - level });
	while (rest.len > 0 && rest.ptr[rest.len - 1] == '#')
		rest.len--;
	return str_trim(rest);
}

static void find_units(struct units *u, enum document_format format)
{
	bool fenced = false;
	for (size_t at = 0; at < u->text.len;) {
		const char *newline = memchr(u->text.ptr + at, '\n', u->text.len - at);
		size_t end = newline ? (size_t)(newline - u->text.ptr) : u->text.len;
		struct str line = { u->text.ptr + at, end - at };
		struct str heading = format == DOCUMENT_TXT || fenced ? (struct str){ 0 } : heading_of(line);
		if (format == DOCUMENT_MD && (str_starts(line, "```") || str_starts(line, "~~~")))
			fenced = !fenced;
		if (heading.len > 0) {
			u->heading = heading;
			u->new_section = true;
		} else {
			add_line(u, at, end);
		}
		at = end + 1;
	}
}

/* --- passages --- */

/* Where the passage behind the one that ends before `next` begins: with its last sentences, where they are short. */
static size_t step_back(const struct units *u, size_t first, size_t next)
{
	size_t chars = 0, from = next;
	if (next == u->n || u->all[next].begins_section)
		return next;
	while (from > first + 1 && chars + u->all[from - 1].chars <= PASSAGE_OVERLAP)
		chars += u->all[--from].chars;
	return from;
}

struct passage *document_split(struct arena *a, struct str text, enum document_format format, size_t *n)
{
	struct units u = { .a = a, .text = text };
	find_units(&u, format);
	struct passage *out = arena_array(a, u.n + 1, sizeof *out);
	*n = 0;
	for (size_t first = 0, seen = 0; seen < u.n;) {
		size_t next = first, chars = 0;
		while (next < u.n && (next == first || (!u.all[next].begins_section && chars + u.all[next].chars <= PASSAGE_CHARS)))
			chars += u.all[next++].chars;
		/* Always something new, also where the shared sentences fill it. */
		while (next <= seen && next < u.n)
			next++;
		out[(*n)++] = (struct passage){ u.all[first].start, u.all[next - 1].end - u.all[first].start, u.all[first].heading };
		seen = next;
		first = step_back(&u, first, next);
	}
	return out;
}
