/* SPDX-License-Identifier: Apache-2.0
 *
 * api_system - status, doctor and settings. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/machine.h"
#include "engine/model_cache.h"
#include "server/held_ask.h"
#include "server/json_view.h"
#include "server/routes.h"
#include "server/system.h"
#include "store/setting_store.h"

void api_get_status(struct request *r)
{
	system_status(r->app, &r->out);
	request_reply(r, 200);
}

/* --- doctor --- */

#define LITTLE (2 * (int64_t)GIB)

struct doctor {
	struct held_ask ask;
	struct machine_memory memory;
	struct machine_process largest; /* where memory is low */
	uint64_t cache_bytes; /* of converted models, */
	int64_t n_cached;     /* so many */
};

struct check {
	const char *name, *state, *key; /* message key; KEY_hint is shown unless the state is ok */
	char args[512];
};

static void view_check(struct request *r, const struct check *check)
{
	struct buf text = BUF_INIT(8 * KIB);
	char label[80], hint[80];
	(void)str_format(label, sizeof label, "core_check_%s", check->name);
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "name", check->name);
	json_cstr(&r->out, "label", msg_text(r->lang, label));
	json_cstr(&r->out, "state", check->state);
	msg_render(&text, r->lang, check->key, check->args);
	json_str(&r->out, "message", buf_str(&text));
	if (str_format(hint, sizeof hint, "%s_hint", check->key) && msg_text(r->lang, hint)) {
		buf_clear(&text);
		msg_render(&text, r->lang, hint, check->args);
		json_str(&r->out, "hint", buf_str(&text));
	}
	json_close(&r->out, '}');
	buf_release(&text);
}

static void check_sandbox(struct request *r)
{
	const char *level = engine_sandbox(r->app->engine);
	bool has_backend;
	struct check c = { .name = "sandbox", .state = "ok", .key = "core_doctor_sandbox_full" };
	(void)str_format(c.args, sizeof c.args, "level=%s", level);
	if (!*level)
		c = (struct check){ .name = "sandbox", .state = "warn", .key = "core_doctor_sandbox_unknown" };
	else if (!strcmp(level, "seccomp") && devices_have_gpu(engine_devices(r->app->engine, &has_backend)))
		c.state = "warn", c.key = "core_doctor_sandbox_gpu";
	else if (!strcmp(level, "seccomp"))
		c.state = "warn", c.key = "core_doctor_sandbox_part";
	else if (strcmp(level, "full") != 0)
		c.state = "fail", c.key = "core_doctor_sandbox_none";
	view_check(r, &c);
}

static void check_memory(struct request *r)
{
	const struct doctor *d = r->state;
	const struct machine_process *largest = &d->largest;
	struct check c = { .name = "memory", .state = "ok", .key = "core_doctor_memory" };
	if (d->memory.available < LITTLE)
		c.state = "warn", c.key = largest->bytes > 0 ? "core_doctor_memory_taken" : "core_doctor_memory_low";
	(void)str_format(c.args, sizeof c.args, "total=%.1f GiB%cavailable=%.1f GiB%cprocess=%s%ctaken=%.1f GiB", (double)d->memory.total / (double)GIB,
			 ERR_ARG_SEP, (double)d->memory.available / (double)GIB, ERR_ARG_SEP, largest->name, ERR_ARG_SEP,
			 (double)largest->bytes / (double)GIB);
	view_check(r, &c);
}

static void check_disk(struct request *r)
{
	const char *dir = store_data_dir(r->app->store);
	uint64_t space = fs_free_space(dir);
	struct check c = { .name = "disk", .state = "ok", .key = "core_doctor_disk" };
	if (store_low_space(r->app->store))
		c.state = "fail", c.key = "core_doctor_disk_full";
	else if (space < 2 * GIB)
		c.state = "warn", c.key = "core_doctor_disk_low";
	(void)str_format(c.args, sizeof c.args, "free=%.1f GiB%cpath=%s", (double)space / (double)GIB, ERR_ARG_SEP, dir);
	view_check(r, &c);
}

/* Only where a container or a service leaves less than the machine has. */
static void check_limit(struct request *r)
{
	const struct machine_memory *m = &((const struct doctor *)r->state)->memory;
	struct check c = { .name = "memory_limit", .state = "ok", .key = "core_doctor_memory_limit" };

	if (m->total >= m->installed)
		return;
	(void)str_format(c.args, sizeof c.args, "total=%.1f GiB%cinstalled=%.1f GiB", (double)m->total / (double)GIB, ERR_ARG_SEP,
			 (double)m->installed / (double)GIB);
	view_check(r, &c);
}

