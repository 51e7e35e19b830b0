/* SPDX-License-Identifier: Apache-2.0
 *
 * provider_openai - POST /chat/completions as vLLM, llama-server, SGLang, LM Studio and the service of that name take it. */
#include <string.h>

#include "base/url.h"
#include "engine/remote_answer.h"
#include "store/gen_params.h"

/* The service itself refuses fields that all the others know. */
static bool is_strict(const struct remote *remote)
{
	struct url_parts url;
	struct err ignored;

	return url_parse(remote->row.url, &url, &ignored) == ERR_OK && str_ends(str_of(url.host), "openai.com");
}

static json_t *openai_body(const struct remote *remote, const char *model, const struct gen_params *p, json_t *messages, int64_t seed)
{
	bool strict = is_strict(remote);
	json_t *body = json_pack("{s:s, s:o, s:b, s:{s:b}, s:I, s:f, s:f, s:I}", "model", model, "messages", messages, "stream", 1,
				 "stream_options", "include_usage", 1, strict ? "max_completion_tokens" : "max_tokens",
				 (json_int_t)p->max_tokens, "temperature", p->temperature, "top_p", p->top_p, "seed",
				 (json_int_t)seed);

	json_t *stops = gen_params_stops(p);
	if (stops)
		json_object_set_new(body, "stop", stops);
	if (strict || remote->is_plain)
		return body;
	if (p->temperature > 0) {
		json_object_set_new(body, "top_k", json_integer(p->top_k > 0 ? p->top_k : -1));
		json_object_set_new(body, "min_p", json_real(p->min_p));
	}
	if (p->repeat_penalty < 1 || p->repeat_penalty > 1) {
		json_object_set_new(body, "repetition_penalty", json_real(p->repeat_penalty)); /* vLLM */
		json_object_set_new(body, "repeat_penalty", json_real(p->repeat_penalty));     /* llama-server */
	}
	if (!p->thinking) /* templates that can think are told not to, as here */
		json_object_set_new(body, "chat_template_kwargs", json_pack("{s:b}", "enable_thinking", 0));
	return body;
}

static void read_error(struct remote_answer *a, const json_t *error)
{
	const char *text = json_string_value(error);
	const json_t *code = json_object_get(error, "code");
	int64_t number = json_integer_value(code);

	if (!text)
		text = json_string_value(json_object_get(error, "message"));
	remote_answer_refuse(a, text ? text : "?", number < 400 || number == 429 || number >= 500);
}

static void read_finish(struct remote_answer *a, const char *reason)
{
	if (!strcmp(reason, "length"))
		a->finish = FINISH_LENGTH;
	else if (!strcmp(reason, "content_filter"))
		remote_answer_refuse(a, "content_filter", false);
	else if (strcmp(reason, "abort") != 0 && strcmp(reason, "error") != 0)
		a->finish = FINISH_STOP;
}

static void openai_read(struct remote_answer *a, const json_t *object)
{
	const json_t *error = json_object_get(object, "error"), *usage = json_object_get(object, "usage");
	const json_t *choice = json_array_get(json_object_get(object, "choices"), 0);
	const json_t *part = json_object_get(choice, "delta");

	if (error && !json_is_null(error)) {
		read_error(a, error);
		return;
	}
	if (!json_is_object(part))
		part = json_object_get(choice, "message"); /* a server that does not stream */
	remote_answer_thinking(a, json_object_get(part, "reasoning_content"));
	remote_answer_thinking(a, json_object_get(part, "reasoning"));
	remote_answer_text(a, json_object_get(part, "content"));
	const char *reason = json_string_value(json_object_get(choice, "finish_reason"));
	if (reason && a->err.code == ERR_OK)
		read_finish(a, reason);
	if (json_is_object(usage)) {
		a->n_prompt = remote_count(usage, "prompt_tokens");
		a->n_generated = remote_count(usage, "completion_tokens");
	}
}

const struct provider_dialect dialect_openai = { "/chat/completions", true, openai_body, openai_read };
