/* SPDX-License-Identifier: Apache-2.0
 *
 * provider_store - servers that answer (Ollama, OpenAI-compatible), their models that are used as columns, and the models
 * that assay brought into an Ollama.  Keys are never here: secret_store has them.  Rows belong to the arena given. */
#ifndef ASSAY_STORE_PROVIDER_STORE_H
#define ASSAY_STORE_PROVIDER_STORE_H

#include "store/db.h"

enum provider_kind { PROVIDER_OLLAMA, PROVIDER_OPENAI };
/* "ollama", "openai". */
const char *provider_kind_name(enum provider_kind kind);

struct provider_row {
	int64_t id;
	enum provider_kind kind;
	const char *name, *url;  /* url: canonical, see base/url.h */
	const char *key_source;  /* "" none, "file" (DATA/secrets), "env:NAME", "cmd:COMMAND" */
	const char *key_last4;   /* "" where the key is too short to show a part of it */
	int64_t concurrency;     /* requests at once, 1..64 */
	int64_t timeout_s;       /* to the first byte of an answer, 1..3600 */
	int64_t max_requests;    /* of one validation, or of its judge, from its start or continuing on; 0: no limit */
	const char *ca_file, *pin; /* see base/tls_trust.h, "" none */
	bool is_default;         /* the Ollama of OLLAMA_HOST */
	int64_t created_ms;
};

/* The default one first, then by id; removed ones are left out. */
MUST_USE enum err_code provider_store_list(struct db *db, struct arena *a, struct provider_row **rows, size_t *n,
					   struct err *err);
/* ERR_NOT_FOUND "err_provider_not_found"; removed ones are found. */
MUST_USE enum err_code provider_store_get(struct db *db, struct arena *a, int64_t id, struct provider_row *out,
					  struct err *err);
/* store: at the start; the default Ollama answers at `url` from now on.  At another address its key and trust are forgotten. */
MUST_USE enum err_code provider_store_set_default(struct db *db, const char *url, struct err *err);
/* store: sets id and created_ms.  ERR_CONFLICT "err_provider_exists" where one of this kind and address is in the list. */
MUST_USE enum err_code provider_store_add(struct db *db, struct arena *a, struct provider_row *row, struct err *err);
/* store: all but kind and created_ms of row->id.  ERR_CONFLICT as for adding. */
MUST_USE enum err_code provider_store_set(struct db *db, struct arena *a, const struct provider_row *row, struct err *err);
/* store: out of the list, with its models; runs keep them.  What is unfinished there is forgotten.  ERR_CONFLICT "err_provider_default" for the default one. */
MUST_USE enum err_code provider_store_hide(struct db *db, struct arena *a, int64_t id, struct err *err);

/* --- its models as columns --- */

struct remote_model {
	const char *name; /* as the provider says it */
	int64_t size_bytes, n_params, n_ctx_train; /* 0: not said */
	const char *architecture, *file_type;      /* "": not said */
};

/* store: the row of /models for this name ("provider:ID/NAME"), made or refreshed. */
MUST_USE enum err_code provider_store_use(struct db *db, int64_t provider_id, const struct remote_model *model, int64_t *model_id,
					  struct err *err);
/* The row's id, 0 where the name was never used or its row was removed. */
MUST_USE enum err_code provider_store_used(struct db *db, int64_t provider_id, const char *name, int64_t *model_id,
					   struct err *err);

/* --- imported --- */

struct imported_row {
	int64_t provider_id;
	const char *name;          /* in Ollama, with its tag */
	const char *digest;        /* of its manifest as /api/tags says it */
	int64_t artifact_id, run_id, column_id; /* 0: none */
	const char *label;         /* of the column, "" where its run is gone */
	double epoch;              /* NAN: none */
	const char *parity;        /* JSON */
	int64_t created_ms;
};

MUST_USE enum err_code imported_store_list(struct db *db, struct arena *a, int64_t provider_id, struct imported_row **rows,
					   size_t *n, struct err *err);
/* store: one row for each provider and name; the latest import counts. */
MUST_USE enum err_code imported_store_set(struct db *db, const struct imported_row *row, struct err *err);
/* store */
MUST_USE enum err_code imported_store_remove(struct db *db, int64_t provider_id, const char *name, struct err *err);

/* What is to be undone in an Ollama if this import does not end. */
struct unfinished_row {
	int64_t provider_id;
	const char *url;    /* where it answered then */
	const char *name;   /* the model that is made; "": it stands, and only its backup is to be deleted */
	const char *backup; /* who had the name before has this one; "": nobody had */
};

MUST_USE enum err_code unfinished_store_list(struct db *db, struct arena *a, struct unfinished_row **rows, size_t *n,
					     struct err *err);
/* store: before anything is made in the Ollama. */
MUST_USE enum err_code unfinished_store_add(struct db *db, const struct unfinished_row *row, struct err *err);
/* store: the import has ended and cleaned up, or it is undone. */
MUST_USE enum err_code unfinished_store_remove(struct db *db, const struct unfinished_row *row, struct err *err);
/* store: the new model stands, but its backup could not be deleted. */
MUST_USE enum err_code unfinished_store_keep_new(struct db *db, const struct unfinished_row *row, struct err *err);

#endif
