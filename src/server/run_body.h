/* SPDX-License-Identifier: Apache-2.0
 *
 * run_body - the body of POST /runs: columns and their parameters.  Thread: any. */
#ifndef ASSAY_SERVER_RUN_BODY_H
#define ASSAY_SERVER_RUN_BODY_H

#include <jansson.h>

#include "base/limits.h"
#include "store/run_store.h"

struct run_body {
	struct run_row run;  /* name "" where none was given */
	struct column_row columns[LIMIT_COLUMNS]; /* model_id, params, own_params */
	unsigned given[LIMIT_COLUMNS]; /* enum gen_param: what the columns or the run say, also that there is none; the rest follows from the model */
	size_t n_columns;
	const json_t *parts; /* positions where groups of answers begin, NULL: none of their own */
	const json_t *questions; /* of the body, or NULL */
};

/* Reads "weights"; false where the body does not name it, or nothing that there is. */
bool weights_body_read(const json_t *obj, enum weights *weights, struct err *err);

/* Overrides in `p` what `obj` (NULL: nothing) names.  Errors name the field behind `prefix`.  Texts are borrowed from `obj`, but
 * for the list of stops, which is made in the arena. */
void params_body_read(const json_t *obj, struct arena *a, struct gen_params *p, const char *prefix, struct err *err);

/* Reads and checks everything but the questions.  Texts are borrowed from `json`; errors name the field. */
MUST_USE enum err_code run_body_read(const json_t *json, struct arena *a, struct run_body *out, struct err *err);

#endif
