/* SPDX-License-Identifier: Apache-2.0
 *
 * creation - jobs that turn the model that was chosen into something to work with: a file, a workspace, a model in Ollama.
 *
 *   merge      base + adapter as one F16 model
 *   imatrix    what the validation's own questions and answers use of it (on request)
 *   quantize   to the format asked for
 *   check      read back, hashed, published by rename: a file is there whole or not at all
 *   proof      is it still the model that was validated?  (deploy/proof.h)
 *   ...        and what the target needs
 *
 * One job at a time; it has the machine for itself while it computes (engine_reserve()).  A file that was made before from the
 * same base, adapter, format and settings is used again.  Everything half-made lies in DATA/jobs and is gone when the job is.
 * Thread: loop. */
#ifndef ASSAY_DEPLOY_CREATION_H
#define ASSAY_DEPLOY_CREATION_H

#include "base/buf.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "base/queue.h"
#include "engine/engine.h"
#include "store/artifact_store.h"

struct creations;

typedef void (*creation_listener_fn)(void *user, int64_t creation_id, bool artifacts_changed);

struct creations_options {
	struct loop *loop;
	struct store *store;
	struct engine *engine;
	struct executor *work, *hash;
	struct http_client *http_client;
	const char *worker_path;
	int n_threads; /* 0: one for each physical core */
	struct gpu_use gpu; /* the device is borrowed */
	bool allow_unsandboxed;
	creation_listener_fn changed; /* at most 5 times a second */
	void *user;
};

/* What is asked for, as it is stored in creation_row.params. */
struct creation_params {
	const char *format; /* "Q4_K_M" */
	bool imatrix, prove, replace;
	const char *path;   /* of target "file", "": DATA/artifacts */
	int64_t provider_id;
};
/* New JSON text in `out`. */
void creation_params_write(const struct creation_params *p, struct buf *out);
/* Texts belong to the arena. */
MUST_USE enum err_code creation_params_parse(struct arena *a, const char *text, struct creation_params *out, struct err *err);

/* Bytes of free disk that making this format takes at its peak: merged model, result and, with a proof, its control. */
uint64_t creation_disk_bytes(uint64_t n_params, const char *format, bool proves);
/* What is added to the chat template of a file that assay makes: a comment. */
const char *creation_template_suffix(void);

/* Whether the file is the one that was made: there, and not written since.  Blocks on the disk; thread: any. */
bool artifact_is_unchanged(const struct artifact_row *row);

/* Never NULL.  Removes what a dead server left in DATA/jobs. */
struct creations *creations_new(const struct creations_options *options);
/* Cancels and frees; jobs under way are failed as interrupted at the next start. */
void creations_free(struct creations *cs);

/* Puts a stored, waiting row into the line. */
void creations_start(struct creations *cs, int64_t id);
/* It ends as cancelled; false where it is neither waiting nor running. */
bool creations_cancel(struct creations *cs, int64_t id);
/* Whether the job at work needs this file. */
bool creations_hold(const struct creations *cs, int64_t artifact_id);
/* The steps of a job in the line or at work, as the API shows them; false for any other. */
bool creations_live(const struct creations *cs, int64_t id, struct buf *steps);

#endif
