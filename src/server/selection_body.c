/* SPDX-License-Identifier: Apache-2.0 */
#include "server/selection_body.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "server/home_path.h"
#include "server/request.h"
#include "server/run_body.h"
#include "store/gen_params.h"

static void read_models(const json_t *json, struct selection_body *out, struct err *err)
{
	const json_t *ids = json_get_array(json, "model_ids", err), *id;
	size_t i;

	if (err->code != ERR_OK || !ids)
		return;
	out->n_models = json_array_size(ids);
	if (out->n_models < 2 || out->n_models > LIMIT_COLUMNS) {
		err_set(err, ERR_INVALID, "err_selection_count", "field=model_ids|limit=%d|found=%zu", LIMIT_COLUMNS, out->n_models);
		return;
	}
	json_array_foreach(ids, i, id) {
		out->model_ids[i] = json_integer_value(id);
		for (size_t k = 0; k < i; k++)
			if (out->model_ids[k] == out->model_ids[i] && err->code == ERR_OK)
				err_set(err, ERR_INVALID, "err_selection_twice", "field=model_ids[%zu]|id=%lld", i,
					(long long)out->model_ids[i]);
		if (err->code == ERR_OK && (!json_is_integer(id) || out->model_ids[i] < 1))
			err_set(err, ERR_INVALID, "err_field_needed", "field=model_ids[%zu]", i);
	}
}

static void check_sources(const json_t *json, const struct selection_body *b, struct err *err)
{
	static const char *const of_run[] = { "question_set_id", "questions", "params", "seed" };
	int n = (b->run_id > 0) + (b->family_id > 0) + (b->n_models > 0);

	if (err->code != ERR_OK)
		return;
	if (n != 1) {
		err_set(err, ERR_INVALID, n ? "err_selection_one_source" : "err_selection_source", "field=%s",
			b->run_id ? "run_id" : "family_id");
		return;
	}
	for (size_t i = 0; b->run_id && i < sizeof of_run / sizeof *of_run; i++)
		if (json_is_object(json_object_get(json, of_run[i])) || json_is_array(json_object_get(json, of_run[i])) ||
		    json_is_integer(json_object_get(json, of_run[i]))) {
			err_set(err, ERR_INVALID, "err_selection_of_run", "field=%s", of_run[i]);
			return;
		}
	if (!b->run_id && !b->questions == !b->question_set_id)
		err_set(err, ERR_INVALID, "err_run_questions_source", "field=questions");
}

static void read_judge(const json_t *json, struct selection_body *b, struct err *err)
{
	static const char *const names[] = { "auto", "none", "model" };

	b->judge_model_id = json_get_int(json, "judge_model_id", 1, INT64_MAX, 0, err);
	const char *name = json_get_text(json, "judge", b->judge_model_id ? "model" : "auto", err);
	if (err->code != ERR_OK)
		return;
	for (int i = 0; i < 3; i++)
		if (!strcmp(name, names[i])) {
			b->judge = (enum judge_wish)i;
			if (b->judge == JUDGE_THIS && !b->judge_model_id)
				err_set(err, ERR_INVALID, "err_field_needed", "field=judge_model_id");
			else if (b->judge != JUDGE_THIS && b->judge_model_id)
				err_set(err, ERR_INVALID, "err_selection_judge_model", "field=judge_model_id");
			return;
		}
	err_set(err, ERR_INVALID, "err_field_choice", "field=judge|choices=auto, none, model");
}

static void read_training(const json_t *json, struct arena *a, struct selection_body *b, struct err *err)
{
	const char *path = body_text(json, "training_path", 0, PATH_LIMIT, "", err);

	b->training_path = "";
	if (err->code != ERR_OK || !*path)
		return;
	b->training_path = home_path(a, path, err);
	if (err->code != ERR_OK)
		err_prefix_field(err, "training_");
}

enum err_code selection_body_read(const json_t *json, struct arena *a, struct selection_body *out, struct err *err)
{
	*out = (struct selection_body){ .params = gen_params_default() };
	out->name = body_text(json, "name", 0, LIMIT_NAME_BYTES, "", err);
	out->run_id = json_get_int(json, "run_id", 1, INT64_MAX, 0, err);
	out->family_id = json_get_int(json, "family_id", 1, INT64_MAX, 0, err);
	read_models(json, out, err);
	out->question_set_id = json_get_int(json, "question_set_id", 1, INT64_MAX, 0, err);
	out->questions = json_get_array(json, "questions", err);
	params_body_read(json_get_object(json, "params", err), a, &out->params, "params.", err);
	out->given = gen_params_named(json_object_get(json, "params"));
	out->seed = json_get_int(json, "seed", 0, UINT32_MAX, (int64_t)(random_u64() & UINT32_MAX), err);
	out->budget_s = json_get_int(json, "budget_s", 0, SELECTION_BUDGET_MAX, 0, err);
	out->fresh = json_get_bool(json, "fresh", false, err);
	read_judge(json, out, err);
	read_training(json, a, out, err);
	check_sources(json, out, err);
	return err->code;
}
