/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/term.h"

#define GAP 2
#define NARROWEST 8

struct table {
	char align[TABLE_COLUMNS_MAX + 1];
	size_t n_columns;
	char **cells;
	size_t n_cells, cap;
};

struct table *table_new(const char *align)
{
	struct table *t = mem_alloc(sizeof *t);
	t->n_columns = strlen(align);
	if (!t->n_columns || t->n_columns > TABLE_COLUMNS_MAX)
		BUG("a table of %zu columns", t->n_columns);
	memcpy(t->align, align, t->n_columns);
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		mem_free(t->cells[i]);
	mem_free(t->cells);
	mem_free(t);
}

void table_cell(struct table *t, const char *text)
{
	if (t->n_cells == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->cells = mem_grow(t->cells, t->cap * sizeof *t->cells);
	}
	char *copy = mem_strdup(text ? text : "");
	utf8_clean(copy, strlen(copy), 0);
	t->cells[t->n_cells++] = copy;
}

void table_cellf(struct table *t, const char *fmt, ...)
{
	struct buf text = BUF_INIT(64 * KIB);
	char stack[512];
	va_list list;
	va_start(list, fmt);
	int n = vsnprintf(stack, sizeof stack, fmt, list);
	va_end(list);
	buf_add(&text, stack, n < 0 ? 0 : utf8_whole((struct str){ stack, strlen(stack) }));
	table_cell(t, buf_text(&text));
	buf_release(&text);
}

static void measure(const struct table *t, int max_width, int *width)
{
	int total = GAP * ((int)t->n_columns - 1), widest = -1;
	for (size_t i = 0; i < t->n_cells; i++) {
		int w = term_width(str_of(t->cells[i]));
		if (w > width[i % t->n_columns])
			width[i % t->n_columns] = w;
	}
	for (size_t c = 0; c < t->n_columns; c++) {
		total += width[c];
		if (t->align[c] == 'l' && (widest < 0 || width[c] > width[widest]))
			widest = (int)c;
	}
	if (max_width > 0 && total > max_width && widest >= 0) {
		int room = width[widest] - (total - max_width);
		width[widest] = room < NARROWEST ? NARROWEST : room;
	}
}

void table_write(const struct table *t, int max_width, struct buf *out)
{
	int width[TABLE_COLUMNS_MAX] = { 0 };
	measure(t, max_width, width);
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t c = i % t->n_columns;
		bool is_last = c + 1 == t->n_columns;
		struct buf text = BUF_INIT(64 * KIB);
		term_cut(&text, str_of(t->cells[i]), width[c]);
		int pad = width[c] - term_width(buf_str(&text));
		if (t->align[c] == 'r')
			buf_printf(out, "%*s", pad, "");
		buf_add_str(out, buf_str(&text));
		if (t->align[c] == 'l' && !is_last)
			buf_printf(out, "%*s", pad, "");
		buf_add_text(out, is_last ? "\n" : "  ");
		buf_release(&text);
	}
}
