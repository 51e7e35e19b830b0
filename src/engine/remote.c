/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/remote.h"

#include <string.h>

#include "base/limits.h"
#include "store/secret_store.h"

#define REASON_MAX 300
#define BYTES_A_CHUNK 1024 /* around each token of a stream */
#define TOKEN_MS 5000

enum err_code remote_may_ask(const struct remote *remote, int64_t n_asked, struct err *err)
{
	if (remote->row.max_requests == 0 || n_asked < remote->row.max_requests)
		return ERR_OK;
	return err_set(err, ERR_LIMIT, "err_provider_requests", "provider=%s|limit=%lld", remote->row.name, (long long)remote->row.max_requests);
}

void remote_introduce(const struct remote *remote, struct http_request *request)
{
	request->bearer = remote->key;
	request->key_command = secret_command(remote->row.key_source);
	request->trust = (struct tls_trust){ .ca_file = remote->row.ca_file, .pin = remote->row.pin };
}

struct http_limits remote_limits(const struct remote *remote, int64_t max_tokens)
{
	struct http_limits limits = http_limits_default();

	limits.first_byte_ms = remote->row.timeout_s * 1000;
	limits.total_ms = limits.connect_ms + limits.first_byte_ms + max_tokens * TOKEN_MS;
	limits.body_max = LIMIT_ANSWER_BYTES + (uint64_t)max_tokens * BYTES_A_CHUNK;
	return limits;
}

void remote_reason(struct str body, char *out, size_t out_size)
{
	struct err ignored = { 0 };
	json_t *json = body.len && str_trim(body).len && str_trim(body).ptr[0] == '{' ? json_parse(body, "reply", &ignored) : NULL;
	const json_t *error = json_object_get(json, "error");
	const char *text = json_string_value(error);

	if (!text)
		text = json_string_value(json_object_get(error, "message"));
	if (!text)
		text = json_string_value(json_object_get(json, "message"));
	if (!text)
		text = json_string_value(json_object_get(json, "detail"));
	struct str reason = text ? str_of(text) : str_trim(body);
	if (!text && (str_starts(reason, "<") || json))
		reason = (struct str){ 0 }; /* a page for people tells nothing here */
	if (reason.len > REASON_MAX)
		reason.len = utf8_whole((struct str){ reason.ptr, REASON_MAX });
	if (reason.len > out_size - 1)
		reason.len = utf8_whole((struct str){ reason.ptr, out_size - 1 });
	memcpy(out, reason.ptr ? reason.ptr : "", reason.len);
	utf8_clean(out, reason.len, 0);
	if (!out[0])
		(void)str_format(out, out_size, "?");
	json_decref(json);
}

enum err_code remote_fail(const struct remote *remote, const struct http_reply *reply, struct err *err)
{
	char reason[REASON_MAX + 4];
	const char *url = remote->row.url;
	int status = reply->status;

	remote_reason(reply->body, reason, sizeof reason);
	if (status == 403 && remote->row.kind == PROVIDER_OLLAMA && reply->body.len == 0)
		return err_set(err, ERR_DENIED, "err_provider_host", "url=%s", url);
	if (status == 401 || status == 403)
		return err_set(err, ERR_DENIED, remote->row.key_source && *remote->row.key_source ? "err_provider_key" : "err_provider_key_needed",
			       "url=%s|status=%d", url, status);
	if (status == 429 || status == 503)
		return err_set(err, ERR_BUSY, "err_provider_busy", "url=%s|status=%d|reason=%s", url, status, reason);
	return err_set(err, status == 404 ? ERR_NOT_FOUND : status >= 500 ? ERR_IO : ERR_DATA, "err_provider_status",
		       "url=%s|status=%d|reason=%s", url, status, reason);
}

enum err_code remote_wrong(const struct remote *remote, const char *what, struct err *err)
{
	return err_set(err, ERR_DATA, "err_provider_reply", "url=%s|what=%s|kind=%s", remote->row.url, what,
		       remote->row.kind == PROVIDER_OLLAMA ? "Ollama" : "OpenAI API");
}

json_t *remote_json(const struct remote *remote, const struct http_reply *reply, struct err *err)
{
	struct err syntax = { 0 };

	if (reply->status < 200 || reply->status > 299) {
		remote_fail(remote, reply, err);
		return NULL;
	}
	json_t *json = json_parse_frame(reply->body, &syntax);
	if (json_is_object(json) && !json_object_get(json, "error"))
		return json;
	if (json_is_object(json)) {
		struct http_reply failed = *reply;
		failed.status = 500;
		remote_fail(remote, &failed, err);
	} else {
		remote_wrong(remote, "no JSON object", err);
	}
	json_decref(json);
	return NULL;
}

const char *remote_text(struct arena *a, const char *text, size_t max)
{
	size_t len = text ? strlen(text) : 0;

	if (len > max)
		len = utf8_whole((struct str){ text, max });
	char *copy = arena_strndup(a, text ? text : "", len);
	utf8_clean(copy, len, 0);
	return copy;
}
