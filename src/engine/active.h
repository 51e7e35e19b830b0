/* SPDX-License-Identifier: Apache-2.0
 *
 * active - private to the engine: the run that computes, the worker that answers it, and how they hang together.
 *
 *   engine.c   line of runs, public questions, listeners
 *   host.c     one worker process with one base model: convert, check memory, start, load, calibrate, death and backoff
 *   fit.c      whether a model fits before it is loaded
 *   held_look.c  what Ollama holds of the memory where one does not
 *   run.c      the active run: load it from the store, base by base, group by group, end
 *   flight.c   one group under way: request, texts, answers
 *   cell.c     one answer: live, then into the store
 *   column.c   what a column needs before its first group: adapter, plan, provenance
 *   prefetch.c  the base after this one, converted and read ahead while this one answers
 *   eta.c      how long it still takes
 *   prompt.c   "prompt actually sent"
 *   remote_run.c   columns that a provider answers: they need neither host nor groups and go on beside them
 *   chat.c     turns of conversations, between the groups of the run
 *
 * Everything runs on the loop thread.  Work on other threads is a `struct job`; it keeps the engine alive until it is home,
 * and whoever takes its result first looks whether the run it belongs to is still the active one (serial). */
#ifndef ASSAY_ENGINE_ACTIVE_H
#define ASSAY_ENGINE_ACTIVE_H

#include "base/hash.h"
#include "base/json.h"
#include "engine/engine.h"
#include "engine/fit.h"
#include "engine/group_key.h"
#include "engine/machine.h"
#include "engine/plan.h"
#include "engine/remote.h"
#include "engine/worker_probe.h"
#include "engine/worker_process.h"
#include "store/model_store.h"

#define FLIGHTS_MAX 2    /* groups sent ahead, so that the worker never waits for the store */
#define GROUP_TRIES 3
#define LOAD_TRIES 2
#define STOP_PATIENCE_MS 1500 /* for a worker that was told to cancel */
#define SILENCE_MS 60000 /* a worker with open requests sends something every second */

/* --- work on other threads --- */

struct job {
	struct task task;
	struct engine *e;
	uint64_t serial;      /* of the active run it belongs to, 0: none */
	struct arena *arena;  /* freed with the job */
	void (*home)(struct job *job); /* at home, on the loop; may look at task.err */
	void (*drop)(struct job *job); /* instead of home() where the engine is gone: frees what the job owns; may be NULL */
	bool is_long;                  /* on the work, hash or values thread: is cancelled when nobody waits any more */
	struct job *next, **at;        /* of all jobs under way */
};

/* A zeroed struct of `size` bytes that begins with a struct job. */
void *job_new(struct engine *e, size_t size, void (*run)(struct task *, void *), void (*home)(struct job *));
/* Posts it to the store thread; home() runs after the commit. */
void job_write(struct job *job);
/* As job_write(), on the reader: pages and lists. */
void job_read(struct job *job);
/* As job_write(), on the work thread: conversions and checks. */
void job_work(struct job *job);
/* As job_write(), on the hash thread: big files. */
void job_hash(struct job *job);
/* As job_write(), on the thread of weights that are about to be used. */
void job_values(struct job *job);
/* Ends a job that is not needed after all. */
void job_home_now(struct job *job);
/* Cancels what still computes on other threads for run `serial`, 0: for anybody. */
void jobs_cancel(struct engine *e, uint64_t serial);
/* True while the run it was made for is the active one. */
bool job_is_current(const struct job *job);

/* --- the worker --- */

enum host_state { HOST_NONE, HOST_CONVERTING, HOST_CHECKING, HOST_STARTING, HOST_LOADING, HOST_READY, HOST_WAITING /* backoff */ };

