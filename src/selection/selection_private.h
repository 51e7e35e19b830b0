/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_private - one automatic validation from its row to its result, for the files of this room only.
 *
 *   selection.c             the line, the steps in order, what is told and stored
 *   selection_work.c        what steps are done with: other threads, the machine, the worker and the model in it
 *   selection_answers.c     the run
 *   selection_reuse.c       answers of earlier runs
 *   selection_likelihood.c  references under each candidate
 *   selection_judge.c       exam and pairs
 *   selection_ask_judge.c   how a judge is asked
 *   selection_rounds.c      more questions, as far as there is time
 *   selection_decide.c      the decision, stored
 *   selection_remaining.c   how long it still takes
 *   material.c              what is known of the answers: pure over the store
 *   conclude.c              from the material to the decision: pure
 *
 * A step begins when the one before is over and ends by step_done(), step_skip() or selection_fail(), now or later.  Work on other
 * threads is a `struct chore`; what it finds when the selection has ended is for nobody.  Thread: loop, but for chores. */
#ifndef ASSAY_SELECTION_SELECTION_PRIVATE_H
#define ASSAY_SELECTION_SELECTION_PRIVATE_H

#include "engine/fit.h"
#include "engine/job_worker.h"
#include "selection/conclude.h"
#include "selection/selection.h"

enum step_name { STEP_ANSWERS, STEP_SCORES, STEP_LIKELIHOOD, STEP_EXAM, STEP_JUDGE, STEP_DECISION, STEP_COUNT };
enum step_state { STEP_WAITING, STEP_RUNNING, STEP_DONE, STEP_SKIPPED, STEP_FAILED, STEP_CANCELLED };

struct step {
	enum step_state state;
	double fraction;
	int64_t started_ms, ms;
	int64_t n_calls; /* that the judge answered in it */
	int64_t earlier_ms, earlier_calls; /* of starts before this one */
};

/* What is known before anything was asked, to say how long it takes. */
struct selection_before {
	int64_t n_questions, n_columns, n_references; /* of the run */
	int64_t first_question_id;		/* 0: it has none */
	int64_t prompt_us;			/* reading that one alone took, at least; 0: nobody has read it */
	double question_bytes, reference_bytes; /* of the first ones, */
	double open_share;			/* and how many of them have no short reference */
	double judge_call_ms; /* NAN: it was never asked, or there is none */
	size_t n_exam_calls;
};

struct selection {
	struct selections *ss;
	struct arena *arena;
	struct selection_row row;
	struct selection_params params;
	struct step steps[STEP_COUNT];
	size_t at;
	int64_t started_ms;      /* of this start, monotonic */
	bool is_over, is_stopped, is_time_up;
	bool run_is_mine;        /* it was started for this selection and is not over */
	bool is_reusing;         /* it will be, when the answers of earlier runs are there */
	int64_t n_cells, n_cells_done; /* of the run, as far as events tell */
	int64_t n_new_cells;     /* answered for this start */
	int64_t n_set_questions; /* of the question set that more may be taken from; 0: none */
	struct selection_before before;
	int64_t prompt_ms;            /* the least that reading a question alone took, 0: unknown */
	struct answer_look *looks;    /* selection_remaining.c: answers so far to the questions from this one on */
	int64_t looked_from;
	bool is_last_round;
	bool is_settled; /* the questions so far suffice */
	struct material *material;
	int64_t n_for_judge;	 /* pairs of the material that only a judge could tell apart */
	struct judging *judging; /* selection_judge.c */
	char *result;            /* JSON, NULL: none yet */

	/* the worker and the model in it */
	struct job_worker *worker;
	struct fit *fit; /* whether a model fits is being found out; NULL: is not */
	bool is_reserved, is_granted, has_gpu;
	bool is_waiting;      /* for the worker to be there, or for its answer */
	bool has_lost_worker; /* in this step: another one went on */
	uint8_t expected;        /* kind of the answer */
	void (*on_ready)(struct selection *s);
	void (*on_loaded)(struct selection *s); /* what selection_load() was told */
	void (*on_reply)(struct selection *s, const json_t *body);
	void (*on_item)(struct selection *s, uint8_t kind, const json_t *body);
	void (*on_failed)(struct selection *s, const struct err *cause);
	double share_from, share; /* of the step, what the worker's progress is of */
	const char *loading; /* path of the model */
	const struct model_row *loading_base;
	size_t loading_longest;
	struct gpu_use loading_gpu; /* the device is of its base */
	struct likelihood_work *likelihood; /* selection_likelihood.c */
	struct err no_likelihoods; /* why they are missing; code ERR_OK: nothing went wrong */

	struct chore *chores;
	uint64_t n_ended; /* steps that ended */
};

/* Work on another thread for a selection. */
struct chore {
	struct task task;
	struct selection *s;
	struct arena *arena;
	void (*home)(struct chore *c);
	uint64_t began_at; /* n_ended of the selection then */
	void (*release)(struct chore *c); /* at its end in any case: what nobody took; NULL: nothing */
	struct chore *next;
};

struct line_of_selections {
	int64_t id;
	struct line_of_selections *next;
};

