/* SPDX-License-Identifier: Apache-2.0
 *
 * api_template - which chat template a model or the epochs of a family are asked with: a source, or a preset. */
#include "base/json.h"
#include "base/limits.h"
#include "server/json_view.h"
#include "server/model_extra.h"
#include "server/routes.h"

static void changed(struct request *r)
{
	app_publish(r->app, "models", NULL);
	request_reply(r, 200);
}

static void view_chosen(struct request *r, struct db *db, bool family)
{
	struct err *err = request_err(r);
	struct model_list list;

	if (model_store_list(db, r->arena, &list, err) != ERR_OK || model_extra_fill(db, r->arena, store_data_dir(r->app->store), &list, err) != ERR_OK)
		return;
	for (size_t i = 0; family && i < list.n_families; i++)
		if (list.families[i].id == r->id)
			view_family(&r->out, r->lang, &list.families[i], &list);
	for (size_t i = 0; !family && i < list.n_models; i++)
		if (list.models[i].id == r->id)
			view_model(&r->out, NULL, r->lang, &list.models[i], NULL);
}

static void choose_of_family(struct request *r, struct db *db)
{
	if (template_store_choose_family(db, r->id, r->state, request_err(r)) == ERR_OK)
		view_chosen(r, db, true);
}

/* An epoch is asked as its family is. */
static void choose_of_model(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct model_row model;

	if (model_store_get(db, r->arena, r->id, &model, err) != ERR_OK)
		return;
	if (model.model.kind == MODEL_REMOTE || model.family_id)
		err_set(err, ERR_INVALID, model.family_id ? "err_template_family" : "err_template_remote", "name=%s", model.model.name);
	else if (template_store_choose_model(db, r->id, r->state, err) == ERR_OK)
		view_chosen(r, db, false);
}

static void choose(struct request *r, request_run_fn run)
{
	struct err err = { 0 };
	const char *choice = body_text(r->json, "choice", 0, LIMIT_NAME_BYTES, NULL, &err);

	if (err.code == ERR_OK && !choice)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=choice");
	else if (err.code == ERR_OK && !template_choice_known(choice))
		err_set(&err, ERR_INVALID, "err_field_choice",
			"field=choice|choices=checkpoint, modelfile, gguf, base, chatml, llama3, gemma, mistral, phi3, qwen");
	r->state = (void *)(uintptr_t)choice;
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, run, changed);
}

void api_choose_family_template(struct request *r)
{
	choose(r, choose_of_family);
}

void api_choose_model_template(struct request *r)
{
	choose(r, choose_of_model);
}
