/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_store - automatic validations: what was asked for, how far they are, what came out; what was thought of each
 * answer; and the judges' readings, which are kept for ever and for all.  Rows belong to the arena given. */
#ifndef ASSAY_STORE_SELECTION_STORE_H
#define ASSAY_STORE_SELECTION_STORE_H

#include "judge/evidence.h"
#include "store/run_store.h"

enum selection_state {
	SELECTION_WAITING,
	SELECTION_RUNNING,
	SELECTION_DONE,
	SELECTION_FAILED,
	SELECTION_STOPPED,
	SELECTION_INTERRUPTED
};

/* "waiting", "running", "done", "failed", "stopped", "interrupted". */
const char *selection_state_name(enum selection_state s);

struct selection_row {
	int64_t id;
	const char *name;
	enum selection_state state;
	int64_t run_id;		 /* whose answers are judged; its columns are the candidates */
	int64_t family_id;	 /* 0: the candidates are no family */
	int64_t question_set_id; /* 0: the questions are the run's; else further ones may be taken from there */
	int64_t judge_model_id;	 /* 0: none */
	const char *params;	 /* JSON: selection/selection.h */
	const char *steps;	 /* JSON: an array */
	const char *result;	 /* JSON: selection/result.h; "{}" until there is one */
	int64_t elapsed_ms;	 /* at work, all starts together */
	struct err problem;
	int64_t created_ms, finished_ms;
};

/* Newest first, of one run or, with 0, of all; `before_id` 0: from the newest. */
MUST_USE enum err_code selection_store_list(struct db *db, struct arena *a, int64_t run_id, int64_t before_id, int64_t limit,
					    struct selection_row **rows, size_t *n, struct err *err);
/* ERR_NOT_FOUND "err_selection_not_found". */
MUST_USE enum err_code selection_store_get(struct db *db, struct arena *a, int64_t id, struct selection_row *out,
					   struct err *err);
/* store: sets id and created_ms. */
MUST_USE enum err_code selection_store_add(struct db *db, struct selection_row *row, struct err *err);
/* store: state, params, steps, result, elapsed and problem; finished_ms follows from the state. */
MUST_USE enum err_code selection_store_set(struct db *db, const struct selection_row *row, struct err *err);
/* store: only of one that is over (ERR_CONFLICT "err_selection_running"). */
MUST_USE enum err_code selection_store_remove(struct db *db, int64_t id, struct err *err);
/* store: at the start, those that a dead server left behind are interrupted. */
MUST_USE enum err_code selection_store_recover(struct db *db, struct err *err);

/* What was thought of an answer. */
struct selection_cell {
	int64_t cell_id;
	double score;	   /* against the reference, 0 to 1; NAN: no reference */
	bool is_right;	   /* means nothing where score is NAN */
	unsigned guards;   /* of enum guard_flag */
	bool repeats;	   /* it repeats training text */
};

/* What decided a question between the recommended candidate and the base model (without one: the runner-up). */
struct selection_question {
	int64_t question_id;
	int64_t position; /* in the run */
	enum layer layer;
	enum outcome outcome; /* for the recommended one */
	bool has_unusable;    /* an answer that the guards object to */
};

/* store: replaces all of the selection's. */
MUST_USE enum err_code selection_store_set_findings(struct db *db, int64_t id, const struct selection_cell *cells, size_t n_cells,
						    const struct selection_question *questions, size_t n_questions,
						    struct err *err);

enum selection_show { SHOW_DECIDED, SHOW_GAINS, SHOW_LOSSES, SHOW_UNUSABLE, SHOW_ALL };

struct selection_finding {
	struct selection_question question;
	struct run_question row;      /* with one cell for each column */
	struct selection_cell *cells; /* in column order; cell_id 0: nothing is known */
};

/* One page, `*total` is how many there are to show: what the stronger layers decided first, then by position. */
MUST_USE enum err_code selection_store_findings(struct db *db, struct arena *a, const struct selection_row *selection,
						enum selection_show show, int64_t offset, int64_t limit,
						struct selection_finding **out, size_t *n, int64_t *total, struct err *err);

/* Log-likelihood of a question's reference under the cell's model. */
struct likelihood_row {
	int64_t cell_id;
	int64_t n_tokens;
	double log_likelihood; /* sum, natural logarithm */
};
MUST_USE enum err_code likelihood_store_list(struct db *db, struct arena *a, int64_t run_id, struct likelihood_row **rows,
					     size_t *n, struct err *err);
/* store */
MUST_USE enum err_code likelihood_store_add(struct db *db, const struct likelihood_row *rows, size_t n, struct err *err);

/* A judge's reading of one prompt.  The key says all that it depends on: judge, prompt, labels. */
#define VERDICT_KEY_SIZE 65
struct verdict_row {
	char key[VERDICT_KEY_SIZE]; /* SHA-256, hex */
	double a, b;		    /* probabilities of the two labels among all tokens */
	bool in_words;		    /* read from a reply, not from probabilities */
};
/* Fills a and b of those that are known; `found[i]` says which. */
MUST_USE enum err_code verdict_store_find(struct db *db, struct verdict_row *rows, size_t n, bool *found, struct err *err);
/* store: what is there already stays. */
MUST_USE enum err_code verdict_store_add(struct db *db, const struct verdict_row *rows, size_t n, struct err *err);

#endif
