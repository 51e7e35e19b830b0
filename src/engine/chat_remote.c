/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns of conversations that a provider answers: they need neither the machine nor the line. */
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/active.h"
#include "engine/chat.h"
#include "engine/remote_answer.h"


struct remote_turn {
	struct engine *e;
	struct remote remote; /* texts of the turn's arena */
	const char *model;
	const struct chat_request *request; /* of the turn */
	const struct chat_events *events;
	void *user;
	struct remote_answer answer;
	struct http_call *call;
	int64_t started_us, first_us;
	bool is_reading, is_stopped; /* stopped by a listener while the answer is being read: when that is done */
};

void remote_turn_free(struct remote_turn *r)
{
	if (!r)
		return;
	http_call_cancel(r->call);
	remote_answer_release(&r->answer);
	mem_free(r);
}

static void end(struct remote_turn *r, bool is_stopped)
{
	int64_t now = clock_mono_us();
	struct chat_answer a = { .text = buf_text(&r->answer.text), .thinking = buf_text(&r->answer.thinking), .is_stopped = is_stopped,
				 .finish = r->answer.finish, .n_prompt = r->answer.n_prompt, .n_generated = r->answer.n_generated,
				 .prompt_us = (r->first_us ? r->first_us : now) - r->started_us, .total_us = now - r->started_us };

	r->events->done(r->user, &a, NULL);
}

void remote_turn_stop(struct remote_turn *r)
{
	r->is_stopped = true;
	if (r->is_reading)
		return;
	http_call_cancel(r->call);
	r->call = NULL;
	r->is_reading = true; /* what is left may make a listener stop it once more */
	remote_answer_flush(&r->answer);
	end(r, true);
}

static void send(struct remote_turn *r);

static bool on_data(void *user, struct str data)
{
	struct remote_turn *r = user;

	r->is_reading = true;
	bool goes_on = remote_answer_feed(&r->answer, data);
	r->is_reading = false;
	if (!r->is_stopped)
		return goes_on;
	remote_turn_stop(r);
	return false;
}

static void on_text(void *user, struct str text, bool is_thinking)
{
	struct remote_turn *r = user;

	if (!r->first_us)
		r->first_us = clock_mono_us();
	r->events->text(r->user, text, is_thinking);
}

static enum err_code read_end(struct remote_turn *r)
{
	r->is_reading = true;
	(void)!remote_answer_finish(&r->answer);
	r->is_reading = false;
	return r->answer.err.code;
}

static void on_done(void *user, const struct http_reply *reply, const struct err *err)
{
	struct remote_turn *r = user;
	struct err cause = *err;

	r->call = NULL;
	if (cause.code == ERR_CANCELLED && r->answer.err.code != ERR_OK) {
		cause = r->answer.err;
	} else if (cause.code == ERR_OK && (reply->status < 200 || reply->status > 299)) {
		bool may_be_plain = (reply->status == 400 || reply->status == 422) && r->remote.row.kind == PROVIDER_OPENAI;
		if (may_be_plain && !r->remote.is_plain) {
			r->remote.is_plain = true; /* it may know only the fields that every server knows */
			send(r);
			return;
		}
		remote_fail(&r->remote, reply, &cause);
	} else if (cause.code == ERR_OK && read_end(r) != ERR_OK) {
		cause = r->answer.err;
	}
	if (r->is_stopped)
		end(r, true);
	else if (cause.code == ERR_OK)
		end(r, false);
	else
		r->events->done(r->user, NULL, &cause);
}

static json_t *messages_of(const struct chat_request *request)
{
	json_t *messages = json_copy(request->messages);
	const char *system = request->params.system;

	if (system[0])
		json_array_insert_new(messages, 0, json_pack("{s:s, s:o}", "role", "system", "content", json_text(str_of(system))));
	return messages;
}

static void send(struct remote_turn *r)
{
	struct buf body = BUF_INIT(LIMIT_PROMPT_BYTES);
	const struct provider_dialect *dialect = provider_dialect_of(r->remote.row.kind);
	const struct gen_params *p = &r->request->params;
	json_t *json = dialect->body(&r->remote, r->model, p, messages_of(r->request), r->request->seed);
	json_t *options = r->remote.row.kind == PROVIDER_OPENAI ? json : json_object_get(json, "options");

	if (r->request->stops && options)
		json_object_set(options, "stop", r->request->stops);
	json_write(&body, json);
	json_decref(json);
	remote_answer_release(&r->answer);
	remote_answer_init(&r->answer, &r->remote, p->max_tokens);
	r->answer.on_text = on_text;
	r->answer.user = r;
	char *url = mem_printf("%s%s", r->remote.row.url, dialect->path);
	struct http_request request = { .method = "POST", .url = url, .json = buf_str(&body),
					.limits = remote_limits(&r->remote, p->max_tokens), .on_data = on_data, .done = on_done, .user = r };
	remote_introduce(&r->remote, &request);
	r->call = http_client_start(r->e->options.http_client, &request);
	buf_release(&body);
	mem_free(url);
}

struct remote_turn *remote_turn_start(struct engine *e, const struct remote *remote, const struct model_row *model,
				      const struct chat_request *request, const struct chat_events *events, void *user)
{
	struct remote_turn *r = mem_alloc(sizeof *r);
	const char *slash = strchr(model->model.path, '/');

	*r = (struct remote_turn){ .e = e, .remote = *remote, .model = slash ? slash + 1 : model->model.name, .request = request,
				   .events = events, .user = user, .started_us = clock_mono_us() };
	remote_answer_init(&r->answer, &r->remote, request->params.max_tokens);
	send(r);
	return r;
}
