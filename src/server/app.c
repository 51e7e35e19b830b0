/* SPDX-License-Identifier: Apache-2.0 */
#include "server/app.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "deploy/creation.h"
#include "engine/match_check.h"
#include "engine/ollama.h"
#include "engine/reaper.h"
#include "engine/worker_probe.h"
#include "selection/selection.h"
#include "server/api_events.h"
#include "server/api_export.h"
#include "server/api_keys.h"
#include "server/app_private.h"
#include "server/creation_feed.h"
#include "server/conversion.h"
#include "server/download_feed.h"
#include "server/found_models.h"
#include "server/http.h"
#include "server/live.h"
#include "server/openai.h"
#include "server/row_feed.h"
#include "server/selection_feed.h"
#include "server/talk.h"
#include "server/template_look.h"
#include "server/upload.h"
#include "store/artifact_store.h"
#include "store/backup.h"
#include "store/chat_store.h"
#include "store/panel_store.h"
#include "store/provider_store.h"
#include "store/run_store.h"
#include "store/setting_store.h"
#include "store/viewer_store.h"

#define BEAT_MS 1000
#define BEATS_A_LINE 15
#define CLEAN_MS (60 * 60 * 1000)
#define GRACE_MS 5000
#define GRACE_STEP_MS 20
#define SOCKET_PATH_MAX 107 /* sun_path without its NUL */

struct app_options app_options_default(void)
{
	return (struct app_options){ .n_gpu_layers = -1 };
}

char *app_socket_path(const char *data_dir)
{
	char *dir = fs_data_dir(data_dir);
	char *path = fs_join(dir, "assay.sock");
	if (strlen(path) > SOCKET_PATH_MAX) {
		/* Too long for a socket address: a name in /tmp that only this directory has. */
		char hex[HASH_HEX_SIZE];
		hash_bytes_hex(dir, strlen(dir), hex);
		mem_free(path);
		path = mem_printf("/tmp/assay-%u-%.16s.sock", (unsigned)geteuid(), hex);
	}
	mem_free(dir);
	return path;
}

void app_publish(struct app *app, const char *event, const char *data)
{
	live_event_id(app->live); /* text that came before goes before */
	hub_publish(app->hub, event, data ? str_of(data) : STR("{}"), (struct str){ 0 });
}

const char *app_url(const struct app *app)
{
	return app->url;
}

const char *app_lan_url(const struct app *app)
{
	return app->lan.url;
}

char *app_login_link(struct app *app)
{
	char code[CODE_SIZE];
	sessions_add_code(app->sessions, clock_mono_ms(), code);
	return mem_printf("%s/#s=%s", app->url, code);
}

/* --- what is read at the start --- */

struct start {
	struct task task;
	struct app *app;
	struct arena *arena;
	char instance[16];
};

static int64_t number_setting(struct db *db, struct arena *a, const char *name, int64_t fallback, struct err *err)
{
	const char *text = NULL;
	int64_t value;
	if (setting_get(db, a, name, &text, err) != ERR_OK || !text || !str_to_i64(str_of(text), &value))
		return fallback;
	return value;
}

