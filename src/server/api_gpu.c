/* SPDX-License-Identifier: Apache-2.0
 *
 * api_gpu - what one model may use of GPUs, where that is not to be as the settings say. */
#include <string.h>

#include "base/json.h"
#include "server/json_view.h"
#include "server/model_extra.h"
#include "server/routes.h"

#define LAYERS_MAX 100000

static void store_gpu(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct model_row model;

	if (model_store_get(db, r->arena, r->id, &model, err) != ERR_OK)
		return;
	if (model.model.kind == MODEL_REMOTE || model.model.kind == MODEL_ADAPTER) {
		err_set(err, ERR_INVALID, model.model.kind == MODEL_REMOTE ? "err_gpu_remote" : "err_gpu_adapter", "name=%s",
			model.model.name);
		return;
	}
	if (model_store_set_gpu(db, r->id, r->state, err) == ERR_OK && model_store_get(db, r->arena, r->id, &model, err) == ERR_OK &&
	    model_extra_fill_one(db, r->arena, store_data_dir(r->app->store), &model, err) == ERR_OK)
		view_model(&r->out, NULL, r->lang, &model, NULL);
}

static void gpu_stored(struct request *r)
{
	engine_model_changed(r->app->engine, r->id);
	app_publish(r->app, "models", NULL);
	request_reply(r, 200);
}

static bool is_device_list(const char *text)
{
	struct str rest = str_of(text);

	while (*text && rest.ptr) {
		struct str id = str_split(&rest, ',');
		if (!id.len || id.len >= DEVICE_ID_SIZE)
			return false;
		for (size_t i = 0; i < id.len; i++)
			if (id.ptr[i] <= ' ' || id.ptr[i] > '~')
				return false;
	}
	return true;
}

void api_choose_gpu(struct request *r)
{
	struct err err = { 0 };
	struct model_row *row = r->state = arena_alloc(r->arena, sizeof *row);
	const json_t *layers = json_object_get(r->json, "layers");

	*row = (struct model_row){ .has_gpu = layers && !json_is_null(layers) };
	if (!layers)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=layers");
	if (row->has_gpu)
		row->gpu_layers = (int)json_get_int(r->json, "layers", -1, LAYERS_MAX, -1, &err);
	row->gpu_device = json_get_text(r->json, "device", "", &err);
	if (err.code == ERR_OK && (strlen(row->gpu_device) >= GPU_DEVICES_SIZE || !is_device_list(row->gpu_device)))
		err_set(&err, ERR_INVALID, "err_gpu_devices", "field=device");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_gpu, gpu_stored);
}
