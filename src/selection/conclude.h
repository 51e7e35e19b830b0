/* SPDX-License-Identifier: Apache-2.0
 *
 * conclude - from material and opinions to the decision, as it is stored.  Thread: any. */
#ifndef ASSAY_SELECTION_CONCLUDE_H
#define ASSAY_SELECTION_CONCLUDE_H

#include "base/json.h"
#include "judge/decision.h"
#include "judge/exam.h"
#include "selection/material.h"

enum judge_state { JUDGE_NONE, JUDGE_WAITING, JUDGE_ASKED, JUDGE_PASSED, JUDGE_FAILED };

struct opinions {
	enum judge_state state;
	int64_t model_id;
	const char *name;
	struct exam_card card; /* from JUDGE_ASKED on */
	bool has_card;
	struct judged_pair *pairs; /* `question` counts the answered ones */
	size_t n_pairs;
	struct err problem; /* why the judge could not be asked; code ERR_OK: it could */
};

struct conclusion {
	json_t *result; /* selection/result.h */
	struct selection_cell *cells;
	struct selection_question *questions;
	size_t n_cells, n_questions;
	struct decision decision;
};

/* How the questions came to be these. */
struct conclude_course {
	bool is_time_up, is_settled; /* judge/decision.h */
	size_t n_planned;
	size_t n_raced; /* the first questions, which racing or the decision to end looked at; 0: neither did */
};

/* What went wrong as a part of the result says it: a sentence of selection/result.h with its code (a new reference). */
json_t *conclude_problem(const struct err *err);

/* Arrays belong to the material's arena, `result` is the caller's.  ERR_CANCELLED. */
MUST_USE enum err_code conclude(struct material *m, const struct opinions *opinions, const struct conclude_course *course,
				const atomic_bool *cancel, struct conclusion *out, struct err *err);

#endif
