/* SPDX-License-Identifier: Apache-2.0
 *
 * talk - answers in chats while they are being written: from the stored question to the stored answer.
 *
 * The question is on the disk before anything is asked.  What has been written is kept in the store each second, so that a
 * crash costs no more; the end is stored, then told.  Thread: loop. */
#ifndef ASSAY_SERVER_TALK_H
#define ASSAY_SERVER_TALK_H

#include "server/app_private.h"
#include "server/chat_view.h"

struct talk;

struct talk *talk_new(struct app *app);
/* The engine has ended and the home queue is drained.  NULL is fine. */
void talk_free(struct talk *t);
/* Sends what was gathered in this turn of the loop. */
void talk_flush(struct talk *t);

/* Writes the stored answer `message`, which is streaming. */
void talk_start(struct talk *t, int64_t workspace_id, const struct message_row *message);
/* Ends an answer soon; what there is of it stays. */
void talk_stop(struct talk *t, int64_t message_id);
/* The same for all answers of a chat or a workspace. */
void talk_stop_chat(struct talk *t, int64_t chat_id);
void talk_stop_workspace(struct talk *t, int64_t workspace_id);

/* What is known of an answer (message_id) or of the one in a chat (message_id 0) beyond its row; false where none is being
 * written.  `*id` is its message; `out->text` is borrowed until the loop turns. */
bool talk_live(const struct talk *t, int64_t chat_id, int64_t message_id, int64_t *id, struct message_live *out);
/* The context in tokens that models had for their last answers; a copy in the arena. */
struct talk_context {
	int64_t model_id, n_max;
};
const struct talk_context *talk_contexts(const struct talk *t, struct arena *a, size_t *n);

#endif