struct host {
	enum host_state state;
	struct worker_process *process;
	int64_t base_id;
	enum weights base_weights;   /* how they are used */
	char *lender; /* model_source.base_path of the model: another one may be another model */
	char *base_path, *base_name; /* the file that is loaded; while it is converted, the folder that it is made of */
	struct convert_job *converting;  /* NULL: nothing is being converted */
	struct fit *fit; /* whether it fits is being found out; NULL: is not */
	struct values_look *look; /* whether its weights are numbers is being found out; NULL: is not */
	char base_known[FILE_STAMP_SIZE]; /* of the file when it was hashed last */
	char base_stamp[FILE_STAMP_SIZE]; /* of the file that was loaded */
	char **adapters;       /* files of the adapters in the process; id = index + 1 */
	uint32_t *adapter_streams; /* of each: the request that loads it while that has no answer, else 0 */
	size_t n_adapters;
	int64_t kv_bytes_per_token, kv_host_bytes, weights_host_bytes, n_ctx_train; /* bytes of a token's KV and of weights in main memory */
	int64_t checked_tokens; /* KV cells that there was room for before it was loaded */
	int64_t kv_room;       /* KV cells that GPUs have memory for, -1: none are kept there */
	struct gpu_use gpu;    /* as it is to be used for this base; */
	char gpu_device[GPU_DEVICES_SIZE]; /* its device */
	struct devices devices; /* of the process */
	bool is_stale;	       /* something else was chosen for the base since */
	int64_t gpu_layers;
	char device[160];      /* what computes, for provenance */
	int64_t chat_tokens;   /* KV cells for conversations, 0: not chosen yet */
	char template_hash[65], build[64], sandbox[16];
	char machine[HASH_HEX_SIZE]; /* group_machine() */
	double progress;
	int64_t file_bytes;
	uint32_t next_stream, load_stream, calibrate_stream;
	uint64_t incarnation;  /* counts processes: adapters belong to one */
	int n_loads_failed;
	int64_t backoff_ms;
	struct loop_timer *backoff, *watchdog, *convert_timer;
	int n_open; /* requests without their final answer */
	/* slots found by calibration for the loaded model, 0: not yet */
	int64_t slots;
	bool calibrating, awaits_look; /* all but the look is done */
	char *calibration_key;
};

/* --- the active run --- */

/* A MSG_TEXT. */
struct said {
	int64_t cell_id;
	bool is_thinking;
	struct str text;
};

/* What came so far of an answer's text, or of its thinking. */
struct live_text {
	struct buf said;
	size_t repeated; /* bytes of it that the worker has sent again after a death */
};

struct live_cell {
	int64_t cell_id, question_id;
	bool was_done;   /* stored before: only compared */
	bool over;       /* its final message came */
	bool started;
	struct live_text text, thinking;
};

/* What a cell's worker had said when it died: listeners have it, so only what goes beyond it is new to them. */
struct heard_text {
	int64_t cell_id;
	struct buf text, thinking;
	struct heard_text *next;
};

struct flight {
	uint32_t stream; /* 0: free */
	size_t column;
	struct plan_group group;
	struct live_cell *cells;
	size_t n_cells;
	struct arena *arena;
	char key[HASH_HEX_SIZE]; /* of the group; "": its answers are not used again */
	int64_t sent_ms;
};

struct remote_column; /* remote_run.c */
struct remote_flight;
struct remote_endpoint;

struct active_column {
	struct column_row row;
	struct model_row model, base;
	enum column_state state;
	struct err problem;
	char *adapter_file;
	uint64_t adapter_incarnation; /* worker process that has it */
	uint32_t adapter_stream;      /* of the request that loads it, 0: answered */
	int64_t adapter_id;           /* in that process, 0: none */
	bool preparing, prepared;
	char base_stamp[FILE_STAMP_SIZE]; /* of the file that it was prepared with */
	int64_t next;          /* first position of the next group to look at */
	bool first_group_done; /* handed out */
	bool exhausted;
	int tries;             /* of the group at tries_at */
	int64_t tries_at;
	int n_given_up;        /* groups in a row, without any answer between them */
	int n_adapter_deaths;
	bool hashing;
	int64_t n_running;
	int64_t n_storing;     /* cells that the store has not taken yet */
	bool holds;            /* its next group has turns of conversations that need what is under way */
	bool dirty;
	int64_t n_left, n_heard; /* eta.c: cells to come; answers since it was loaded, */
	double work;		 /* and what they took */
	struct remote_column *remote; /* a provider answers; NULL: this machine */
};

struct active {
	uint64_t serial;
	int64_t run_id;
	struct arena *arena;
	struct run_row run;
	struct run_extent extent;
	struct active_column *columns;
	size_t n_columns;
	int64_t *parts;
	size_t n_parts;
	bool loaded, reading, stopping, ending, reload;
	bool interrupted;   /* the store failed: stop, but leave the rest waiting */
	struct err cause;   /* of that */
	bool settling;      /* after a death: what was answered before is to be stored before groups are read again */
	struct heard_text *heard;
	int64_t base_id;    /* the base whose columns are answered now, 0: choose */
	int64_t prefetched_id; /* the base that was made ready ahead last, 0: none */
	int prefetched_fd;     /* of its file, which is in use; -1: none */
	struct flight flights[FLIGHTS_MAX];
	struct remote_flight *remote_flights;
	struct remote_endpoint *remote_endpoints;
	int n_storing;
	/* eta.c */
	int64_t started_ms;
	int64_t pace_since_ms; /* when the first group of several was sent, 0: not yet; what was heard since: */
	double pace_work;
	bool dirty;
};

