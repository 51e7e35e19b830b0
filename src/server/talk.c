/* SPDX-License-Identifier: Apache-2.0 */
#include "server/talk.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/chat.h"
#include "server/json_view.h"
#include "server/live.h"
#include "server/quote.h"
#include "server/talk_prompt.h"

#define KEEP_MS 1000
#define CONTEXTS_MAX 64

struct writing {
	struct task task; /* reading what to ask, then storing the end */
	struct talk *talk;
	struct arena *arena;
	struct message_row row;  /* as it was made; then its end */
	int64_t workspace_id;
	struct talk_prompt prompt;
	struct chat_turn *turn;  /* NULL: not asked yet, or over */
	struct buf text, thinking;
	size_t n_told, n_thinking_told; /* bytes of them */
	size_t n_kept;           /* of both */
	struct buf citations;
	enum chat_phase phase;
	double progress;
	bool phase_changed, stopping, is_over, is_stored;
	struct writing *next;
};

struct talk {
	struct app *app;
	struct writing *all;
	struct loop_timer *keep;
	struct talk_context contexts[CONTEXTS_MAX];
	size_t next_context;
};

/* --- telling --- */

static void begin(struct buf *out, const struct writing *w)
{
	json_open(out, NULL, '{');
	json_int(out, "message_id", w->row.id);
	json_int(out, "chat_id", w->row.chat_id);
}

static void publish(const struct writing *w, const char *event, struct buf *out)
{
	json_close(out, '}');
	hub_publish(w->talk->app->hub, event, buf_str(out), (struct str){ 0 });
	buf_release(out);
}

static void tell_phase(const struct writing *w)
{
	struct buf out = BUF_INIT(KIB);
	begin(&out, w);
	json_cstr(&out, "phase", chat_phase_name(w->phase));
	json_num(&out, "progress", w->progress);
	publish(w, "chat_state", &out);
}

static struct str untold(const struct buf *b, size_t n_told)
{
	struct str all = buf_str(b);
	return (struct str){ all.ptr + n_told, all.len - n_told };
}

static void tell_text(const struct writing *w)
{
	struct buf out = BUF_INIT(LIMIT_ANSWER_BYTES * 14);
	struct str thinking = untold(&w->thinking, w->n_thinking_told);
	begin(&out, w);
	json_str(&out, "text", untold(&w->text, w->n_told));
	if (thinking.len > 0)
		json_str(&out, "thinking", thinking);
	publish(w, "chat_text", &out);
}

static void all_told(struct writing *w)
{
	w->n_told = w->text.len;
	w->n_thinking_told = w->thinking.len;
}

static void tell_new(struct writing *w)
{
	if (w->phase_changed && !w->is_over)
		tell_phase(w);
	if (w->text.len > w->n_told || w->thinking.len > w->n_thinking_told)
		tell_text(w);
	w->phase_changed = false;
	all_told(w);
}

void talk_flush(struct talk *t)
{
	for (struct writing *w = t->all; w; w = w->next)
		tell_new(w);
}

static void tell_end(struct writing *w)
{
	tell_new(w);
	struct buf out[LANG_COUNT];
	for (int lang = 0; lang < LANG_COUNT; lang++) {
		buf_init(&out[lang], 4 * LIMIT_ANSWER_BYTES * 6);
		view_message(&out[lang], (enum lang)lang, &w->row, NULL);
	}
	hub_publish(w->talk->app->hub, "chat_message", buf_str(&out[LANG_EN]), buf_str(&out[LANG_ZH_TW]));
	for (int lang = 0; lang < LANG_COUNT; lang++)
		buf_release(&out[lang]);
}

/* --- the end --- */

static void writing_free(struct writing *w)
{
	struct writing **at = &w->talk->all;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	talk_prompt_release(&w->prompt);
	buf_release(&w->text);
	buf_release(&w->thinking);
	buf_release(&w->citations);
	arena_free(w->arena);
	mem_free(w);
}

static void store_end(struct task *task, void *db)
{
	struct writing *w = (struct writing *)task;
	struct message_row stored;
	if (message_store_finish(db, &w->row, &task->err) != ERR_OK)
		return;
	if (message_store_get(db, w->arena, w->row.id, &stored, &task->err) == ERR_OK)
		w->row = stored;
	else if (task->err.code == ERR_NOT_FOUND) {
		w->row.chat_id = 0; /* the chat was removed meanwhile */
		task->err = (struct err){ 0 };
	}
}

