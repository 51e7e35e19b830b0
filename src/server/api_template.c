/* SPDX-License-Identifier: Apache-2.0
 *
 * api_template - which chat template a model or the epochs of a family are asked with: a source, a preset, or a text of the
 * user's, which a worker tries before it is stored. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "server/json_view.h"
#include "server/model_extra.h"
#include "server/routes.h"
#include "store/gen_params.h"

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

struct choice {
	const char *choice, *text; /* NULL: no text of the user's */
	bool is_family;
	int64_t model_id; /* that the text is tried with */
	struct gen_params params;
};

static void store_choice(struct request *r, struct db *db)
{
	const struct choice *c = r->state;
	struct err *err = request_err(r);
	enum err_code code = c->is_family ? template_store_choose_family(db, r->id, c->choice, c->text, err) :
					    template_store_choose_model(db, r->id, c->choice, c->text, err);

	if (code == ERR_OK)
		view_chosen(r, db, c->is_family);
}

/* Who answers for what was named: of a family its last epoch.  An epoch is asked as its family is. */
static void find_model(struct request *r, struct db *db)
{
	struct choice *c = r->state;
	struct err *err = request_err(r);
	struct model_list list;
	struct model_row model;
	bool found = false;

	if (!c->is_family) {
		c->model_id = r->id;
		if (model_store_get(db, r->arena, r->id, &model, err) == ERR_OK && (model.model.kind == MODEL_REMOTE || model.family_id))
			err_set(err, ERR_INVALID, model.family_id ? "err_template_family" : "err_template_remote", "name=%s",
				model.model.name);
	} else if (model_store_list(db, r->arena, &list, err) == ERR_OK) {
		for (size_t i = 0; i < list.n_families; i++)
			found |= list.families[i].id == r->id;
		for (size_t i = 0; i < list.n_models; i++)
			if (list.models[i].family_id == r->id)
				c->model_id = list.models[i].id;
		if (!found || (c->text && !c->model_id))
			err_set(err, ERR_NOT_FOUND, "err_family_not_found", "id=%lld", (long long)r->id);
	}
	if (err->code != ERR_OK || !c->text)
		return;
	c->params = gen_params_default();
	err_kept(template_store_fill(db, r->arena, c->model_id, PARAM_SYSTEM, &c->params, err));
	c->params.template = c->text;
}

static void text_tried(void *user, struct str prompt, int64_t n_tokens, const struct err *err)
{
	struct request *r = user;

	(void)prompt;
	(void)n_tokens;
	if (err && err->code != ERR_OK)
		request_fail(r, err);
	else
		request_defer(r, LANE_WRITE, store_choice, changed);
}

static void model_found(struct request *r)
{
	const struct choice *c = r->state;

	if (c->text)
		engine_prompt_of(r->app->engine, c->model_id, &c->params, STR("What can you do?"), text_tried, r);
	else
		request_defer(r, LANE_WRITE, store_choice, changed);
}

static void choose(struct request *r, bool is_family)
{
	struct err err = { 0 };
	struct choice *c = r->state = arena_alloc(r->arena, sizeof *c);

	c->is_family = is_family;
	c->choice = body_text(r->json, "choice", 0, LIMIT_NAME_BYTES, NULL, &err);
	c->text = body_text(r->json, "text", 1, LIMIT_TEMPLATE, NULL, &err);
	if (err.code == ERR_OK && !c->choice)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=choice");
	else if (err.code == ERR_OK && !template_choice_known(c->choice))
		err_set(&err, ERR_INVALID, "err_field_choice",
			"field=choice|choices=checkpoint, modelfile, gguf, base, own, chatml, llama3, llama2, gemma, mistral, phi3, phi4, "
			"phi4-mini, qwen");
	else if (err.code == ERR_OK && strcmp(c->choice, TEMPLATE_OWN) == 0 && !c->text)
		err_set(&err, ERR_INVALID, "err_template_own_text", "field=text");
	else if (err.code == ERR_OK && strcmp(c->choice, TEMPLATE_OWN) != 0)
		c->text = NULL;
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, find_model, model_found);
}

void api_choose_family_template(struct request *r)
{
	choose(r, true);
}

void api_choose_model_template(struct request *r)
{
	choose(r, false);
}

/* --- its text --- */

static void read_text(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct model_row model;
	struct template_use use;
	const char *text;

	if (model_store_get(db, r->arena, r->id, &model, err) != ERR_OK || template_store_use(db, r->arena, &model, &use, err) != ERR_OK ||
	    template_store_text(db, r->arena, &use, &text, err) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "source", use.source);
	json_cstr(&r->out, "text", text);
	json_close(&r->out, '}');
}

void api_get_model_template(struct request *r)
{
	request_defer(r, LANE_READ, read_text, NULL);
}
