/* SPDX-License-Identifier: Apache-2.0
 *
 * json_out - members of JSON objects written straight into a buffer: a tree of 16 answers of 8 MiB would be built for nothing.
 * The comma is added where one is needed.  Thread: any. */
#ifndef ASSAY_REPORT_JSON_OUT_H
#define ASSAY_REPORT_JSON_OUT_H

#include "base/json.h"
#include "report/export_private.h"

/* "name": with the comma before it; the value is to follow. */
void put_key(struct buf *out, const char *name);
void put_str(struct buf *out, const char *name, struct str value);
void put_lines(struct buf *out, const char *name, struct str lines); /* a list of texts that are stored one a line */
void put_text(struct buf *out, const char *name, const char *value);
void put_int(struct buf *out, const char *name, int64_t value);
void put_bool(struct buf *out, const char *name, bool value);
/* 17 digits, which give the same double back; null for what is not finite. */
void put_real(struct buf *out, const char *name, double value);
/* As UTC text, null for 0. */
void put_time(struct buf *out, const char *name, int64_t wall_ms);
/* A member "problem"; nothing for ERR_OK. */
void put_problem(struct buf *out, enum lang lang, const struct err *problem);

/* The members of the run's object, its columns among them; the braces are the caller's. */
void put_run_members(struct export *e);
/* The members of a cell's object. */
void put_cell_members(struct export *e, const struct cell_row *cell, size_t column);

#endif
