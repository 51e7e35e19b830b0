/* SPDX-License-Identifier: Apache-2.0
 *
 * items - given texts of a request as tokens: a prompt and the answer that is scored behind it.  Thread: the main thread. */
#ifndef ASSAY_WORKER_ITEMS_H
#define ASSAY_WORKER_ITEMS_H

#include "worker/forced_plan.h"
#include "worker/job.h"
#include "worker/template.h"

struct item {
	uint64_t id;
	size_t at; /* in the request's list */
	struct tokens tokens; /* prompt and answer */
	int n_prompt;
};

struct items {
	struct item *list; /* what can be scored */
	struct forced_length *lengths;
	size_t n;
	int longest;		  /* tokens of the longest */
	int64_t n_answer;	  /* answer tokens of all */
	struct tokens prefix;	  /* what all prompts share; may be empty */
};

/* Reads "items" and the column's fields; an item that cannot be scored is failed (MSG_CELL_FAILED).  `all` rows or
 * only those that predict the answer.  Release it in any case. */
MUST_USE enum err_code items_open(struct items *s, struct columns *columns, struct loaded *m, struct job *job,
				  const json_t *request, bool all, struct err *err);
void items_release(struct items *s);

#endif
