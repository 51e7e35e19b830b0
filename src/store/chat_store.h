/* SPDX-License-Identifier: Apache-2.0
 *
 * chat_store - chats and their messages.
 *
 * Messages are a tree: a question asked in other words or answered again is a sister of the first one, and a chat shows the
 * branch that ends at its head.  Rows belong to the arena given; writers are for the store thread. */
#ifndef ASSAY_STORE_CHAT_STORE_H
#define ASSAY_STORE_CHAT_STORE_H

#include "store/run_store.h"

#define CHAT_BRANCH_MAX 10000 /* messages from the first to the head */

struct chat_row {
	int64_t id, workspace_id;
	const char *title;  /* "" until the first question */
	int64_t head_id;    /* last message that is shown, 0: none */
	int64_t created_ms, updated_ms;
	int64_t n_messages; /* of all branches; filled by reads */
};

enum message_state { MESSAGE_DONE, MESSAGE_STREAMING, MESSAGE_STOPPED, MESSAGE_FAILED };
/* "done", "streaming", "stopped", "failed". */
const char *message_state_name(enum message_state s);

struct message_row {
	int64_t id, chat_id;
	int64_t parent_id;  /* 0: the first of its branch */
	bool is_answer;     /* role "assistant", else "user" */
	enum message_state state;
	enum finish_reason finish;
	const char *text, *thinking;
	/* tokens: of the prompt, of them kept from the turn before, of the answer; messages that did not fit */
	int64_t n_prompt, n_reused, n_generated, n_left_out;
	int64_t prompt_us, total_us;
	int64_t vote;             /* -1, 0, 1 */
	const char *citations;    /* JSON array, "" none */
	struct err problem;
	int64_t created_ms;
	const char *siblings;     /* "3,7": ids with the same parent, itself among them; filled by reads */
};

/* The last used first. */
MUST_USE enum err_code chat_store_list(struct db *db, struct arena *a, int64_t workspace_id, struct chat_row **rows,
				       size_t *n, struct err *err);
/* ERR_NOT_FOUND "err_chat_not_found". */
MUST_USE enum err_code chat_store_get(struct db *db, struct arena *a, int64_t id, struct chat_row *out, struct err *err);
/* The branch that ends at `head_id` (0: none), the first message first.  ERR_NOT_FOUND "err_message_not_found" where the chat
 * has no such message. */
MUST_USE enum err_code chat_store_branch(struct db *db, struct arena *a, int64_t chat_id, int64_t head_id,
					 struct message_row **rows, size_t *n, struct err *err);

/* `*busy`: an answer of the chat is being written. */
MUST_USE enum err_code chat_store_is_busy(struct db *db, int64_t id, bool *busy, struct err *err);

/* store: an empty chat; sets id and times.  ERR_NOT_FOUND "err_workspace_not_found". */
MUST_USE enum err_code chat_store_add(struct db *db, struct chat_row *row, struct err *err);
/* store */
MUST_USE enum err_code chat_store_rename(struct db *db, int64_t id, const char *title, struct err *err);
/* store: shows the branch through this message, to its newest end. */
MUST_USE enum err_code chat_store_show(struct db *db, int64_t id, int64_t message_id, struct err *err);
/* store */
MUST_USE enum err_code chat_store_remove(struct db *db, int64_t id, struct err *err);

/* ERR_NOT_FOUND "err_message_not_found". */
MUST_USE enum err_code message_store_get(struct db *db, struct arena *a, int64_t id, struct message_row *out,
					 struct err *err);
/* store: adds below row->parent_id and makes it the head; sets id and created_ms. */
MUST_USE enum err_code message_store_add(struct db *db, struct message_row *row, struct err *err);
/* store: what has been written so far of an answer that streams; no-op for one that no longer does. */
MUST_USE enum err_code message_store_keep(struct db *db, int64_t id, const char *text, const char *thinking, struct err *err);
/* store: the end of an answer; no-op where the message is gone. */
MUST_USE enum err_code message_store_finish(struct db *db, const struct message_row *row, struct err *err);
/* store: only on answers (ERR_CONFLICT "err_vote_no_answer"). */
MUST_USE enum err_code message_store_vote(struct db *db, int64_t id, int64_t vote, struct err *err);
/* store: at the start, answers that a dead server was writing are stopped; what was kept of them stays. */
MUST_USE enum err_code message_store_recover(struct db *db, struct err *err);

#endif
