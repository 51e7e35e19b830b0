/* SPDX-License-Identifier: Apache-2.0
 *
 * question_store - question sets.  Rows belong to the arena given. */
#ifndef ASSAY_STORE_QUESTION_STORE_H
#define ASSAY_STORE_QUESTION_STORE_H

#include "model/questions.h"
#include "store/db.h"

struct question_set_row {
	int64_t id;
	const char *name, *format;
	int64_t created_ms;
	int64_t n_questions, n_with_reference;
	int64_t n_later; /* that are later turns of conversations */
};

/* The one that was given last comes first. */
MUST_USE enum err_code question_set_list(struct db *db, struct arena *a, struct question_set_row **rows, size_t *n,
					 struct err *err);

/* What the set is called; "" where it is gone. */
MUST_USE enum err_code question_set_name(struct db *db, struct arena *a, int64_t id, const char **name, struct err *err);

/* store; texts are copied into the database.  ERR_LIMIT above LIMIT_QUESTIONS. */
MUST_USE enum err_code question_set_add(struct db *db, const char *name, const char *format,
					const struct question *questions, size_t n, int64_t *id, struct err *err);

/* The newest set that holds the same questions byte for byte; the lines that they stood in do not count.  `*id` 0: none. */
MUST_USE enum err_code question_set_find(struct db *db, const struct question *questions, size_t n, int64_t *id, struct err *err);

/* store: question_set_find(), which then has this name and counts as given last, or question_set_add(). */
MUST_USE enum err_code question_set_keep(struct db *db, const char *name, const char *format, const struct question *questions,
					 size_t n, int64_t *id, struct err *err);

/* One page in order.  `*total` is the size of the set. */
MUST_USE enum err_code question_set_read(struct db *db, struct arena *a, int64_t id, int64_t offset, int64_t limit,
					 struct question **out, size_t *n, int64_t *total, struct err *err);

/* The same as people read it (questions_reading_order()); `positions` has those of the questions. */
MUST_USE enum err_code question_set_read_page(struct db *db, struct arena *a, int64_t id, int64_t offset, int64_t limit,
					      struct question **out, int64_t **positions, size_t *n, int64_t *total, struct err *err);

/* The record of a question that was read, in the arena where it is still in the store; empty: none. */
MUST_USE enum err_code question_record_get(struct db *db, struct arena *a, const struct question *of, struct str *out,
					   struct err *err);

/* store; runs keep their own questions. */
MUST_USE enum err_code question_set_remove(struct db *db, int64_t id, struct err *err);

#endif
