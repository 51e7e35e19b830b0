/* SPDX-License-Identifier: Apache-2.0
 *
 * engine - runs validations: plans columns by base model, drives workers, stores answers, tells listeners.
 *
 * One state machine on the loop thread.  Runs wait in a line; one run computes at a time on a device.  The engine reads and
 * writes the store by tasks, converts adapters on the work thread into DATA/cache/adapters, and talks to assay-worker
 * processes over socket pairs.  A worker may die at any time: its cells in flight are tried again (3 tries, backoff), then
 * fail with the cause, and the run goes on.
 * Thread: loop, everything. */
#ifndef ASSAY_ENGINE_ENGINE_H
#define ASSAY_ENGINE_ENGINE_H

#include "base/http_client.h"
#include "base/json.h"
#include "base/loop.h"
#include "engine/devices.h"
#include "store/run_store.h"

struct engine;
struct model_row;
struct memory_tokens; /* engine/memory.h */
struct memory_answer;

struct engine_options {
	struct loop *loop;
	struct store *store;
	struct http_client *http_client; /* for models of providers; NULL: they cannot be asked */
	struct executor *work;     /* imports, conversions: long jobs */
	struct executor *hash;     /* SHA-256 of big files */
	struct executor *values;   /* looks at the weights of the file that is being loaded, which must not wait for other files */
	const char *worker_path;   /* the assay-worker program */
	int n_threads;             /* 0: one for each physical core */
	struct gpu_use gpu;        /* the device's id is copied */
	int64_t memory_reserve;    /* bytes to leave free, 0: 1 GiB or a tenth of the machine's memory */
	bool allow_unsandboxed;    /* run workers even at ladder level "rlimit" or "none" */
	bool quick_retries;        /* tests: no backoff after a death */
	int64_t silence_ms;        /* without a sign of life from a worker that computes, then it is ended; 0: a minute */
};

enum column_state { COLUMN_WAITING, COLUMN_LOADING, COLUMN_ANSWERING, COLUMN_DONE, COLUMN_FAILED };
const char *column_state_name(enum column_state s);

enum engine_event_kind {
	ENGINE_RUN,     /* the run's state or counts changed (at most 5 a second) */
	ENGINE_COLUMN,  /* the column's state, progress or counts changed (at most 5 a second) */
	ENGINE_TEXT,    /* text continues the answer of cell_id (question_id, column_id given) */
	ENGINE_CELL,    /* the cell is final and stored: `cell` */
	ENGINE_STATUS,  /* workers or loaded models changed */
};

struct engine_event {
	enum engine_event_kind kind;
	int64_t run_id, column_id, question_id, cell_id;
	struct str text;               /* ENGINE_TEXT, */
	bool is_thinking;              /* of which it continues the thinking */
	const struct cell_row *cell;   /* ENGINE_CELL */
};
typedef void (*engine_listener_fn)(void *user, const struct engine_event *event);

/* Never NULL.  Call engine_recover() once before the first run. */
struct engine *engine_new(const struct engine_options *options);
/* Stops workers (running runs become interrupted in the store), frees. */
void engine_free(struct engine *e);
void engine_listen(struct engine *e, engine_listener_fn fn, void *user);

/* Puts a stored run (waiting cells) into the line.  Calling it for a run that is in the line or running makes it look for new
 * questions. */
void engine_start(struct engine *e, int64_t run_id);
/* Cells in flight end as cancelled, waiting ones too; the run becomes stopped.  No-op for a run that is not in the line. */
void engine_stop(struct engine *e, int64_t run_id);
/* True while the run is in the line or running. */
bool engine_is_active(const struct engine *e, int64_t run_id);
/* True for a run that is over although its row does not say so yet: the store could not take it (a full disk).  It is
 * interrupted by `*cause`; its row will say so as soon as it can be written. */
bool engine_is_unsaved(const struct engine *e, int64_t run_id, struct err *cause);

/* For work outside of runs that needs the machine (merging, quantizing, judging): `granted` is called once when nothing computes
 * and the model's memory is free; from then until engine_unreserve() no run begins.  Who comes later waits: one has it at a time,
 * in order, and all before any run that has not begun.  `user` names the reservation. */
typedef void (*engine_granted_fn)(void *user);
void engine_reserve(struct engine *e, engine_granted_fn granted, void *user);
/* Gives the machine back, or takes a request back that has not been granted. */
void engine_unreserve(struct engine *e, const void *user);

