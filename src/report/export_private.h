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
	int64_t *parts; /* positions where groups of answers begin anew */
	size_t n_parts;
	bool has_turns; /* of conversations */
	struct run_records records;
};

/* Reads the run and makes the titles; to be ended by export_close() however that went. */
MUST_USE enum err_code export_open(struct export *e, struct db *db, int64_t run_id, enum lang lang, export_sink_fn sink, void *user,
				   struct err *err);
/* Hands on the rest where `code` is ERR_OK, and frees; the code that stands in the end. */
MUST_USE enum err_code export_close(struct export *e, enum err_code code, struct err *err);

/* The number of the question that the conversation of this one begins with. */
int64_t export_conversation(const struct run_question *q);
/* "Turn 2 of question 3"; the export's. */
const char *export_turn(struct export *e, const struct run_question *q);

/* Hands full chunks to the sink; call it after each field.  False: stop, e->failed says why. */
bool export_pass_on(struct export *e);
/* The same for the rest at the end. */
bool export_flush(struct export *e);

/* A text of the program in the export's language, in the arena; `args` as in msg_format(). */
const char *export_text(struct export *e, const char *key, const char *args, ...) PRINTF_LIKE(3, 4);
/* "max_tokens=256 temperature=0 ... seed=7" of a column. */
const char *export_settings(struct export *e, const struct column_row *c);
/* Why a cell has no answer, that it was cut, which run it was taken from; "" for a normal answer.  In the export's language, into `out`. */
void export_remark(const struct export *e, struct buf *out, const struct column_row *c, const struct cell_row *cell);
/* Columns that were answered with 8-bit weights, */
int64_t export_n_q8(const struct export *e);
/* and the sentence that says so. */
const char *export_q8(struct export *e);
/* Answers that were taken over from other runs, */
int64_t export_n_reused(const struct export *e);
/* and the sentence that says so. */
const char *export_reused(struct export *e);
/* "done", "failed", ... in the export's language. */
const char *export_state(const struct export *e, enum cell_state state);

/* Appends text for XML and HTML: & < > " ' escaped; what XML 1.0 forbids and wrong UTF-8 become U+FFFD. */
void markup_add(struct buf *out, struct str text);

/* ` name="value"` of XML; line breaks become blanks. */
void export_attribute(struct export *e, const char *name, struct str value);
/* <property>, nothing for an empty value. */
void export_property(struct export *e, const char *name, const char *value);

/* Head and style of a page that may load and run nothing, whatever stands in it; `title` is plain text. */
void export_html_head(struct export *e, struct str title);
/* Settings, files and machines behind each column. */
void export_html_provenance(struct export *e);

/* The formats; the run and its columns are read already. */
MUST_USE enum err_code export_csv(struct export *e, struct err *err);
MUST_USE enum err_code export_jsonl(struct export *e, struct err *err);
MUST_USE enum err_code export_html(struct export *e, struct err *err);
/* The files that were made of what the run chose, with their quality checks; nothing where there are none. */
MUST_USE enum err_code export_html_made(struct export *e, struct err *err);
MUST_USE enum err_code export_junit(struct export *e, struct err *err);

#endif