static void end_stored(struct task *task)
{
	struct writing *w = (struct writing *)task;
	if (task->err.code != ERR_OK) {
		log_error("talk", "answer not stored message=%lld %s", (long long)w->row.id, task->err.key);
		w->is_stored = false;
		if (w->talk->app->closing)
			writing_free(w);
		return; /* the timer tries again */
	}
	if (w->row.chat_id)
		tell_end(w);
	app_publish(w->talk->app, "workspaces", NULL);
	writing_free(w);
}

static void post_end(struct writing *w)
{
	w->is_stored = true;
	memset(&w->task, 0, sizeof w->task);
	w->task.run = store_end;
	w->task.done = end_stored;
	store_write(w->talk->app->store, &w->task);
}

/* `row` has state, finish, figures and problem of the end; texts and citations are those gathered. */
static void end(struct writing *w)
{
	w->turn = NULL;
	w->is_over = true;
	if (w->prompt.citations) {
		quote_mark_used(w->prompt.citations, buf_str(&w->text));
		json_write(&w->citations, w->prompt.citations);
	}
	w->row.text = buf_text(&w->text);
	w->row.thinking = buf_text(&w->thinking);
	w->row.citations = buf_text(&w->citations);
	post_end(w);
}

static void end_with(struct writing *w, const struct err *err)
{
	bool stopped = w->stopping || err->code == ERR_CANCELLED || err->code == ERR_OK;
	w->row.state = stopped ? MESSAGE_STOPPED : MESSAGE_FAILED;
	if (!stopped)
		w->row.problem = *err;
	end(w);
}

/* --- the engine speaks --- */

static void on_phase(void *user, enum chat_phase phase, double progress)
{
	struct writing *w = user;
	w->phase = phase;
	w->progress = progress;
	w->phase_changed = true;
}

static void on_text(void *user, struct str text, bool is_thinking)
{
	struct writing *w = user;
	buf_add_str(is_thinking ? &w->thinking : &w->text, text);
}

static void keep_context(struct talk *t, int64_t model_id, int64_t n_max)
{
	struct talk_context *c = NULL;
	for (size_t i = 0; i < CONTEXTS_MAX; i++)
		if (t->contexts[i].model_id == model_id)
			c = &t->contexts[i];
	if (!c)
		c = &t->contexts[t->next_context++ % CONTEXTS_MAX];
	*c = (struct talk_context){ model_id, n_max };
}

static void on_done(void *user, const struct chat_answer *a, const struct err *err)
{
	struct writing *w = user;
	if (!a) {
		end_with(w, err);
		return;
	}
	if (a->n_max > 0)
		keep_context(w->talk, w->prompt.workspace.model_id, a->n_max);
	w->row.state = a->is_stopped ? MESSAGE_STOPPED : MESSAGE_DONE;
	w->row.finish = a->finish;
	w->row.n_prompt = a->n_prompt;
	w->row.n_reused = a->n_reused;
	w->row.n_generated = a->n_generated;
	w->row.n_left_out = a->n_left_out;
	w->row.prompt_us = a->prompt_us;
	w->row.total_us = a->total_us;
	tell_new(w);
	buf_clear(&w->text);
	buf_clear(&w->thinking);
	buf_add_text(&w->text, a->text);
	buf_add_text(&w->thinking, a->thinking);
	all_told(w);
	end(w);
}

static const struct chat_events events = { on_phase, on_text, on_done };

/* --- asking --- */

static void load(struct task *task, void *db)
{
	struct writing *w = (struct writing *)task;
	err_kept(talk_prompt_read(db, w->arena, &w->row, &w->prompt, &task->err));
}

static void loaded(struct task *task)
{
	struct writing *w = (struct writing *)task;
	if (task->err.code != ERR_OK || w->stopping || w->talk->app->closing) {
		struct err cause = task->err;
		end_with(w, &cause);
		return;
	}
	struct chat_request request = { .chat_id = w->row.chat_id, .model_id = w->prompt.workspace.model_id,
					.params = w->prompt.workspace.params, .seed = (int64_t)(random_u64() & 0x7fffffff),
					.messages = w->prompt.messages, .n_left_out = w->prompt.n_left_out };
	w->turn = engine_chat(w->talk->app->engine, &request, &events, w);
}

