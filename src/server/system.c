/* SPDX-License-Identifier: Apache-2.0 */
#include "server/system.h"

#include <string.h>

#include "base/fs.h"
#include "engine/machine.h"
#include "server/json_view.h"
#include "server/live.h"

#define WORKERS_SHOWN 32

const char *system_idle_gpu(struct app *app)
{
	bool has_backend;
	const struct devices *d = engine_devices(app->engine, &has_backend);

	if (devices_have_gpu(d) || !machine_has_gpu())
		return "";
	if (app->gpu_used.layers == 0)
		return "off";
	return has_backend ? "driver" : "build";
}

void system_gpus(struct app *app, struct buf *out)
{
	bool has_backend;
	const struct devices *d = engine_devices(app->engine, &has_backend);
	json_open(out, "gpus", '[');
	for (size_t i = 0; i < d->n; i++) {
		const struct device *one = &d->items[i];
		if (!device_is_gpu(one))
			continue;
		json_open(out, NULL, '{');
		json_cstr(out, "id", one->id);
		json_cstr(out, "name", one->name);
		json_cstr(out, "type", one->type);
		json_int(out, "memory_total", one->memory_total);
		json_int(out, "memory_free", one->memory_free);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void view_workers(struct app *app, struct buf *out)
{
	struct worker_info workers[WORKERS_SHOWN];
	size_t n = engine_workers(app->engine, workers, WORKERS_SHOWN);
	json_open(out, "workers", '[');
	for (size_t i = 0; i < n; i++) {
		json_open(out, NULL, '{');
		json_int(out, "pid", workers[i].pid);
		json_int(out, "base_model_id", workers[i].base_model_id);
		json_cstr(out, "model_name", workers[i].model_name);
		json_cstr(out, "sandbox", workers[i].sandbox);
		json_cstr(out, "state", workers[i].state);
		json_int(out, "rss_bytes", workers[i].rss_bytes);
		json_close(out, '}');
	}
	json_close(out, ']');
}

void system_status(struct app *app, struct buf *out)
{
	const char *dir = store_data_dir(app->store);
	struct machine_memory memory = machine_memory();
	uint64_t disk = fs_free_space(dir);
	json_open(out, NULL, '{');
	json_cstr(out, "version", ASSAY_VERSION);
	json_int(out, "event_id", live_event_id(app->live));
	json_cstr(out, "sandbox", engine_sandbox(app->engine));
	json_int(out, "n_threads", app->options.n_threads);
	bool has_backend;
	json_flag(out, "gpu_support", devices_have_gpu(engine_devices(app->engine, &has_backend)));
	json_cstr(out, "gpu_idle", system_idle_gpu(app));
	system_gpus(app, out);
	json_int(out, "memory_total", memory.total);
	json_int(out, "memory_available", memory.available);
	json_int(out, "disk_free", disk > INT64_MAX ? INT64_MAX : (int64_t)disk);
	json_cstr(out, "data_dir", dir);
	view_workers(app, out);
	json_close(out, '}');
}
