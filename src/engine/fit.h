/* SPDX-License-Identifier: Apache-2.0
 *
 * fit - whether a model fits into memory, asked before a worker is told to load it: by runs and chats, and by everybody else who loads
 * one.
 *
 * Headers are read and a GPU is woken on the work thread, when the processes that were ended before have ended; where it does not
 * fit, the Ollamas of this machine are asked what they hold.  Thread: loop. */
#ifndef ASSAY_ENGINE_FIT_H
#define ASSAY_ENGINE_FIT_H

#include "engine/engine.h"
#include "engine/memory.h"

/* What is to be loaded.  It is copied. */
struct fit_wish {
	const char *path;	   /* the file */
	const char *name;	   /* what its model is called; NULL: as the file */
	int64_t base_id;	   /* of the model that a choice would be made for where it does not fit; 0: none would help */
	struct gpu_use gpu;
	struct memory_tokens tokens;
	const char *beside;	   /* another file, which may be loaded at the same time; NULL: none */
};

/* With the file `path` that this model is used as, and that many tokens. */
struct fit_wish fit_wish_of(const struct engine *e, const struct model_row *base, const char *path, struct memory_tokens tokens);
/* What a worker makes room for where it only reads texts (REQ_LIKELIHOOD, REQ_JUDGE, REQ_COMPARE, REQ_IMATRIX), the longest of them of
 * so many bytes, prompt and all; the context has to be that long. */
struct memory_tokens fit_tokens(const struct model_row *base, size_t longest);
/* About how many the longest question of a run of that extent takes together with its answer, those before it too, in a column with
 * these settings: no more than its context is to have. */
int64_t fit_answer_tokens(const struct model_row *base, const struct gen_params *params, const struct run_extent *extent);

/* memory_check()'s answer and errors, which name the model and what Ollama holds, or why the file cannot be read. */
typedef void (*fit_fn)(void *user, const struct memory_answer *answer, const struct err *err);

struct fit;
/* `done` follows once, not before this returns; the fit is freed then. */
struct fit *fit_start(struct engine *e, const struct fit_wish *wish, fit_fn done, void *user);
/* Without a word, before the engine goes.  NULL is fine. */
void fit_cancel(struct fit *fit);

#endif
