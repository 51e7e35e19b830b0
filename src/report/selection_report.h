/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_report - what came out of an automatic validation as a file: one HTML page to read, lossless JSON, JUnit for build
 * servers.  The same stored result gives the same bytes.  Thread: the connection's, as for export.h. */
#ifndef ASSAY_REPORT_SELECTION_REPORT_H
#define ASSAY_REPORT_SELECTION_REPORT_H

#include "report/export.h"
#include "report/selection_gate.h"

enum selection_report_format { SELECTION_HTML, SELECTION_JSON, SELECTION_JUNIT };

/* "html", "json", "junit"; ERR_INVALID "err_field_choice". */
MUST_USE enum err_code selection_report_format_parse(const char *name, enum selection_report_format *out, struct err *err);
const char *selection_report_mime(enum selection_report_format format);
/* Of a file name, without the dot. */
const char *selection_report_extension(enum selection_report_format format);

/* `rule` (NULL: none): a gate that JUnit reports as a test of its own.  ERR_NOT_FOUND "err_selection_not_found"; otherwise as
 * run_export(). */
MUST_USE enum err_code selection_report(struct db *db, int64_t id, enum selection_report_format format, enum lang lang,
					const char *rule, export_sink_fn sink, void *user, struct err *err);

#endif