/* Only where something was converted. */
static void check_cache(struct request *r)
{
	const struct doctor *d = r->state;
	struct check c = { .name = "cache", .state = "ok", .key = "core_doctor_cache" };

	if (d->n_cached == 0)
		return;
	(void)str_format(c.args, sizeof c.args, "n=%lld%csize=%.1f GiB%cmost=%.0f GiB%cpath=%s/" MODEL_CACHE_DIR, (long long)d->n_cached,
			 ERR_ARG_SEP, (double)d->cache_bytes / (double)GIB, ERR_ARG_SEP, (double)LIMIT_MODEL_CACHE / (double)GIB,
			 ERR_ARG_SEP, store_data_dir(r->app->store));
	view_check(r, &c);
}

static void check_worker(struct request *r)
{
	struct check c = { .name = "worker", .state = "ok", .key = "core_doctor_worker" };
	if (access(r->app->worker_path, X_OK) != 0)
		c.state = "fail", c.key = "core_doctor_worker_missing";
	(void)str_format(c.args, sizeof c.args, "path=%s", r->app->worker_path);
	view_check(r, &c);
}

static void check_port(struct request *r)
{
	struct check c = { .name = "port", .state = "ok", .key = *r->app->url ? "core_doctor_port" : "core_doctor_port_none" };
	(void)str_format(c.args, sizeof c.args, "url=%s", r->app->url);
	view_check(r, &c);
}

/* Only where raters come in by the network. */
static void check_lan(struct request *r)
{
	struct check c = { .name = "lan", .state = "ok", .key = "core_lan" };

	if (!*app_lan_url(r->app))
		return;
	(void)str_format(c.args, sizeof c.args, "url=%s", app_lan_url(r->app));
	view_check(r, &c);
}

/* "NVIDIA H100 80GB HBM3 (78.2 of 79.2 GiB free), ..." */
static void name_gpus(const struct devices *d, char *out, size_t size)
{
	size_t len = 0;
	for (size_t i = 0; i < d->n && len < size; i++) {
		const struct device *one = &d->items[i];
		if (!device_is_gpu(one))
			continue;
		(void)str_format(out + len, size - len, "%s%s (%.1f/%.1f GiB)", len ? ", " : "", one->name,
				 (double)one->memory_free / (double)GIB, (double)one->memory_total / (double)GIB);
		len = strlen(out);
	}
}

static void check_gpu(struct request *r)
{
	char gpus[400] = "";
	bool has_backend;
	const char *idle = system_idle_gpu(r->app);
	struct check c = { .name = "gpu", .state = "ok", .key = "core_doctor_gpu_none" };
	name_gpus(engine_devices(r->app->engine, &has_backend), gpus, sizeof gpus);
	if (*gpus)
		c.key = "core_doctor_gpu";
	else if (!strcmp(idle, "off"))
		c.key = "core_doctor_gpu_off";
	else if (*idle)
		c.state = "warn", c.key = !strcmp(idle, "build") ? "core_doctor_gpu_build" : "core_doctor_gpu_driver";
	(void)str_format(c.args, sizeof c.args, "devices=%s", gpus);
	view_check(r, &c);
}

/* Only where it holds something. */
static void check_ollama(struct request *r)
{
	const struct doctor *doctor = r->state;
	const struct held_ask *ask = &doctor->ask;
	bool has_backend;
	char names[400];
	struct check c = { .name = "ollama", .state = "ok", .key = "core_doctor_held" };
	const struct devices *d = engine_devices(r->app->engine, &has_backend);

	if (ask->bytes < HELD_MIN)
		return;
	if (doctor->memory.available < LITTLE)
		c.state = "warn";
	for (size_t i = 0; i < d->n && ask->gpu_bytes >= HELD_MIN; i++)
		if (device_is_gpu(&d->items[i]) && d->items[i].memory_free < LITTLE)
			c.state = "warn";
	held_ask_names(ask, names, sizeof names);
	(void)str_format(c.args, sizeof c.args, "held=%.1f%cmodels=%s", (double)ask->bytes / 1e9, ERR_ARG_SEP, names);
	view_check(r, &c);
}

static void reply_doctor(struct request *r)
{
	static void (*const checks[])(struct request *) = { check_sandbox, check_memory, check_limit, check_disk, check_cache,
							    check_worker,  check_port,   check_lan,   check_gpu,  check_ollama };
	struct doctor *d = r->state;

	held_ask_take(r, &d->ask);
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "checks", '[');
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
		checks[i](r);
	json_close(&r->out, ']');
	system_gpus(r->app, &r->out);
	json_close(&r->out, '}');
	request_reply(r, 200);
}

