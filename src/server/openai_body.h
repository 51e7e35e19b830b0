/* SPDX-License-Identifier: Apache-2.0
 *
 * openai_body - the body of POST /v1/chat/completions.
 *
 * What assay cannot do (tools, several choices, log-probabilities, pictures, JSON schemas) is refused by name; what only tunes
 * (penalties, user, metadata) is ignored.  Thread: any. */
#ifndef ASSAY_SERVER_OPENAI_BODY_H
#define ASSAY_SERVER_OPENAI_BODY_H

#include "base/json.h"
#include "store/run_store.h"

struct openai_body {
	const char *model; /* borrowed from the JSON */
	json_t *messages;  /* [{"role", "content": text}...], owned */
	json_t *stops;     /* owned, NULL: none */
	bool has_system;   /* messages begin with a system message */
	bool streams, wants_usage;
	int64_t seed;      /* -1: any */
};

/* Errors name the field.  Release it in any case. */
MUST_USE enum err_code openai_body_read(const json_t *json, struct openai_body *out, struct err *err);
void openai_body_release(struct openai_body *b);

/* Overrides in `p` what the body says about how to answer; it was checked by openai_body_read(). */
void openai_body_params(const json_t *json, struct gen_params *p);

#endif
