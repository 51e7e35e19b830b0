/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_request.h"

#include <string.h>

#define FIRST_BYTE_MS 60000

char *hub_list_url(struct arena *a, const char *endpoint, const char *repo, const char *revision)
{
	return arena_printf(a, "%s/api/models/%s/revision/%s?blobs=true", endpoint, hub_escape(a, repo, true),
			    hub_escape(a, revision, false));
}

char *hub_file_url(struct arena *a, const char *endpoint, const char *repo, const char *commit, const char *path)
{
	return arena_printf(a, "%s/%s/resolve/%s/%s", endpoint, hub_escape(a, repo, true), hub_escape(a, commit, false),
			    hub_escape(a, path, true));
}

struct http_limits hub_limits(uint64_t body_max)
{
	struct http_limits limits = http_limits_default();

	limits.first_byte_ms = FIRST_BYTE_MS;
	limits.body_max = body_max;
	return limits;
}

/* 401 and 403: the hub also says so of models that it does not want to name. */
static enum err_code denied(const struct hub_question *q, const struct http_reply *reply, const char *code, struct err *err)
{
	bool has_token = *q->token_source;
	char message[200];

	(void)http_reply_header(reply, "x-error-message", message, sizeof message);
	if (strcmp(code, "GatedRepo") == 0)
		return err_set(err, ERR_DENIED, has_token ? "err_hub_gated_account" : "err_hub_gated",
			       "name=%s|command=assay models get %s|page=%s/%s|tokens=%s/settings/tokens|source=%s|path=%s", q->repo, q->repo,
			       q->endpoint, q->repo, q->endpoint, q->token_source, q->token_path);
	if (has_token && reply->status == 401 && (strstr(message, "nvalid") || !*code))
		return err_set(err, ERR_DENIED, "err_hub_token", "endpoint=%s|source=%s|tokens=%s/settings/tokens", q->endpoint,
			       q->token_source, q->endpoint);
	if (reply->status == 401)
		return err_set(err, ERR_NOT_FOUND, has_token ? "err_hub_not_found" : "err_hub_not_found_private",
			       "name=%s|endpoint=%s|path=%s", q->repo, q->endpoint, q->token_path);
	return err_set(err, ERR_DENIED, "err_hub_forbidden", "name=%s|endpoint=%s|page=%s/%s|reason=%s", q->repo, q->endpoint,
		       q->endpoint, q->repo, message);
}

enum err_code hub_refusal(const struct hub_question *q, const struct http_reply *reply, struct err *err)
{
	char code[64];

	(void)http_reply_header(reply, "x-error-code", code, sizeof code);
	if (reply->status == 401 || reply->status == 403)
		return denied(q, reply, code, err);
	if (reply->status == 404 && strcmp(code, "RevisionNotFound") == 0)
		return err_set(err, ERR_NOT_FOUND, "err_hub_revision", "field=revision|name=%s|revision=%s|page=%s/%s", q->repo,
			       q->revision, q->endpoint, q->repo);
	if (reply->status == 404 && *q->path)
		return err_set(err, ERR_NOT_FOUND, "err_hub_entry", "name=%s|file=%s|page=%s/%s", q->repo, q->path, q->endpoint,
			       q->repo);
	if (reply->status == 404)
		return err_set(err, ERR_NOT_FOUND, "err_hub_not_found", "name=%s|endpoint=%s", q->repo, q->endpoint);
	if (reply->status == 429)
		return err_set(err, ERR_BUSY, "err_hub_busy", "endpoint=%s|seconds=%lld", q->endpoint,
			       (long long)(reply->retry_after_ms < 0 ? 60 : (reply->retry_after_ms + 999) / 1000));
	return err_set(err, ERR_IO, "err_hub_status", "endpoint=%s|status=%d", q->endpoint, reply->status);
}

bool hub_is_passing(const struct http_reply *reply, const struct err *err)
{
	if (err->code != ERR_OK)
		return err->code == ERR_IO; /* the line, not a certificate or a redirect */
	return reply->status == 408 || reply->status == 429 || reply->status >= 500;
}
