/* SPDX-License-Identifier: Apache-2.0
 *
 * run_store - runs, their columns, questions, cells and votes.  Rows belong to the arena given.
 *
 * A stored answer is never replaced: run_store_answer() on a done cell changes nothing and tells whether it was equal. */
#ifndef ASSAY_STORE_RUN_STORE_H
#define ASSAY_STORE_RUN_STORE_H

#include "model/questions.h"
#include "model/weights.h"
#include "store/db.h"

enum run_state { RUN_WAITING, RUN_RUNNING, RUN_STOPPED, RUN_DONE, RUN_INTERRUPTED };
enum cell_state { CELL_WAITING, CELL_DONE, CELL_FAILED, CELL_CANCELLED }; /* "running" lives in the engine only */
enum finish_reason { FINISH_NONE, FINISH_STOP, FINISH_LENGTH };

/* "waiting", "running", ... ; "stop", "length", "". */
const char *run_state_name(enum run_state s);
const char *cell_state_name(enum cell_state s);
const char *finish_name(enum finish_reason f);

/* Everything that shapes an answer, besides the model and the question. */
struct gen_params {
	int64_t max_tokens;
	double temperature, top_p, min_p, repeat_penalty;
	int64_t top_k;      /* 0: off */
	bool thinking;      /* let the template think where it can */
	const char *system; /* "" : none, the template's default applies */
	const char *template; /* "" : the model's own */
	const char *stop;   /* JSON list of texts that end an answer and are no part of it, besides the template's; "": none */
	int64_t num_ctx;    /* most tokens of question and answer together, 0: what the model was made for */
	enum weights weights; /* of the base model; the same in all columns that stand on it */
	unsigned of_model;  /* enum gen_param: what nobody said and the model's trainer left; shapes nothing */
};

/* Bits of the settings that a model may bring along. */
enum gen_param {
	PARAM_SYSTEM = 1 << 0,
	PARAM_TEMPLATE = 1 << 1,
	PARAM_STOP = 1 << 2,
	PARAM_NUM_CTX = 1 << 3,
	PARAM_MAX_TOKENS = 1 << 4,
	PARAM_TEMPERATURE = 1 << 5,
	PARAM_TOP_P = 1 << 6,
	PARAM_TOP_K = 1 << 7,
	PARAM_MIN_P = 1 << 8,
	PARAM_REPEAT_PENALTY = 1 << 9,
	PARAM_WEIGHTS = 1 << 10, /* its base says it, not its trainer */
	PARAM_SAMPLING = PARAM_MAX_TOKENS | PARAM_TEMPERATURE | PARAM_TOP_P | PARAM_TOP_K | PARAM_MIN_P | PARAM_REPEAT_PENALTY,
	PARAM_ALL = PARAM_SAMPLING | PARAM_SYSTEM | PARAM_TEMPLATE | PARAM_STOP | PARAM_NUM_CTX,
};

/* 256 tokens, temperature 0, top_p 0.95, top_k 40, min_p 0, repeat_penalty 1, no system prompt. */
struct gen_params gen_params_default(void);

struct column_row {
	int64_t id, run_id, position;
	int64_t model_id;
	const char *label;      /* snapshot of the model's name (family name for checkpoints) */
	double epoch;           /* snapshot, NAN: none */
	struct gen_params params;
	bool own_params;        /* unlocked from the run's shared ones */
	int64_t slots;          /* of exact groups, 0 until calibrated; never changed once set */
	int64_t kv_tokens;      /* KV budget the groups were planned with, 0 until set */
	const char *model_hash, *adapter_hash, *template_hash, *build, *device; /* provenance, "" until known */
	struct err problem;     /* why the column failed; code ERR_OK: none */
	/* filled by reads; n_rated: how often its answers were rated, by whomever: n_likes of them were liked */
	int64_t n_done, n_failed, n_cancelled, n_waiting, n_likes, n_rated;
	int64_t n_reused;              /* of its done cells: taken over from other runs */
	int64_t sum_generated, sum_us; /* of done cells that were computed here */
};

