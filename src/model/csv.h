/* SPDX-License-Identifier: Apache-2.0
 *
 * csv - reads RFC 4180 text and what spreadsheets make of it: LF, CR LF or CR, comma, semicolon or TAB, a "sep=;" line.
 *
 * Quotation marks follow RFC 4180; one inside an unquoted field, or text after the closing one, is taken literally.
 * Thread: one owner at a time. */
#ifndef ASSAY_MODEL_CSV_H
#define ASSAY_MODEL_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"

struct csv_record {
	struct str fields[LIMIT_FIELDS]; /* borrowed: dead after the next csv_reader_next() */
	size_t n;                          /* at most LIMIT_FIELDS */
	size_t n_found;                    /* as many as the record has */
	int64_t line;                      /* 1-based line where the record starts */
	bool unclosed;                     /* the text ended inside quotation marks */
	bool too_long;                     /* over LIMIT_JSON_ELEMENT bytes: the fields are cut */
};

struct csv_reader {
	struct str text;
	size_t pos;
	int64_t line;
	char separator; /* '\0': a record is one field */
	struct buf scratch;
	size_t ends[LIMIT_FIELDS];
};

/* The separator of a text: of ',', ';' and TAB the one that gives the first records the same number of fields, at least
 * two; '\0' where there is none. */
char csv_sniff(struct str text);

/* The text must outlive the reader.  A first line "sep=X" sets the separator and is skipped. */
void csv_reader_init(struct csv_reader *r, struct str text, char separator);
void csv_reader_release(struct csv_reader *r);

/* The next record that is not a blank line; false at the end. */
bool csv_reader_next(struct csv_reader *r, struct csv_record *out);

#endif
