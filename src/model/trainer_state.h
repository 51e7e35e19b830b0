/* SPDX-License-Identifier: Apache-2.0
 *
 * trainer_state - epoch, step and loss curve as trainers leave them: trainer_state.json (HF Trainer and all
 * built on it) and trainer_log.jsonl (LLaMA-Factory).  Thread: work.  Results belong to the arena. */
#ifndef ASSAY_MODEL_TRAINER_STATE_H
#define ASSAY_MODEL_TRAINER_STATE_H

#include "base/arena.h"
#include "base/str.h"
#include "model/catalogue.h"

struct trainer_state {
	double epoch;			 /* NAN if unknown */
	int64_t step;			 /* -1 if unknown */
	int64_t num_train_epochs;	 /* 0 if unknown */
	const struct loss_point *points; /* in the order of training */
	size_t n_points;
};

/* Reads the text of a trainer_state.json; bare NaN and Infinity are losses that are unknown.  ERR_DATA for
 * broken JSON. */
MUST_USE enum err_code trainer_state_parse(struct arena *a, struct str text, const char *what,
					   struct trainer_state *out, struct err *err);

/* trainer_state_parse() of a file; at most 64 MiB. */
MUST_USE enum err_code trainer_state_read(struct arena *a, const char *path, struct trainer_state *out,
					  struct err *err);

/* Reads a trainer_log.jsonl: rows of current_steps, epoch, loss, eval_loss.  Lines that are not such rows are
 * skipped (the last one may be cut while training runs).  epoch and step of the result are those of the last
 * row. */
MUST_USE enum err_code trainer_log_read(struct arena *a, const char *path, struct trainer_state *out,
					struct err *err);

/* Losses at a step: the last ones logged until then, NAN if none. */
void trainer_losses_at(const struct loss_point *points, size_t n, int64_t step, double *train, double *eval);

/* Epoch that the log gives for a step; NAN if the step is not in it. */
double trainer_epoch_at(const struct loss_point *points, size_t n, int64_t step);

#endif
