/* SPDX-License-Identifier: Apache-2.0
 *
 * run_body - the body of POST /runs: columns and their parameters.  Thread: any. */
#ifndef ASSAY_SERVER_RUN_BODY_H
#define ASSAY_SERVER_RUN_BODY_H

#include <jansson.h>

#include "base/limits.h"
#include "store/run_store.h"

/* What the user has said something of, also that there is none; the rest follows from the model. */
struct params_given {
	bool template, system;
};

struct run_body {
	struct run_row run;  /* name "" where none was given */
	struct column_row columns[LIMIT_COLUMNS]; /* model_id, params, own_params */
	struct params_given given[LIMIT_COLUMNS]; /* of the columns, also by the run's params */
	size_t n_columns;
	const json_t *parts; /* positions where groups of answers begin, NULL: none of their own */
	const json_t *questions; /* of the body, or NULL */
};

/* Overrides in `p` what `obj` (NULL: nothing) names.  Errors name the field behind `prefix`. */
void params_body_read(const json_t *obj, struct gen_params *p, const char *prefix, struct err *err);

/* Adds what `obj` names. */
void params_body_given(const json_t *obj, struct params_given *given);

/* Reads and checks everything but the questions.  Texts are borrowed from `json`; errors name the field. */
MUST_USE enum err_code run_body_read(const json_t *json, struct run_body *out, struct err *err);

#endif
