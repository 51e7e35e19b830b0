/* SPDX-License-Identifier: Apache-2.0 */
#include "server/live.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/system.h"

#define TEXT_FLUSH (LIMIT_SSE_QUEUE / 8)

/* What a cell said in this turn. */
struct piece {
	struct engine_event event;
	struct buf text, thinking;
};

/* A run that is being read, or is to be read again. */
struct watch {
	struct task task;
	struct live *live;
	int64_t run_id;
	bool again;
	struct arena *arena;
	struct run_row run;
	struct column_row *columns;
	size_t n_columns;
	struct watch *next;
};

struct live {
	struct app *app;
	struct piece *pieces;
	size_t n_pieces, cap_pieces;
	struct watch *watches;
	bool status_changed;
};

static void publish(struct app *app, const char *event, struct buf out[LANG_COUNT])
{
	bool same = out[LANG_EN].len == out[LANG_ZH_TW].len && !memcmp(out[0].ptr, out[1].ptr, out[0].len);
	hub_publish(app->hub, event, buf_str(&out[LANG_EN]), same ? (struct str){ 0 } : buf_str(&out[LANG_ZH_TW]));
	for (int lang = 0; lang < LANG_COUNT; lang++)
		buf_release(&out[lang]);
}

static void init_both(struct buf out[LANG_COUNT])
{
	for (int lang = 0; lang < LANG_COUNT; lang++)
		buf_init(&out[lang], 2 * LIMIT_ANSWER_BYTES * 6);
}

/* --- text --- */

static void send_piece(struct live *l, struct piece *p)
{
	struct buf out = BUF_INIT(LIMIT_SSE_QUEUE);
	json_open(&out, NULL, '{');
	json_int(&out, "run_id", p->event.run_id);
	json_int(&out, "column_id", p->event.column_id);
	json_int(&out, "question_id", p->event.question_id);
	json_int(&out, "cell_id", p->event.cell_id);
	json_str(&out, "text", buf_str(&p->text));
	if (p->thinking.len > 0)
		json_str(&out, "thinking", buf_str(&p->thinking));
	json_close(&out, '}');
	hub_publish(l->app->hub, "text", buf_str(&out), (struct str){ 0 });
	buf_release(&out);
	buf_release(&p->text);
	buf_release(&p->thinking);
}

static void flush_text(struct live *l)
{
	for (size_t i = 0; i < l->n_pieces; i++)
		send_piece(l, &l->pieces[i]);
	l->n_pieces = 0;
}

static struct piece *piece_for(struct live *l, const struct engine_event *event)
{
	for (size_t i = 0; i < l->n_pieces; i++)
		if (l->pieces[i].event.cell_id == event->cell_id)
			return &l->pieces[i];
	if (l->n_pieces == l->cap_pieces) {
		l->cap_pieces = l->cap_pieces ? 2 * l->cap_pieces : 16;
		l->pieces = mem_grow(l->pieces, l->cap_pieces * sizeof l->pieces[0]);
	}
	struct piece *p = &l->pieces[l->n_pieces++];
	*p = (struct piece){ .event = *event, .text = BUF_INIT(2 * LIMIT_ANSWER_BYTES), .thinking = BUF_INIT(2 * LIMIT_ANSWER_BYTES) };
	return p;
}

static void add_text(struct live *l, const struct engine_event *event)
{
	struct piece *p = piece_for(l, event);
	buf_add_str(event->is_thinking ? &p->thinking : &p->text, event->text);
	if (p->text.len + p->thinking.len > TEXT_FLUSH)
		flush_text(l);
}

/* --- cells --- */

static void send_cell(struct live *l, const struct engine_event *event)
{
	struct buf out[LANG_COUNT];
	struct cell_row cell = *event->cell;
	cell.run_id = event->run_id;
	init_both(out);
	for (int lang = 0; lang < LANG_COUNT; lang++)
		view_cell(&out[lang], (enum lang)lang, &cell, NULL);
	flush_text(l);
	publish(l->app, "cell", out);
}

