/* SPDX-License-Identifier: Apache-2.0
 *
 * model_store - models that can answer, families of checkpoints, and what was refused.
 *
 * Rows belong to the arena given. */
#ifndef ASSAY_STORE_MODEL_STORE_H
#define ASSAY_STORE_MODEL_STORE_H

#include "model/catalogue.h"
#include "model/weights.h"
#include "store/db.h"

struct model_extra;

struct model_row {
	int64_t id;
	int64_t family_id;     /* 0: none */
	int64_t base_model_id; /* adapters: the base in use, 0: not known yet */
	int64_t provider_id;   /* remote ones: who answers, 0: none */
	const char *base_path; /* of base_model_id; "": none */
	bool is_hidden;        /* removed by the user, kept because runs refer to it */
	bool has_gpu;	       /* what it may use of GPUs was chosen for it alone; else the settings say it: */
	int gpu_layers;	       /* -1: as many as fit, 0: none */
	const char *gpu_device; /* ids with commas between them, "" all */
	struct found_model model;
	char sha256[65];       /* "" until hashed */
	char sha256_of[64];    /* what the file was like when it was hashed, as model_store_set_hash() was told */
	enum weights weights;  /* a model with weights of its own: how the user wants them used */
	char q8_sha256[65], q8_sha256_of[64]; /* of the file that it is as Q8_0 */
	struct model_extra *extra; /* server/model_extra.h; NULL: not asked for */
};

struct family_row {
	int64_t id;
	const char *name, *path, *base_name;
	int64_t num_train_epochs;
	const struct loss_point *losses;
	size_t n_losses;
};

struct refusal_row {
	const char *path;
	struct err err;
};

struct model_list {
	struct model_row *models; /* by family, then epoch, then step; then id */
	size_t n_models;
	struct family_row *families; /* by name */
	size_t n_families;
	struct refusal_row *refusals;
	size_t n_refusals;
};

/* All that is not hidden. */
MUST_USE enum err_code model_store_list(struct db *db, struct arena *a, struct model_list *out, struct err *err);

/* ERR_NOT_FOUND "err_model_not_found"; hidden rows are found. */
MUST_USE enum err_code model_store_get(struct db *db, struct arena *a, int64_t id, struct model_row *out, struct err *err);

/* Adds or refreshes everything of a scan (same path = same row, so ids are stable); `base_model_id` (0: find by
 * catalogue_base_match among all bases) is set on new adapters.  `*ids` (arena) are the rows of this scan.  store */
MUST_USE enum err_code model_store_merge(struct db *db, struct arena *a, const struct catalogue *found,
					 int64_t base_model_id, int64_t **ids, size_t *n_ids, struct err *err);

/* The refusals alone, by path. */
MUST_USE enum err_code model_store_refusals(struct db *db, struct arena *a, struct refusal_row **rows, size_t *n, struct err *err);
/* What lies at `path` is not refused any more.  store */
MUST_USE enum err_code model_store_forget_refusal(struct db *db, const char *path, struct err *err);

/* Whether a model (a family) with that path was ever added, removed ones too. */
MUST_USE enum err_code model_store_has(struct db *db, const char *path, bool *has, struct err *err);
MUST_USE enum err_code family_store_has(struct db *db, const char *path, bool *has, struct err *err);

/* The writers below are for the store thread.  A name that the user gives stays when the model is scanned again. */
MUST_USE enum err_code model_store_rename(struct db *db, int64_t id, const char *name, struct err *err);
/* What it may use of GPUs: `row` has the three fields.  ERR_NOT_FOUND "err_model_not_found". */
MUST_USE enum err_code model_store_set_gpu(struct db *db, int64_t id, const struct model_row *row, struct err *err);
/* As model_store_rename(). */
MUST_USE enum err_code family_store_rename(struct db *db, int64_t family_id, const char *name, struct err *err);
/* The base of all its adapters. */
MUST_USE enum err_code family_store_set_base(struct db *db, int64_t family_id, int64_t base_model_id, struct err *err);
/* Out of all lists; its runs keep it. */
MUST_USE enum err_code model_store_hide(struct db *db, int64_t id, struct err *err);
/* As model_store_hide(), with its checkpoints. */
MUST_USE enum err_code family_store_hide(struct db *db, int64_t family_id, struct err *err);
/* `sha256_of`: what the file was like when it was hashed (machine_file_stamp()). */
MUST_USE enum err_code model_store_set_hash(struct db *db, int64_t id, const char *sha256, const char *sha256_of,
					    struct err *err);
/* As model_store_set_hash(), of the file that the model became as Q8_0. */
MUST_USE enum err_code model_store_set_q8_hash(struct db *db, int64_t id, const char *sha256, const char *sha256_of, struct err *err);
/* store: how the weights of a base or a full-weight checkpoint are used from now on.  ERR_INVALID "err_weights_not" for an adapter,
 * for a model of a provider, and for one that Q8_0 would not make smaller. */
MUST_USE enum err_code model_store_set_weights(struct db *db, struct arena *a, int64_t id, enum weights weights, struct err *err);
/* The weights that answers of the model are computed with: its base's choice, or `*weights` where they are given; as stored where
 * Q8_0 would not be smaller. */
MUST_USE enum err_code model_store_weights(struct db *db, struct arena *a, int64_t id, bool is_given, enum weights *weights,
					   struct err *err);
/* store: the model's file is at `path` now; nothing changes where another row has that path. */
MUST_USE enum err_code model_store_move(struct db *db, int64_t id, const char *path, struct err *err);
/* As model_store_move(), without its checkpoints. */
MUST_USE enum err_code family_store_move(struct db *db, int64_t family_id, const char *path, struct err *err);

#endif
