/* SPDX-License-Identifier: Apache-2.0
 *
 * openai_view - replies in the shape of OpenAI's chat API.  Pure.  Thread: any. */
#ifndef ASSAY_SERVER_OPENAI_VIEW_H
#define ASSAY_SERVER_OPENAI_VIEW_H

#include "base/buf.h"
#include "base/msg.h"
#include "engine/chat.h"

struct openai_head {
	const char *id;    /* "chatcmpl-..." */
	const char *model; /* as the request names it */
	int64_t created_s;
};

/* {"error": {"message", "type", "param", "code"}}; the hint is part of the message. */
void openai_view_error(struct buf *out, enum lang lang, int status, const struct err *err);

/* A whole answer. */
void openai_view_answer(struct buf *out, const struct openai_head *head, const struct chat_answer *a);

/* One event of a stream: what continues the answer or its thinking (the first with its role); its end; how many tokens it took. */
void openai_view_delta(struct buf *out, const struct openai_head *head, bool is_first, struct str text, bool is_thinking);
void openai_view_end(struct buf *out, const struct openai_head *head, const struct chat_answer *a);
void openai_view_usage(struct buf *out, const struct openai_head *head, const struct chat_answer *a);

#endif
