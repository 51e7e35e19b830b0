/* SPDX-License-Identifier: Apache-2.0
 *
 * api_providers - servers that answer: list them with how they are, add, change, remove.
 *
 * Every reply asks the servers first (all at once, a few seconds at most): a page never shows a state of some time ago. */
#include <limits.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "server/audit.h"
#include "server/provider_calls.h"
#include "server/provider_view.h"
#include "server/json_view.h"
#include "server/routes.h"
#include "store/secret_store.h"

#define CONCURRENCY_MAX 64
#define TIMEOUT_MAX_S 3600

/* --- asking --- */

struct probe {
	struct remote remote;
	struct provider_call call;
	struct err key_err;
};

struct probes {
	struct provider_calls calls;
	struct probe *items;
	size_t n;
	bool is_list;
};

static void reply_probes(struct request *r)
{
	struct probes *p = r->state;

	if (p->is_list) {
		json_open(&r->out, NULL, '{');
		json_open(&r->out, "providers", '[');
	}
	for (size_t i = 0; i < p->n; i++) {
		struct probe *item = &p->items[i];
		struct provider_health health;
		const struct err *err = item->key_err.code != ERR_OK ? &item->key_err : &item->call.err;
		provider_health_read(&item->remote, &item->call.reply, err, &health);
		view_provider(&r->out, r->lang, &item->remote.row, &health, r->is_unix);
	}
	if (p->is_list) {
		json_close(&r->out, ']');
		json_close(&r->out, '}');
	}
	request_reply(r, 200);
}

static void ask_all(struct request *r)
{
	struct probes *p = r->state;
	struct http_limits limits = provider_limits_quick();

	provider_calls_init(&p->calls, r, reply_probes);
	for (size_t i = 0; i < p->n; i++) {
		struct probe *item = &p->items[i];
		const char *path = item->remote.row.kind == PROVIDER_OLLAMA ? "/api/version" : "/models";
		if (item->key_err.code == ERR_OK)
			provider_call_start(&p->calls, &item->call, &item->remote, "GET", path, NULL, &limits);
	}
	provider_calls_wait(&p->calls);
}

static void read_providers(struct request *r, struct db *db)
{
	struct probes *p = r->state;
	struct provider_row *rows;

	if (provider_store_list(db, r->arena, &rows, &p->n, request_err(r)) != ERR_OK)
		return;
	p->items = arena_array(r->arena, p->n, sizeof *p->items);
	for (size_t i = 0; i < p->n; i++)
		if (!provider_read(r, db, rows[i].id, &p->items[i].remote, &p->items[i].key_err))
			return;
}

void api_list_providers(struct request *r)
{
	struct probes *p = r->state = arena_alloc(r->arena, sizeof *p);
	p->is_list = true;
	request_defer(r, LANE_READ, read_providers, ask_all);
}

/* --- adding and changing --- */

struct change {
	struct provider_row row;      /* texts NULL and numbers 0: as they are */
	const char *key, *key_source; /* NULL: as it is */
	const char *ca_file, *pin;    /* NULL: as they are */
	bool is_new;
};

static void read_url(struct request *r, struct change *c, struct err *err)
{
	struct url_parts url;
	const char *text = body_text(r->json, "url", 1, URL_TEXT_MAX - 1, NULL, err);

	if (err->code != ERR_OK || !text || url_parse(text, &url, err) != ERR_OK)
		return;
	if (c->row.kind == PROVIDER_OPENAI && !url.path[0])
		c->row.url = arena_printf(r->arena, "%s/v1", url.text);
	else
		c->row.url = arena_strdup(r->arena, url.text);
}

/* A command is run by us with the user's rights: only who has these already may name it, not a page. */
static void read_key_source(struct request *r, struct change *c, struct err *err)
{
	const char *source = json_get_text(r->json, "key_source", NULL, err);

	if (!source || !strcmp(source, "file") || !strcmp(source, KEY_SOURCE_COMMAND))
		return; /* what the page was told: unchanged */
	if (!strncmp(source, KEY_SOURCE_COMMAND, strlen(KEY_SOURCE_COMMAND)) && !r->is_unix)
		err_set(err, ERR_DENIED, "err_key_command_here", "field=key_source");
	else if (!strncmp(source, KEY_SOURCE_COMMAND, strlen(KEY_SOURCE_COMMAND)) && !secret_command(source))
		err_set(err, ERR_INVALID, "err_key_command_text", "field=key_source");
	else if (*source && !secret_command(source) && !secret_env_name(source))
		err_set(err, ERR_INVALID, "err_key_env_name", "field=key_source|name=%s", source);
	c->key_source = source;
}

