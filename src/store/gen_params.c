/* SPDX-License-Identifier: Apache-2.0 */
#include "store/gen_params.h"

#include <float.h>

#include "base/limits.h"

struct gen_params gen_params_default(void)
{
	return (struct gen_params){
		.max_tokens = 256,
		.temperature = 0,
		.top_p = 0.95,
		.top_k = 40,
		.min_p = 0,
		.repeat_penalty = 1,
		.system = "",
		.template = "",
	};
}

json_t *gen_params_json(const struct gen_params *p)
{
	json_t *obj = json_object();

	json_object_set_new(obj, "max_tokens", json_integer(p->max_tokens));
	json_object_set_new(obj, "temperature", json_real(p->temperature));
	json_object_set_new(obj, "top_p", json_real(p->top_p));
	json_object_set_new(obj, "top_k", json_integer(p->top_k));
	json_object_set_new(obj, "min_p", json_real(p->min_p));
	json_object_set_new(obj, "repeat_penalty", json_real(p->repeat_penalty));
	json_object_set_new(obj, "thinking", json_boolean(p->thinking));
	json_object_set_new(obj, "system", json_text(str_of(p->system)));
	json_object_set_new(obj, "template", json_text(str_of(p->template)));
	return obj;
}

enum err_code gen_params_parse(struct arena *a, struct str text, struct gen_params *out, struct err *err)
{
	const struct gen_params d = gen_params_default();
	struct err why = { 0 };

	*out = d;
	json_t *obj = json_parse(text, "params", &why);
	if (obj) {
		out->max_tokens = json_get_int(obj, "max_tokens", 0, INT64_MAX, d.max_tokens, &why);
		out->temperature = json_get_number(obj, "temperature", 0, DBL_MAX, d.temperature, &why);
		out->top_p = json_get_number(obj, "top_p", 0, DBL_MAX, d.top_p, &why);
		out->top_k = json_get_int(obj, "top_k", 0, INT64_MAX, d.top_k, &why);
		out->min_p = json_get_number(obj, "min_p", 0, DBL_MAX, d.min_p, &why);
		out->repeat_penalty = json_get_number(obj, "repeat_penalty", 0, DBL_MAX, d.repeat_penalty, &why);
		out->thinking = json_get_bool(obj, "thinking", d.thinking, &why);
		out->system = arena_strdup(a, json_get_text(obj, "system", "", &why));
		out->template = arena_strdup(a, json_get_text(obj, "template", "", &why));
	}
	json_decref(obj);
	if (why.code != ERR_OK && err)
		*err = why;
	return why.code;
}
