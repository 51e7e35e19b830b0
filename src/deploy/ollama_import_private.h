/* SPDX-License-Identifier: Apache-2.0
 *
 * ollama_import_private - one import as its files share it.  Thread: loop.
 *
 *   ollama_import.c     the machine: stages, tries, cleaning up
 *   ollama_create.c     what is sent to make the model, and the lines that come back
 *   ollama_check.c      does it answer as validated? */
#ifndef ASSAY_DEPLOY_OLLAMA_IMPORT_PRIVATE_H
#define ASSAY_DEPLOY_OLLAMA_IMPORT_PRIVATE_H

#include "base/line_reader.h"
#include "deploy/go_template.h"
#include "deploy/ollama_import.h"
#include "deploy/parity.h"
#include "engine/ollama.h"

enum import_stage {
	IMPORT_VERSION,
	IMPORT_TAGS,
	IMPORT_NOTE,
	IMPORT_BACKUP,
	IMPORT_HEAD,
	IMPORT_UPLOAD,
	IMPORT_HEAD_AGAIN,
	IMPORT_CREATE,
	IMPORT_LISTED,
	IMPORT_SHOW,
	IMPORT_RENDER,
	IMPORT_ASK,
	IMPORT_FORGET, /* the backup: until here the old model can come back */
	IMPORT_CLEAN_RESTORE,
	IMPORT_CLEAN_MODEL,
	IMPORT_CLEAN_BACKUP,
	IMPORT_STAGES
};

struct ollama_import {
	struct arena *arena;
	struct ollama_import_options o; /* texts in the arena */
	struct remote remote;
	struct ollama_version version;
	char name[200], backup[220];    /* whole names; backup "" where nothing was replaced */
	const struct go_template *family; /* NULL: none is sent */
	char *go_template;              /* owned by the arena; NULL: none is sent */
	const char *system;             /* as it is sent */
	enum import_stage stage, after_note;
	struct http_call *call;
	struct http_upload upload;
	struct loop_timer *timer;       /* before another try; the start */
	int tries, clean_tries, n_uploads;
	bool existed, may_exist;        /* before; create was sent */
	bool is_creating;               /* create was sent and no end of it came: Ollama may still be at it */
	bool is_backed_up;              /* the copy was sent */
	bool is_noted;
	enum import_left left;
	bool is_cancelled;              /* the timer ends it: the caller may stand in one of our functions */
	bool thinks;                    /* the model can; of /api/show */
	struct line_reader lines;
	bool has_success;
	struct err line_err;            /* of a line inside a 200 */
	struct err err;                 /* why it ends; kept while cleaning up */
	char digest[100];
	struct parity parity;
	json_t *result;
};

/* Begins a stage.  A stage ends by the next import_go(), import_retry() or import_fail(). */
void import_go(struct ollama_import *job, enum import_stage stage);
/* Again from `stage` after a pause; the cause ends the job when it was tried often enough. */
void import_retry(struct ollama_import *job, enum import_stage stage, const struct err *cause);
/* import_retry() for what may pass by itself, import_fail() for the rest. */
void import_retry_or_fail(struct ollama_import *job, enum import_stage stage, const struct err *cause);
/* Cleans up, then tells. */
void import_fail(struct ollama_import *job, const struct err *cause);
/* The model is there; tells. */
void import_finish(struct ollama_import *job);
/* Asks; the answer goes to the stage's own function.  Takes `json`. */
void import_ask(struct ollama_import *job, const char *method, const char *path, json_t *json, int64_t silence_ms);
void import_progress(struct ollama_import *job, double fraction, const char *detail);

/* ollama_create.c: decides template, stops and system; ERR_UNSUPPORTED where this Ollama could not format questions. */
MUST_USE enum err_code create_choose_template(struct ollama_import *job, struct err *err);
/* The body of POST /api/create. */
json_t *create_body(struct ollama_import *job);
/* The reply's lines. */
bool create_on_data(void *user, struct str data);
void create_on_reply(struct ollama_import *job, const struct http_reply *reply);
/* What Ollama says as one of our sentences. */
enum err_code create_error(struct ollama_import *job, const char *reason, struct err *err);

/* ollama_check.c */
void check_show(struct ollama_import *job);
void check_render(struct ollama_import *job);
void check_ask(struct ollama_import *job);
/* Replies; `err` of the transport. */
void check_on_show(struct ollama_import *job, const struct http_reply *reply, const struct err *err);
void check_on_render(struct ollama_import *job, const struct http_reply *reply, const struct err *err);
void check_on_ask(struct ollama_import *job, const struct http_reply *reply, const struct err *err);

#endif