struct line_entry {
	int64_t run_id;
	struct err cause; /* of an unsaved run: why it was interrupted */
	struct line_entry *next;
};

struct listener {
	engine_listener_fn fn;
	void *user;
	struct listener *next;
};

struct prompt_call; /* prompt.c */
struct chat_turn;   /* chat.c */

/* The base model that was hashed last: a file of many gigabytes is read once, however many columns are on it. */
struct hashed {
	char *path;
	char stamp[FILE_STAMP_SIZE], hex[HASH_HEX_SIZE];
};

struct engine {
	struct engine_options options;
	char *worker_path, *data_dir, *gpu_device;
	int n_threads;
	char *device;
	struct listener *listeners;
	struct line_entry *line;
	struct line_entry *unsaved; /* runs that are over, but the store did not take that */
	struct active *active;
	uint64_t next_serial;
	struct host host;
	struct prompt_call *prompts;
	struct chat_turn *turns;    /* in order */
	struct chat_turn *holder;   /* the one that has the machine, or gets it when the groups under way are answered */
	int64_t n_groups_since;     /* groups sent since a turn had the machine */
	struct hashed hashed; /* thread: hash */
	struct {
		char *path;
		char stamp[FILE_STAMP_SIZE];
	} looked; /* the file whose weights were found to be numbers last */
	struct loop_timer *events, *stop_timer, *unsaved_timer;
	struct worker_facts probed; /* empty before */
	struct prefetch_job *prefetching; /* NULL: none */
	struct job *jobs;
	struct reservation *reservations; /* who has the machine (is_reserved) or waits for it, in order */
	bool is_reserved;
	int refs; /* jobs under way + 1 */
	bool closing;
};

/* engine.c: the entry of the run, which is added at the end of the list unless it is there. */
struct line_entry *line_add(struct line_entry **list, int64_t run_id);
/* Takes the run out; false if it was not in the list. */
bool line_take(struct line_entry **list, int64_t run_id);
/* True if the run is in the list. */
bool line_has(const struct line_entry *list, int64_t run_id);
/* Tells every listener now. */
void engine_emit(struct engine *e, const struct engine_event *event);
/* Tells that the run's state or counts changed. */
void engine_emit_run(struct engine *e, int64_t run_id);
/* Marks for an event within 200 ms. */
void engine_touch(struct engine *e, struct active_column *c);
/* Begins the first run of the line where none is active. */
void engine_next(struct engine *e);

/* run.c */
void run_begin(struct engine *e, int64_t run_id);
/* Does what can be done next: call it after anything has changed.  No-op without an active run. */
void run_advance(struct engine *e);
/* True where all its groups under way wait for a turn of a conversation. */
bool run_waits_for_chat(const struct engine *e);
/* Cancels what is in flight; the run ends when all of it has. */
void run_stop(struct engine *e);
/* The store takes nothing any more: what is in flight ends, the rest waits for a resume. */
void run_interrupt(struct engine *e, const struct err *cause);
/* Writes RUN_INTERRUPTED for a run that the engine leaves behind. */
void run_leave(struct engine *e, int64_t run_id);
/* Frees; NULL is fine. */
void run_release(struct active *a);
/* Timer: tries again to store what became of the unsaved runs. */
void run_save(void *engine);
/* The host tells: the base of the current columns can be asked / cannot be had (cause). */
void run_host_ready(struct engine *e);
/* This base cannot be had: its columns fail with `cause`. */
void run_host_failed(struct engine *e, const struct model_row *base, const struct err *cause);
/* The worker died with these requests open. */
void run_host_died(struct engine *e, const struct err *cause);
/* The column is over: its waiting cells fail with `cause`.  No-op if it had failed before. */
void column_fail(struct engine *e, struct active_column *c, const struct err *cause);