static void read_trust(struct request *r, struct change *c, struct err *err)
{
	char pin[HASH_HEX_SIZE];
	const char *text = json_get_text(r->json, "pin_sha256", NULL, err);

	c->ca_file = body_text(r->json, "ca_file", 0, PATH_MAX - 1, NULL, err);
	if (err->code != ERR_OK)
		return;
	if (text && *text && !tls_pin_parse(text, pin))
		err_set(err, ERR_INVALID, "err_tls_pin_text", "field=pin_sha256");
	else if (text)
		c->pin = *text ? arena_strdup(r->arena, pin) : "";
	if (c->pin && *c->pin && c->ca_file && *c->ca_file)
		err_set(err, ERR_INVALID, "err_tls_both", "field=ca_file");
}

static void read_change(struct request *r, struct change *c, struct err *err)
{
	c->row.name = body_text(r->json, "name", 0, LIMIT_NAME_BYTES, NULL, err);
	if (c->row.name && !*c->row.name)
		c->row.name = NULL;
	c->key = body_text(r->json, "key", 0, LIMIT_KEY_BYTES, NULL, err);
	c->row.concurrency = json_get_int(r->json, "concurrency", 1, CONCURRENCY_MAX, 0, err);
	c->row.timeout_s = json_get_int(r->json, "timeout_s", 1, TIMEOUT_MAX_S, 0, err);
	c->row.max_requests = json_get_int(r->json, "max_requests", 0, LIMIT_REQUESTS_CHOICE, -1, err);
	if (err->code != ERR_OK)
		return;
	read_key_source(r, c, err);
	if (err->code == ERR_OK)
		read_trust(r, c, err);
	for (const char *at = c->key; at && *at && err->code == ERR_OK; at++)
		if (*at <= ' ' || *at > '~')
			err_set(err, ERR_INVALID, "err_key_characters", "field=key");
}

/* The key as it will be: where it is, and what of it may be shown. */
static void choose_key(struct request *r, const struct change *c, struct provider_row *row)
{
	char last4[8];

	if (c->key && *c->key) {
		secret_last4(c->key, last4);
		row->key_source = "file";
		row->key_last4 = arena_strdup(r->arena, last4);
	} else if (c->key || c->key_source) {
		row->key_source = c->key_source ? c->key_source : "";
		row->key_last4 = "";
	}
}

/* A file of authorities and a pin exclude each other: the one that was given last counts. */
static void choose_trust(const struct change *c, struct provider_row *row, struct err *err)
{
	struct url_parts url;

	if (c->ca_file)
		row->ca_file = c->ca_file;
	if (c->pin)
		row->pin = c->pin;
	if (c->pin && *c->pin)
		row->ca_file = "";
	else if (c->ca_file && *c->ca_file)
		row->pin = "";
	if ((row->ca_file[0] || row->pin[0]) && url_parse(row->url, &url, err) == ERR_OK && !strcmp(url.scheme, "http"))
		err_set(err, ERR_INVALID, "err_tls_plain", "field=%s|url=%s", row->pin[0] ? "pin_sha256" : "ca_file", row->url);
	if (err->code == ERR_OK && c->ca_file && *c->ca_file)
		(void)!tls_ca_check(c->ca_file, err);
}

/* A key belongs to the server that it was given for, and so does what its certificate is believed with: with another address
 * they are forgotten. */
static void check_address(const struct provider_row *old, struct provider_row *row, struct err *err)
{
	struct url_parts before, after;

	if (url_parse(old->url, &before, err) != ERR_OK || url_parse(row->url, &after, err) != ERR_OK)
		return;
	if (strcmp(before.origin, after.origin) != 0) {
		row->key_source = row->key_last4 = "";
		row->ca_file = row->pin = "";
	}
}

static void check_plain_key(const struct provider_row *row, struct err *err)
{
	struct url_parts url;

	if (row->key_source[0] && url_parse(row->url, &url, err) == ERR_OK && !strcmp(url.scheme, "http") && !url.is_private)
		err_set(err, ERR_DENIED, "err_key_plain", "field=url|url=%s", row->url);
}

/* `old` as it was before; empty for a new one. */
static void merge_change(struct request *r, struct db *db, struct change *c, struct provider_row *old, struct provider_row *row,
			 struct err *err)
{
	*old = (struct provider_row){ .url = "", .key_source = "", .ca_file = "", .pin = "" };
	if (!c->is_new) {
		if (provider_store_get(db, r->arena, r->id, old, err) != ERR_OK)
			return;
		*row = *old;
		c->row.kind = old->kind;
		read_url(r, c, err);
		if (err->code == ERR_OK && c->row.url && old->is_default)
			err_set(err, ERR_CONFLICT, "err_provider_default", "field=url");
		row->url = c->row.url ? c->row.url : old->url;
		if (err->code == ERR_OK)
			check_address(old, row, err);
	}
	row->name = c->row.name ? c->row.name : row->name;
	row->concurrency = c->row.concurrency ? c->row.concurrency : row->concurrency;
	row->timeout_s = c->row.timeout_s ? c->row.timeout_s : row->timeout_s;
	row->max_requests = c->row.max_requests >= 0 ? c->row.max_requests : row->max_requests;
	choose_key(r, c, row);
	if (err->code == ERR_OK)
		choose_trust(c, row, err);
	if (err->code == ERR_OK)
		check_plain_key(row, err);
}

