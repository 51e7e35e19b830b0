/* SPDX-License-Identifier: Apache-2.0
 *
 * question_body - questions that stand in a request's body: strings, or objects.  Thread: any. */
#ifndef ASSAY_SERVER_QUESTION_BODY_H
#define ASSAY_SERVER_QUESTION_BODY_H

#include <jansson.h>

#include "model/questions.h"

/* Reads them (NULL: none) into the arena, in NFC.  Errors name the field ("questions[3].text"). */
MUST_USE enum err_code question_body(struct arena *a, const json_t *array, struct question **out, size_t *n,
				     struct err *err);

/* The start of a question as a name, in the arena. */
const char *question_title(struct arena *a, const struct question *q);

#endif
