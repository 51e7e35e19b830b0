/* SPDX-License-Identifier: Apache-2.0
 *
 * export_private - what the writers of the formats share. */
#ifndef ASSAY_REPORT_EXPORT_PRIVATE_H
#define ASSAY_REPORT_EXPORT_PRIVATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "report/export.h"

struct export {
	struct db *db;
	struct arena *arena;
	enum export_format format;
	enum lang lang;
	export_sink_fn sink;
	void *user;
	struct buf out;
	struct err failed; /* code ERR_OK: going on */
	struct run_row run;
	struct column_row *columns;
	const char **titles; /* "kestrel · epoch 4", unique, one for each column */
	size_t n_columns;
};

/* Hands full chunks to the sink; call it after each field.  False: stop, e->failed says why. */
bool export_pass_on(struct export *e);
/* The same for the rest at the end. */
bool export_flush(struct export *e);

/* A text of the program in the export's language, in the arena; `args` as in msg_format(). */
const char *export_text(struct export *e, const char *key, const char *args, ...) PRINTF_LIKE(3, 4);
/* "max_tokens=256 temperature=0 ... seed=7" of a column. */
const char *export_settings(struct export *e, const struct column_row *c);
/* Why a cell has no answer, or that it was cut; "" for a normal answer.  In the export's language, into `out`. */
void export_remark(const struct export *e, struct buf *out, const struct column_row *c, const struct cell_row *cell);
/* "done", "failed", ... in the export's language. */
const char *export_state(const struct export *e, enum cell_state state);

/* Appends text for XML and HTML: & < > " ' escaped; what XML 1.0 forbids and wrong UTF-8 become U+FFFD. */
void markup_add(struct buf *out, struct str text);

/* The formats; the run and its columns are read already. */
MUST_USE enum err_code export_csv(struct export *e, struct err *err);
MUST_USE enum err_code export_jsonl(struct export *e, struct err *err);
MUST_USE enum err_code export_html(struct export *e, struct err *err);
/* The files that were made of what the run chose, with their quality checks; nothing where there are none. */
MUST_USE enum err_code export_html_made(struct export *e, struct err *err);
MUST_USE enum err_code export_junit(struct export *e, struct err *err);

#endif
