/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api_keys.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "server/audit.h"
#include "server/chat_view.h"
#include "server/json_view.h"
#include "server/routes.h"

#define KEY_PREFIX "sk-assay-"
#define SECRET_BYTES 24
#define KEY_SIZE (sizeof KEY_PREFIX + 2 * SECRET_BYTES)
#define NOTE_MS (60 * 1000) /* the last use is written down at most so often */

struct keys {
	struct api_key_row rows[LIMIT_API_KEYS];
	size_t n;
};

struct keys *keys_new(void)
{
	return mem_alloc(sizeof(struct keys));
}

void keys_free(struct keys *k)
{
	mem_free(k);
}

void keys_add(struct keys *k, const struct api_key_row *row)
{
	if (k->n < LIMIT_API_KEYS)
		k->rows[k->n++] = *row;
}

void keys_remove(struct keys *k, int64_t id)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->rows[i].id == id) {
			k->rows[i] = k->rows[--k->n];
			return;
		}
}

/* --- checking --- */

struct note {
	struct task task;
	int64_t id, used_ms;
};

static void run_note(struct task *task, void *db)
{
	const struct note *note = (struct note *)task;
	err_kept(api_key_store_used(db, note->id, note->used_ms, &task->err));
}

static void note_done(struct task *task)
{
	mem_free(task);
}

static void note_use(struct app *app, struct api_key_row *row)
{
	int64_t now = clock_wall_ms();
	if (now - row->used_ms < NOTE_MS)
		return;
	struct note *note = mem_alloc(sizeof *note);
	note->task.run = run_note;
	note->task.done = note_done;
	note->id = row->id;
	note->used_ms = row->used_ms = now;
	store_write(app->store, &note->task);
}

int64_t keys_check(struct app *app, struct str key)
{
	char hash[HASH_HEX_SIZE];
	struct api_key_row *found = NULL;
	hash_bytes_hex(key.ptr, key.len, hash);
	for (size_t i = 0; i < app->keys->n; i++)
		if (hash_equal(app->keys->rows[i].hash, hash, HASH_HEX_SIZE - 1))
			found = &app->keys->rows[i];
	if (!found)
		return 0;
	note_use(app, found);
	return found->id;
}

/* --- routes --- */

static void list_keys(struct request *r, struct db *db)
{
	struct api_key_row *rows;
	size_t n;
	if (api_key_store_list(db, r->arena, &rows, &n, request_err(r)) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "api_keys", '[');
	for (size_t i = 0; i < n; i++)
		view_api_key(&r->out, &rows[i], NULL);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

void api_list_keys(struct request *r)
{
	request_defer(r, LANE_READ, list_keys, NULL);
}

struct new_key {
	struct api_key_row row;
	char key[KEY_SIZE];
};

static void store_key(struct request *r, struct db *db)
{
	struct new_key *new = r->state;
	if (api_key_store_add(db, &new->row, request_err(r)) == ERR_OK)
		audit_note(r, db, "add_api_key", arena_printf(r->arena, "%lld, %s", (long long)new->row.id, new->row.name));
}

/* The one time that the key itself is shown. */
static void key_stored(struct request *r)
{
	struct new_key *new = r->state;
	struct api_key_row row = new->row;
	view_api_key(&r->out, &row, new->key);
	row.name = ""; /* belongs to the request */
	keys_add(r->app->keys, &row);
	request_reply(r, 200);
}

static void make_key(struct new_key *new)
{
	memcpy(new->key, KEY_PREFIX, sizeof KEY_PREFIX);
	random_hex(new->key + sizeof KEY_PREFIX - 1, SECRET_BYTES);
	hash_bytes_hex(new->key, strlen(new->key), new->row.hash);
	(void)str_format(new->row.last4, sizeof new->row.last4, "%s", new->key + strlen(new->key) - 4);
}

void api_add_key(struct request *r)
{
	struct err err = { 0 };
	struct new_key *new = r->state = arena_alloc(r->arena, sizeof *new);
	new->row.name = body_text(r->json, "name", 1, LIMIT_NAME_BYTES, NULL, &err);
	if (err.code == ERR_OK && !new->row.name)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=name");
	if (err.code == ERR_OK && r->app->keys->n >= LIMIT_API_KEYS)
		err_set(&err, ERR_LIMIT, "err_api_keys_limit", "limit=%d", LIMIT_API_KEYS);
	if (err.code != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	make_key(new);
	request_defer(r, LANE_WRITE, store_key, key_stored);
}

static void remove_key(struct request *r, struct db *db)
{
	if (api_key_store_remove(db, r->id, request_err(r)) == ERR_OK)
		audit_note(r, db, "remove_api_key", NULL);
}

static void key_removed(struct request *r)
{
	request_reply(r, 204);
}

void api_remove_key(struct request *r)
{
	keys_remove(r->app->keys, r->id); /* at once, whatever the store says */
	request_defer(r, LANE_WRITE, remove_key, key_removed);
}
