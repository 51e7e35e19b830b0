/* SPDX-License-Identifier: Apache-2.0
 *
 * selection - automatic validations: from candidates and questions to the one to use, and how sure that is.
 *
 *   answers     the run: every candidate answers every question (engine/)
 *   scores      guards and reference metrics of every answer
 *   likelihood  of the references under each candidate: shown, never decides
 *   exam        the judge model, if there is one, looks for mistakes that were planted into the user's own questions
 *   judge       pairs of answers that nothing before has decided, in both orders, if it passed
 *   decision    docs/decision.md, and what it rests on, stored
 *
 * With a time limit the run begins with few questions; what was measured on them says how many more there is time for, and
 * those are added and go through the same steps (selection_rounds.c).
 *
 * One at a time.  It may be stopped, die, run out of time and go on: answers, likelihoods and readings are stored as they
 * come and never computed twice, in no run (selection_reuse.c).  Thread: loop. */
#ifndef ASSAY_SELECTION_SELECTION_H
#define ASSAY_SELECTION_SELECTION_H

#include "base/buf.h"
#include "base/http_client.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/queue.h"
#include "engine/engine.h"
#include "store/selection_store.h"

struct selections;

/* `list_changed`: one began or ended. */
typedef void (*selection_listener_fn)(void *user, int64_t selection_id, bool list_changed);

struct selections_options {
	struct loop *loop;
	struct store *store;
	struct engine *engine;
	struct executor *work;
	struct http_client *http_client;
	const char *worker_path;
	int n_threads; /* 0: one for each physical core */
	struct gpu_use gpu; /* the device is borrowed */
	bool allow_unsandboxed;
	selection_listener_fn changed; /* at most 5 times a second */
	void *user;
};

/* What is asked for beside the columns of its row, as it is stored in selection_row.params. */
struct selection_params {
	int64_t budget_s;	   /* 0: no limit */
	int64_t n_planned;	   /* questions; 0: all */
	const char *training_path; /* "": none */
	bool fresh;		   /* no answers of earlier runs */
	/* Racing, where the time is short: candidates that were left behind after the first questions. */
	int64_t n_raced;
	int64_t dropped[LIMIT_COLUMNS]; /* ids of columns */
	size_t n_dropped;
};
/* New JSON text in `out`. */
void selection_params_write(const struct selection_params *p, struct buf *out);
/* Texts belong to the arena. */
MUST_USE enum err_code selection_params_parse(struct arena *a, const char *text, struct selection_params *out, struct err *err);

/* Never NULL. */
struct selections *selections_new(const struct selections_options *options);
/* Ends and frees; what was under way is interrupted at the next start. */
void selections_free(struct selections *ss);

/* Puts a stored, waiting row into the line. */
void selections_start(struct selections *ss, int64_t id);
/* It ends as stopped; false where it is neither waiting nor running. */
bool selections_stop(struct selections *ss, int64_t id);

/* What the row of one in the line or at work does not know yet; false for any other. */
struct selection_live {
	int64_t elapsed_ms;
	int64_t remaining_ms; /* -1: unknown */
};
bool selections_live(const struct selections *ss, int64_t id, struct selection_live *live, struct buf *steps);

#endif