struct run_row {
	int64_t id;
	const char *name;
	int64_t created_ms, finished_ms; /* 0: not finished */
	enum run_state state;
	struct err problem; /* why it was interrupted; code ERR_OK: none, or not known */
	bool is_fast, is_blind, is_drifted;
	int64_t seed;
	struct gen_params params; /* shared */
	int64_t question_set_id;  /* 0: typed */
	int64_t n_questions, n_columns;
	int64_t n_done, n_failed, n_cells; /* filled by reads */
	int64_t n_raters;                  /* the same: people who rated anything, the owner among them */
	int64_t n_complete; /* questions that every column answered; -1 in lists, and while it waits or runs: it changes all the time */
};

struct cell_row {
	int64_t id, run_id, question_id, column_id;
	int64_t question_position; /* 0-based */
	enum cell_state state;
	const char *text, *thinking;
	enum finish_reason finish;
	int64_t n_prompt, n_generated, n_thinking;
	int64_t prompt_us, total_us;
	double mean_ll;            /* NAN: unknown */
	const char *tokens;        /* SHA-256 hex of the token ids: what "identical" means */
	struct err problem;
	int64_t n_likes;           /* thumbs of all raters */
	bool is_liked;             /* by the owner (rater 1) */
	int64_t reused_run_id, reused_cell_id; /* where it was computed; both may be gone, 0: here */
	bool is_late;              /* its group was asked without it, since the turn before had no answer */
};

struct turn_answer {
	enum cell_state state;
	const char *text;
};

/* What was said before a question. */
struct run_turn {
	int64_t position;
	struct str text;
	struct turn_answer *answers; /* one for each of the question's cells */
};

struct run_question {
	int64_t id, position;
	struct question q;
	struct run_turn *earlier;  /* q.turn of them, the first one first */
	struct cell_row *cells;    /* one for each column, in column order; NULL of a question of no run */
	size_t n_cells;
	int64_t n_ratings;         /* people who rated it */
	int64_t seen;              /* which of its cells all of them have seen: a bit for each */
};

/* store: inserts run, columns, questions and cells.  Sets ids in `run` and `columns`.  A part begins wherever turns of another
 * number begin. */
MUST_USE enum err_code run_store_add(struct db *db, struct run_row *run, struct column_row *columns, size_t n_columns,
				     const struct question *questions, size_t n_questions, struct err *err);

/* What the questions of a run have of their rows, at least one of them. */
struct run_records {
	bool any, ids, categories; /* `ids`: with a record */
	bool systems;              /* a system prompt of its own, whatever record it has */
};
MUST_USE enum err_code run_store_records(struct db *db, int64_t run_id, struct run_records *out, struct err *err);

/* The "category" of a question's record by its position, of a later turn for want of its own that of the conversation, which
 * begins at `first`; in the arena. */
MUST_USE enum err_code run_store_category(struct db *db, struct arena *a, int64_t run_id, int64_t position, int64_t first,
					  struct str *out, struct err *err);

/* store: a new run that waits to be asked what `of_id` was: its questions, where groups of answers begin, and of columns that were
 * planned the plan, so that in exact mode the same machine answers the same.  `run` and `columns` are those of `of_id` as
 * run_store_get() read them, and become the new one's. */
MUST_USE enum err_code run_store_repeat(struct db *db, int64_t of_id, struct run_row *run, struct column_row *columns,
					size_t n_columns, struct err *err);

/* store: appends questions (and their cells) to a run; the run is waiting again. */
MUST_USE enum err_code run_store_add_questions(struct db *db, int64_t run_id, const struct question *questions, size_t n,
					       struct err *err);

/* store: the same where some columns (in their order) are out of the race: their cells are cancelled. */
MUST_USE enum err_code run_store_add_questions_for(struct db *db, int64_t run_id, const struct question *questions, size_t n,
						   const bool *is_out, struct err *err);

