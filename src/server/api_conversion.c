/* SPDX-License-Identifier: Apache-2.0
 *
 * api_conversion - what assay cannot convert itself, by llama.cpp's converter: what that needs, on request, how far it is. */
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "convert/python_env.h"
#include "server/conversion.h"
#include "server/home_path.h"
#include "server/json_view.h"
#include "server/routes.h"

struct conversion_ask {
	const char *path;
	bool may_install, is_ready;
	char *place;
	struct err problem; /* there is no converter */
};

static void look(struct request *r, struct db *db)
{
	struct conversion_ask *q = r->state;
	const char *data_dir = store_data_dir(r->app->store);
	(void)db;
	q->is_ready = python_env_ready(data_dir);
	char *converter = python_converter(&q->problem);
	mem_free(converter);
	q->place = arena_printf(r->arena, "%s/cache/python", data_dir);
}

static void reply(struct request *r)
{
	const struct conversion_ask *q = r->state;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "environment", '{');
	json_flag(&r->out, "is_ready", q->is_ready);
	json_cstr(&r->out, "path", q->place);
	json_int(&r->out, "download_bytes", PYTHON_DOWNLOAD_MIB * 1000000LL);
	json_int(&r->out, "disk_bytes", PYTHON_DISK_MIB * 1000000LL);
	if (q->problem.code != ERR_OK)
		view_problem(&r->out, "problem", r->lang, &q->problem);
	json_close(&r->out, '}');
	view_conversion(&r->out, r->lang, r->app->conversion);
	json_close(&r->out, '}');
	request_reply(r, 200);
}

void api_get_conversion(struct request *r)
{
	r->state = arena_alloc(r->arena, sizeof(struct conversion_ask));
	request_defer(r, LANE_WORK, look, reply);
}

static void begin(struct request *r)
{
	const struct conversion_ask *q = r->state;
	struct err err = q->problem;
	if (err.code == ERR_OK && !q->is_ready && !q->may_install)
		err_set(&err, ERR_CONFLICT, "err_python_not_asked", "field=install|path=%s", q->place);
	if (err.code == ERR_OK && conversion_start(r->app->conversion, q->path, &err) == ERR_OK)
		reply(r);
	else
		request_fail(r, &err);
}

void api_start_conversion(struct request *r)
{
	struct err err = { 0 };
	struct conversion_ask *q = r->state = arena_alloc(r->arena, sizeof *q);
	const char *path = body_text(r->json, "path", 0, PATH_LIMIT, NULL, &err);
	q->may_install = json_get_bool(r->json, "install", false, &err);
	if (err.code == ERR_OK && !path)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=path");
	if (err.code == ERR_OK)
		q->path = home_path(r->arena, path, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WORK, look, begin);
}

void api_cancel_conversion(struct request *r)
{
	conversion_cancel(r->app->conversion);
	request_reply(r, 204);
}
