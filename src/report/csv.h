/* SPDX-License-Identifier: Apache-2.0
 *
 * csv - writes RFC 4180 records for exports: CR LF, every text in quotation marks, quotation marks doubled.
 *
 * The plain flavour is lossless and for programs.  The Excel flavour is for people: it starts with a byte order mark,
 * without which Excel in Taiwan reads UTF-8 as Big5; a text that a spreadsheet would run as a formula gets a leading
 * apostrophe (OWASP ASVS 1.2.10); a text longer than a cell can hold is cut with a visible mark.
 *
 *     csv_begin(&out, &style);
 *     csv_field(&out, question, &style);
 *     csv_number(&out, 12.5);
 *     csv_end_row(&out);
 *
 * Text must be UTF-8.  The buffer may be emptied between two rows, not within one.  Thread: any. */
#ifndef ASSAY_REPORT_CSV_H
#define ASSAY_REPORT_CSV_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* What one cell of Excel holds, in UTF-16 units. */
#define CSV_EXCEL_CELL 32767

struct csv_style {
	bool excel;
};

/* Starts a file: the byte order mark in the Excel flavour, nothing in the plain one. */
void csv_begin(struct buf *out, const struct csv_style *style);

/* Appends one text field, with the separator before it unless it is the first of its row. */
void csv_field(struct buf *out, struct str text, const struct csv_style *style);

/* Appends one number, not quoted; what is not finite is an empty field. */
void csv_number(struct buf *out, double value);

/* Ends the row. */
void csv_end_row(struct buf *out);

/* True if a spreadsheet may take `text` for a formula: = + - @ or their full-width forms at the start, also after white
 * space and control characters, or a start with TAB, CR, LF or NUL. */
bool csv_is_formula(struct str text);

#endif
