/* SPDX-License-Identifier: Apache-2.0
 *
 * chat_snapshot - what is being written in a chat at the moment of a request, for the reply that is made later.
 *
 * With the number of the newest event in it a client goes on from the reply without losing or repeating a word. */
#ifndef ASSAY_SERVER_CHAT_SNAPSHOT_H
#define ASSAY_SERVER_CHAT_SNAPSHOT_H

#include "server/chat_view.h"
#include "server/request.h"
#include "server/talk.h"

struct chat_snapshot {
	int64_t event_id;
	int64_t message_id; /* the answer that is being written, 0: none */
	struct message_live live;
	const struct talk_context *contexts;
	size_t n_contexts;
};

/* Of a chat, or of one message where message_id is not 0.  In the request's arena.  Thread: loop. */
struct chat_snapshot *chat_snapshot_take(struct request *r, int64_t chat_id, int64_t message_id);

/* Appends the chat with the branch that is shown.  Thread: store or reader. */
void chat_snapshot_view(struct request *r, struct db *db, int64_t chat_id, const struct chat_snapshot *s);

/* Appends one message.  Thread: any. */
void chat_snapshot_view_message(struct request *r, const struct message_row *m, const struct chat_snapshot *s);

#endif
