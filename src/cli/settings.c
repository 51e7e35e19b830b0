/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/settings.h"

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/nearest.h"
#include "model/weights.h"

enum kind { KIND_INTEGER, KIND_NUMBER, KIND_TEXT, KIND_BOOL, KIND_STOPS, KIND_FILE, KIND_WEIGHTS };

static const struct setting {
	const char *name;
	enum kind kind;
	double min, max; /* of the number, or bytes of the text */
} settings[] = {
	{ "max_tokens", KIND_INTEGER, 1, LIMIT_MAX_TOKENS },
	{ "temperature", KIND_NUMBER, 0, 5 },
	{ "top_p", KIND_NUMBER, 0, 1 },
	{ "top_k", KIND_INTEGER, 0, 100000 },
	{ "min_p", KIND_NUMBER, 0, 1 },
	{ "repeat_penalty", KIND_NUMBER, 0.1, 10 },
	{ "system", KIND_TEXT, 0, LIMIT_SYSTEM_BYTES },
	{ "thinking", KIND_BOOL, 0, 0 },
	{ "stop", KIND_STOPS, 0, LIMIT_STOP_BYTES },
	{ "num_ctx", KIND_INTEGER, 0, LIMIT_NUM_CTX },
	{ "template", KIND_FILE, 0, LIMIT_TEMPLATE },
	{ "weights", KIND_WEIGHTS, 0, 0 },
};
#define N_SETTINGS (sizeof settings / sizeof settings[0])

const struct arg_option setting_options[] = {
	{ "max-tokens", "N", "cli_opt_max_tokens", false },
	{ "temperature", "T", "cli_opt_temperature", false },
	{ "top-p", "P", "cli_opt_top_p", false },
	{ "top-k", "K", "cli_opt_top_k", false },
	{ "min-p", "P", "cli_opt_min_p", false },
	{ "repeat-penalty", "R", "cli_opt_repeat_penalty", false },
	{ "system", "TEXT", "cli_opt_system", false },
	{ "thinking", "true|false", "cli_opt_thinking", false },
	{ "stop", "TEXT", "cli_opt_stop", true },
	{ "num-ctx", "N", "cli_opt_num_ctx", false },
	{ "template", "FILE", "cli_opt_template", false },
	{ "weights", "stored|q8_0", "cli_opt_weights", false },
	{ NULL, NULL, NULL, false },
};

static const struct setting *find(struct str name)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (str_eq_text(name, settings[i].name))
			return &settings[i];
	return NULL;
}

bool setting_exists(struct str name, bool *is_text)
{
	const struct setting *s = find(name);
	if (is_text)
		*is_text = s && (s->kind == KIND_TEXT || s->kind == KIND_STOPS);
	return s != NULL;
}

static enum err_code unknown(struct str name, struct err *err)
{
	const char *names[N_SETTINGS];
	char given[64], all[256] = "";
	size_t used = 0;
	for (size_t i = 0; i < N_SETTINGS; i++) {
		names[i] = settings[i].name;
		used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
	}
	(void)str_format(given, sizeof given, "%.*s", (int)name.len, name.ptr);
	const char *near = nearest_name(given, names, N_SETTINGS);
	if (near)
		return err_set(err, ERR_INVALID, "err_setting_unknown_near", "name=%s|near=%s|all=%s", given, near, all);
	return err_set(err, ERR_INVALID, "err_setting_unknown", "name=%s|all=%s", given, all);
}

static enum err_code put_bool(json_t *params, const struct setting *s, struct str value, struct err *err)
{
	bool yes = str_eq_text(value, "true"), no = str_eq_text(value, "false");
	if (!yes && !no)
		return err_set(err, ERR_INVALID, "err_setting_bool", "name=%s|found=%.*s", s->name, (int)value.len, value.ptr);
	json_object_set_new(params, s->name, json_boolean(yes));
	return ERR_OK;
}

static enum err_code put_weights(json_t *params, const struct setting *s, struct str value, struct err *err)
{
	enum weights weights;
	char name[16];
	if (!str_format(name, sizeof name, "%.*s", (int)value.len, value.ptr) || !weights_named(name, &weights))
		return err_set(err, ERR_INVALID, "err_setting_choice", "name=%s|choices=" WEIGHTS_NAMES "|found=%.*s", s->name,
			       (int)value.len, value.ptr);
	json_object_set_new(params, s->name, json_string(weights_name(weights)));
	return ERR_OK;
}

