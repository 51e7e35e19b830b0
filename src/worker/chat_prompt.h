/* SPDX-License-Identifier: Apache-2.0
 *
 * chat_prompt - the prompt of a conversation, without its oldest turns where they do not fit.  Thread: the main thread. */
#ifndef ASSAY_WORKER_CHAT_PROMPT_H
#define ASSAY_WORKER_CHAT_PROMPT_H

#include "worker/template.h"

struct chat_prompt {
	int n_max;      /* tokens of the context */
	int max_tokens; /* of the answer: up to a quarter of the context is kept free for it */
	int n_left_out; /* out: messages that did not fit */
};

/* Renders and tokenizes `messages` into `out`.  `left_out`: messages that the turn before left out; they stay out, so that
 * the beginning of the prompt stays the same from turn to turn.  Where more must go, an eighth of the context is freed at
 * once for the same reason.  ERR_LIMIT "err_prompt_tokens" where the last turn alone is too long. */
MUST_USE enum err_code chat_prompt(struct chat_prompt *p, struct column *c, struct loaded *m, uint32_t stream,
				   const json_t *messages, int left_out, struct tokens *out, struct err *err);

#endif
