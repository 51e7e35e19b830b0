/* SPDX-License-Identifier: Apache-2.0 */
#include "server/download_feed.h"

#include <string.h>

#include "base/limits.h"
#include "server/json_view.h"
#include "server/model_arrival.h"

/* --- showing --- */

static const char *state_name(enum download_state state)
{
	static const char *const names[] = { "waiting", "running", "adding", "done", "failed", "cancelled", "interrupted" };
	return names[state];
}

static void view_numbers(struct buf *b, const struct download *d)
{
	json_int(b, "have_bytes", (int64_t)d->have);
	json_int(b, "size_bytes", (int64_t)d->size);
	json_int(b, "n_files", (int64_t)d->job->n_files);
	json_int(b, "n_whole", (int64_t)d->n_whole);
	json_cstr(b, "current", d->file);
	json_int(b, "bytes_per_s", (int64_t)d->bytes_per_s);
	if (d->bytes_per_s > 0 && d->state == DOWNLOAD_RUNNING)
		json_int(b, "remaining_ms", (int64_t)(1000.0 * (double)(d->size - d->have) / d->bytes_per_s));
}

void view_download(struct buf *b, const char *name, enum lang lang, const struct download *d)
{
	const struct hub_job *job = d->job;
	const struct model_arrival *arrival = d->result;
	struct arena *a = arena_new();

	json_open(b, name, '{');
	json_int(b, "id", d->id);
	json_cstr(b, "state", state_name(d->state));
	json_cstr(b, "model", job->repo);
	json_cstr(b, "file", job->name);
	json_cstr(b, "kind", hub_kind_name(job->kind));
	json_cstr(b, "format", job->format);
	json_cstr(b, "revision", job->revision);
	json_cstr(b, "commit", job->commit);
	json_cstr(b, "license", job->license);
	json_cstr(b, "endpoint", job->endpoint);
	json_cstr(b, "path", hub_job_target(a, d->dir, job));
	view_numbers(b, d);
	if (d->problem.code != ERR_OK)
		view_problem(b, "problem", lang, &d->problem);
	if (d->pause.code != ERR_OK)
		view_problem(b, "pause", lang, &d->pause);
	if (arrival)
		view_scan(b, lang, &arrival->scan);
	json_close(b, '}');
	arena_free(a);
}

static void changed(void *user, const struct download *d)
{
	struct app *app = user;
	struct buf en = BUF_INIT(MIB), zh = BUF_INIT(MIB);

	if (app->closing)
		return;
	view_download(&en, NULL, LANG_EN, d);
	view_download(&zh, NULL, LANG_ZH_TW, d);
	hub_publish(app->hub, "download", buf_str(&en), buf_str(&zh));
	buf_release(&en);
	buf_release(&zh);
}

/* --- adding --- */

static void forget(void *user, void *result)
{
	(void)user;
	model_arrival_free(result);
}

static void arrived(void *user, struct model_arrival *v, const struct err *err)
{
	struct app *app = user;
	struct err why = *err;
	int64_t id = v->id;

	if (why.code != ERR_OK)
		model_arrival_free(v);
	downloads_added(app->downloads, id, why.code == ERR_OK ? v : NULL, &why);
}

static void fetched(void *user, const struct download *d, const char *target)
{
	/* A folder is called after its commit; the model has a name. */
	bool is_commit = d->job->kind != HUB_GGUF && !*d->job->name;

	model_arrival_start(user, target, is_commit ? strchr(d->job->repo, '/') + 1 : NULL, d->id, arrived, user);
}

struct downloads *download_feed_new(struct app *app)
{
	struct downloads_options options = {
		.loop = app->loop,
		.home = app->home,
		.http_client = app->http_client,
		.data_dir = store_data_dir(app->store),
		.changed = changed,
		.fetched = fetched,
		.forget = forget,
		.user = app,
	};
	return downloads_new(&options);
}