void talk_start(struct talk *t, int64_t workspace_id, const struct message_row *message)
{
	struct writing *w = mem_alloc(sizeof *w);
	*w = (struct writing){ .talk = t, .arena = arena_new(), .workspace_id = workspace_id, .next = t->all };
	w->row = (struct message_row){ .id = message->id, .chat_id = message->chat_id, .parent_id = message->parent_id,
				       .is_answer = true, .state = MESSAGE_STREAMING, .text = "", .thinking = "",
				       .citations = "", .siblings = "" };
	w->text = w->thinking = BUF_INIT(LIMIT_ANSWER_BYTES);
	w->citations = BUF_INIT(MIB);
	t->all = w;
	w->task.run = load;
	w->task.done = loaded;
	store_read(t->app->store, &w->task);
}

static void stop(struct writing *w)
{
	w->stopping = true;
	if (w->turn)
		chat_turn_stop(w->turn);
}

void talk_stop(struct talk *t, int64_t message_id)
{
	for (struct writing *w = t->all, *next; w; w = next) {
		next = w->next;
		if (w->row.id == message_id)
			stop(w);
	}
}

void talk_stop_chat(struct talk *t, int64_t chat_id)
{
	for (struct writing *w = t->all, *next; w; w = next) {
		next = w->next;
		if (w->row.chat_id == chat_id)
			stop(w);
	}
}

void talk_stop_workspace(struct talk *t, int64_t workspace_id)
{
	for (struct writing *w = t->all, *next; w; w = next) {
		next = w->next;
		if (w->workspace_id == workspace_id)
			stop(w);
	}
}

/* --- what is kept --- */

struct keeping {
	struct task task;
	int64_t id;
	char *text, *thinking;
};

static void run_keep(struct task *task, void *db)
{
	const struct keeping *k = (struct keeping *)task;
	err_kept(message_store_keep(db, k->id, k->text, k->thinking, &task->err));
}

static void kept(struct task *task)
{
	struct keeping *k = (struct keeping *)task;
	if (task->err.code != ERR_OK)
		log_warn("talk", "text not kept message=%lld %s", (long long)k->id, task->err.key);
	mem_free(k->text);
	mem_free(k->thinking);
	mem_free(k);
}

static void keep_text(struct writing *w)
{
	struct keeping *k = mem_alloc(sizeof *k);
	k->task.run = run_keep;
	k->task.done = kept;
	k->id = w->row.id;
	k->text = mem_strdup(buf_text(&w->text));
	k->thinking = mem_strdup(buf_text(&w->thinking));
	w->n_kept = w->text.len + w->thinking.len;
	store_write(w->talk->app->store, &k->task);
}

static void on_keep(void *user)
{
	struct talk *t = user;
	for (struct writing *w = t->all; w; w = w->next) {
		if (w->is_over && !w->is_stored)
			post_end(w);
		else if (!w->is_over && w->text.len + w->thinking.len > w->n_kept)
			keep_text(w);
	}
	loop_timer_set(t->keep, KEEP_MS);
}

/* --- questions --- */

bool talk_live(const struct talk *t, int64_t chat_id, int64_t message_id, int64_t *id, struct message_live *out)
{
	for (const struct writing *w = t->all; w; w = w->next) {
		if (message_id ? w->row.id != message_id : w->row.chat_id != chat_id)
			continue;
		*id = w->row.id;
		*out = (struct message_live){ buf_str(&w->text), buf_str(&w->thinking), chat_phase_name(w->phase), w->progress };
		return true;
	}
	return false;
}

const struct talk_context *talk_contexts(const struct talk *t, struct arena *a, size_t *n)
{
	struct talk_context *copy = arena_array(a, CONTEXTS_MAX, sizeof *copy);
	memcpy(copy, t->contexts, sizeof t->contexts);
	*n = CONTEXTS_MAX;
	return copy;
}

struct talk *talk_new(struct app *app)
{
	struct talk *t = mem_alloc(sizeof *t);
	t->app = app;
	t->keep = loop_timer_new(app->loop, on_keep, t);
	loop_timer_set(t->keep, KEEP_MS);
	return t;
}

void talk_free(struct talk *t)
{
	if (!t)
		return;
	while (t->all)
		writing_free(t->all);
	loop_timer_free(t->keep);
	mem_free(t);
}
