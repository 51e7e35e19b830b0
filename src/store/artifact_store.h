/* SPDX-License-Identifier: Apache-2.0
 *
 * artifact_store - files that assay made, and the jobs ("creations") that make them.  Rows belong to the arena given. */
#ifndef ASSAY_STORE_ARTIFACT_STORE_H
#define ASSAY_STORE_ARTIFACT_STORE_H

#include "store/model_store.h"

struct artifact_row {
	int64_t id;
	const char *recipe;        /* SHA-256 (hex) of all that determines the file: one artifact for each */
	const char *path;          /* absolute */
	int64_t model_id;          /* the file as a model that can answer */
	const char *format;        /* "Q4_K_M" */
	int64_t size_bytes;
	const char *sha256, *template_hash; /* hex */
	int64_t source_model_id;
	int64_t run_id, column_id; /* where it was chosen, 0: nowhere; the run may be gone */
	const char *origin, *settings, *proof; /* JSON objects; proof "" until checked */
	int64_t created_ms;
};

/* Newest first. */
MUST_USE enum err_code artifact_store_list(struct db *db, struct arena *a, struct artifact_row **rows, size_t *n,
					   struct err *err);
/* ERR_NOT_FOUND "err_artifact_not_found". */
MUST_USE enum err_code artifact_store_get(struct db *db, struct arena *a, int64_t id, struct artifact_row *out,
					  struct err *err);
/* out->id is 0 where there is none with this recipe. */
MUST_USE enum err_code artifact_store_find(struct db *db, struct arena *a, const char *recipe, struct artifact_row *out,
					   struct err *err);
/* May this recipe's file be at `path`?  ERR_CONFLICT where a model that assay did not make lies there ("err_path_is_model"), or
 * another file of ours that a workspace answers with ("err_artifact_in_use"). */
MUST_USE enum err_code artifact_store_check_path(struct db *db, const char *path, const char *recipe, struct err *err);
/* store: adds the file as a model (`found` is what its header says) and as an artifact; sets id, model_id and created_ms.  A row
 * of the same recipe (whose file is gone) or at the same path (whose file was replaced) goes. */
MUST_USE enum err_code artifact_store_add(struct db *db, struct arena *a, const struct found_model *found,
					  struct artifact_row *row, struct err *err);
/* store */
MUST_USE enum err_code artifact_store_set_proof(struct db *db, int64_t id, const char *proof, struct err *err);
/* store: the answers of a quality check are in this run from now on.  Those of an earlier try that led to no proof go, unless
 * somebody rated them. */
MUST_USE enum err_code artifact_store_begin_proof(struct db *db, int64_t id, int64_t run_id, struct err *err);
/* store: the row and its model; ERR_CONFLICT "err_artifact_in_use" while a workspace answers with it. */
MUST_USE enum err_code artifact_store_remove(struct db *db, int64_t id, struct err *err);

enum creation_state { CREATION_WAITING, CREATION_RUNNING, CREATION_DONE, CREATION_FAILED, CREATION_CANCELLED };
/* "waiting", "running", ... */
const char *creation_state_name(enum creation_state s);

struct creation_row {
	int64_t id;
	enum creation_state state;
	const char *target;        /* "file", "workspace", "ollama" */
	const char *name;
	const char *params;        /* JSON: what was asked for */
	int64_t source_model_id, run_id, column_id; /* the last two 0: none */
	int64_t artifact_id;       /* 0: none yet */
	const char *steps, *result; /* JSON: an array, an object */
	struct err problem;
	int64_t created_ms, finished_ms;
};

/* Newest first, of one run or, with 0, of all. */
MUST_USE enum err_code creation_store_list(struct db *db, struct arena *a, int64_t run_id, struct creation_row **rows,
					   size_t *n, struct err *err);
/* ERR_NOT_FOUND "err_creation_not_found". */
MUST_USE enum err_code creation_store_get(struct db *db, struct arena *a, int64_t id, struct creation_row *out,
					  struct err *err);
/* store: sets id and created_ms. */
MUST_USE enum err_code creation_store_add(struct db *db, struct creation_row *row, struct err *err);
/* store: state, artifact, steps, result and problem; finished_ms follows from the state. */
MUST_USE enum err_code creation_store_set(struct db *db, const struct creation_row *row, struct err *err);
/* store: only of one that is over (ERR_CONFLICT "err_creation_running"). */
MUST_USE enum err_code creation_store_remove(struct db *db, int64_t id, struct err *err);
/* store: at the start, those that a dead server left behind have failed with "err_creation_interrupted". */
MUST_USE enum err_code creation_store_recover(struct db *db, struct err *err);

#endif
