/* SPDX-License-Identifier: Apache-2.0 */
#include "model/html_text.h"

#include <string.h>

#define NAME_MAX_BYTES 16

struct page {
	struct buf *out;
	size_t start;    /* of what was appended */
	bool space, pre; /* white space came; inside <pre> */
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* --- what is written --- */

static bool at_line_start(const struct page *p)
{
	return p->out->len == p->start || p->out->ptr[p->out->len - 1] == '\n';
}

static void put_char(struct page *p, const char *bytes, size_t len)
{
	if (p->space && !at_line_start(p))
		buf_add_char(p->out, ' ');
	p->space = false;
	buf_add(p->out, bytes, len);
}

/* At least `n` line ends, and never more than two. */
static void put_lines(struct page *p, int n)
{
	p->space = false;
	if (p->out->len == p->start)
		return;
	int have = 0;
	for (size_t at = p->out->len; have < n && at > p->start && p->out->ptr[at - 1] == '\n'; at--)
		have++;
	for (; have < n; have++)
		buf_add_char(p->out, '\n');
}

/* --- character references --- */

static uint32_t named(struct str name)
{
	static const struct {
		const char *name;
		uint32_t c;
	} known[] = {
		{ "amp", '&' },      { "lt", '<' },       { "gt", '>' },       { "quot", '"' },     { "apos", '\'' },
		{ "nbsp", ' ' },     { "copy", 0xA9 },    { "reg", 0xAE },     { "deg", 0xB0 },     { "middot", 0xB7 },
		{ "times", 0xD7 },   { "ndash", 0x2013 }, { "mdash", 0x2014 }, { "lsquo", 0x2018 }, { "rsquo", 0x2019 },
		{ "ldquo", 0x201C }, { "rdquo", 0x201D }, { "bull", 0x2022 },  { "hellip", 0x2026 }, { "euro", 0x20AC },
		{ "trade", 0x2122 }, { "rarr", 0x2192 },  { "larr", 0x2190 },  { "auml", 0xE4 },    { "ouml", 0xF6 },
		{ "uuml", 0xFC },    { "szlig", 0xDF },   { "eacute", 0xE9 },  { "egrave", 0xE8 },  { "agrave", 0xE0 },
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (str_eq_text(name, known[i].name))
			return known[i].c;
	return 0;
}

static uint32_t numbered(struct str digits)
{
	bool hex = digits.len > 0 && (digits.ptr[0] == 'x' || digits.ptr[0] == 'X');
	uint32_t value = 0;
	for (size_t i = hex; i < digits.len; i++) {
		char c = digits.ptr[i];
		uint32_t d = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : (c | 32) >= 'a' && (c | 32) <= 'f' ? (uint32_t)((c | 32) - 'a' + 10) : 99;
		if (d >= (hex ? 16u : 10u) || value > 0x10FFFF)
			return 0;
		value = value * (hex ? 16 : 10) + d;
	}
	bool control = value < 0x20 || (value >= 0x7F && value < 0xA0);
	bool wrong = value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF) || (value & 0xFFFE) == 0xFFFE;
	return control || wrong ? 0 : value;
}

/* Reads "&name;" at `at`; returns its length, 0 where there is none. */
static size_t reference(struct str html, size_t at, uint32_t *c)
{
	size_t end = at + 1;
	while (end < html.len && end - at < 12 && html.ptr[end] != ';' && html.ptr[end] != '&' && html.ptr[end] != '<')
		end++;
	if (end >= html.len || html.ptr[end] != ';' || end == at + 1)
		return 0;
	struct str name = { html.ptr + at + 1, end - at - 1 };
	*c = name.ptr[0] == '#' ? numbered((struct str){ name.ptr + 1, name.len - 1 }) : named(name);
	return *c ? end - at + 1 : 0;
}

/* --- tags --- */

struct tag {
	char name[NAME_MAX_BYTES]; /* lower case */
	bool is_end;
};

/* Reads the tag at `at`; returns where it ends.  A quoted attribute may hold '>'. */
static size_t read_tag(struct str html, size_t at, struct tag *tag)
{
	size_t i = at + 1, n = 0;
	char quote = 0;
	*tag = (struct tag){ 0 };
	if (html.ptr[i] == '/') {
		tag->is_end = true;
		i++;
	}
	for (; i < html.len && (is_letter(html.ptr[i]) || (html.ptr[i] >= '0' && html.ptr[i] <= '9')); i++)
		if (n + 1 < sizeof tag->name)
			tag->name[n++] = (char)(html.ptr[i] | 32);
	/* 'A' | 32 is 'a', '1' | 32 is '1'. */
	for (; i < html.len; i++) {
		char c = html.ptr[i];
		if (quote) {
			quote = c == quote ? 0 : quote;
		} else if ((c == '"' || c == '\'') && html.ptr[i - 1] == '=') {
			quote = c;
		} else if (c == '>') {
			return i + 1;
		}
	}
	return html.len;
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* Where "</name" begins behind `at`. */
static size_t find_end(struct str html, size_t at, const char *name)
{
	size_t len = strlen(name);
	for (; at + len + 2 <= html.len; at++) {
		if (html.ptr[at] != '<' || html.ptr[at + 1] != '/')
			continue;
		if (str_eq_nocase((struct str){ html.ptr + at + 2, len }, name))
			return at;
	}
	return html.len;
}

static void apply(struct page *p, const struct tag *tag)
{
	static const char *const blocks[] = { "p",	 "div",	    "section", "article", "header",  "footer", "main",  "aside",
					      "blockquote", "ul",    "ol",	"table",   "thead",   "tbody",  "form",  "figure",
					      "dl",	 "address", "details", "hr",	  "body",    "nav",    NULL };
	static const char *const lines[] = { "br", "li", "tr", "dt", "dd", "option", "summary", "figcaption", "caption", NULL };
	bool heading = tag->name[0] == 'h' && tag->name[1] >= '1' && tag->name[1] <= '6' && !tag->name[2];
	if (heading) {
		put_lines(p, 2);
		for (char level = '0'; !tag->is_end && level < tag->name[1]; level++)
			buf_add_char(p->out, '#');
		p->space = !tag->is_end;
	} else if (strcmp(tag->name, "pre") == 0) {
		put_lines(p, 2);
		p->pre = !tag->is_end;
	} else if (is_one_of(tag->name, blocks)) {
		put_lines(p, 2);
	} else if (is_one_of(tag->name, lines)) {
		put_lines(p, 1);
		if (strcmp(tag->name, "li") == 0 && !tag->is_end)
			put_char(p, "- ", 2);
	} else if (strcmp(tag->name, "td") == 0 || strcmp(tag->name, "th") == 0) {
		p->space = true;
	}
}

/* What begins with '<' at `at`; returns where it ends. */
static size_t skip_markup(struct page *p, struct str html, size_t at)
{
	static const char *const hidden[] = { "script", "style", "head", "title", "template", "noscript", "svg", "iframe", "object", "textarea", "select", NULL };
	struct str rest = { html.ptr + at, html.len - at };
	struct tag tag;
	if (str_starts(rest, "<!--")) {
		const char *end = memmem(rest.ptr + 4, rest.len - 4, "-->", 3);
		return end ? (size_t)(end - html.ptr) + 3 : html.len;
	}
	size_t end = read_tag(html, at, &tag);
	if (!tag.is_end && is_one_of(tag.name, hidden)) {
		size_t close = find_end(html, end, tag.name);
		return close < html.len ? read_tag(html, close, &tag) : html.len;
	}
	apply(p, &tag);
	return end;
}

static bool is_markup(struct str html, size_t at)
{
	char next = at + 1 < html.len ? html.ptr[at + 1] : 0;
	return is_letter(next) || next == '!' || next == '?' || (next == '/' && at + 2 < html.len && is_letter(html.ptr[at + 2]));
}

void html_text(struct buf *out, struct str html)
{
	struct page p = { .out = out, .start = out->len };
	for (size_t at = 0; at < html.len && !out->overflow;) {
		char c = html.ptr[at];
		uint32_t code = 0;
		size_t n = c == '&' ? reference(html, at, &code) : 0;
		if (c == '<' && is_markup(html, at)) {
			at = skip_markup(&p, html, at);
		} else if (n > 0) {
			char bytes[4];
			if (code == ' ')
				p.space = true;
			else
				put_char(&p, bytes, utf8_put(code, bytes));
			at += n;
		} else if (is_space(c)) {
			if (p.pre)
				buf_add_char(out, c == '\n' ? '\n' : ' ');
			else
				p.space = true;
			at++;
		} else {
			if ((unsigned char)c >= 0x20 && c != 0x7F)
				put_char(&p, &c, 1);
			at++;
		}
	}
	put_lines(&p, 1);
}