/* Where a key comes from and what a certificate is believed with, but no key, and no command: that may hold one. */
static void note_change(struct request *r, struct db *db, const struct change *c, const struct provider_row *old,
			const struct provider_row *row)
{
	const char *source = secret_command(row->key_source) ? "command" : *row->key_source ? row->key_source : "none";
	const char *trust = *row->pin ? row->pin : *row->ca_file ? row->ca_file : "system";

	if (c->is_new)
		audit_note(r, db, "add_provider", row->url);
	else if (strcmp(old->url, row->url) != 0)
		audit_note(r, db, "move_provider", arena_printf(r->arena, "%s -> %s", old->url, row->url));
	if ((c->key && *c->key) || strcmp(old->key_source, row->key_source) != 0)
		audit_note(r, db, "set_key", arena_printf(r->arena, "%s: %s", row->url, source));
	if (strcmp(old->ca_file, row->ca_file) != 0 || strcmp(old->pin, row->pin) != 0)
		audit_note(r, db, "set_trust", arena_printf(r->arena, "%s: %s", row->url, trust));
}

static void store_change(struct request *r, struct db *db)
{
	struct change *c = r->state;
	struct provider_row row = c->row, old;
	struct err *err = request_err(r);
	const char *dir = store_data_dir(r->app->store);

	merge_change(r, db, c, &old, &row, err);
	if (err->code != ERR_OK ||
	    (c->is_new ? provider_store_add(db, r->arena, &row, err) : provider_store_set(db, r->arena, &row, err)) != ERR_OK)
		return;
	note_change(r, db, c, &old, &row);
	if (err->code != ERR_OK)
		return;
	bool in_file = !strcmp(row.key_source, "file");
	if ((!in_file || c->key) && secret_store_set(dir, row.id, in_file ? c->key : NULL, err) != ERR_OK)
		return;
	struct probes *p = r->state = arena_alloc(r->arena, sizeof *p);
	p->items = arena_alloc(r->arena, sizeof *p->items);
	p->n = 1;
	(void)provider_read(r, db, row.id, &p->items[0].remote, &p->items[0].key_err);
}

static void change_stored(struct request *r)
{
	app_publish(r->app, "providers", NULL);
	ask_all(r);
}

void api_add_provider(struct request *r)
{
	struct err err = { 0 };
	struct change *c = r->state = arena_alloc(r->arena, sizeof *c);
	const char *kind = json_get_text(r->json, "kind", "", &err);

	c->is_new = true;
	c->row.kind = !strcmp(kind, "openai") ? PROVIDER_OPENAI : PROVIDER_OLLAMA;
	if (err.code == ERR_OK && strcmp(kind, provider_kind_name(c->row.kind)) != 0)
		err_set(&err, ERR_INVALID, "err_field_choice", "field=kind|choices=ollama, openai");
	if (err.code == ERR_OK)
		read_change(r, c, &err);
	if (err.code == ERR_OK)
		read_url(r, c, &err);
	if (err.code == ERR_OK && !c->row.url)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=url");
	struct url_parts url;
	if (err.code == ERR_OK && url_parse(c->row.url, &url, &err) == ERR_OK) {
		c->row.name = c->row.name ? c->row.name : arena_strdup(r->arena, url.host);
		if (c->row.max_requests < 0) /* elsewhere answers may have a price */
			c->row.max_requests = url.is_private ? 0 : LIMIT_REQUESTS_DEFAULT;
	}
	if (err.code != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	c->row.key_source = c->row.key_last4 = c->row.ca_file = c->row.pin = "";
	c->row.concurrency = c->row.concurrency ? c->row.concurrency : 4;
	c->row.timeout_s = c->row.timeout_s ? c->row.timeout_s : 120;
	request_defer(r, LANE_WRITE, store_change, change_stored);
}

void api_change_provider(struct request *r)
{
	struct err err = { 0 };
	struct change *c = r->state = arena_alloc(r->arena, sizeof *c);

	read_change(r, c, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_change, change_stored);
}

/* --- removing --- */

static void remove_provider(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct provider_row row;

	if (provider_store_get(db, r->arena, r->id, &row, err) != ERR_OK ||
	    provider_store_hide(db, r->arena, r->id, err) != ERR_OK ||
	    secret_store_set(store_data_dir(r->app->store), r->id, NULL, err) != ERR_OK)
		return;
	audit_note(r, db, "remove_provider", row.url);
}

static void provider_removed(struct request *r)
{
	app_publish(r->app, "providers", NULL);
	app_publish(r->app, "models", NULL);
	request_reply(r, 204);
}

void api_remove_provider(struct request *r)
{
	request_defer(r, LANE_WRITE, remove_provider, provider_removed);
}
