/* SPDX-License-Identifier: Apache-2.0
 *
 * proof - what the quality check of one job has found out so far; for creation_proof.c and creation_answers.c only.
 *
 * Order: the same model as Q8_0 (the control), both against the validated one token by token on its own answers and on the
 * references, then a run in which the new model answers the validation's questions beside the stored answers, then the
 * verdict.  Where memory does not hold two models, they are compared one after the other (approximately). */
#ifndef ASSAY_DEPLOY_PROOF_H
#define ASSAY_DEPLOY_PROOF_H

#include "deploy/creation_private.h"
#include "deploy/verdict.h"

struct comparison {
	bool is_control, of_references;
};

struct proof {
	struct verdict_input in;
	struct comparison plan[4];
	size_t n_plan, at;
	char *control;      /* file of the control, NULL: none */
	bool one_at_a_time; /* two models do not fit into memory */
	bool is_approximate;
	double tokens_per_s_before, tokens_per_s_after; /* 0: not measured */
	int64_t run_id;     /* of the answers, 0: not begun */
	bool run_is_over;
	const int64_t *positions; /* in the validation, of the questions of that run */
};

/* creation_answers.c: lets the new model answer; then the verdict. */
void answers_begin(struct creation *c);

#endif