/* Which runs a list shows. */
struct run_search {
	const char *name;  /* has this in its name, "": any */
	int state;         /* is in this enum run_state, -1: any */
	int64_t before_id; /* older than this one, 0: from the newest */
	int64_t limit;     /* so many at most */
};

/* Newest first. */
MUST_USE enum err_code run_store_list(struct db *db, struct arena *a, const struct run_search *search, struct run_row **rows,
				      size_t *n, struct err *err);

/* ERR_NOT_FOUND "err_run_not_found". */
MUST_USE enum err_code run_store_get(struct db *db, struct arena *a, int64_t id, struct run_row *run,
				     struct column_row **columns, size_t *n_columns, struct err *err);

/* What a page of the run shows; filter: */
enum run_filter { RUN_ALL, RUN_DIFFER, RUN_UNRATED, RUN_FAILED };
MUST_USE enum err_code run_store_page(struct db *db, struct arena *a, int64_t run_id, enum run_filter filter,
				      int64_t offset, int64_t limit, struct run_question **out, size_t *n, int64_t *total,
				      struct err *err);

/* The same as people read it: the turns of a conversation one after another (questions_reading_order()). */
MUST_USE enum err_code run_store_read_page(struct db *db, struct arena *a, int64_t run_id, enum run_filter filter, int64_t offset,
					   int64_t limit, struct run_question **out, size_t *n, int64_t *total, struct err *err);

/* Questions of a run that have a reference. */
MUST_USE enum err_code run_store_count_references(struct db *db, int64_t run_id, int64_t *n, struct err *err);

/* The least that the run's first question, which each column reads alone, took to be read by those that have answered it, also in
 * the run that an answer was taken over from; 0: nobody has. */
MUST_USE enum err_code run_store_first_prompt(struct db *db, int64_t run_id, int64_t *prompt_us, struct err *err);

/* True where it has conversations of several turns. */
MUST_USE enum err_code run_store_has_turns(struct db *db, int64_t run_id, bool *has, struct err *err);

/* Sets `thinks` of each of the run's columns (by position): whether any of its answers has thinking. */
MUST_USE enum err_code run_store_thinking(struct db *db, int64_t run_id, size_t n_columns, bool *thinks, struct err *err);

/* How long what is asked gets. */
struct run_extent {
	int64_t bytes; /* of the longest question, with its own system prompt and all questions before it in its conversation */
	int64_t turns; /* of the longest conversation, 1 where all are questions */
};
MUST_USE enum err_code run_store_extent(struct db *db, int64_t run_id, struct run_extent *out, struct err *err);

/* Seconds that the model took for an answer when it was last asked, answers that were written side by side counted as one after
 * the other; of its columns those with the same `max_tokens` go first.  NAN where it never answered. */
MUST_USE enum err_code run_store_speed(struct db *db, int64_t model_id, int64_t max_tokens, double *seconds, struct err *err);

/* Positions where additions of questions begin, ascending, the first is 0: groups do not cross them. */
MUST_USE enum err_code run_store_parts(struct db *db, struct arena *a, int64_t run_id, int64_t **out, size_t *n,
				       struct err *err);

/* store: one more, where it is none yet; nothing may have been answered by groups that cross it. */
MUST_USE enum err_code run_store_add_part(struct db *db, int64_t run_id, int64_t first, struct err *err);

/* One column's questions with its cell each, by position >= from: what the engine plans with. */
MUST_USE enum err_code run_store_column_cells(struct db *db, struct arena *a, int64_t column_id, int64_t from, int64_t limit,
					      struct run_question **out, size_t *n, struct err *err);

MUST_USE enum err_code cell_store_get(struct db *db, struct arena *a, int64_t cell_id, struct cell_row *out, struct err *err);

