/* SPDX-License-Identifier: Apache-2.0
 *
 * creation_private - one job from its row to its result, for the files of this room only.
 *
 *   creation.c          the line, the steps in order, what is told and stored
 *   creation_work.c     what steps are done with: other threads, the machine, the job's worker
 *   creation_facts.c    what the job is about: rows, hashes, adapter, room on the disk, the same file made before
 *   creation_build.c    merge, quantize, check
 *   creation_reference.c the validated model itself: the importance matrix, and what the proof compares with
 *   creation_proof.c    token by token
 *   creation_answers.c  answer by answer, and the verdict
 *   creation_target.c   file, workspace
 *   creation_sweep.c    at the start: files that were published and have no row
 *   creation_undo.c     imports that a killed server had begun
 *   creation_ollama.c   our own rendering and answer, then deploy/ollama_import.h
 *
 * A step begins when the one before is over and ends by creation_step_done() or creation_fail(), now or later.  What runs on other
 * threads is a `struct errand`; where the job has ended in the meantime its result is for nobody.  Thread: loop. */
#ifndef ASSAY_DEPLOY_CREATION_PRIVATE_H
#define ASSAY_DEPLOY_CREATION_PRIVATE_H

#include "base/arena.h"
#include "deploy/creation.h"
#include "engine/fit.h"
#include "engine/job_worker.h"
#include "engine/machine.h"

enum step_state { STEP_WAITING, STEP_RUNNING, STEP_DONE, STEP_SKIPPED, STEP_FAILED, STEP_CANCELLED };
#define STEPS_MAX 12

struct creation;

struct step {
	const char *name;
	void (*begin)(struct creation *c);
	enum step_state state;
	double fraction;
	char detail[96];
	int64_t started_ms, ms;
};

/* What is known before anything is computed.  Texts belong to the job's arena. */
struct facts {
	struct model_row model, base;  /* base is the model itself where it has full weights */
	bool is_adapter;
	struct run_row run;            /* id 0: none */
	struct column_row column;      /* id 0: none */
	struct gen_params plain;       /* of a chat with the model, where there is no column */
	struct run_question *answered; /* of the run, with the one cell of the column; only those with an answer */
	size_t n_answered;
	const char *base_source;       /* where the base lies; its own path is that of the file that is loaded */
	const char *label;             /* "kestrel" */
	const char *adapter_file;      /* as llama.cpp reads it; NULL without */
	const char *file_name;         /* what the file says it is: "kestrel epoch 8" */
	char base_hash[65], adapter_hash[65];
	char converted_hash[65];       /* of adapter_file */
	char base_stamp[FILE_STAMP_SIZE]; /* of the base file when it was hashed */
	char q8_hash[65]; /* where the validation used its weights as Q8_0: of the file that it is as that now, "": not known */
	bool base_is_quantized;
	uint64_t n_params;
	const char *build;             /* of llama.cpp, "" until a worker said so */
	char recipe[65];
	struct arena *arena;           /* of the rows */
};

struct creation {
	struct creations *cs;
	struct arena *arena;
	struct creation_row row;
	struct creation_params params;
	struct facts facts;
	struct step steps[STEPS_MAX];
	size_t n_steps, at;            /* at == n_steps: over */
	struct job_worker *worker;
	struct fit *fit;               /* whether a model fits is being found out; NULL: is not */
	bool is_reserved;              /* the machine is ours, or we wait for it */
	bool is_granted;
	bool is_over, is_cancelled;
	bool has_gpu;                  /* the worker's machine */
	bool has_reference;            /* the worker has loaded the validated model */
	const char *reference;         /* file of its base that is loaded for that; NULL: facts.base's own */
	double share_from, share;      /* of the step, what the worker's progress is of */
	char *job_dir;
	char *merged;                  /* path of the merged model in job_dir, NULL: not made */
	char *imatrix;                 /* path, NULL: none */
	char *part;                    /* path of the quantized model before it is published */
	struct artifact_row artifact;  /* id 0: not made yet */
	json_t *result;                /* of the row */
	struct proof *proof;           /* creation_proof.c */
	struct to_ollama *ollama;      /* creation_ollama.c */
	uint8_t expected; /* kind of the worker's answer */
	void (*on_reply)(struct creation *c, const json_t *body); /* what it is for */
	struct {
		const char *format, *out, *imatrix;
	} quantizing;
	void (*on_memory)(struct creation *c, const struct memory_answer *answer, const struct err *err);
	void (*on_granted)(struct creation *c);
	void (*on_ready)(struct creation *c);
	void (*on_built)(struct creation *c); /* after build_merged() or build_quantized() */
	struct errand *errands;
};

/* Work on another thread for a job. */
struct errand {
	struct task task;
	struct creation *c;
	struct arena *arena;
	void (*home)(struct errand *e);
	struct errand *next;
};

struct line_of_creations {
	int64_t id;
	struct line_of_creations *next;
};

struct creations {
	struct creations_options options;
	char *data_dir;
	struct line_of_creations *line;
	struct creation *active, *ended; /* at work; over, to be freed when nothing of it is on the stack */
	struct loop_timer *events, *burial, *save_timer;
	struct sweep *sweep; /* NULL: over; no job begins before */
	struct undo *undo;   /* the same */
	struct loop_timer *undo_timer;
	struct save *unsaved; /* rows that the store has not taken */
	bool dirty, closing;
	int refs; /* errands and saves under way + 1 */
};

/* A zeroed struct of `size` bytes that begins with a struct errand; `home` runs on the loop unless the job is over.  The job is
 * not freed before it is home: the errand may read what is the job's and is not changed. */
