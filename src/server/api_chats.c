/* SPDX-License-Identifier: Apache-2.0
 *
 * api_chats - chats and their messages: list, begin, show another branch, rename, remove, vote. */
#include "base/json.h"
#include "base/limits.h"
#include "server/chat_view.h"
#include "server/json_view.h"
#include "server/routes.h"
#include "server/workspace_model.h"

/* --- list --- */

static void list_chats(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct workspace_row workspace;
	struct chat_row *rows;
	size_t n;
	if (workspace_store_get(db, r->arena, r->id, &workspace, err) != ERR_OK ||
	    chat_store_list(db, r->arena, r->id, &rows, &n, err) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "chats", '[');
	for (size_t i = 0; i < n; i++) {
		view_chat_open(&r->out, &rows[i]);
		json_close(&r->out, '}');
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

void api_list_chats(struct request *r)
{
	request_defer(r, LANE_READ, list_chats, NULL);
}

/* --- one --- */

/* The context that the last answer of the branch has filled, and how much there is. */
static void view_context(struct request *r, struct db *db, int64_t workspace_id, const struct message_row *rows, size_t n)
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
	json_int(&r->out, "n_max", model->n_ctx_train);
	json_close(&r->out, '}');
}

static void read_chat(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct chat_row chat;
	struct message_row *rows;
	size_t n;
	if (chat_store_get(db, r->arena, r->id, &chat, err) != ERR_OK ||
	    chat_store_branch(db, r->arena, chat.id, chat.head_id, &rows, &n, err) != ERR_OK)
		return;
	view_chat_open(&r->out, &chat);
	json_open(&r->out, "messages", '[');
	for (size_t i = 0; i < n; i++)
		view_message(&r->out, r->lang, &rows[i], NULL);
	json_close(&r->out, ']');
	view_context(r, db, chat.workspace_id, rows, n);
	json_close(&r->out, '}');
}

void api_get_chat(struct request *r)
{
	request_defer(r, LANE_READ, read_chat, NULL);
}

static void chat_changed(struct request *r)
{
	app_publish(r->app, "workspaces", NULL);
	request_reply(r, 200);
}

static void store_chat(struct request *r, struct db *db)
{
	struct chat_row chat = { .workspace_id = r->id, .title = "" };
	if (chat_store_add(db, &chat, request_err(r)) != ERR_OK)
		return;
	r->id = chat.id;
	read_chat(r, db);
}

void api_add_chat(struct request *r)
{
	request_defer(r, LANE_WRITE, store_chat, chat_changed);
}

struct change {
	const char *title;
	int64_t head_id;
};

static void store_change(struct request *r, struct db *db)
{
	const struct change *change = r->state;
	struct err *err = request_err(r);
	if (change->title && chat_store_rename(db, r->id, change->title, err) != ERR_OK)
		return;
	if (change->head_id && chat_store_show(db, r->id, change->head_id, err) != ERR_OK)
		return;
	read_chat(r, db);
}

void api_change_chat(struct request *r)
{
	struct err err = { 0 };
	struct change *change = r->state = arena_alloc(r->arena, sizeof *change);
	change->title = body_text(r->json, "title", 1, LIMIT_NAME_BYTES, NULL, &err);
	change->head_id = json_get_int(r->json, "head_id", 1, INT64_MAX, 0, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_change, chat_changed);
}

static void remove_chat(struct request *r, struct db *db)
{
	err_kept(chat_store_remove(db, r->id, request_err(r)));
}

static void chat_removed(struct request *r)
{
	app_publish(r->app, "workspaces", NULL);
	request_reply(r, 204);
}

void api_remove_chat(struct request *r)
{
	request_defer(r, LANE_WRITE, remove_chat, chat_removed);
}

/* --- messages --- */

static void read_message(struct request *r, struct db *db)
{
	struct message_row message;
	if (message_store_get(db, r->arena, r->id, &message, request_err(r)) == ERR_OK)
		view_message(&r->out, r->lang, &message, NULL);
}

void api_get_message(struct request *r)
{
	request_defer(r, LANE_READ, read_message, NULL);
}

static void store_vote(struct request *r, struct db *db)
{
	const int64_t *vote = r->state;
	if (message_store_vote(db, r->id, *vote, request_err(r)) == ERR_OK)
		read_message(r, db);
}

void api_vote_message(struct request *r)
{
	struct err err = { 0 };
	int64_t *vote = r->state = arena_alloc(r->arena, sizeof *vote);
	*vote = json_get_int(r->json, "vote", -1, 1, 2, &err);
	if (err.code == ERR_OK && *vote == 2)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=vote");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_vote, NULL);
}
