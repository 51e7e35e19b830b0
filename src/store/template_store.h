/* SPDX-License-Identifier: Apache-2.0
 *
 * template_store - where the chat template of each model may come from, which one is used, and what its system prompt is.
 *
 * Texts are kept once, by their SHA-256.  What is used follows from the choice: "" is the first source that there is (checkpoint,
 * Modelfile, GGUF, base), a source's name is that source, a preset's name is that preset, and TEMPLATE_OWN is a text that the user
 * has given.  The epochs of a family share its choice.
 * Rows belong to the arena given. */
#ifndef ASSAY_STORE_TEMPLATE_STORE_H
#define ASSAY_STORE_TEMPLATE_STORE_H

#include "model/template_source.h"
#include "store/model_store.h"
#include "store/run_store.h"

#define TEMPLATE_OWN "own"

struct template_row {
	enum template_origin origin;
	const char *path, *sha256, *preset, *system;
	const char *stops; /* JSON list of texts, "[]" none */
	int64_t num_ctx;
	const char *sampling; /* JSON object: the settings of gen_params that a Modelfile says */
	struct err problem;
};

/* What is used for one model. */
struct template_use {
	const char *choice; /* as it was chosen, "": nothing was */
	const char *own;    /* where that is TEMPLATE_OWN: SHA-256 of the text; "" else */
	const char *source; /* "checkpoint", "modelfile", "gguf", "base", "preset", "own", "none"; "unknown": it was not looked for yet */
	const char *preset; /* its name, of a Modelfile that it was recognized as too; "" none */
	const char *path;   /* of the file that it stands in, "" none */
	const char *sha256; /* of its text, "" none or not known */
	bool is_own;        /* the file that is loaded has it: nothing is sent */
	bool differs;       /* from the base's */
	const char *system; /* "" none */
	const struct template_row *trainer; /* the Modelfile whose settings apply, NULL: none */
	struct template_row *rows; /* the model's own sources, in order */
	size_t n_rows;
	bool base_has; /* the base has one */
};

/* store: what a scan found for the model, instead of what was there. */
MUST_USE enum err_code template_store_put(struct db *db, int64_t model_id, const struct template_sources *found, struct err *err);

/* Ids of the visible models on this machine that were never looked at, at most `max`. */
MUST_USE enum err_code template_store_unknown(struct db *db, struct arena *a, size_t max, int64_t **ids, size_t *n, struct err *err);

MUST_USE enum err_code template_store_use(struct db *db, struct arena *a, const struct model_row *model, struct template_use *out,
					  struct err *err);

/* The text of what is used, "" where it has none or that is not known. */
MUST_USE enum err_code template_store_text(struct db *db, struct arena *a, const struct template_use *use, const char **text,
					   struct err *err);

/* Fills in what the model brings along of `wanted` (bits of enum gen_param: what the user has not said), and notes it in of_model. */
MUST_USE enum err_code template_store_fill(struct db *db, struct arena *a, int64_t model_id, unsigned wanted,
					   struct gen_params *params, struct err *err);

/* Whether that can be chosen: "", a source's name, a preset's, or TEMPLATE_OWN. */
bool template_choice_known(const char *choice);

/* store: for all epochs of a family, or one model that stands alone; `text` goes with TEMPLATE_OWN only.  ERR_NOT_FOUND. */
MUST_USE enum err_code template_store_choose_family(struct db *db, int64_t family_id, const char *choice, const char *text,
						    struct err *err);
MUST_USE enum err_code template_store_choose_model(struct db *db, int64_t model_id, const char *choice, const char *text,
						   struct err *err);

#endif
