/* SPDX-License-Identifier: Apache-2.0 */
#include "report/csv.h"

#include <math.h>

/* Stands at the end of a text that Excel could not hold; the lossless exports have all of it. */
static const char cut_mark[] = " […]";
#define CUT_MARK_UNITS 4

/* A row starts at the start of the buffer, after a line break of ours or after the byte order mark.  A field always
 * ends in a quotation mark, a digit or a separator, so the last byte tells. */
static void separate(struct buf *out)
{
	bool first = out->len == 0 || out->ptr[out->len - 1] == '\n' || (out->len == 3 && out->ptr[0] == '\xEF');

	if (!first)
		buf_add_char(out, ',');
}

/* White space and invisible characters that spreadsheets skip, or drop on import, before they look for a formula. */
static bool is_skipped(uint32_t c)
{
	return c <= 0x20 || c == 0x7F || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200F) ||
	       (c >= 0x2028 && c <= 0x202F) || (c >= 0x205F && c <= 0x206F) || c == 0x3000 || c == 0xFEFF;
}

static bool starts_formula(uint32_t c)
{
	switch (c) {
	case '=':
	case '+':
	case '-':
	case '@':
	case 0xFF1D: /* the full-width forms, as a Chinese keyboard types them */
	case 0xFF0B:
	case 0xFF0D:
	case 0xFF20:
	case 0x2212: /* the minus sign */
	case 0xFE62: /* small plus, hyphen-minus, equals sign, at sign */
	case 0xFE63:
	case 0xFE66:
	case 0xFE6B:
		return true;
	default:
		return false;
	}
}

bool csv_is_formula(struct str text)
{
	size_t pos = 0;

	if (!text.len)
		return false;
	if (text.ptr[0] == '\t' || text.ptr[0] == '\r' || text.ptr[0] == '\n' || text.ptr[0] == '\0')
		return true;
	while (pos < text.len) {
		uint32_t c = utf8_next(text, &pos);

		if (!is_skipped(c))
			return starts_formula(c);
	}
	return false;
}

/* The longest start of `text` that fits in `units` UTF-16 units. */
static struct str cut_units(struct str text, size_t units)
{
	size_t pos = 0;

	while (pos < text.len) {
		size_t next = pos;
		size_t needed = utf8_next(text, &next) > 0xFFFF ? 2 : 1;

		if (needed > units)
			break;
		units -= needed;
		pos = next;
	}
	return (struct str){ text.ptr, pos };
}

/* Appends `text` with its quotation marks doubled. */
static void add_doubled(struct buf *out, struct str text)
{
	size_t from = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"') {
			buf_add(out, text.ptr + from, i + 1 - from);
			from = i;
		}
	}
	buf_add(out, text.ptr + from, text.len - from);
}

void csv_begin(struct buf *out, const struct csv_style *style)
{
	if (style->excel)
		buf_add_text(out, "\xEF\xBB\xBF");
}

void csv_field(struct buf *out, struct str text, const struct csv_style *style)
{
	size_t units = CSV_EXCEL_CELL;
	bool cut = false;

	separate(out);
	buf_add_char(out, '"');
	if (style->excel && csv_is_formula(text)) {
		buf_add_char(out, '\'');
		units--;
	}
	/* A character has at least as many bytes as UTF-16 units: a short text needs no counting. */
	if (style->excel && text.len > units && cut_units(text, units).len < text.len) {
		text = cut_units(text, units - CUT_MARK_UNITS);
		cut = true;
	}
	add_doubled(out, text);
	if (cut)
		buf_add_text(out, cut_mark);
	buf_add_char(out, '"');
}

void csv_number(struct buf *out, double value)
{
	separate(out);
	if (!isfinite(value))
		buf_add_text(out, "\"\""); /* never a bare separator: see separate() */
	else if (value == floor(value) && fabs(value) < 1e15)
		buf_printf(out, "%.0f", value == 0 ? 0.0 : value);
	else
		buf_printf(out, "%.9g", value);
}

void csv_end_row(struct buf *out)
{
	buf_add_text(out, "\r\n");
}