void *errand_new(struct creation *c, size_t size, void (*run)(struct task *, void *), void (*home)(struct errand *));
void errand_read(struct errand *e);
void errand_write(struct errand *e);
void errand_work(struct errand *e);
void errand_hash(struct errand *e);
/* True, and the job has failed, where the errand did. */
bool errand_failed(const struct errand *e);

/* The last errand of a job that is over has come home: the job can be freed. */
void creation_bury(struct creation *c);
/* One reference less; the last one frees. */
void creations_unref(struct creations *cs);

/* At the end of the list. */
void creation_add_step(struct creation *c, const char *name, void (*begin)(struct creation *c));
/* The step at hand is over; the next one begins. */
void creation_step_done(struct creation *c);
/* As creation_step_done(), for one that was not needed. */
void creation_step_skip(struct creation *c);
void creation_step_progress(struct creation *c, double fraction, const char *detail);
/* Ends the job. */
void creation_fail(struct creation *c, const struct err *cause);
/* Asks for the machine, or goes on at once where it is ours; gives it back. */
void creation_need_machine(struct creation *c, void (*granted)(struct creation *c));
void creation_give_machine(struct creation *c);
/* Whether a model fits into memory: `checked` follows, not before this returns, unless creation_end_worker() is called. */
void creation_check_memory(struct creation *c, const struct fit_wish *wish,
			   void (*checked)(struct creation *c, const struct memory_answer *answer, const struct err *err));
/* What needed a model cannot go on: the proof gives up, any other step fails. */
void creation_refused(struct creation *c, const struct err *cause);
/* Starts a worker for jobs; `ready` follows.  Ends it. */
void creation_need_worker(struct creation *c, void (*ready)(struct creation *c));
void creation_end_worker(struct creation *c);
/* Starts one unless there is one. */
void creation_with_worker(struct creation *c, void (*ready)(struct creation *c));
/* Asks it; an answer of another kind than `expected` is a breach of the protocol. */
void creation_ask(struct creation *c, uint8_t kind, json_t *body, int fd, uint8_t expected,
		  void (*on_reply)(struct creation *c, const json_t *body));
/* The worker's next progress goes from `from` to `from + share` of the step. */
void creation_share(struct creation *c, double from, double share);

/* creation_sweep.c: finds what a killed server had published; creations_swept() follows. */
void sweep_start(struct creations *cs);
void sweep_stop(struct creations *cs);
/* The line may begin; `id` of a job whose file was found, 0: none. */
void creations_swept(struct creations *cs, int64_t id);

/* creation_undo.c: does away with what unfinished imports left in an Ollama; creations_undone() follows. */
void undo_start(struct creations *cs);
void undo_stop(struct creations *cs);
/* Again in a while: an Ollama could not be reached. */
void undo_later(struct creations *cs);
/* Of the timer. */
void undo_again(void *user);
/* For the job at work: `then` follows unless something is left at this provider: that fails the job. */
void undo_before(struct creation *c, int64_t provider_id, void (*then)(struct creation *c));
/* The line may begin. */
void creations_undone(struct creations *cs);

/* creation_facts.c */
void begin_facts(struct creation *c);
/* Remembers the row, with texts of its own. */
void creation_keep_artifact(struct creation *c, const struct artifact_row *row);

/* creation_build.c */
void begin_merge(struct creation *c);
void begin_quantize(struct creation *c);
void begin_check(struct creation *c);
/* Merges unless that was done; `done` is called in both cases. */
void build_merged(struct creation *c, void (*done)(struct creation *c));
/* Quantizes the merged model to `out` (a file in job_dir); `imatrix` NULL: without.  The texts are borrowed until `done`. */
void build_quantized(struct creation *c, const char *format, const char *out, const char *imatrix,
		     void (*done)(struct creation *c));

/* What was published is on the disk with all that belongs to it (publication.h). */
void creation_forget_publication(struct creation *c);

/* creation_reference.c */
void begin_imatrix(struct creation *c);
/* Loads the validated model into the job's worker unless that was done; `done` is called in both cases.  Where it does not fit into
 * memory creation_refused() is called instead. */
void build_reference(struct creation *c, void (*done)(struct creation *c));
/* What is asked of memory for it. */
struct fit_wish reference_wish(const struct creation *c);
/* Questions with the validated model's answers, or with the references, for REQ_COMPARE and REQ_IMATRIX (a new reference). */
json_t *reference_items(const struct creation *c, bool of_references, size_t *n);
/* Adds how the validated model is asked. */
void reference_settings(const struct creation *c, json_t *body);
int creation_threads(const struct creation *c);
/* The chat template that the answers were given with where the base's file has another one, "": its own; the new file has it. */
const char *creation_template(const struct creation *c);
/* What the base, and what is made of it, may use of GPUs. */
struct gpu_use creation_gpu(const struct creation *c);

/* creation_proof.c, creation_answers.c */
void begin_proof(struct creation *c);
void proof_free(struct creation *c);
/* The engine says that a run changed. */
void proof_run_changed(struct creation *c, int64_t run_id);
/* Ends the run of answers. */
void proof_stop(struct creation *c);
/* The file is good whatever became of its check: the job goes on and says why there is none. */
void proof_give_up(struct creation *c, const struct err *cause);
/* The check goes on, but says what is missing, and why. */
void proof_note(struct creation *c, const struct err *cause);

/* creation_target.c */
void target_add_steps(struct creation *c);

/* creation_ollama.c */
void begin_upload(struct creation *c);
/* Steps that the import begins and ends itself. */
void begin_on_progress(struct creation *c);
/* What the worker says of a cell beside the answer to a request. */
void ollama_item(struct creation *c, uint8_t kind, const json_t *body);
/* True where an import is at work: it cleans up, and the job ends when that is done. */
bool ollama_stop(struct creation *c);
void ollama_free(struct creation *c);

#endif
