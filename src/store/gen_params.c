/* SPDX-License-Identifier: Apache-2.0 */
#include "store/gen_params.h"

#include <float.h>
#include <string.h>

#include "base/limits.h"

/* In the order of their bits. */
static const char *const names[] = { "system",	    "template", "stop",	 "num_ctx", "max_tokens",
				     "temperature", "top_p",	"top_k", "min_p",   "repeat_penalty", "weights" };
#define N_NAMES (sizeof names / sizeof *names)

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
		.stop = "",
	};
}

unsigned gen_params_named(const json_t *obj)
{
	unsigned bits = 0;

	for (size_t i = 0; i < N_NAMES; i++) {
		const json_t *value = json_object_get(obj, names[i]);
		if (value && !json_is_null(value))
			bits |= 1U << i;
	}
	return bits;
}

json_t *gen_param_names(unsigned bits)
{
	json_t *list = json_array();

	for (size_t i = 0; i < N_NAMES; i++)
		if (bits & 1U << i)
			json_array_append_new(list, json_string(names[i]));
	return list;
}

json_t *gen_params_stops(const struct gen_params *p)
{
	struct err ignored = { 0 };
	json_t *list = p->stop && *p->stop ? json_parse(str_of(p->stop), "stop", &ignored) : NULL;

	if (json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
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
	json_t *stops = gen_params_stops(p);
	if (stops)
		json_object_set_new(obj, "stop", stops);
	if (p->num_ctx)
		json_object_set_new(obj, "num_ctx", json_integer(p->num_ctx));
	if (p->of_model)
		json_object_set_new(obj, "of_model", gen_param_names(p->of_model));
	if (p->weights != WEIGHTS_STORED)
		json_object_set_new(obj, "weights", json_string(weights_name(p->weights)));
	return obj;
}

static unsigned read_names(const json_t *list)
{
	const json_t *item;
	unsigned bits = 0;
	size_t i;

	json_array_foreach(list, i, item)
		for (size_t k = 0; k < N_NAMES; k++)
			if (json_is_string(item) && strcmp(json_string_value(item), names[k]) == 0)
				bits |= 1U << k;
	return bits;
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
		json_t *stops = json_get_array(obj, "stop", &why);
		out->stop = stops ? json_text_of(a, json_incref(stops)) : "";
		out->num_ctx = json_get_int(obj, "num_ctx", 0, INT64_MAX, 0, &why);
		out->of_model = read_names(json_get_array(obj, "of_model", &why));
		(void)weights_named(json_get_text(obj, "weights", "", &why), &out->weights);
	}
	json_decref(obj);
	if (why.code != ERR_OK && err)
		*err = why;
	return why.code;
}