static void ask_ollamas(struct request *r)
{
	held_ask_start(r, &((struct doctor *)r->state)->ask, reply_doctor);
}

static void read_doctor(struct request *r, struct db *db)
{
	struct doctor *d = r->state;

	held_ask_read(r, db, &d->ask);
	d->cache_bytes = model_cache_size(store_data_dir(r->app->store), &d->n_cached);
	d->memory = machine_memory();
	if (d->memory.available < LITTLE)
		(void)machine_largest_process(&d->largest);
}

void api_get_doctor(struct request *r)
{
	struct doctor *d = r->state = arena_alloc(r->arena, sizeof *d);

	*d = (struct doctor){ 0 };
	request_defer(r, LANE_READ, read_doctor, ask_ollamas);
}

/* --- settings --- */

struct settings {
	const char *language, *gpu_device; /* NULL: unchanged */
	int64_t n_threads, n_gpu_layers;
	bool find_at_start;
	bool has_threads, has_layers, has_find;
};

static void reply_settings(struct request *r)
{
	const struct app *app = r->app;
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "language", app->language);
	json_int(&r->out, "n_threads", app->n_threads);
	json_int(&r->out, "n_gpu_layers", app->n_gpu_layers);
	json_flag(&r->out, "find_at_start", app->find_at_start);
	json_cstr(&r->out, "gpu_device", app->gpu_device);
	json_close(&r->out, '}');
	request_reply(r, 200);
}

void api_get_settings(struct request *r)
{
	reply_settings(r);
}

static void store_settings(struct request *r, struct db *db)
{
	const struct settings *s = r->state;
	struct err *err = request_err(r);
	char number[32];
	if (s->language && setting_set(db, "language", s->language, err) != ERR_OK)
		return;
	(void)str_format(number, sizeof number, "%lld", (long long)s->n_threads);
	if (s->has_threads && setting_set(db, "n_threads", number, err) != ERR_OK)
		return;
	(void)str_format(number, sizeof number, "%lld", (long long)s->n_gpu_layers);
	if (s->has_layers && setting_set(db, "n_gpu_layers", number, err) != ERR_OK)
		return;
	if (s->has_find)
		err_kept(setting_set(db, "find_at_start", s->find_at_start ? "1" : "0", err));
	if (s->gpu_device && setting_set(db, "gpu_device", s->gpu_device, err) != ERR_OK)
		return;
}

static void settings_stored(struct request *r)
{
	const struct settings *s = r->state;
	struct app *app = r->app;
	if (s->language) {
		(void)str_format(app->language, sizeof app->language, "%s", s->language);
		app->lang = lang_from_tag(s->language, app->options.lang);
	}
	if (s->has_threads)
		app->n_threads = s->n_threads;
	if (s->has_layers)
		app->n_gpu_layers = s->n_gpu_layers;
	if (s->has_find)
		app->find_at_start = s->find_at_start;
	if (s->gpu_device)
		(void)str_format(app->gpu_device, sizeof app->gpu_device, "%s", s->gpu_device);
	reply_settings(r);
}

void api_set_settings(struct request *r)
{
	struct err err = { 0 };
	struct settings *s = r->state = arena_alloc(r->arena, sizeof *s);
	s->language = json_get_text(r->json, "language", NULL, &err);
	s->n_threads = json_get_int(r->json, "n_threads", 0, 1024, 0, &err);
	s->n_gpu_layers = json_get_int(r->json, "n_gpu_layers", -1, 100000, -1, &err);
	s->find_at_start = json_get_bool(r->json, "find_at_start", false, &err);
	s->has_find = json_is_boolean(json_object_get(r->json, "find_at_start"));
	s->gpu_device = json_get_text(r->json, "gpu_device", NULL, &err);
	s->has_threads = json_is_integer(json_object_get(r->json, "n_threads"));
	s->has_layers = json_is_integer(json_object_get(r->json, "n_gpu_layers"));
	if (err.code == ERR_OK && s->language && *s->language && strcmp(s->language, "en") != 0 &&
	    strcmp(s->language, "zh-TW") != 0)
		err_set(&err, ERR_INVALID, "err_field_choice", "field=language|choices=en, zh-TW");
	if (err.code == ERR_OK && s->gpu_device && strlen(s->gpu_device) >= GPU_DEVICES_SIZE)
		err_set(&err, ERR_INVALID, "err_field_length", "field=gpu_device|min=0|max=%d|found=%zu", GPU_DEVICES_SIZE - 1, strlen(s->gpu_device));
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_settings, settings_stored);
}
