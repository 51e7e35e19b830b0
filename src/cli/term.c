/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/term.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unicode/uchar.h>
#include <unistd.h>

#include "base/mem.h"

static int char_width(uint32_t c)
{
	int8_t type = u_charType((UChar32)c);
	if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || type == U_FORMAT_CHAR || type == U_CONTROL_CHAR)
		return 0;
	int wide = u_getIntPropertyValue((UChar32)c, UCHAR_EAST_ASIAN_WIDTH);
	return wide == U_EA_WIDE || wide == U_EA_FULLWIDTH ? 2 : 1;
}

int term_width(struct str text)
{
	int width = 0;
	for (size_t i = 0; i < text.len;)
		width += char_width(utf8_next(text, &i));
	return width;
}

void term_cut(struct buf *out, struct str text, int columns)
{
	if (term_width(text) <= columns) {
		buf_add_str(out, text);
		return;
	}
	int width = 0;
	for (size_t i = 0; i < text.len;) {
		size_t start = i;
		width += char_width(utf8_next(text, &i));
		if (width > columns - 1)
			break;
		buf_add(out, text.ptr + start, i - start);
	}
	buf_add_text(out, "…");
}

void term_print(FILE *to, struct str text)
{
	char *copy = mem_alloc(text.len + 1);
	while (text.len) {
		const char *end = memchr(text.ptr, '\n', text.len);
		const char *tab = memchr(text.ptr, '\t', text.len);
		const char *stop = tab && (!end || tab < end) ? tab : end;
		size_t len = stop ? (size_t)(stop - text.ptr) : text.len;
		memcpy(copy, text.ptr, len);
		fwrite(copy, 1, utf8_clean(copy, len, 0), to);
		if (!stop)
			break;
		fputc(*stop, to);
		text = (struct str){ stop + 1, text.len - len - 1 };
	}
	mem_free(copy);
}

bool term_is_live(FILE *f)
{
	const char *kind = getenv("TERM");
	return isatty(fileno(f)) && kind && strcmp(kind, "dumb") != 0;
}

int term_columns(FILE *f)
{
	struct winsize size;
	if (ioctl(fileno(f), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

/* Bytes and width of the next piece that must not be broken: a word, or one wide character. */
static size_t next_piece(struct str s, int *width)
{
	size_t i = 0;
	*width = 0;
	while (i < s.len && s.ptr[i] != ' ' && s.ptr[i] != '\n') {
		size_t start = i;
		int w = char_width(utf8_next(s, &i));
		if (w == 2 && start > 0)
			return start;
		*width += w;
		if (w == 2)
			break;
	}
	/* closing punctuation stays with what it closes */
	while (i < s.len) {
		size_t next = i;
		uint32_t c = utf8_next(s, &next);
		int8_t type = u_charType((UChar32)c);
		if (char_width(c) != 2 || (type != U_OTHER_PUNCTUATION && type != U_END_PUNCTUATION))
			break;
		*width += 2;
		i = next;
	}
	return i;
}

static void break_line(struct buf *out, int indent)
{
	while (out->len && out->ptr[out->len - 1] == ' ')
		out->ptr[--out->len] = '\0';
	buf_printf(out, "\n%*s", indent, "");
}

void term_wrap(struct buf *out, const char *text, int indent, int columns)
{
	struct str s = str_of(text);
	int column = indent;
	while (s.len) {
		if (s.ptr[0] == '\n' || s.ptr[0] == ' ') {
			if (s.ptr[0] == '\n') {
				break_line(out, indent);
				column = indent;
			} else if (column > indent) {
				buf_add_char(out, ' ');
				column++;
			}
			s = (struct str){ s.ptr + 1, s.len - 1 };
			continue;
		}
		int width;
		size_t n = next_piece(s, &width);
		if (column > indent && column + width > columns) {
			break_line(out, indent);
			column = indent;
		}
		buf_add(out, s.ptr, n);
		column += width;
		s = (struct str){ s.ptr + n, s.len - n };
	}
	buf_add_char(out, '\n');
}
