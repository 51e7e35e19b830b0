/* SPDX-License-Identifier: Apache-2.0
 *
 * document_store - documents of a workspace, cut into passages that are found by their words (FTS5, bm25).
 *
 * Offsets are bytes of the document's text.  Rows belong to the arena given; writers are for the store thread. */
#ifndef ASSAY_STORE_DOCUMENT_STORE_H
#define ASSAY_STORE_DOCUMENT_STORE_H

#include "base/str.h"
#include "store/db.h"

struct document_row {
	int64_t id, workspace_id;
	const char *name, *format; /* "txt", "md", "html" */
	const char *sha256;        /* hex, of the file as it came */
	int64_t size_bytes, n_passages;
	int64_t created_ms;
	struct str text;           /* filled by document_store_get() only */
};

struct passage_row {
	int64_t id, document_id;
	int64_t start, length;
	const char *heading;
	const char *terms;         /* only read by document_store_add() */
	/* filled by document_store_search() */
	const char *document_name;
	struct str text;
	int64_t start_utf16, length_utf16; /* the same in UTF-16 units, as a browser counts */
	double rank;               /* bm25: the smaller the better */
};

/* The newest first, without their texts. */
MUST_USE enum err_code document_store_list(struct db *db, struct arena *a, int64_t workspace_id,
					   struct document_row **rows, size_t *n, struct err *err);
/* With its text and all passages in order; ERR_NOT_FOUND "err_document_not_found". */
MUST_USE enum err_code document_store_get(struct db *db, struct arena *a, int64_t id, struct document_row *out,
					  struct passage_row **passages, size_t *n, struct err *err);
/* The passages of the workspace that fit best to `match`, an FTS5 expression ("" finds nothing). */
MUST_USE enum err_code document_store_search(struct db *db, struct arena *a, int64_t workspace_id, const char *match,
					     int64_t limit, struct passage_row **rows, size_t *n, struct err *err);

/* store: sets id and created_ms.  ERR_NOT_FOUND "err_workspace_not_found"; ERR_CONFLICT "err_document_known" where the
 * workspace has the same file already. */
MUST_USE enum err_code document_store_add(struct db *db, struct document_row *row, const struct passage_row *passages,
					  size_t n, struct err *err);
/* store */
MUST_USE enum err_code document_store_remove(struct db *db, int64_t id, struct err *err);
/* store: all of a workspace. */
MUST_USE enum err_code document_store_remove_all(struct db *db, int64_t workspace_id, struct err *err);

#endif
