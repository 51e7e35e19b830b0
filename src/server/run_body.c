/* SPDX-License-Identifier: Apache-2.0 */
#include "server/run_body.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "server/request.h"
#include "store/gen_params.h"

/* The list as it is stored; absent: `fallback`. */
static const char *read_stops(const json_t *obj, struct arena *a, const char *fallback, struct err *err)
{
	json_t *stops = json_get_array(obj, "stop", err), *stop;
	size_t i;

	if (!stops)
		return fallback;
	bool is_fine = json_array_size(stops) <= LIMIT_STOPS;
	json_array_foreach(stops, i, stop) {
		size_t n = json_string_length(stop);
		is_fine &= json_is_string(stop) && n > 0 && n <= LIMIT_STOP_BYTES && strlen(json_string_value(stop)) == n;
	}
	if (!is_fine)
		err_set(err, ERR_INVALID, "err_stops", "field=stop|limit=%d|bytes=%d", LIMIT_STOPS, LIMIT_STOP_BYTES);
	return is_fine && json_array_size(stops) ? json_text_of(a, json_incref(stops)) : "";
}

bool weights_body_read(const json_t *obj, enum weights *weights, struct err *err)
{
	const char *name = json_get_text(obj, "weights", NULL, err);

	if (!name || err->code != ERR_OK)
		return false;
	if (!weights_named(name, weights))
		err_set(err, ERR_INVALID, "err_field_choice", "field=weights|choices=" WEIGHTS_NAMES);
	return err->code == ERR_OK;
}

void params_body_read(const json_t *obj, struct arena *a, struct gen_params *p, const char *prefix, struct err *err)
{
	if (!obj || err->code != ERR_OK)
		return;
	p->max_tokens = json_get_int(obj, "max_tokens", 1, LIMIT_MAX_TOKENS, p->max_tokens, err);
	p->temperature = json_get_number(obj, "temperature", 0, 5, p->temperature, err);
	p->top_p = json_get_number(obj, "top_p", 0, 1, p->top_p, err);
	p->top_k = json_get_int(obj, "top_k", 0, 100000, p->top_k, err);
	p->min_p = json_get_number(obj, "min_p", 0, 1, p->min_p, err);
	p->repeat_penalty = json_get_number(obj, "repeat_penalty", 0.1, 10, p->repeat_penalty, err);
	p->thinking = json_get_bool(obj, "thinking", p->thinking, err);
	p->system = body_text(obj, "system", 0, LIMIT_SYSTEM_BYTES, p->system, err);
	p->template = body_text(obj, "template", 0, LIMIT_TEMPLATE, p->template, err);
	p->num_ctx = json_get_int(obj, "num_ctx", 0, LIMIT_NUM_CTX, p->num_ctx, err);
	if (err->code == ERR_OK)
		p->stop = read_stops(obj, a, p->stop, err);
	weights_body_read(obj, &p->weights, err);
	if (err->code != ERR_OK)
		err_prefix_field(err, prefix);
}

static void read_column(const json_t *obj, struct arena *a, const struct gen_params *shared, size_t at, struct column_row *c,
			struct err *err)
{
	char prefix[64];
	*c = (struct column_row){ .position = (int64_t)at, .params = *shared, .epoch = NAN };
	c->label = c->model_hash = c->adapter_hash = c->template_hash = c->build = c->device = "";
	c->model_id = json_get_int(obj, "model_id", 1, INT64_MAX, 0, err);
	const json_t *params = json_get_object(obj, "params", err);
	if (err->code == ERR_OK && !c->model_id)
		err_set(err, ERR_INVALID, "err_field_needed", "field=model_id");
	c->own_params = params != NULL;
	params_body_read(params, a, &c->params, "params.", err);
	(void)str_format(prefix, sizeof prefix, "columns[%zu].", at);
	if (err->code != ERR_OK)
		err_prefix_field(err, prefix);
}

static void read_run(const json_t *json, struct arena *a, struct run_row *run, struct err *err)
{
	*run = (struct run_row){ .params = gen_params_default(), .state = RUN_WAITING };
	run->name = body_text(json, "name", 0, LIMIT_NAME_BYTES, "", err);
	run->question_set_id = json_get_int(json, "question_set_id", 1, INT64_MAX, 0, err);
	run->seed = json_get_int(json, "seed", 0, UINT32_MAX, (int64_t)(random_u64() & UINT32_MAX), err);
	run->is_blind = json_get_bool(json, "blind", false, err);
	const char *mode = json_get_text(json, "mode", "exact", err);
	run->is_fast = !strcmp(mode, "fast");
	if (err->code == ERR_OK && !run->is_fast && strcmp(mode, "exact") != 0)
		err_set(err, ERR_INVALID, "err_field_choice", "field=mode|choices=exact, fast");
	params_body_read(json_get_object(json, "params", err), a, &run->params, "params.", err);
}

enum err_code run_body_read(const json_t *json, struct arena *a, struct run_body *out, struct err *err)
{
	read_run(json, a, &out->run, err);
	const json_t *columns = json_get_array(json, "columns", err);
	out->questions = json_get_array(json, "questions", err);
	out->parts = json_get_array(json, "parts", err);
	out->n_columns = json_array_size(columns);
	if (err->code == ERR_OK && (out->n_columns < 1 || out->n_columns > LIMIT_COLUMNS))
		err_set(err, ERR_INVALID, "err_columns_count", "field=columns|limit=%d|found=%zu", LIMIT_COLUMNS, out->n_columns);
	for (size_t i = 0; i < out->n_columns && err->code == ERR_OK; i++) {
		const json_t *column = json_array_get(columns, i);
		read_column(column, a, &out->run.params, i, &out->columns[i], err);
		out->given[i] = gen_params_named(json_object_get(json, "params")) | gen_params_named(json_object_get(column, "params"));
	}
	if (err->code == ERR_OK && !out->questions == !out->run.question_set_id)
		err_set(err, ERR_INVALID, "err_run_questions_source", "field=questions");
	out->run.n_columns = (int64_t)out->n_columns;
	return err->code;
}
