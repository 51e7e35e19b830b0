/* SPDX-License-Identifier: Apache-2.0 */
#include "server/chat_snapshot.h"

#include "base/limits.h"
#include "server/json_view.h"
#include "server/live.h"
#include "server/talk.h"
#include "server/workspace_model.h"

struct chat_snapshot *chat_snapshot_take(struct request *r, int64_t chat_id, int64_t message_id)
{
	struct chat_snapshot *s = arena_alloc(r->arena, sizeof *s);
	const struct talk *talk = r->app->talk;
	talk_flush(r->app->talk);
	s->event_id = live_event_id(r->app->live);
	if (talk_live(talk, chat_id, message_id, &s->message_id, &s->live)) {
		s->live.text.ptr = arena_strndup(r->arena, s->live.text.ptr, s->live.text.len);
		s->live.thinking.ptr = arena_strndup(r->arena, s->live.thinking.ptr, s->live.thinking.len);
	}
	s->contexts = talk_contexts(talk, r->arena, &s->n_contexts);
	return s;
}

void chat_snapshot_view_message(struct request *r, const struct message_row *m, const struct chat_snapshot *s)
{
	view_message(&r->out, r->lang, m, s->message_id == m->id ? &s->live : NULL);
}

/* What the model had for its last answers; before the first one, what it could have; 0 where a provider does not say. */
static int64_t context_max(const struct chat_snapshot *s, int64_t model_id, int64_t n_ctx_train)
{
	for (size_t i = 0; i < s->n_contexts; i++)
		if (s->contexts[i].model_id == model_id)
			return s->contexts[i].n_max;
	return n_ctx_train < LIMIT_CHAT_TOKENS ? n_ctx_train : LIMIT_CHAT_TOKENS;
}

/* The context that the last answer of the branch has filled, and how much there is. */
static void view_context(struct request *r, struct db *db, int64_t workspace_id, const struct chat_snapshot *s,
			 const struct message_row *rows, size_t n)
{
	struct err *err = request_err(r);
	struct workspace_row workspace;
	struct workspace_model *model;
	int64_t n_used = 0;
	if (workspace_store_get(db, r->arena, workspace_id, &workspace, err) != ERR_OK ||
	    workspace_models(db, r->arena, &workspace, 1, &model, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++)
		if (rows[i].is_answer && rows[i].n_prompt)
			n_used = rows[i].n_prompt + rows[i].n_generated;
	json_open(&r->out, "context", '{');
	json_int(&r->out, "n_used", n_used);
	json_int(&r->out, "n_max", context_max(s, workspace.model_id, model->n_ctx_train));
	json_close(&r->out, '}');
}

void chat_snapshot_view(struct request *r, struct db *db, int64_t chat_id, const struct chat_snapshot *s)
{
	struct err *err = request_err(r);
	struct chat_row chat;
	struct message_row *rows;
	size_t n;
	if (chat_store_get(db, r->arena, chat_id, &chat, err) != ERR_OK ||
	    chat_store_branch(db, r->arena, chat.id, chat.head_id, &rows, &n, err) != ERR_OK)
		return;
	view_chat_open(&r->out, &chat);
	json_int(&r->out, "event_id", s->event_id);
	json_open(&r->out, "messages", '[');
	for (size_t i = 0; i < n; i++)
		chat_snapshot_view_message(r, &rows[i], s);
	json_close(&r->out, ']');
	view_context(r, db, chat.workspace_id, s, rows, n);
	json_close(&r->out, '}');
}
