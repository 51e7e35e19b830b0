/* SPDX-License-Identifier: Apache-2.0
 *
 * ending - what ends the answers of one request: the texts of its column's template, and those that the request names.
 * Thread: the main thread. */
#ifndef ASSAY_WORKER_ENDING_H
#define ASSAY_WORKER_ENDING_H

#include "base/limits.h"
#include "worker/template.h"

struct ending {
	struct answer_rules rules;
	/* Control tokens whose text is shown: the column's tags, and stops that are one, so that they are found like other texts. */
	llama_token shown[COLUMN_TAG_TOKENS + LIMIT_STOPS];
	int n_shown;
};

/* Of a request's "stop"; the column must live longer.  ERR_INVALID where it is no list of texts.  Release it in any case. */
MUST_USE enum err_code ending_open(struct ending *out, const struct column *column, const struct loaded *m, const json_t *request,
				   struct err *err);
void ending_release(struct ending *e);

bool ending_shows(const struct ending *e, llama_token token);

#endif
