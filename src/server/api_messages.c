/* SPDX-License-Identifier: Apache-2.0
 *
 * api_messages - messages of a chat: ask, ask again in other words, answer again, stop, vote. */
#include "base/json.h"
#include "base/limits.h"
#include "server/chat_snapshot.h"
#include "server/json_view.h"
#include "server/question_body.h"
#include "server/routes.h"
#include "server/talk.h"

/* --- one --- */

static void read_message(struct request *r, struct db *db)
{
	struct message_row message;
	if (message_store_get(db, r->arena, r->id, &message, request_err(r)) == ERR_OK)
		chat_snapshot_view_message(r, &message, r->state);
}

void api_get_message(struct request *r)
{
	r->state = chat_snapshot_take(r, 0, r->id);
	request_defer(r, LANE_READ, read_message, NULL);
}

/* --- ask --- */

struct asking {
	const char *text;
	bool has_parent;
	int64_t parent_id;  /* of the question; 0: a new beginning */
	int64_t workspace_id;
	struct message_row question, answer;
	bool shows_question;
};

/* One answer at a time in a chat: the store's thread sees requests one after the other. */
static enum err_code check_free(struct db *db, const struct chat_row *chat, struct err *err)
{
	bool busy = false;
	if (chat_store_is_busy(db, chat->id, &busy, err) != ERR_OK)
		return err->code;
	return busy ? err_set(err, ERR_CONFLICT, "err_chat_busy", NULL) : ERR_OK;
}

/* Where the question goes: behind the answer that is shown last, or where the request says. */
static enum err_code find_parent(struct db *db, struct arena *a, const struct chat_row *chat, struct asking *ask,
				 struct err *err)
{
	struct message_row parent;
	if (!ask->has_parent)
		ask->parent_id = chat->head_id;
	if (!ask->parent_id)
		return ERR_OK;
	if (message_store_get(db, a, ask->parent_id, &parent, err) != ERR_OK)
		return err->code;
	if (parent.chat_id != chat->id)
		return err_set(err, ERR_NOT_FOUND, "err_message_not_found", "field=parent_id|id=%lld", (long long)ask->parent_id);
	if (!parent.is_answer)
		return err_set(err, ERR_CONFLICT, "err_message_parent", "field=parent_id");
	return ERR_OK;
}

static enum err_code add_answer(struct request *r, struct db *db, struct asking *ask)
{
	struct err *err = request_err(r);
	struct message_row row = { .chat_id = ask->question.chat_id, .parent_id = ask->question.id, .is_answer = true,
				   .state = MESSAGE_STREAMING, .text = "" };
	if (message_store_add(db, &row, err) != ERR_OK)
		return err->code;
	return message_store_get(db, r->arena, row.id, &ask->answer, err);
}

static void store_question(struct request *r, struct db *db)
{
	struct asking *ask = r->state;
	struct err *err = request_err(r);
	struct chat_row chat;
	if (chat_store_get(db, r->arena, r->id, &chat, err) != ERR_OK || check_free(db, &chat, err) != ERR_OK ||
	    find_parent(db, r->arena, &chat, ask, err) != ERR_OK)
		return;
	struct message_row row = { .chat_id = chat.id, .parent_id = ask->parent_id, .text = ask->text };
	struct question question = { .text = str_trim(str_of(ask->text)) };
	if (!*chat.title && chat_store_rename(db, chat.id, question_title(r->arena, &question), err) != ERR_OK)
		return;
	if (message_store_add(db, &row, err) != ERR_OK ||
	    message_store_get(db, r->arena, row.id, &ask->question, err) != ERR_OK)
		return;
	ask->workspace_id = chat.workspace_id;
	err_kept(add_answer(r, db, ask));
}

/* Both are on the disk now; the answer begins. */
static void asked(struct request *r)
{
	const struct asking *ask = r->state;
	const struct message_live live = { .text = STR(""), .thinking = STR(""), .phase = "waiting" };
	talk_start(r->app->talk, ask->workspace_id, &ask->answer);
	app_publish(r->app, "workspaces", NULL);
	if (ask->shows_question) {
		json_open(&r->out, NULL, '{');
		buf_add_text(&r->out, "\"user\":");
		view_message(&r->out, r->lang, &ask->question, NULL);
		buf_add_text(&r->out, ",\"assistant\":");
	}
	view_message(&r->out, r->lang, &ask->answer, &live);
	if (ask->shows_question)
		json_close(&r->out, '}');
	request_reply(r, 200);
}

void api_add_message(struct request *r)
{
	struct err err = { 0 };
	struct asking *ask = r->state = arena_alloc(r->arena, sizeof *ask);
	ask->text = body_text(r->json, "text", 1, LIMIT_QUESTION_BYTES, NULL, &err);
	ask->has_parent = json_object_get(r->json, "parent_id") != NULL;
	ask->parent_id = json_get_int(r->json, "parent_id", 0, INT64_MAX, 0, &err);
	ask->shows_question = true;
	if (err.code == ERR_OK && (!ask->text || !str_trim(str_of(ask->text)).len))
		err_set(&err, ERR_INVALID, "err_field_needed", "field=text");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_question, asked);
}

/* --- answer again, stop --- */

static void store_again(struct request *r, struct db *db)
{
	struct asking *ask = r->state;
	struct err *err = request_err(r);
	struct message_row message;
	struct chat_row chat;
	if (message_store_get(db, r->arena, r->id, &message, err) != ERR_OK ||
	    chat_store_get(db, r->arena, message.chat_id, &chat, err) != ERR_OK ||
	    check_free(db, &chat, err) != ERR_OK)
		return;
	ask->question = message;
	if (message.is_answer && message_store_get(db, r->arena, message.parent_id, &ask->question, err) != ERR_OK)
		return;
	ask->workspace_id = chat.workspace_id;
	err_kept(add_answer(r, db, ask));
}

void api_regenerate(struct request *r)
{
	r->state = arena_alloc(r->arena, sizeof(struct asking));
	request_defer(r, LANE_WRITE, store_again, asked);
}

/* The reply may still say that it streams: the end is an event. */
void api_stop_message(struct request *r)
{
	talk_stop(r->app->talk, r->id);
	r->state = chat_snapshot_take(r, 0, r->id);
	request_defer(r, LANE_WRITE, read_message, NULL);
}

/* --- votes --- */

struct vote {
	struct chat_snapshot snapshot; /* of nothing: only ended answers are voted on */
	int64_t value;
};

static void store_vote(struct request *r, struct db *db)
{
	const struct vote *vote = r->state;
	if (message_store_vote(db, r->id, vote->value, request_err(r)) == ERR_OK)
		read_message(r, db);
}

static void vote_stored(struct request *r)
{
	app_publish(r->app, "chat_message", buf_text(&r->out));
	request_reply(r, 200);
}

void api_vote_message(struct request *r)
{
	struct err err = { 0 };
	struct vote *vote = r->state = arena_alloc(r->arena, sizeof *vote);
	vote->value = json_get_int(r->json, "vote", -1, 1, 2, &err);
	if (err.code == ERR_OK && vote->value == 2)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=vote");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_vote, vote_stored);
}
