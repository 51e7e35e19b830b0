/* SPDX-License-Identifier: Apache-2.0
 *
 * talk_prompt - what a model is asked in a chat: the branch up to the question, with the passages that belong to it.
 * Thread: reader. */
#ifndef ASSAY_SERVER_TALK_PROMPT_H
#define ASSAY_SERVER_TALK_PROMPT_H

#include "base/json.h"
#include "store/chat_store.h"
#include "store/workspace_store.h"

struct talk_prompt {
	struct workspace_row workspace;
	json_t *messages;   /* [{"role", "content"}...], owned */
	json_t *citations;  /* of the last question, owned */
	int64_t n_left_out; /* by the answer before */
};

/* All that the answer `message` needs.  Release it in any case. */
MUST_USE enum err_code talk_prompt_read(struct db *db, struct arena *a, const struct message_row *message,
					struct talk_prompt *out, struct err *err);
/* Appends a question with the passages of out->workspace that fit to it, which become out->citations. */
MUST_USE enum err_code talk_prompt_ask(struct db *db, struct arena *a, struct talk_prompt *out, struct str question,
				       struct err *err);
void talk_prompt_release(struct talk_prompt *p);

#endif
