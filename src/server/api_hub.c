/* SPDX-License-Identifier: Apache-2.0
 *
 * api_hub - models of a hub: which hub, what of a model can be had, and downloads.
 *
 * Only api_look_hub() and api_add_download() ask the hub, and what they begin. */
#include <string.h>

#include "base/fs.h"
#include "base/limits.h"
#include "hub/hub_request.h"
#include "server/download_feed.h"
#include "server/json_view.h"
#include "server/routes.h"

#define MODEL_TEXT 1024

/* --- which hub --- */

static void read_place(struct request *r, struct db *db)
{
	struct hub_place place;

	(void)db;
	if (hub_place_read(r->arena, &place, request_err(r)) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "endpoint", place.endpoint);
	json_flag(&r->out, "has_token", *place.token);
	json_cstr(&r->out, "token_source", place.token_source);
	json_cstr(&r->out, "token_path", place.token_path);
	json_close(&r->out, '}');
}

void api_get_hub(struct request *r)
{
	request_defer(r, LANE_WORK, read_place, NULL);
}

/* --- what a model holds --- */

struct look {
	const char *text, *revision; /* as asked for */
	struct hub_id id;
	struct hub_place place;
	struct str body;
	struct hub_list list;
	const struct hub_choice *choices;
	size_t n_choices;
	request_fn then; /* on the loop, once the choices are known */
};

static void view_choice(struct buf *b, const struct hub_choice *c)
{
	json_open(b, NULL, '{');
	json_cstr(b, "file", *c->name ? c->name : ".");
	json_cstr(b, "kind", hub_kind_name(c->kind));
	json_cstr(b, "format", c->format);
	json_int(b, "size_bytes", (int64_t)c->size);
	json_int(b, "n_files", (int64_t)c->n_files);
	json_flag(b, "is_default", c->is_default);
	json_close(b, '}');
}

static void reply_list(struct request *r)
{
	const struct look *l = r->state;
	const struct hub_list *list = &l->list;
	uint64_t space = fs_free_space(store_data_dir(r->app->store));

	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "model", list->repo);
	json_cstr(&r->out, "revision", l->id.revision);
	json_cstr(&r->out, "commit", list->commit);
	json_cstr(&r->out, "license", list->license);
	json_flag(&r->out, "is_gated", list->is_gated);
	json_flag(&r->out, "has_token", *l->place.token);
	json_cstr(&r->out, "endpoint", l->place.endpoint);
	json_cstr(&r->out, "page", arena_printf(r->arena, "%s/%s", l->place.endpoint, list->repo));
	json_cstr(&r->out, "tokens_page", arena_printf(r->arena, "%s/settings/tokens", l->place.endpoint));
	json_cstr(&r->out, "token_path", l->place.token_path);
	json_cstr(&r->out, "wanted", l->id.file);
	json_int(&r->out, "disk_free", space > INT64_MAX ? INT64_MAX : (int64_t)space);
	json_open(&r->out, "choices", '[');
	for (size_t i = 0; i < l->n_choices; i++)
		view_choice(&r->out, &l->choices[i]);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	request_reply(r, 200);
}

static void read_list(struct request *r, struct db *db)
{
	struct look *l = r->state;
	struct err *err = request_err(r);

	(void)db;
	if (hub_list_read(r->arena, l->body, l->place.endpoint, &l->list, err) == ERR_OK)
		(void)!hub_choices(r->arena, &l->list, &l->choices, &l->n_choices, err);
}

static void on_list(void *user, const struct http_reply *reply, const struct err *err)
{
	struct request *r = user;
	struct look *l = r->state;
	struct hub_question q = { .endpoint = l->place.endpoint, .repo = l->id.repo, .revision = l->id.revision, .path = "",
				  .token_source = l->place.token_source, .token_path = l->place.token_path };
	struct err why = *err;

	if (why.code == ERR_OK && reply->status != 200)
		(void)hub_refusal(&q, reply, &why);
	if (why.code != ERR_OK) {
		request_fail(r, &why);
		return;
	}
	l->body = (struct str){ arena_strndup(r->arena, reply->body.ptr, reply->body.len), reply->body.len };
	request_defer(r, LANE_WORK, read_list, l->then);
}