struct selections {
	struct selections_options options;
	char *data_dir;
	struct line_of_selections *line;
	struct selection *active, *ended; /* at work; over, to be freed when nothing of it is on the stack */
	struct loop_timer *events, *burial, *clock, *again;
	struct save *unsaved;    /* rows of ended ones that the store refused */
	int64_t stopping_run_id; /* the engine was told to stop it, 0: none */
	bool dirty, closing;
	int refs; /* chores and saves under way + 1 */
};

/* A zeroed struct of `size` bytes that begins with a struct chore; `home` runs on the loop unless the selection or the step that
 * it began in is over. */
void *chore_new(struct selection *s, size_t size, void (*run)(struct task *, void *), void (*home)(struct chore *));
/* On the thread for long work, with no database; a chore may open a reader of its own. */
void chore_work(struct chore *c);
void chore_write(struct chore *c);
/* True, and the selection has failed, where the chore did. */
bool chore_failed(const struct chore *c);
/* The last chore of one that is over has come home: it can be freed. */
void selection_bury(struct selection *s);
void selections_unref(struct selections *ss);

void step_done(struct selection *s);
void step_skip(struct selection *s);
/* The step at hand is left; it goes on from an earlier one. */
void step_again(struct selection *s, enum step_name first);
/* At work in it, all rounds together. */
int64_t selection_step_ms(const struct selection *s, enum step_name step);
void step_progress(struct selection *s, double fraction);
/* Ends it: as stopped or interrupted where that is the cause. */
void selection_fail(struct selection *s, const struct err *cause);
/* Milliseconds left of the budget, INT64_MAX without one. */
int64_t selection_left_ms(const struct selection *s);

/* Asks for the machine, or goes on at once where it is ours; gives it back with its worker. */
void selection_need_machine(struct selection *s, void (*granted)(struct selection *s));
void selection_give_machine(struct selection *s);
/* Ends the worker that there is and, where that fits into memory, starts one with the model `path`, the file of `base`, to read texts
 * of at most `longest` bytes; `ready` follows, or `failed`, also later.  Where the worker dies while it is asked something, it is
 * started again, once in a step: then `ready` follows a second time, and must ask again. */
void selection_load(struct selection *s, const char *path, const struct model_row *base, size_t longest,
		    void (*ready)(struct selection *s), void (*failed)(struct selection *s, const struct err *cause));
/* Gives the worker one more adapter of its model (a LoRA GGUF) as number `id`; NULL: none is needed. */
void selection_load_adapter(struct selection *s, const char *file, int64_t id, void (*ready)(struct selection *s));
void selection_ask(struct selection *s, uint8_t kind, json_t *body, int fd, uint8_t expected,
		   void (*on_reply)(struct selection *s, const json_t *body));
void selection_end_worker(struct selection *s);
int selection_threads(const struct selection *s);

/* selection_answers.c */
void begin_answers(struct selection *s);
void answers_event(struct selection *s, const struct engine_event *event);
/* What is still missing is computed; without `starts` the run is at work, or ends first. */
void answers_compute(struct selection *s, bool starts);
/* selection_reuse.c: takes over what earlier runs have answered, to the bit as it would be computed; then answers_compute(). */
void answers_reuse(struct selection *s);
/* Time is up, or it is stopped. */
void answers_stop(struct selection *s);
void begin_scores(struct selection *s);

/* selection_likelihood.c */
void begin_likelihood(struct selection *s);
void likelihood_free(struct selection *s);
/* Of how many of `n_references` questions likelihoods are taken. */
int64_t likelihood_count(int64_t n_references);

/* selection_judge.c */
void begin_exam(struct selection *s);
void begin_judge(struct selection *s);
/* Pairs of answers that the judge would be asked about.  Thread: any, the material's. */
size_t judging_count(struct material *m, const atomic_bool *cancelled);
/* Calls that it answered for this start, and what one took; NAN before the first. */
int64_t judging_calls(const struct selection *s);
double judging_call_ms(const struct selection *s);
/* Its opinions are of the questions of a new material from now on; before s->material is replaced. */
void judging_follow(struct selection *s, const struct material *now);
/* The time is up: what it is being asked now is given up, what it has answered counts. */
void judging_time_up(struct selection *s);
/* The selection has ended: no callback of a judge any more. */
void judging_leave(struct selection *s);
void judging_free(struct selection *s);

/* selection_rounds.c: more questions, or the decision.  Whether there are questions left that may be asked yet. */
void begin_round(struct selection *s);
bool selection_may_ask_more(const struct selection *s);

/* selection_remaining.c */
MUST_USE enum err_code selection_look_before(struct db *db, struct arena *a, const struct selection_row *row,
					     struct selection_before *out, struct err *err);
/* What the engine tells is measured, and what was measured when answers that are taken over were computed. */
void remaining_heard(struct selection *s, const struct engine_event *event);
void remaining_read_alone(struct selection *s, int64_t prompt_us);
/* Of all steps and rounds to come; -1: unknown. */
int64_t selection_remaining_ms(const struct selection *s);

/* selection_decide.c */
void begin_decision(struct selection *s);

#endif
