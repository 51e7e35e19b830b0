/* SPDX-License-Identifier: Apache-2.0
 *
 * ollama_import - brings one finished GGUF into an Ollama (0.5.5 to the newest), pins how it answers, and checks that it does.
 *
 *   upload     the file as a blob, named by the hash that is known already; a blob that is there is not sent again
 *   import     create with every parameter that shapes an answer; "success" must be said, errors inside a 200 are errors
 *   template   what Ollama really makes of one question, compared with our rendering
 *   ask        one greedy answer, compared with ours
 *
 * Every step may be repeated: lost connections and busy servers are tried again (3 times, growing pauses), from the upload on.
 * After a failure or a cancel nothing is left: a half-made model is deleted, a replaced one comes back under its name.  (A blob
 * that no model uses cannot be deleted by the API; Ollama does that at a start of its own.)  What would be left if this program
 * were killed is told before it is made; ollama_import_undo() does away with it later.
 * Failures of the two last steps fail nothing: the result's parity says why it is not known.
 * Thread: loop, everything. */
#ifndef ASSAY_DEPLOY_OLLAMA_IMPORT_H
#define ASSAY_DEPLOY_OLLAMA_IMPORT_H

#include "engine/remote.h"
#include "store/run_store.h"

struct ollama_import; /* gone after its done() or ollama_import_free() */

/* What could not be cleaned up at the end: the half-made model, whose name may have been another one's; or only the backup. */
enum import_left { IMPORT_LEFT_NOTHING, IMPORT_LEFT_MODEL, IMPORT_LEFT_BACKUP };

/* Texts are copied; NULL is "". */
struct ollama_import_options {
	struct loop *loop;
	struct http_client *client;
	const struct remote *remote;     /* the Ollama and its key; copied */
	const char *path, *sha256;       /* the file, and its hash in lower-case hexadecimal */
	int64_t size_bytes;
	const char *name;                /* in Ollama: model[:tag], see ollama_name_make() */
	bool replace;                    /* a model of this name may go (ask first) */
	const char *jinja;               /* the file's own chat template, "" none */
	struct gen_params params;        /* as validated; params.system too */
	const char *const *stops;        /* what ends an answer besides the end-of-text token; may be NULL */
	size_t n_stops;
	int64_t n_ctx_train;             /* 0: unknown */
	/* for the comparison, "" or NULL: none */
	const char *question;            /* a user message, no other before it */
	const char *prompt;              /* our rendering of the question with params.system */
	const char *answer;              /* ours, greedy */
	int64_t answer_tokens;           /* the most that it could have had; 0: params.max_tokens */
	int64_t retry_ms;                /* first pause before another try; 0: 1000 */

	/* Before anything is made in the Ollama: `name` will be, and who has this name now goes to `backup` ("": nobody has).  To be
	 * answered by ollama_import_noted(), now or later.  NULL: not asked. */
	void (*note)(void *user, const char *name, const char *backup);
	/* step: "upload", "import", "template", "ask"; fraction 0..1 of it; detail is Ollama's own word or "".  May be NULL. */
	void (*progress)(void *user, const char *step, double fraction, const char *detail);
	/* Once.  err->code ERR_OK: `result` (borrowed) is {ollama_name, digest, version, parity: see parity_json()}. */
	void (*done)(void *user, json_t *result, enum import_left left, const struct err *err);
	void *user;
};

/* Never NULL; failures come through done(), not before the call has returned. */
struct ollama_import *ollama_import_start(const struct ollama_import_options *options);
/* What note() told is on the disk, or could not be written: then the import ends. */
void ollama_import_noted(struct ollama_import *job, const struct err *err);
/* Undoes what note() told of an import that never ended; name "": the new model stands, only its backup goes.  Of the options it
 * needs loop, client, remote, name, done and user.  err->code ERR_OK: nothing is left.  Tries once. */
struct ollama_import *ollama_import_undo(const struct ollama_import_options *options, const char *backup);
/* Cleans up, then done() with ERR_CANCELLED.  May be called in progress(). */
void ollama_import_cancel(struct ollama_import *job);
/* Ends it without cleaning up and without done(): for the end of the program.  NULL is fine. */
void ollama_import_free(struct ollama_import *job);

#endif
