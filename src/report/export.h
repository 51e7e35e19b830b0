/* SPDX-License-Identifier: Apache-2.0
 *
 * export - a run as a file: CSV for spreadsheets, plain CSV, lossless JSONL, one HTML page, JUnit for build servers.
 *
 * Written while it is read: memory stays at one question, whatever the size of the run.  What a model wrote is never
 * trusted: it is quoted or escaped for the format, and kept from becoming a formula in the spreadsheet flavour.
 * Thread: the connection's (a task of store_read(), or store_open_reader() for long ones): the file shows one state. */
#ifndef ASSAY_REPORT_EXPORT_H
#define ASSAY_REPORT_EXPORT_H

#include "base/msg.h"
#include "base/str.h"
#include "store/run_store.h"

enum export_format {
	EXPORT_CSV_EXCEL, /* UTF-8 with BOM, CR LF, cells that would run as formulas start with ', 32,767 characters a cell */
	EXPORT_CSV,       /* UTF-8, CR LF, nothing changed */
	EXPORT_JSONL,     /* first line the run with its columns, then a line for each question; has everything */
	EXPORT_HTML,      /* one file, no script, nothing loaded */
	EXPORT_JUNIT,     /* a test suite for each column; cells that failed are errors */
};

/* "csv-excel", "csv", "jsonl", "html", "junit". */
const char *export_format_name(enum export_format format);
/* ERR_INVALID "err_export_format". */
MUST_USE enum err_code export_format_parse(const char *name, enum export_format *out, struct err *err);
/* For the reply's header: "text/csv; charset=utf-8", ... */
const char *export_mime(enum export_format format);
/* Of a file name, without the dot: "csv", "jsonl", "html", "xml". */
const char *export_extension(enum export_format format);

/* Takes up to EXPORT_CHUNK bytes (borrowed for the call); false stops the export. */
#define EXPORT_CHUNK (256 * 1024)
typedef bool (*export_sink_fn)(void *user, struct str chunk);

/* ERR_NOT_FOUND "err_run_not_found"; ERR_CANCELLED "err_export_stopped" when the sink wants no more. */
MUST_USE enum err_code run_export(struct db *db, int64_t run_id, enum export_format format, enum lang lang,
				  export_sink_fn sink, void *user, struct err *err);

#endif