static void read_sessions(struct start *s, struct db *db, struct err *err)
{
	struct session_row *rows;
	size_t n = 0;
	int64_t now = clock_wall_ms();
	if (session_store_list(db, s->arena, &rows, &n, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		if (rows[i].expires_ms <= now)
			err_kept(session_store_remove(db, rows[i].id, err));
		else
			sessions_add(s->app->sessions, &rows[i], now, NULL);
	}
}

static void read_raters(struct start *s, struct db *db, struct err *err)
{
	struct session_row *rows;
	size_t n = 0;
	if (rater_store_sessions(db, s->arena, clock_wall_ms(), &rows, &n, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++)
		sessions_add(s->app->raters, &rows[i], clock_wall_ms(), NULL);
}

static void read_viewers(struct start *s, struct db *db, struct err *err)
{
	struct session_row *rows;
	size_t n = 0;
	if (viewer_store_sessions(db, s->arena, clock_wall_ms(), &rows, &n, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++)
		sessions_add(s->app->viewers, &rows[i], clock_wall_ms(), NULL);
}

static void read_keys(struct start *s, struct db *db, struct err *err)
{
	struct api_key_row *rows;
	size_t n = 0;
	if (api_key_store_list(db, s->arena, &rows, &n, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		rows[i].name = ""; /* of the arena */
		keys_add(s->app->keys, &rows[i]);
	}
}

/* Before the loop runs, so the store's thread may touch the app. */
static void run_start(struct task *task, void *db)
{
	struct start *s = (struct start *)task;
	struct err *err = &task->err;
	const char *instance = NULL, *language = NULL, *device = NULL;
	struct url_parts ollama;
	if (run_store_recover(db, err) != ERR_OK || creation_store_recover(db, err) != ERR_OK ||
	    selection_store_recover(db, err) != ERR_OK || message_store_recover(db, err) != ERR_OK || setting_get(db, s->arena, "instance", &instance, err) != ERR_OK ||
	    setting_get(db, s->arena, "language", &language, err) != ERR_OK)
		return;
	if (!instance) {
		instance = arena_printf(s->arena, "%08x", (unsigned)(random_u64() & 0xffffffff));
		if (setting_set(db, "instance", instance, err) != ERR_OK)
			return;
	}
	(void)str_format(s->instance, sizeof s->instance, "%s", instance);
	(void)str_format(s->app->language, sizeof s->app->language, "%s", language ? language : "");
	s->app->n_threads = number_setting(db, s->arena, "n_threads", 0, err);
	s->app->n_gpu_layers = number_setting(db, s->arena, "n_gpu_layers", -1, err);
	s->app->find_at_start = number_setting(db, s->arena, "find_at_start", 0, err) != 0;
	if (setting_get(db, s->arena, "gpu_device", &device, err) == ERR_OK)
		(void)str_format(s->app->gpu_device, sizeof s->app->gpu_device, "%s", device ? device : "");
	read_sessions(s, db, err);
	read_raters(s, db, err);
	read_viewers(s, db, err);
	read_keys(s, db, err);
	if (!s->app->options.ollama)
		ollama_host(getenv("OLLAMA_HOST"), &ollama);
	else if (url_parse(s->app->options.ollama, &ollama, err) != ERR_OK)
		return;
	err_kept(provider_store_set_default(db, ollama.text, err));
}

static enum err_code load_start(struct app *app, char instance[16], struct err *err)
{
	struct start s = { .task.run = run_start, .app = app, .arena = arena_new() };
	enum err_code code = store_write_now(app->store, &s.task, err);
	memcpy(instance, s.instance, sizeof s.instance);
	arena_free(s.arena);
	return code;
}

/* --- timers --- */

static void clean_uploads(struct task *task, void *context)
{
	struct app *app = (struct app *)((char *)task - offsetof(struct app, cleaning.task));
	(void)context;
	upload_clean(store_data_dir(app->store));
}

static void back_up(struct task *task, void *context)
{
	struct app *app = (struct app *)((char *)task - offsetof(struct app, backup.task));
	int64_t now = clock_wall_ms();
	(void)context;
	if (!atomic_load(&task->cancelled) && backup_is_due(store_data_dir(app->store), now))
		err_kept(backup_make(app->store, now, &task->cancelled, &task->err));
}

static void chore_done(struct task *task)
{
	((struct chore *)task)->is_running = false;
	if (task->err.code != ERR_OK && task->err.code != ERR_CANCELLED)
		log_warn("app", "not done this time: %s %s", task->err.key, task->err.args);
}

static void chore_start(struct chore *chore, struct executor *thread, void (*run)(struct task *task, void *context))
{
	if (chore->is_running)
		return;
	*chore = (struct chore){ .task = { .run = run, .done = chore_done }, .is_running = true };
	executor_post(thread, &chore->task);
}

static void housekeeping(void *user)
{
	struct app *app = user;
	loop_timer_set(app->housekeeping, CLEAN_MS);
	if (app->closing)
		return;
	chore_start(&app->cleaning, app->work, clean_uploads);
	chore_start(&app->backup, app->create, back_up); /* where what takes long is done */
}

static void beat(void *user)
{
	struct app *app = user;
	events_check(app);
	openai_check(app);
	if (++app->beats % BEATS_A_LINE == 0)
		hub_beat(app->hub);
	loop_timer_set(app->beat, BEAT_MS);
}

static void on_home(void *user, int events)
{
	struct app *app = user;
	(void)events;
	queue_drain(app->home);
}

static int64_t prepare(void *user)
{
	struct app *app = user;
	live_flush(app->live);
	talk_flush(app->talk);
	return http_prepare(app->http);
}

/* --- open --- */

static enum err_code raise_limits(struct err *err)
{
	struct rlimit files;
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return ERR_OK;
	files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur >= LIMIT_FILES_LEAST)
		return ERR_OK;
	return err_set(err, ERR_IO, "err_few_files", "n=%llu|limit=%d", (unsigned long long)files.rlim_cur, LIMIT_FILES_LEAST);
}

static void open_selections(struct app *app, const struct engine_options *engine)
{
	struct selections_options options = {
		.loop = app->loop,
		.store = app->store,
		.engine = app->engine,
		.work = app->create,
		.http_client = app->http_client,
		.worker_path = app->worker_path,
		.n_threads = engine->n_threads,
		.gpu = engine->gpu,
		.allow_unsandboxed = engine->allow_unsandboxed,
		.changed = selection_feed_changed,
		.user = app,
	};

	app->selection_feed = selection_feed_new(app);
	app->selections = selections_new(&options);
}

static void models_matched(void *user)
{
	app_publish(user, "models", NULL);
}

static void open_matches(struct app *app, const struct engine_options *engine)
{
	struct match_checks_options options = {
		.loop = app->loop,
		.store = app->store,
		.engine = app->engine,
		.hash = app->hash,
		.worker_path = app->worker_path,
		.n_threads = engine->n_threads,
		.gpu = engine->gpu,
		.allow_unsandboxed = engine->allow_unsandboxed,
		.changed = models_matched,
		.user = app,
	};

	app->matches = match_checks_new(&options);
}

static void open_engine(struct app *app)
{
	const struct app_options *o = &app->options;
	(void)str_format(app->gpu_device_used, sizeof app->gpu_device_used, "%s", o->gpu_device ? o->gpu_device : app->gpu_device);
	app->gpu_used = (struct gpu_use){ .layers = o->n_gpu_layers >= 0 ? o->n_gpu_layers : (int)app->n_gpu_layers,
					.device = app->gpu_device_used, .is_forced = o->n_gpu_layers >= 0 || o->gpu_device };
	struct engine_options options = {
		.loop = app->loop,
		.store = app->store,
		.http_client = app->http_client,
		.work = app->work,
		.hash = app->hash,
		.values = app->values,
		.worker_path = app->worker_path,
		.n_threads = o->n_threads ? o->n_threads : (int)app->n_threads,
		.gpu = app->gpu_used,
		.allow_unsandboxed = o->allow_unsandboxed,
	};
	app->engine = engine_new(&options);
	app->live = live_new(app);
	app->talk = talk_new(app);
	app->creation_feed = creation_feed_new(app);
	struct creations_options creations = {
		.loop = app->loop,
		.store = app->store,
		.engine = app->engine,
		.work = app->create,
		.hash = app->create,
		.http_client = app->http_client,
		.worker_path = app->worker_path,
		.n_threads = options.n_threads,
		.gpu = options.gpu,
		.allow_unsandboxed = o->allow_unsandboxed,
		.changed = creation_feed_changed,
		.user = app,
	};
	app->creations = creations_new(&creations);
	app->downloads = download_feed_new(app);
	app->conversion = conversion_new(app);
	open_selections(app, &options);
	open_matches(app, &options);
}

static enum err_code open_http(struct app *app, const char *instance, struct err *err)
{
	enum err_code code =
		http_open(app, &app->options, app->socket_path, &app->http, err);
	if (code != ERR_OK)
		return code;
	app->port = http_port(app->http);
	mem_free(app->url);
	app->url = app->port ? mem_printf("http://127.0.0.1:%d", app->port) : mem_strdup("");
	(void)str_format(app->cookie_name, sizeof app->cookie_name, "assay_%d_%s", app->port, instance);
	(void)str_format(app->rater_cookies, sizeof app->rater_cookies, "assay_rater_%d_%s_", app->port, instance);
	(void)str_format(app->viewer_cookies, sizeof app->viewer_cookies, "assay_viewer_%d_%s_", app->port, instance);
	if (app->options.lan)
		lan_set_port(&app->lan, app->port);
	store_set_address(app->store, app->url);
	return ERR_OK;
}

static enum err_code start_threads(struct app *app, struct err *err)
{
	const struct {
		const char *name;
		struct executor **executor;
	} wanted[] = {
		{ "work", &app->work }, { "hash", &app->hash }, { "values", &app->values }, { "export", &app->export },
		{ "create", &app->create },
	};
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		if (!(*wanted[i].executor = executor_start(wanted[i].name, NULL, NULL, app->home, err)))
			return ERR_IO;
	return ERR_OK;
}

enum err_code app_open(const struct app_options *options, struct app **out, struct err *err)
{
	*out = NULL;
	if (raise_limits(err) != ERR_OK)
		return err->code;
	struct app *app = mem_alloc(sizeof *app);
	char instance[16] = "";
	char *dir = fs_data_dir(options->data_dir);
	app->options = *options;
	app->url = mem_strdup("");
	app->worker_path = options->worker_path ? mem_strdup(options->worker_path) : worker_program();
	app->socket_path = app_socket_path(dir);
	app->options.data_dir = NULL;
	app->options.worker_path = NULL;
	app->loop = loop_new();
	app->home = queue_new();
	app->sessions = sessions_new();
	app->raters = sessions_new();
	app->viewers = sessions_new();
	app->keys = keys_new();
	app->http_client = http_client_new(app->loop);
	app->hub = hub_new(clock_wall_ms(), LIMIT_SSE_QUEUE);
	app->home_watch = loop_add_fd(app->loop, queue_fd(app->home), LOOP_READ, on_home, app);
	enum err_code code = options->lan ? lan_open(&app->lan, options->lan, err) : ERR_OK;
	if (code == ERR_OK)
		code = store_open(dir, app->home, &app->store, err);
	if (code == ERR_OK)
		code = load_start(app, instance, err);
	if (code == ERR_OK) {
		app->lang = *app->language ? lang_from_tag(app->language, options->lang) : options->lang;
		code = start_threads(app, err);
	}
	if (code == ERR_OK) {
		open_engine(app);
		code = open_http(app, instance, err);
	}
	mem_free(dir);
	if (code != ERR_OK) {
		app_close(app);
		return code;
	}
	app->housekeeping = loop_timer_new(app->loop, housekeeping, app);
	app->beat = loop_timer_new(app->loop, beat, app);
	loop_timer_set(app->housekeeping, BEAT_MS);
	loop_timer_set(app->beat, BEAT_MS);
	template_look(app);
	loop_set_prepare(app->loop, prepare, app);
	if (app->find_at_start && app->options.tcp)
		found_models_start(app);
	*out = app;
	return ERR_OK;
}

/* --- run and end --- */

struct last_call {
	struct app *app;
	int64_t until_ms;
};

static void check_last_call(void *user)
{
	struct last_call *last = user;
	if (!http_in_flight(last->app->http) || clock_mono_ms() > last->until_ms)
		loop_stop(last->app->loop);
	else
		loop_timer_set(last->app->last_call, GRACE_STEP_MS);
}

void app_run(struct app *app)
{
	loop_run(app->loop);
	/* Requests that are being answered get their reply, streams end. */
	struct last_call last = { app, clock_mono_ms() + GRACE_MS };
	app->closing = true;
	http_quiesce(app->http);
	exports_cancel(app);
	downloads_close(app->downloads);
	http_client_close(app->http_client);
	http_cancel(app->http);
	events_check(app);
	openai_cancel(app);
	app->last_call = loop_timer_new(app->loop, check_last_call, &last);
	loop_timer_set(app->last_call, GRACE_STEP_MS);
	loop_run(app->loop);
	loop_timer_free(app->last_call);
	app->last_call = NULL;
}

void app_stop(struct app *app)
{
	loop_stop(app->loop);
}

void app_close(struct app *app)
{
	if (!app)
		return;
	app->closing = true;
	loop_set_prepare(app->loop, NULL, NULL);
	exports_cancel(app);
	downloads_close(app->downloads);
	http_client_close(app->http_client);
	if (app->http)
		http_cancel(app->http);
	match_checks_free(app->matches);
	selections_free(app->selections);
	creations_free(app->creations);
	if (app->finding)
		app->finding->cancelled = true;
	app->backup.task.cancelled = true;
	engine_free(app->engine); /* posts its last writes */
	app->engine = NULL;
	conversion_close(app->conversion);
	executor_stop(app->export);
	executor_stop(app->create);
	executor_stop(app->work);
	executor_stop(app->hash);
	executor_stop(app->values);
	(void)reaper_await(REAPER_AWAIT_MS); /* who has the data folder next finds nobody else writing there */
	queue_drain(app->home); /* what ended on these threads may write once more */
	store_close(app->store);
	queue_drain(app->home);
	http_close(app->http);
	if (app->socket_path && app->http)
		(void)unlink(app->socket_path);
	live_free(app->live);
	talk_free(app->talk);
	downloads_free(app->downloads);
	conversion_free(app->conversion);
	row_feed_free(app->creation_feed);
	row_feed_free(app->selection_feed);
	hub_free(app->hub);
	sessions_free(app->sessions);
	sessions_free(app->raters);
	sessions_free(app->viewers);
	keys_free(app->keys);
	http_client_free(app->http_client);
	loop_timer_free(app->housekeeping);
	loop_timer_free(app->beat);
	loop_timer_free(app->free_timer);
	loop_remove_fd(app->home_watch);
	queue_free(app->home);
	loop_free(app->loop);
	mem_free(app->socket_path);
	mem_free(app->worker_path);
	mem_free(app->url);
	mem_free(app);
}