/* Live state that the store does not know: one entry for each column of an active run. */
struct column_live {
	int64_t column_id;
	enum column_state state;
	double progress;          /* of loading, 0..1 */
	int64_t bytes, bytes_total; /* of loading */
	bool is_converting;       /* loading: made into a GGUF first */
	int64_t n_running;        /* cells being answered */
	const struct err *problem; /* failed: why, perhaps not yet in its row; borrowed until the loop turns */
};
/* Fills up to `max`; returns how many.  0 for a run that is not active. */
size_t engine_columns(const struct engine *e, int64_t run_id, struct column_live *out, size_t max);
/* Expected ms until the run is done; -1 unknown. */
int64_t engine_eta_ms(const struct engine *e, int64_t run_id);

/* Answers in the making (text so far) and answers that are final but perhaps not yet in the reader's snapshot. */
struct cell_live {
	int64_t cell_id, column_id, question_id;
	struct str text, thinking; /* borrowed until the loop turns */
};
size_t engine_cells(const struct engine *e, int64_t run_id, struct cell_live *out, size_t max);

/* The prompt that this cell's model really gets, rendered by a worker (starts one if needed). `done` is called on the loop;
 * `prompt` is borrowed; err->code tells. */
typedef void (*engine_prompt_fn)(void *user, struct str prompt, int64_t n_tokens, const struct err *err);
void engine_prompt(struct engine *e, int64_t cell_id, engine_prompt_fn done, void *user);
/* The same for a question that nobody has asked yet: also how a template is tried.  What is given is copied. */
void engine_prompt_of(struct engine *e, int64_t model_id, const struct gen_params *params, struct str question,
		      engine_prompt_fn done, void *user);

/* The messages of one question as a model gets them: an array of {role, content} (a new reference), with what was said before
 * it.  `cell`: where the column's answers stand in the question's rows. */
json_t *engine_messages(const struct column_row *c, const struct run_question *q, size_t cell);
/* Bytes of texts by which a group is cut: the same whenever it is read, so of a late cell without the answers before it. */
int64_t engine_message_bytes(const struct run_question *q, size_t cell);
/* Bytes of all texts that are sent when it is asked. */
int64_t engine_asked_bytes(const struct run_question *q, size_t cell);
/* ERR_CONFLICT where a turn before has no answer, ERR_LIMIT where the conversation has become too long for a request. */
MUST_USE enum err_code engine_check_turns(const struct run_question *q, size_t cell, struct err *err);
/* Adds "stop" and "num_ctx" to a request to a worker, where there are any. */
void engine_endings(json_t *request, const struct gen_params *p);

/* Workers for the status page. */
struct worker_info {
	int pid;
	int64_t base_model_id;
	const char *model_name, *sandbox; /* "full", "seccomp", "rlimit", "none" */
	const char *state;                /* "starting", "loading", "idle", "answering" */
	int64_t rss_bytes;
};
size_t engine_workers(const struct engine *e, struct worker_info *out, size_t max);
/* "full" etc. as the last worker reported it, or a probe by `assay-worker --self-test` ("" if the program is missing). */
const char *engine_sandbox(struct engine *e);

/* What would compute.  The texts belong to the engine and never change, but for gpu.device, which may be the base's. */
struct engine_program {
	const char *worker_path, *device; /* as group_machine() takes them */
	struct gpu_use gpu;
};
/* `base` NULL: as the settings say. */
struct engine_program engine_program(const struct engine *e, const struct model_row *base);
/* Something else was chosen for what this model uses of GPUs: the next to begin loads it anew. */
void engine_model_changed(struct engine *e, int64_t model_id);

/* What the worker program found when it was last asked: a first call asks it (up to a second where there is a GPU), later ones
 * have what the last worker told.  `*has_backend`: it was built for GPUs.  Borrowed until the loop turns. */
const struct devices *engine_devices(struct engine *e, bool *has_backend);

/* Bytes of main memory that are to be left free. */
int64_t engine_memory_reserve(const struct engine *e);
/* Whether this model fits with so many KV tokens into what is free now but for `reserve`, with memory_check()'s answer and errors;
 * with `beside` (NULL: none) also memory_check_beside().  Who is about to load one asks engine/fit.h.
 * Thread: work (reads headers, wakes a GPU). */
MUST_USE enum err_code engine_check_memory(const struct engine_program *program, const char *path, const char *beside,
					   const struct memory_tokens *tokens, int64_t reserve, struct memory_answer *out, struct err *err);

#endif
