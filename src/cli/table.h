/* SPDX-License-Identifier: Apache-2.0
 *
 * table - rows of text in aligned columns, also where they are Chinese.  Thread: one owner at a time. */
#ifndef ASSAY_CLI_TABLE_H
#define ASSAY_CLI_TABLE_H

#include <stddef.h>

#include "base/buf.h"

#define TABLE_COLUMNS_MAX 12

struct table;

/* `align` has one letter for each column: 'l' left, 'r' right.  Never returns NULL. */
struct table *table_new(const char *align);
/* NULL is fine. */
void table_free(struct table *t);

/* Appends a cell (copied, cleaned for a terminal); after the last column the next row begins. */
void table_cell(struct table *t, const char *text);
/* printf into a cell. */
void table_cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends the table.  `max_width` > 0 shortens the widest left-aligned column until the rows fit. */
void table_write(const struct table *t, int max_width, struct buf *out);

#endif
