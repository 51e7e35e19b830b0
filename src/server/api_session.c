/* SPDX-License-Identifier: Apache-2.0
 *
 * api_session - log in with a one-time code, see and end the session, make a new code. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/audit.h"
#include "server/json_view.h"
#include "server/routes.h"

struct login {
	struct session_row row;
	char cookie[HALF_SIZE], key[HALF_SIZE];
};

static void reply_session(struct request *r, const char *key)
{
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "role", "owner");
	if (key)
		json_cstr(&r->out, "key", key);
	json_cstr(&r->out, "version", ASSAY_VERSION);
	json_close(&r->out, '}');
	request_reply(r, 200);
}

static void store_session(struct request *r, struct db *db)
{
	struct login *login = r->state;
	struct err *err = request_err(r);
	struct session_row *rows;
	size_t n = 0;
	if (session_store_add(db, &login->row, err) != ERR_OK || session_store_list(db, r->arena, &rows, &n, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++) /* the store chose the id */
		if (!strcmp(rows[i].cookie_hash, login->row.cookie_hash))
			login->row.id = rows[i].id;
	audit_note(r, db, "login", "");
}

/* A session that had to make room is forgotten in the store too. */
struct drop {
	struct task task;
	int64_t id;
};

static void drop_stored(struct task *task, void *db)
{
	err_kept(session_store_remove(db, ((struct drop *)task)->id, &task->err));
}

static void drop_done(struct task *task)
{
	mem_free(task);
}

static void session_stored(struct request *r)
{
	struct login *login = r->state;
	int64_t dropped;
	sessions_add(r->app->sessions, &login->row, clock_wall_ms(), &dropped);
	if (dropped) {
		struct drop *drop = mem_alloc(sizeof *drop);
		drop->id = dropped;
		drop->task.run = drop_stored;
		drop->task.done = drop_done;
		store_write(r->app->store, &drop->task);
	}
	r->cookie = arena_printf(r->arena, "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict", r->app->cookie_name,
				 login->cookie, SESSION_LIFE_MS / 1000);
	reply_session(r, login->key);
}

void api_login(struct request *r)
{
	struct err err = { 0 };
	int64_t now = clock_mono_ms();
	const char *code = body_text(r->json, "code", 0, 64, NULL, &err);
	if (err.code == ERR_OK && !code)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=code");
	if (err.code == ERR_OK && !sessions_may_try(r->app->sessions, now))
		err_set(&err, ERR_BUSY, "err_login_too_often", NULL);
	if (err.code == ERR_OK && !sessions_take_code(r->app->sessions, code, now))
		err_set(&err, ERR_DENIED, "err_login_code", NULL);
	if (err.code != ERR_OK) {
		request_fail_status(r, err.code == ERR_BUSY ? 429 : status_of(err.code), &err);
		return;
	}
	struct login *login = r->state = arena_alloc(r->arena, sizeof *login);
	sessions_make(clock_wall_ms(), &login->row, login->cookie, login->key);
	request_defer(r, LANE_WRITE, store_session, session_stored);
}

void api_get_session(struct request *r)
{
	reply_session(r, NULL);
}

static void remove_session(struct request *r, struct db *db)
{
	if (session_store_remove(db, r->session, request_err(r)) == ERR_OK)
		audit_note(r, db, "logout", "");
}

static void session_removed(struct request *r)
{
	r->cookie = arena_printf(r->arena, "%s=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", r->app->cookie_name);
	request_reply(r, 204);
}

void api_logout(struct request *r)
{
	if (!r->session) {
		request_reply(r, 204); /* the unix socket has no session */
		return;
	}
	sessions_remove(r->app->sessions, r->session);
	request_defer(r, LANE_WRITE, remove_session, session_removed);
}

void api_new_code(struct request *r)
{
	char code[CODE_SIZE];
	sessions_add_code(r->app->sessions, clock_mono_ms(), code);
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "code", code);
	json_cstr(&r->out, "url", *r->app->url ? arena_printf(r->arena, "%s/#s=%s", r->app->url, code) : "");
	json_close(&r->out, '}');
	request_reply(r, 200);
}
