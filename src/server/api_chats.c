/* SPDX-License-Identifier: Apache-2.0
 *
 * api_chats - chats: list, begin, show another branch, rename, remove. */
#include "base/json.h"
#include "base/limits.h"
#include "server/audit.h"
#include "server/chat_snapshot.h"
#include "server/json_view.h"
#include "server/routes.h"
#include "server/talk.h"

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

struct one_chat {
	struct chat_snapshot *snapshot;
	const char *title; /* new; NULL: stays */
	int64_t head_id;   /* new; 0: stays */
};

static void read_chat(struct request *r, struct db *db)
{
	const struct one_chat *one = r->state;
	chat_snapshot_view(r, db, r->id, one->snapshot);
}

static struct one_chat *prepare(struct request *r)
{
	struct one_chat *one = r->state = arena_alloc(r->arena, sizeof *one);
	one->snapshot = chat_snapshot_take(r, r->id, 0);
	return one;
}

void api_get_chat(struct request *r)
{
	(void)prepare(r);
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
	struct one_chat *one = prepare(r);
	one->snapshot->message_id = 0; /* the number in the path is a workspace's */
	request_defer(r, LANE_WRITE, store_chat, chat_changed);
}

static void store_change(struct request *r, struct db *db)
{
	const struct one_chat *change = r->state;
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
	struct one_chat *change = prepare(r);
	change->title = body_text(r->json, "title", 1, LIMIT_NAME_BYTES, NULL, &err);
	change->head_id = json_get_int(r->json, "head_id", 1, INT64_MAX, 0, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_change, chat_changed);
}

static void remove_chat(struct request *r, struct db *db)
{
	if (chat_store_remove(db, r->id, request_err(r)) == ERR_OK)
		audit_note(r, db, "remove_chat", NULL);
}

static void chat_removed(struct request *r)
{
	app_publish(r->app, "workspaces", NULL);
	request_reply(r, 204);
}

void api_remove_chat(struct request *r)
{
	talk_stop_chat(r->app->talk, r->id);
	request_defer(r, LANE_WRITE, remove_chat, chat_removed);
}
