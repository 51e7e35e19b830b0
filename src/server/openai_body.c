/* SPDX-License-Identifier: Apache-2.0 */
#include "server/openai_body.h"

#include <string.h>

#include "base/limits.h"

#define MESSAGES_MAX 4000
#define STOPS_MAX 16

/* --- messages --- */

/* "content" is a text, or a list of parts of which only texts are understood. */
static json_t *read_content(const json_t *content, struct err *err)
{
	const json_t *part;
	struct buf text = BUF_INIT(LIMIT_PROMPT_BYTES);
	size_t i;
	if (json_is_string(content))
		return json_incref((json_t *)content);
	json_array_foreach(content, i, part) {
		const char *type = json_string_value(json_object_get(part, "type"));
		const json_t *value = json_object_get(part, "text");
		if (!type || strcmp(type, "text") != 0 || !json_is_string(value)) {
			err_set(err, ERR_UNSUPPORTED, "err_openai_content", "field=%s", "messages");
			break;
		}
		buf_add(&text, json_string_value(value), json_string_length(value));
	}
	if (err->code == ERR_OK && !json_is_array(content))
		err_set(err, ERR_INVALID, "err_field_needed", "field=%s", "messages[].content");
	json_t *out = err->code == ERR_OK ? json_text(buf_str(&text)) : NULL;
	buf_release(&text);
	return out;
}

static const char *read_role(const json_t *message, struct err *err)
{
	static const char *const known[] = { "system", "user", "assistant" };
	const char *role = json_string_value(json_object_get(message, "role"));
	if (role && !strcmp(role, "developer"))
		return "system";
	for (size_t i = 0; role && i < sizeof known / sizeof known[0]; i++)
		if (!strcmp(role, known[i]))
			return known[i];
	err_set(err, ERR_INVALID, "err_field_choice", "field=%s|choices=%s", "messages[].role", "system, user, assistant");
	return NULL;
}

static void read_messages(const json_t *json, struct openai_body *out, struct err *err)
{
	const json_t *all = json_get_array(json, "messages", err), *message;
	size_t i;
	if (err->code != ERR_OK)
		return;
	if (json_array_size(all) == 0 || json_array_size(all) > MESSAGES_MAX) {
		err_set(err, ERR_INVALID, "err_openai_messages", "field=messages|limit=%d", MESSAGES_MAX);
		return;
	}
	json_array_foreach(all, i, message) {
		const char *role = read_role(message, err);
		json_t *content = role ? read_content(json_object_get(message, "content"), err) : NULL;
		if (!content)
			return;
		out->has_system |= i == 0 && !strcmp(role, "system");
		json_array_append_new(out->messages, json_pack("{s:s, s:o}", "role", role, "content", content));
	}
}

static void read_stops(const json_t *json, struct openai_body *out, struct err *err)
{
	json_t *stop = json_object_get(json, "stop"), *one;
	size_t i;
	if (err->code != ERR_OK || !stop || json_is_null(stop))
		return;
	out->stops = json_is_string(stop) ? json_pack("[O]", stop) : json_incref(stop);
	bool good = json_is_array(out->stops) && json_array_size(out->stops) <= STOPS_MAX;
	json_array_foreach(out->stops, i, one)
		good = good && json_string_length(one) > 0 && json_string_length(one) <= LIMIT_NAME_BYTES;
	if (!good)
		err_set(err, ERR_INVALID, "err_openai_stop", "field=stop|limit=%d", STOPS_MAX);
}

/* --- what cannot be done --- */

static bool is_empty(const json_t *value)
{
	return !value || json_is_null(value) || json_is_false(value) || (json_is_array(value) && json_array_size(value) == 0);
}

static void refuse_unknown(const json_t *json, struct err *err)
{
	static const char *const fields[] = { "tools", "functions", "logprobs", "audio" };
	const json_t *format = json_object_get(json, "response_format"), *n = json_object_get(json, "n");
	const char *type = json_string_value(json_object_get(format, "type")), *wrong = NULL;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (!is_empty(json_object_get(json, fields[i])))
			wrong = fields[i];
	if (!is_empty(format) && !(type && !strcmp(type, "text")))
		wrong = "response_format";
	if (!is_empty(n) && json_integer_value(n) != 1)
		wrong = "n";
	if (wrong && err->code == ERR_OK)
		err_set(err, ERR_UNSUPPORTED, "err_openai_unsupported", "field=%s|name=%s", wrong, wrong);
}

/* --- settings --- */

static void read_settings(const json_t *json, struct gen_params *p, struct err *err)
{
	p->max_tokens = json_get_int(json, "max_tokens", 1, INT32_MAX, p->max_tokens, err);
	p->max_tokens = json_get_int(json, "max_completion_tokens", 1, INT32_MAX, p->max_tokens, err);
	if (p->max_tokens > LIMIT_MAX_TOKENS)
		p->max_tokens = LIMIT_MAX_TOKENS;
	p->temperature = json_get_number(json, "temperature", 0, 5, p->temperature, err);
	p->top_p = json_get_number(json, "top_p", 0, 1, p->top_p, err);
}

void openai_body_params(const json_t *json, struct gen_params *p)
{
	struct err err = { 0 };
	read_settings(json, p, &err);
}

enum err_code openai_body_read(const json_t *json, struct openai_body *out, struct err *err)
{
	struct gen_params checked = gen_params_default();
	*out = (struct openai_body){ .messages = json_array() };
	out->model = json_get_text(json, "model", NULL, err);
	out->streams = json_get_bool(json, "stream", false, err);
	const json_t *options = json_get_object(json, "stream_options", err);
	out->wants_usage = options && json_get_bool(options, "include_usage", false, err);
	out->seed = json_get_int(json, "seed", INT64_MIN, INT64_MAX, -1, err) & (json_is_integer(json_object_get(json, "seed")) ?
									     0x7fffffff : -1LL);
	read_settings(json, &checked, err);
	refuse_unknown(json, err);
	if (err->code == ERR_OK && (!out->model || !out->model[0]))
		err_set(err, ERR_INVALID, "err_field_needed", "field=model");
	read_messages(json, out, err);
	read_stops(json, out, err);
	return err->code;
}

void openai_body_release(struct openai_body *b)
{
	json_decref(b->messages);
	json_decref(b->stops);
	b->messages = b->stops = NULL;
}
