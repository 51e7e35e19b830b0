/* SPDX-License-Identifier: Apache-2.0 */
#include "model/csv.h"

#include "base/limits.h"

/* How many records csv_sniff() compares, and how much of the text it looks at. */
#define SNIFF_RECORDS 10
#define SNIFF_BYTES (64 * KIB)

void csv_reader_init(struct csv_reader *r, struct str text, char separator)
{
	*r = (struct csv_reader){ .text = text, .line = 1, .separator = separator };
	buf_init(&r->scratch, LIMIT_JSON_ELEMENT);
	if (str_starts(text, "sep=") && text.len > 5 && (text.ptr[5] == '\n' || text.ptr[5] == '\r')) {
		r->separator = text.ptr[4];
		r->pos = text.ptr[5] == '\r' && text.len > 6 && text.ptr[6] == '\n' ? 7 : 6;
		r->line = 2;
	}
}

void csv_reader_release(struct csv_reader *r)
{
	buf_release(&r->scratch);
}

/* Steps over a line break at r->pos; CR LF is one. */
static void skip_break(struct csv_reader *r)
{
	if (r->text.ptr[r->pos] == '\r' && r->pos + 1 < r->text.len && r->text.ptr[r->pos + 1] == '\n')
		r->pos++;
	r->pos++;
	r->line++;
}

static bool at_break(const struct csv_reader *r)
{
	return r->text.ptr[r->pos] == '\n' || r->text.ptr[r->pos] == '\r';
}

/* Copies what stands between quotation marks; r->pos is at the opening one.  False where it is never closed. */
static bool read_quoted(struct csv_reader *r)
{
	size_t from = ++r->pos;

	while (r->pos < r->text.len) {
		char c = r->text.ptr[r->pos];

		if (c == '"') {
			bool doubled = r->pos + 1 < r->text.len && r->text.ptr[r->pos + 1] == '"';

			buf_add(&r->scratch, r->text.ptr + from, r->pos - from + (doubled ? 1 : 0));
			r->pos += doubled ? 2 : 1;
			from = r->pos;
			if (!doubled)
				return true;
		} else if (at_break(r)) {
			skip_break(r);
		} else {
			r->pos++;
		}
	}
	buf_add(&r->scratch, r->text.ptr + from, r->pos - from);
	return false;
}

/* Reads one field up to its separator or the end of the record, neither of which is taken. */
static bool read_field(struct csv_reader *r)
{
	size_t from;

	if (r->pos < r->text.len && r->text.ptr[r->pos] == '"' && !read_quoted(r))
		return false;
	from = r->pos;
	while (r->pos < r->text.len && !at_break(r) && (!r->separator || r->text.ptr[r->pos] != r->separator))
		r->pos++;
	buf_add(&r->scratch, r->text.ptr + from, r->pos - from);
	return true;
}

bool csv_reader_next(struct csv_reader *r, struct csv_record *out)
{
	size_t start = 0;

	while (r->pos < r->text.len && at_break(r))
		skip_break(r);
	if (r->pos >= r->text.len)
		return false;
	buf_clear(&r->scratch);
	out->line = r->line;
	out->n = out->n_found = 0;
	out->unclosed = false;
	for (;;) {
		out->unclosed = !read_field(r);
		if (out->n < LIMIT_FIELDS)
			r->ends[out->n++] = r->scratch.len;
		out->n_found++;
		if (r->pos >= r->text.len || at_break(r))
			break;
		r->pos++;
	}
	out->too_long = r->scratch.overflow;
	/* The buffer may have moved while it grew: views are made when it is complete. */
	for (size_t i = 0; i < out->n; i++) {
		out->fields[i] = (struct str){ buf_text(&r->scratch) + start, r->ends[i] - start };
		start = r->ends[i];
	}
	if (r->pos < r->text.len)
		skip_break(r);
	return true;
}

/* Fields of the first record if `separator` cuts it into two or more, plus how many records after it have as many:
 * a larger number is a better separator.  0: none. */
static size_t separator_score(struct str text, char separator)
{
	struct csv_reader reader;
	struct csv_record record;
	size_t width = 0, alike = 0;

	csv_reader_init(&reader, text, separator);
	for (size_t i = 0; i < SNIFF_RECORDS && csv_reader_next(&reader, &record); i++) {
		if (i == 0)
			width = record.n_found;
		alike += record.n_found == width;
	}
	csv_reader_release(&reader);
	return width < 2 ? 0 : alike * (LIMIT_FIELDS + 1) + (width < LIMIT_FIELDS ? width : LIMIT_FIELDS);
}

char csv_sniff(struct str text)
{
	static const char candidates[] = { ',', ';', '\t' };
	size_t best = 0;
	char separator = '\0';

	if (text.len > SNIFF_BYTES)
		text.len = SNIFF_BYTES;
	for (size_t i = 0; i < sizeof(candidates); i++) {
		size_t score = separator_score(text, candidates[i]);

		if (score > best) {
			best = score;
			separator = candidates[i];
		}
	}
	return separator;
}