/* column.c: makes the column ready for its groups; true when it is. */
bool column_prepare(struct engine *e, struct active_column *c);
/* Writes plan, provenance and problem. */
void column_store(struct engine *e, const struct active_column *c);
/* The answer to loading an adapter; false if the stream is not one. */
bool run_adapter_frame(struct engine *e, uint32_t stream, uint8_t kind, const json_t *body);

/* cell.c: one answer from its first word to its row; `column` is the index in the active run */
/* It is being answered. */
void cell_start(struct engine *e, size_t column, struct live_cell *cell);
/* Nothing of it has come. */
void cell_init(struct live_cell *cell, int64_t cell_id, int64_t question_id);
/* The texts so far, and whose they are. */
struct cell_live cell_so_far(const struct live_cell *cell, int64_t column_id);
/* More of its text or thinking; what was heard before a death is not told twice.  False when it is too long. */
bool cell_text(struct engine *e, size_t column, struct live_cell *cell, struct str text, bool is_thinking);
/* Frees its texts. */
void cell_release(struct live_cell *cell);
/* Nothing more comes; the row stays as it is. */
void cell_over(struct engine *e, size_t column, struct live_cell *cell);
/* Over, with this answer (state and ids are filled in) or failure to be stored. */
void cell_answered(struct engine *e, size_t column, struct live_cell *cell, const struct cell_row *answer);
void cell_failed(struct engine *e, size_t column, struct live_cell *cell, const struct err *cause);
/* It fails before it was asked, for want of an answer before it; its group goes on without it. */
void cell_late(struct engine *e, size_t column, struct live_cell *cell, const struct err *cause);
/* Groups of the run under way; 0 for NULL. */
int active_flights(const struct active *a);

/* eta.c: what is left, by how long the answers of each column are and how fast text comes; counted in bytes */
/* The columns were loaded. */
void eta_begin(struct active *a);
/* A group goes to the worker: the first of several questions starts the watch, single ones are slower. */
void eta_group_sent(struct active *a, size_t n_cells);
/* Text came from this machine. */
void eta_heard(struct active *a, size_t n_bytes);
/* A cell is stored; `n_bytes` of its answer, 0: it failed. */
void eta_over(struct active *a, struct active_column *c, size_t n_bytes);
/* -1: unknown. */
int64_t eta_ms(const struct active *a);

/* prefetch.c */
/* While one base answers: converts the next one of the run where it must be, and asks the kernel for its file. */
void prefetch_next(struct engine *e);
/* The file that was made ready ahead is not needed any more. */
void prefetch_release(struct active *a);
/* How far (of 1000) the conversion of `path` to these weights is, where it is being made ready ahead. */
int prefetch_done(const struct engine *e, const char *path, enum weights weights);

/* flight.c */
/* Asks the worker for the group; `f` is free, its column and group are set. */
void flight_send(struct engine *e, struct flight *f, struct run_question *questions, size_t n);
/* True if the frame belonged to a flight. */
bool flight_frame(struct engine *e, const struct frame *f);
/* Forgets the cells; `f` is free afterwards. */
void flight_free(struct flight *f);
/* Keeps the texts that were already shown, for the flight that computes the cells again. */
void flight_keep_texts(struct active *a, struct flight *f);
/* Frees all kept texts. */
void heard_free(struct active *a);
/* Fails every cell that is not over. */
void flight_fail(struct engine *e, struct flight *f, const struct err *cause);

/* remote_run.c */
/* Thread: reader.  The provider of a remote model with its key, in `a`; NULL with `problem`. */
const struct remote *remote_load(struct engine *e, struct db *db, struct arena *a, const struct model_row *model,
				 struct err *problem);
/* After the columns were loaded: gives each that has a provider what it needs.  `remotes` are as remote_load() gave them. */
void remote_adopt(struct engine *e, const struct remote *const *remotes);
/* Sends and reads what can be sent and read now. */
void remote_advance(struct engine *e);
/* True while a remote column has anything to do. */
bool remote_is_busy(const struct active *a);
/* Breaks off what is under way; its cells stay waiting. */
void remote_stop(struct engine *e);
/* Frees all of it. */
void remote_release(struct active *a);
/* Answers in the making, for engine_cells(): returns how many were added to `out`, which holds `n` of `max`. */
size_t remote_cells(const struct active *a, struct cell_live *out, size_t n, size_t max);