/* store: the engine's writes.  `*equal` is false if a stored answer has other tokens (then the run is marked drifted). */
MUST_USE enum err_code run_store_answer(struct db *db, const struct cell_row *cell, bool *equal, struct err *err);
MUST_USE enum err_code run_store_cell_failed(struct db *db, int64_t cell_id, const struct err *problem, struct err *err);
/* The same of one whose group is asked without it: it is late from now on, and always asked alone. */
MUST_USE enum err_code run_store_cell_late(struct db *db, int64_t cell_id, const struct err *problem, struct err *err);
/* All waiting cells of a column fail with the same problem. */
MUST_USE enum err_code run_store_fail_waiting(struct db *db, int64_t column_id, const struct err *problem, struct err *err);
/* Waiting cells of the run become cancelled; the reverse for resume (cancelled -> waiting) and retry (failed -> waiting,
 * of one column or, with 0, of all). */
MUST_USE enum err_code run_store_cancel_waiting(struct db *db, int64_t run_id, struct err *err);
MUST_USE enum err_code run_store_reset(struct db *db, int64_t run_id, bool cancelled, bool failed, int64_t column_id,
				       struct err *err);
MUST_USE enum err_code run_store_set_state(struct db *db, int64_t run_id, enum run_state state, struct err *err);
/* RUN_INTERRUPTED because of `cause`, which is forgotten with the next state. */
MUST_USE enum err_code run_store_interrupt(struct db *db, int64_t run_id, const struct err *cause, struct err *err);
/* Provenance and plan of a column: slots, kv_tokens (only if still 0), hashes, build, device, problem. */
MUST_USE enum err_code run_store_set_column(struct db *db, const struct column_row *column, struct err *err);
/* The column is to be answered with these weights of its base: ERR_CONFLICT "err_weights_answered" where it has answers. */
MUST_USE enum err_code run_store_set_weights(struct db *db, const struct column_row *column, enum weights weights, struct err *err);
/* At start: runs left RUNNING or WAITING by a dead server become INTERRUPTED. */
MUST_USE enum err_code run_store_recover(struct db *db, struct err *err);

/* store: by the user. */
MUST_USE enum err_code run_store_rename(struct db *db, int64_t id, const char *name, struct err *err);
MUST_USE enum err_code run_store_set_blind(struct db *db, int64_t id, bool blind, struct err *err);
MUST_USE enum err_code run_store_remove(struct db *db, int64_t id, struct err *err);
/* Thumb of `rater` on a done cell (ERR_CONFLICT "err_vote_no_answer" otherwise); `liked` false takes it back.
 * `*n_likes`: of the cell afterwards, `*column_likes`: of its column. */
MUST_USE enum err_code vote_store_set(struct db *db, int64_t cell_id, int64_t rater_id, bool liked, int64_t *n_likes,
				      int64_t *column_likes, struct err *err);

/* store: what a rater who was invited thinks of a question of run_store_read_page(): likes `liked` of its cells and no other.
 * `column_likes`: of each cell's column afterwards, -1 where nothing changed; the cells' n_likes follow.  From then on the question
 * is rated, liked or not. */
MUST_USE enum err_code vote_store_rate(struct db *db, struct run_question *question, int64_t rater_id, const bool *liked,
				       int64_t *column_likes, struct err *err);
/* store: all that a rater said. */
MUST_USE enum err_code vote_store_forget(struct db *db, int64_t rater_id, struct err *err);

/* Which columns (by position) answered each question that anybody rated, in time for all who did, and how many people liked theirs.  A question is told
 * once however many rated it: opinions on one question are no independent evidence.  The arrays have LIMIT_COLUMNS values and live
 * during the call. */
typedef void (*vote_row_fn)(void *user, const bool *answered, const int64_t *likes);
MUST_USE enum err_code vote_store_each(struct db *db, int64_t run_id, vote_row_fn each, void *user, struct err *err);

/* Streams every question with its cells to `each` (which returns false to stop), as people read them: for exports.
 * Rows are valid during the call only. */
typedef bool (*run_row_fn)(void *user, const struct run_question *q, size_t n_columns);
MUST_USE enum err_code run_store_each(struct db *db, int64_t run_id, run_row_fn each, void *user, struct err *err);
/* The same with the cell of one column each. */
MUST_USE enum err_code run_store_each_of(struct db *db, const struct column_row *column, run_row_fn each, void *user,
					 struct err *err);

#endif
