/* SPDX-License-Identifier: Apache-2.0
 *
 * panel_store - panels: links by which people rate one run, and who they are, or see its results (viewer_store.h).  Rows belong to
 * the arena given.
 *
 * Of the link, and of the two halves of a rater's session, only the SHA-256 is kept. */
#ifndef ASSAY_STORE_PANEL_STORE_H
#define ASSAY_STORE_PANEL_STORE_H

#include "base/hash.h"
#include "store/db.h"
#include "store/setting_store.h"

enum panel_kind { PANEL_RATE, PANEL_VIEW };

/* "rate", "view". */
const char *panel_kind_name(enum panel_kind kind);

struct panel_row {
	int64_t id, run_id;
	enum panel_kind kind;
	const char *title; /* what those who come by it read, "": nothing */
	char code_hash[HASH_HEX_SIZE];
	int64_t max_raters;
	int64_t created_ms, expires_ms, closed_ms; /* wall; closed_ms 0: not closed */
	int64_t n_questions;                       /* filled by reads: of its run */
	const char *run_name;                      /* the same */
	int64_t n_viewers;                         /* the same: browsers that see it */
};

struct panel_search {
	int is_open;       /* 1: those that are open at wall_ms, 0: those that are not, -1: all */
	int64_t wall_ms;
	int64_t before_id; /* older than this one, 0: from the newest */
	int64_t limit;     /* so many at most */
};

struct rater_row {
	int64_t id, panel_id;
	const char *name;
	struct session_row session; /* its id is the rater's */
	char salt[HASH_HEX_SIZE];   /* of the order that answers have for this rater */
	char nonce_hash[HASH_HEX_SIZE]; /* of what its browser alone knows, "": nothing; not filled by reads */
	int64_t created_ms;
	int64_t n_rated, n_likes;   /* filled by reads */
};

/* True where its raters may rate, or its viewers see, now. */
bool panel_is_open(const struct panel_row *panel, int64_t wall_ms);

/* Newest first. */
MUST_USE enum err_code panel_store_list(struct db *db, struct arena *a, int64_t run_id, struct panel_row **rows, size_t *n,
					struct err *err);
/* Of all runs, newest first. */
MUST_USE enum err_code panel_store_search(struct db *db, struct arena *a, const struct panel_search *search, struct panel_row **rows,
					  size_t *n, struct err *err);
/* ERR_NOT_FOUND "err_panel_not_found". */
MUST_USE enum err_code panel_store_get(struct db *db, struct arena *a, int64_t id, struct panel_row *out, struct err *err);
/* The open one of that kind whose link has this code.  ERR_DENIED "err_panel_code", or of viewers "err_viewing_code". */
MUST_USE enum err_code panel_store_find(struct db *db, struct arena *a, enum panel_kind kind, const char *code_hash,
					int64_t wall_ms, struct panel_row *out, struct err *err);
/* store: sets id and created_ms.  ERR_NOT_FOUND "err_run_not_found". */
MUST_USE enum err_code panel_store_add(struct db *db, struct panel_row *row, struct err *err);
/* store: another link; the earlier one opens nothing from then on, who has come stays. */
MUST_USE enum err_code panel_store_set_code(struct db *db, int64_t id, const char *code_hash, struct err *err);
/* store: closes it; what was said stays. */
MUST_USE enum err_code panel_store_close(struct db *db, int64_t id, struct err *err);

/* In the order they came. */
MUST_USE enum err_code rater_store_list(struct db *db, struct arena *a, int64_t panel_id, struct rater_row **rows, size_t *n,
					struct err *err);
/* A rater who was invited.  ERR_NOT_FOUND "err_rater_not_found". */
MUST_USE enum err_code rater_store_get(struct db *db, struct arena *a, int64_t id, struct rater_row *out, struct err *err);
/* store: sets id and created_ms.  Who comes again with the name and the nonce of somebody who is there is that one, with a new
 * session: a reply may have been lost.  ERR_CONFLICT "err_rater_name" where another has the name, or "err_panel_full". */
MUST_USE enum err_code rater_store_add(struct db *db, const struct panel_row *panel, struct rater_row *row, struct err *err);
/* store: the rater, with all that was said. */
MUST_USE enum err_code rater_store_remove(struct db *db, int64_t id, struct err *err);
/* Sessions of the raters of panels that are open. */
MUST_USE enum err_code rater_store_sessions(struct db *db, struct arena *a, int64_t wall_ms, struct session_row **rows, size_t *n,
					    struct err *err);
/* What a rater said of a question: `*is_rated`, and its likes in the order of its cells. */
MUST_USE enum err_code rater_store_said(struct db *db, int64_t rater_id, int64_t question_id, bool *is_rated, bool *liked,
					size_t n_cells, struct err *err);

#endif
