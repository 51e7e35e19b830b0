/* SPDX-License-Identifier: Apache-2.0
 *
 * provider_ollama - POST /api/chat: one JSON object a line, errors inside a 200. */
#include <string.h>

#include "engine/remote_answer.h"
#include "store/gen_params.h"

#define CTX_SMALL 2048 /* the smallest default of any version */
#define BYTES_A_TOKEN 3

/* Old versions cut a longer prompt without a word; naming a context makes Ollama load the model anew, so short ones name none. */
static int64_t context_for(const json_t *messages, int64_t max_tokens)
{
	const json_t *message;
	size_t i, bytes = 0;
	int64_t ctx = CTX_SMALL;

	json_array_foreach(messages, i, message)
		bytes += json_string_length(json_object_get(message, "content"));
	int64_t need = (int64_t)bytes / BYTES_A_TOKEN + max_tokens + 64;
	while (ctx < need)
		ctx *= 2;
	return ctx;
}

static json_t *ollama_body(const struct remote *remote, const char *model, const struct gen_params *p, json_t *messages, int64_t seed)
{
	int64_t ctx = p->num_ctx > 0 ? p->num_ctx : context_for(messages, p->max_tokens);
	json_t *stops = gen_params_stops(p);

	(void)remote;
	json_t *options = json_pack("{s:I, s:f, s:f, s:I, s:f, s:f, s:I}", "num_predict", (json_int_t)p->max_tokens, "temperature",
				    p->temperature, "top_p", p->top_p, "top_k", (json_int_t)p->top_k, "min_p", p->min_p,
				    "repeat_penalty", p->repeat_penalty, "seed", (json_int_t)seed);
	if (stops)
		json_object_set_new(options, "stop", stops);
	if (ctx > CTX_SMALL || p->num_ctx > 0)
		json_object_set_new(options, "num_ctx", json_integer(ctx));
	return json_pack("{s:s, s:o, s:b, s:b, s:o}", "model", model, "messages", messages, "stream", 1, "think", p->thinking ? 1 : 0,
			 "options", options);
}

static void ollama_read(struct remote_answer *a, const json_t *object)
{
	const json_t *message = json_object_get(object, "message");
	const char *error = json_string_value(json_object_get(object, "error"));
	const char *reason = json_string_value(json_object_get(object, "done_reason"));

	if (error) {
		remote_answer_refuse(a, error, true);
		return;
	}
	remote_answer_thinking(a, json_object_get(message, "thinking"));
	remote_answer_text(a, json_object_get(message, "content"));
	if (!json_is_true(json_object_get(object, "done")) || a->err.code != ERR_OK)
		return;
	if (reason && (!strcmp(reason, "load") || !strcmp(reason, "unload")))
		return; /* no answer at all */
	a->finish = reason && !strcmp(reason, "length") ? FINISH_LENGTH : FINISH_STOP;
	a->n_prompt = remote_count(object, "prompt_eval_count");
	a->n_generated = remote_count(object, "eval_count");
}

const struct provider_dialect dialect_ollama = { "/api/chat", false, ollama_body, ollama_read };