/* --- runs and columns --- */

void live_run(const struct app *app, int64_t run_id, struct run_live *out)
{
	memset(out, 0, sizeof *out);
	out->is_active = engine_is_active(app->engine, run_id);
	out->is_unsaved = engine_is_unsaved(app->engine, run_id, &out->cause);
	out->eta_ms = out->is_active ? engine_eta_ms(app->engine, run_id) : -1;
	out->n_columns = engine_columns(app->engine, run_id, out->columns, sizeof out->columns / sizeof out->columns[0]);
}

static void watch_run(struct task *task, void *context)
{
	struct watch *w = (struct watch *)task;
	err_kept(run_store_get(context, w->arena, w->run_id, &w->run, &w->columns, &w->n_columns, &task->err));
}

static void send_run(struct watch *w)
{
	struct app *app = w->live->app;
	struct run_live live;
	struct buf out[LANG_COUNT];
	live_run(app, w->run_id, &live);
	flush_text(w->live);
	init_both(out);
	for (int lang = 0; lang < LANG_COUNT; lang++)
		view_run(&out[lang], (enum lang)lang, &w->run, NULL, 0, &live);
	publish(app, "run", out);
	for (size_t i = 0; i < w->n_columns; i++) {
		init_both(out);
		for (int lang = 0; lang < LANG_COUNT; lang++)
			view_column(&out[lang], (enum lang)lang, &w->run, &w->columns[i], &live);
		publish(app, "column", out);
	}
}

static void watch_done(struct task *task);

static void watch_post(struct watch *w)
{
	w->again = false;
	memset(&w->task, 0, sizeof w->task);
	w->task.run = watch_run;
	w->task.done = watch_done;
	w->arena = arena_new();
	store_read(w->live->app->store, &w->task);
}

static void watch_done(struct task *task)
{
	struct watch *w = (struct watch *)task;
	if (task->err.code == ERR_OK && !w->live->app->closing)
		send_run(w);
	arena_free(w->arena);
	if (w->again && !w->live->app->closing) {
		watch_post(w);
		return;
	}
	struct watch **at = &w->live->watches;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	mem_free(w);
}

void live_touch_run(struct live *l, int64_t run_id)
{
	for (struct watch *w = l->watches; w; w = w->next)
		if (w->run_id == run_id) {
			w->again = true;
			return;
		}
	if (l->app->closing)
		return;
	struct watch *w = mem_alloc(sizeof *w);
	w->live = l;
	w->run_id = run_id;
	w->next = l->watches;
	l->watches = w;
	watch_post(w);
}

/* --- the engine speaks --- */

static void on_event(void *user, const struct engine_event *event)
{
	struct live *l = user;
	switch (event->kind) {
	case ENGINE_TEXT:
		add_text(l, event);
		break;
	case ENGINE_CELL:
		send_cell(l, event);
		break;
	case ENGINE_RUN:
	case ENGINE_COLUMN:
		live_touch_run(l, event->run_id);
		break;
	case ENGINE_STATUS:
		l->status_changed = true;
		break;
	}
}

struct live *live_new(struct app *app)
{
	struct live *l = mem_alloc(sizeof *l);
	l->app = app;
	engine_listen(app->engine, on_event, l);
	return l;
}

void live_free(struct live *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_pieces; i++) {
		buf_release(&l->pieces[i].text);
		buf_release(&l->pieces[i].thinking);
	}
	mem_free(l->pieces);
	mem_free(l);
}

int64_t live_event_id(struct live *l)
{
	flush_text(l);
	return hub_last_id(l->app->hub);
}

void live_flush(struct live *l)
{
	flush_text(l);
	if (!l->status_changed)
		return;
	l->status_changed = false;
	struct buf out = BUF_INIT(MIB);
	system_status(l->app, &out);
	hub_publish(l->app->hub, "status", buf_str(&out), (struct str){ 0 });
	buf_release(&out);
}
