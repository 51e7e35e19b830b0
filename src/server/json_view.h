/* SPDX-License-Identifier: Apache-2.0
 *
 * json_view - rows as the JSON of docs/openapi.yaml.
 *
 * Every function appends one JSON value.  Pure but for view_model(), which looks whether the model's file is there.
 * Thread: any. */
#ifndef ASSAY_SERVER_JSON_VIEW_H
#define ASSAY_SERVER_JSON_VIEW_H

#include "base/msg.h"
#include "engine/engine.h"
#include "model/questions.h"
#include "store/model_store.h"
#include "store/question_store.h"
#include "store/run_store.h"

/* --- fields: `name` NULL is an element of an array; the comma is added where one is needed --- */
void json_open(struct buf *b, const char *name, char bracket);
void json_close(struct buf *b, char bracket);
void json_int(struct buf *b, const char *name, int64_t value);
void json_id(struct buf *b, const char *name, int64_t value);       /* null for 0 */
void json_num(struct buf *b, const char *name, double value);       /* null for NAN */
void json_flag(struct buf *b, const char *name, bool value);
void json_str(struct buf *b, const char *name, struct str value);
void json_cstr(struct buf *b, const char *name, const char *value); /* NULL is "" */
void json_raw(struct buf *b, const char *name, const char *json);   /* a whole value that is JSON already */

/* {error:{...}} and the problem in it. */
void view_error(struct buf *b, enum lang lang, const struct err *err);
void view_problem(struct buf *b, const char *name, enum lang lang, const struct err *err);
/* One of a stored result: {"code","key","args"}. */
void view_stored_problem(struct buf *b, const char *name, enum lang lang, const json_t *stored);

void view_gen_params(struct buf *b, const struct gen_params *p); /* a field "params" */
void view_model(struct buf *b, const char *name, enum lang lang, const struct model_row *m, const char *family_name);
void view_family(struct buf *b, enum lang lang, const struct family_row *f, const struct model_list *all);
void view_model_list(struct buf *b, enum lang lang, const struct model_list *list);
void view_refusal(struct buf *b, enum lang lang, const char *path, const struct err *err);

/* `position` in its set. */
void view_question(struct buf *b, const struct question *q, int64_t position);
void view_question_set(struct buf *b, const struct question_set_row *set);
void view_import(struct buf *b, enum lang lang, const char *upload, const char *name, const struct question_import *in);

/* What the engine knows of a run beyond its rows; zeroed for one that is not active. */
struct run_live {
	bool is_active;
	bool is_unsaved; /* interrupted by `cause`, whatever its row says */
	struct err cause;
	int64_t eta_ms;  /* -1: unknown */
	struct column_live columns[16];
	size_t n_columns;
};
/* `columns` NULL: without them. */
void view_run(struct buf *b, enum lang lang, const struct run_row *run, const struct column_row *columns, size_t n,
	      const struct run_live *live);
void view_column(struct buf *b, enum lang lang, const struct run_row *run, const struct column_row *c, const struct run_live *live);

/* `live` (NULL: none): the answer so far of a cell that is not done. */
void view_cell(struct buf *b, enum lang lang, const struct cell_row *c, const struct cell_live *live);

struct page_view {
	enum lang lang;
	int64_t total, offset, event_id;
	const struct cell_live *live; /* texts of the snapshot that belongs to event_id */
	size_t n_live;
};
void view_page(struct buf *b, const struct page_view *page, const struct run_question *questions, size_t n,
	       size_t n_columns);

#endif