/* host.c */
void host_init(struct engine *e);
/* Ends the worker and frees. */
void host_release(struct engine *e);
/* KV cells that `share` of the free memory has room for, wherever this model keeps them; 0 if unknown. */
double host_cells(const struct engine *e, double share);
/* Whether the worker has (or is getting) this base with these weights. */
bool host_is_of(const struct engine *e, const struct model_row *base);
/* The same base, and its weights are used the same way. */
bool same_base(const struct model_row *a, const struct model_row *b);
/* True when a worker with this base, its weights used as the row says, is ready; otherwise gets it there and tells run_host_ready(). */
bool host_want(struct engine *e, const struct model_row *base);
/* At the start of a run: a worker whose model file was written anew since it was loaded goes, and one that uses GPUs in another way
 * than its model may by now. */
void host_refresh(struct engine *e);
/* Sends a request; takes `body` and `fd` (-1: none).  Returns its stream.  There must be a process. */
uint32_t host_send(struct engine *e, uint8_t kind, json_t *body, int fd);
/* Asks the worker to end a stream soon; no-op without a worker. */
void host_cancel(struct engine *e, uint32_t stream);
/* Ends a worker that broke a rule of the protocol. */
void host_distrust(struct engine *e, const char *what);
/* Ends the worker and forgets its base; who waits for it is not told. */
void host_drop(struct engine *e);
/* Reads a MSG_TEXT; false where it breaks the rules. */
bool host_read_text(struct str body, struct said *out);
/* The worker has given an answer: the next death is the first one again. */
void host_works(struct engine *e);

/* Finds the adapter file among those of the worker, or sends it: its id there, and the stream of the request that loads it
 * (0: it was there).  Fails where the file cannot be opened. */
MUST_USE enum err_code host_adapter(struct engine *e, const char *file, int64_t *id, uint32_t *stream, struct err *err);
/* The worker's answer to a request that loads an adapter, also where nobody waits for it any more; of one that it refused the id is
 * used up, the file may be sent again.  False: the stream is none such. */
bool host_adapter_frame(struct engine *e, uint32_t stream, uint8_t kind);

/* held_look.c: asks the Ollamas of this machine what they hold (3 s at most), then `done`, not before this returns: `cause` with what
 * was found out.  It is to be freed there. */
struct held_look;
typedef void (*held_look_fn)(void *user, const struct err *err);
struct held_look *held_look_start(struct engine *e, const struct err *cause, bool counts_gpu, held_look_fn done, void *user);
/* Without a word.  NULL is fine. */
void held_look_free(struct held_look *look);

/* chat_remote.c: asks the provider; `events` get `user`, all but phase().  `remote` and `request` are the caller's as long as it
 * lives. */
struct chat_request;
struct chat_events;
struct remote_turn;
struct remote_turn *remote_turn_start(struct engine *e, const struct remote *remote, const struct model_row *model,
				      const struct chat_request *request, const struct chat_events *events, void *user);
/* Ends it now: done() gets what there is. */
void remote_turn_stop(struct remote_turn *r);
/* Without a word.  NULL is fine. */
void remote_turn_free(struct remote_turn *r);

/* chat.c: does what can be done next for conversations */
void chat_advance(struct engine *e);
/* True if the frame belonged to a turn. */
bool chat_frame(struct engine *e, const struct frame *f);
/* True while a turn waits or computes. */
bool chat_waits(const struct engine *e);
/* True while a turn has the machine (or is next) with another base than this one: nobody else may change the worker. */
bool chat_keeps_out(const struct engine *e, const struct model_row *base);
/* True while the worker computes a turn that was sent before `stream`. */
bool chat_computes_before(const struct engine *e, uint32_t stream);
/* The base loads. */
void chat_host_progress(struct engine *e);
/* The base cannot be had. */
void chat_host_failed(struct engine *e, const struct model_row *base, const struct err *cause);
/* The worker died. */
void chat_host_died(struct engine *e, const struct err *cause);
/* The engine ends. */
void chat_fail_all(struct engine *e, const struct err *cause);

/* prompt.c */
void prompt_advance(struct engine *e);
/* True if the frame answered a prompt call. */
bool prompt_frame(struct engine *e, const struct frame *f);
/* Fails all whose rows are there; the others will find out themselves. */
void prompt_fail_all(struct engine *e, const struct err *cause);
/* The worker died: who asked it asks the next one, and at the second death learns `cause`. */
void prompt_worker_died(struct engine *e, const struct err *cause);
/* Those whose worker has to make room for another model learn that. */
void prompt_fail_asked(struct engine *e);
/* True while a call waits for a worker. */
bool prompt_waits(const struct engine *e);

#endif