static enum err_code put_text(json_t *params, const struct setting *s, struct str value, struct err *err)
{
	if (value.len > (size_t)s->max)
		return err_set(err, ERR_INVALID, "err_setting_text", "name=%s|max=%.0f|found=%zu", s->name, s->max, value.len);
	if (!utf8_valid(value, NULL))
		return err_set(err, ERR_INVALID, "err_setting_utf8", "name=%s", s->name);
	json_object_set_new(params, s->name, json_text(value));
	return ERR_OK;
}

/* The text of the file. */
static enum err_code put_file(json_t *params, const struct setting *s, struct str value, struct err *err)
{
	struct buf text = BUF_INIT((size_t)s->max);
	char *path = mem_printf("%.*s", (int)value.len, value.ptr);
	enum err_code code = fs_read(path, &text, err);
	if (code == ERR_OK && (!utf8_valid(buf_str(&text), NULL) || memchr(buf_text(&text), 0, text.len)))
		code = err_set(err, ERR_INVALID, "err_setting_utf8", "name=%s", s->name);
	if (code == ERR_OK)
		json_object_set_new(params, s->name, json_text(buf_str(&text)));
	mem_free(path);
	buf_release(&text);
	return code;
}

/* One more; an empty one stands for "none", whatever the model brings along. */
static enum err_code put_stop(json_t *params, const struct setting *s, struct str value, struct err *err)
{
	json_t *list = json_object_get(params, s->name);
	if (value.len > (size_t)s->max)
		return err_set(err, ERR_INVALID, "err_setting_text", "name=%s|max=%.0f|found=%zu", s->name, s->max, value.len);
	if (!utf8_valid(value, NULL))
		return err_set(err, ERR_INVALID, "err_setting_utf8", "name=%s", s->name);
	if (json_array_size(list) >= LIMIT_STOPS)
		return err_set(err, ERR_INVALID, "err_stops", "field=%s|limit=%d|bytes=%d", s->name, LIMIT_STOPS, LIMIT_STOP_BYTES);
	if (!list) {
		list = json_array();
		json_object_set_new(params, s->name, list);
	}
	if (value.len)
		json_array_append_new(list, json_text(value));
	return ERR_OK;
}

enum err_code setting_put(json_t *params, struct str name, struct str value, struct err *err)
{
	const struct setting *s = find(name);
	double number;
	int64_t integer;
	if (!s)
		return unknown(name, err);
	if (s->kind == KIND_BOOL)
		return put_bool(params, s, value, err);
	if (s->kind == KIND_WEIGHTS)
		return put_weights(params, s, value, err);
	if (s->kind == KIND_TEXT)
		return put_text(params, s, value, err);
	if (s->kind == KIND_STOPS)
		return put_stop(params, s, value, err);
	if (s->kind == KIND_FILE)
		return put_file(params, s, value, err);
	bool is_right = s->kind == KIND_INTEGER ? str_to_i64(value, &integer) : str_to_double(value, &number);
	if (is_right && s->kind == KIND_INTEGER)
		number = (double)integer;
	if (!is_right || !(number >= s->min && number <= s->max))
		return err_set(err, ERR_INVALID, s->kind == KIND_INTEGER ? "err_setting_integer" : "err_setting_number",
			       "name=%s|min=%.15g|max=%.15g|found=%.*s", s->name, s->min, s->max, (int)value.len, value.ptr);
	json_object_set_new(params, s->name, s->kind == KIND_INTEGER ? json_integer(integer) : json_real(number));
	return ERR_OK;
}

json_t *settings_from_args(const struct args *a, struct err *err)
{
	json_t *params = json_object();
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const char *value;
		for (size_t k = 0; (value = args_nth(a, setting_options[i].name, k)); k++)
			if (setting_put(params, str_of(settings[i].name), str_of(value), err) != ERR_OK) {
				json_decref(params);
				return NULL;
			}
	}
	return params;
}
