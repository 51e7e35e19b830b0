/* SPDX-License-Identifier: Apache-2.0 */
#include "server/provider_calls.h"

#include "base/clock.h"
#include "base/limits.h"
#include "store/secret_store.h"

struct http_limits provider_limits_quick(void)
{
	struct http_limits limits = http_limits_default();

	limits.connect_ms = 3000;
	limits.first_byte_ms = 5000;
	limits.total_ms = 8000;
	return limits;
}

struct http_limits provider_limits_answer(const struct provider_row *row)
{
	struct http_limits limits = http_limits_default();

	limits.first_byte_ms = row->timeout_s * 1000;
	return limits;
}

void provider_calls_init(struct provider_calls *calls, struct request *r, request_fn done)
{
	*calls = (struct provider_calls){ .r = r, .done = done };
}

static void finish_when_over(struct provider_calls *calls)
{
	if (calls->all_started && calls->n_open == 0)
		calls->done(calls->r);
}

static void on_done(void *user, const struct http_reply *reply, const struct err *err)
{
	struct provider_call *call = user;
	struct provider_calls *calls = call->calls;

	call->reply = *reply;
	call->reply.body.ptr = arena_strndup(calls->r->arena, reply->body.ptr, reply->body.len);
	call->err = *err;
	call->ms = clock_mono_ms() - call->started_ms;
	calls->n_open--;
	finish_when_over(calls);
}

void provider_call_start(struct provider_calls *calls, struct provider_call *call, const struct remote *remote,
			 const char *method, const char *path, json_t *json, const struct http_limits *limits)
{
	struct buf body = BUF_INIT(LIMIT_JSON_BODY);

	if (json)
		json_write(&body, json);
	json_decref(json);
	*call = (struct provider_call){ .calls = calls, .remote = remote, .started_ms = clock_mono_ms() };
	struct http_request request = {
		.method = method,
		.url = arena_printf(calls->r->arena, "%s%s", remote->row.url, path),
		.json = buf_str(&body),
		.limits = *limits,
		.done = on_done,
		.user = call,
	};
	remote_introduce(remote, &request);
	calls->n_open++;
	http_client_start(calls->r->app->http_client, &request);
	buf_release(&body);
}

void provider_calls_wait(struct provider_calls *calls)
{
	calls->all_started = true;
	finish_when_over(calls);
}

bool provider_read(struct request *r, struct db *db, int64_t id, struct remote *out, struct err *key_err)
{
	struct err *err = request_err(r);

	*out = (struct remote){ 0 };
	if (provider_store_get(db, r->arena, id, &out->row, err) != ERR_OK)
		return false;
	const char *dir = store_data_dir(r->app->store);
	return secret_store_get(dir, r->arena, &out->row, &out->key, key_err ? key_err : err) == ERR_OK || key_err;
}
