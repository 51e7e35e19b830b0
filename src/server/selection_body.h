/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_body - the body of POST /selections, read and checked as far as that goes without the store.  Thread: any. */
#ifndef ASSAY_SERVER_SELECTION_BODY_H
#define ASSAY_SERVER_SELECTION_BODY_H

#include <jansson.h>

#include "base/arena.h"
#include "base/limits.h"
#include "server/run_body.h"
#include "store/run_store.h"

#define SELECTION_BUDGET_MAX 604800 /* seconds: a week */

enum judge_wish { JUDGE_BY_US, JUDGE_NOBODY, JUDGE_THIS };

struct selection_body {
	const char *name; /* "": none was given */
	int64_t run_id, family_id;
	int64_t model_ids[LIMIT_COLUMNS];
	size_t n_models;
	int64_t question_set_id;
	const json_t *questions; /* of the body, or NULL */
	struct gen_params params;
	unsigned given; /* enum gen_param: what the body says, also that there is none */
	int64_t seed;
	int64_t budget_s; /* 0: no limit */
	enum judge_wish judge;
	int64_t judge_model_id; /* with JUDGE_THIS */
	const char *training_path; /* absolute; "": none */
	bool fresh; /* no answers of earlier runs */
};

/* Texts are borrowed from `json` or belong to the arena; errors name the field. */
MUST_USE enum err_code selection_body_read(const json_t *json, struct arena *a, struct selection_body *out, struct err *err);

#endif
