/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/limits.h"
#include "deploy/ollama_import_private.h"

#define SILENCE_LOAD_MS (10 * 60 * 1000) /* the model is loaded, and its answer comes in one piece */

/* What could not be found out is no failure of the import. */
static void unknown(struct ollama_import *job, const struct err *why)
{
	if (job->parity.problem.code == ERR_OK)
		job->parity.problem = *why;
}

static void go_on(struct ollama_import *job, enum import_stage next)
{
	import_progress(job, 1, "");
	if (next == IMPORT_STAGES)
		import_finish(job);
	else
		import_go(job, next);
}

/* --- show --- */

void check_show(struct ollama_import *job)
{
	import_ask(job, "POST", "/api/show", json_pack("{s:s}", "model", job->name), 0);
}

static enum import_stage after_show(const struct ollama_import *job)
{
	if (!*job->o.question)
		return IMPORT_STAGES;
	return *job->o.prompt && ollama_version_at_least(&job->version, 0, 11, 5) ? IMPORT_RENDER : IMPORT_ASK;
}

void check_on_show(struct ollama_import *job, const struct http_reply *reply, const struct err *err)
{
	struct err why = *err;
	json_t *json = why.code == ERR_OK ? remote_json(&job->remote, reply, &why) : NULL;
	const json_t *capability;
	size_t i;

	json_array_foreach(json_object_get(json, "capabilities"), i, capability) {
		const char *name = json_string_value(capability);
		job->thinks = job->thinks || (name && !strcmp(name, "thinking"));
	}
	json_decref(json);
	if (why.code != ERR_OK)
		unknown(job, &why);
	go_on(job, after_show(job));
}

/* --- render and ask --- */

static json_t *chat_body(const struct ollama_import *job)
{
	json_t *body = json_pack("{s:s, s:[{s:s, s:o}], s:b, s:{s:i, s:i, s:I}}", "model", job->name, "messages", "role", "user",
				 "content", json_text(str_of(job->o.question)), "stream", 0, "options", "temperature", 0, "seed", 1,
				 "num_predict",
				 (json_int_t)(job->o.answer_tokens ? job->o.answer_tokens : job->o.params.max_tokens));
	json_object_set_new(body, "keep_alive", json_string("1m")); /* the memory is not ours for longer */
	if (job->thinks)
		json_object_set_new(body, "think", json_boolean(job->o.params.thinking));
	return body;
}

void check_render(struct ollama_import *job)
{
	json_t *body = chat_body(job);

	json_object_set_new(body, "_debug_render_only", json_true());
	import_ask(job, "POST", "/api/chat", body, SILENCE_LOAD_MS);
}

void check_on_render(struct ollama_import *job, const struct http_reply *reply, const struct err *err)
{
	struct err why = *err;
	json_t *json = why.code == ERR_OK ? remote_json(&job->remote, reply, &why) : NULL;
	const char *prompt = json_string_value(json_object_get(json_object_get(json, "_debug_info"), "rendered_template"));

	if (json && !prompt)
		remote_wrong(&job->remote, "no rendered template", &why);
	if (why.code != ERR_OK) {
		unknown(job, &why);
	} else {
		job->parity.our_prompt = job->o.prompt;
		job->parity.their_prompt = arena_strdup(job->arena, prompt);
	}
	json_decref(json);
	go_on(job, *job->o.answer ? IMPORT_ASK : IMPORT_STAGES);
}

void check_ask(struct ollama_import *job)
{
	if (!*job->o.answer)
		import_finish(job);
	else
		import_ask(job, "POST", "/api/chat", chat_body(job), SILENCE_LOAD_MS);
}

void check_on_ask(struct ollama_import *job, const struct http_reply *reply, const struct err *err)
{
	struct err why = *err;
	json_t *json = why.code == ERR_OK ? remote_json(&job->remote, reply, &why) : NULL;
	const char *answer = json_string_value(json_object_get(json_object_get(json, "message"), "content"));

	if (json && !answer)
		remote_wrong(&job->remote, "no answer", &why);
	if (why.code != ERR_OK) {
		unknown(job, &why);
	} else {
		job->parity.question = job->o.question;
		job->parity.our_answer = job->o.answer;
		job->parity.their_answer = arena_strdup(job->arena, answer);
	}
	json_decref(json);
	go_on(job, IMPORT_STAGES);
}