static void ask_hub(struct request *r)
{
	struct look *l = r->state;
	struct http_request request = {
		.method = "GET",
		.url = hub_list_url(r->arena, l->place.endpoint, l->id.repo, l->id.revision),
		.bearer = l->place.token,
		.redirects = HUB_REDIRECTS,
		.limits = hub_limits(LIMIT_HUB_REPLY),
		.done = on_list,
		.user = r,
	};
	http_client_start(r->app->http_client, &request);
}

static void read_question(struct request *r, struct db *db)
{
	struct look *l = r->state;
	struct err *err = request_err(r);

	(void)db;
	if (hub_place_read(r->arena, &l->place, err) != ERR_OK ||
	    hub_id_parse(r->arena, l->text, l->place.endpoint, &l->id, err) != ERR_OK)
		return;
	if (l->revision && *l->revision)
		l->id.revision = l->revision;
	else if (!*l->id.revision)
		l->id.revision = HUB_REVISION;
	if (!hub_is_revision(l->id.revision))
		err_set(err, ERR_INVALID, "err_hub_revision_form", "field=revision|revision=%s", l->id.revision);
}

static void look(struct request *r, request_fn then)
{
	struct err err = { 0 };
	struct look *l = r->state = arena_alloc(r->arena, sizeof *l);

	l->then = then;
	l->text = body_text(r->json, "model", 1, MODEL_TEXT, NULL, &err);
	l->revision = body_text(r->json, "revision", 0, MODEL_TEXT, NULL, &err);
	if (err.code == ERR_OK && !l->text)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=model");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WORK, read_question, ask_hub);
}

void api_look_hub(struct request *r)
{
	look(r, reply_list);
}

/* --- downloads --- */

static void reply_download(struct request *r, const struct download *d)
{
	view_download(&r->out, NULL, r->lang, d);
	request_reply(r, 200);
}

static void start_download(struct request *r)
{
	const struct look *l = r->state;
	const struct hub_choice *choice;
	const struct download *d;
	struct hub_job job;
	struct err err = { 0 };

	if (hub_choose(&l->list, l->choices, l->n_choices, l->id.file, &choice, &err) == ERR_OK) {
		hub_job_make(r->arena, l->place.endpoint, l->id.revision, &l->list, choice, &job);
		if (downloads_start(r->app->downloads, &job, &d, &err) == ERR_OK) {
			reply_download(r, d);
			return;
		}
	}
	request_fail(r, &err);
}

void api_add_download(struct request *r)
{
	look(r, start_download);
}

void api_list_downloads(struct request *r)
{
	const struct download *d;

	json_open(&r->out, NULL, '{');
	json_open(&r->out, "downloads", '[');
	for (size_t i = 0; (d = downloads_at(r->app->downloads, i)); i++)
		view_download(&r->out, NULL, r->lang, d);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	request_reply(r, 200);
}

void api_get_download(struct request *r)
{
	const struct download *d = downloads_get(r->app->downloads, r->id);
	struct err err = { 0 };

	if (d) {
		reply_download(r, d);
		return;
	}
	err_set(&err, ERR_NOT_FOUND, "err_hub_no_download", "id=%lld", (long long)r->id);
	request_fail(r, &err);
}

void api_cancel_download(struct request *r)
{
	struct err err = { 0 };

	if (downloads_cancel(r->app->downloads, r->id, &err) == ERR_OK)
		request_reply(r, 204);
	else
		request_fail(r, &err);
}

void api_resume_download(struct request *r)
{
	const struct download *d;
	struct err err = { 0 };

	if (downloads_resume(r->app->downloads, r->id, &d, &err) == ERR_OK)
		reply_download(r, d);
	else
		request_fail(r, &err);
}

void api_remove_download(struct request *r)
{
	struct err err = { 0 };

	if (downloads_remove(r->app->downloads, r->id, &err) != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	app_publish(r->app, "downloads", NULL);
	request_reply(r, 204);
}
