/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/limits.h"
#include "deploy/creation.h"
#include "deploy/ollama_import_private.h"
#include "model/template_comment.h"
#include "store/gen_params.h"

#define CTX_DEFAULT 8192
#define CTX_MIN 2048

/* --- what is sent --- */

static bool runs_jinja(const struct ollama_import *job)
{
	return ollama_version_at_least(&job->version, 0, 30, 0);
}

/* Whether the file has the template that the column was given, apart from the comment that it gets. */
static bool is_in_file(const struct ollama_import *job, const char *own)
{
	struct buf text = BUF_INIT(2 * LIMIT_TEMPLATE);

	buf_add_text(&text, own);
	template_add_comment(&text, creation_template_suffix());
	bool same = strcmp(buf_text(&text), job->o.jinja) == 0;
	buf_release(&text);
	return same;
}

enum err_code create_choose_template(struct ollama_import *job, struct err *err)
{
	const char *own = is_in_file(job, job->o.params.template) ? "" : job->o.params.template, *jinja = *own ? own : job->o.jinja;
	struct buf text = BUF_INIT(LIMIT_TEMPLATE);

	job->system = job->o.params.system;
	/* Where the column was given another template than the file has, Ollama cannot find it there. */
	if (!*own && (!*jinja || (runs_jinja(job) && jinja_is_padded(jinja))))
		return ERR_OK;
	job->family = go_template_find(jinja);
	if (!job->family && runs_jinja(job) && !*own)
		return ERR_OK; /* what Ollama makes of it is seen afterwards */
	if (!job->family)
		return err_set(err, ERR_UNSUPPORTED, "err_ollama_template", "version=%s", job->version.text);
	go_template_write(job->family, str_of(job->o.prompt), &text);
	job->go_template = arena_strdup(job->arena, buf_text(&text));
	buf_release(&text);
	/* What the model's own template says before the question, with or without a system prompt of ours. */
	struct str system = go_template_system(job->family, str_of(job->o.prompt));
	if (system.ptr)
		job->system = arena_strndup(job->arena, system.ptr, system.len);
	return ERR_OK;
}

static void add_stop(json_t *stops, const char *stop)
{
	const json_t *known;
	size_t i;

	json_array_foreach(stops, i, known) {
		if (!strcmp(json_string_value(known), stop))
			return;
	}
	if (*stop)
		json_array_append_new(stops, json_text(str_of(stop)));
}

/* Every value that differs between Ollama's releases is pinned; the seed is not: a model that answers at a temperature would
 * give the same answer for ever. */
static json_t *create_parameters(const struct ollama_import *job)
{
	const struct gen_params *p = &job->o.params;
	int64_t most = job->o.n_ctx_train > 0 ? job->o.n_ctx_train : CTX_DEFAULT;
	int64_t ctx = p->num_ctx > 0 ? p->num_ctx : p->max_tokens + CTX_MIN > CTX_DEFAULT ? p->max_tokens + CTX_MIN : CTX_DEFAULT;
	json_t *stops = json_array();

	json_t *own = gen_params_stops(p);
	const json_t *stop;
	size_t at;

	json_array_foreach(own, at, stop)
		add_stop(stops, json_string_value(stop));
	json_decref(own);
	for (size_t i = 0; i < job->o.n_stops && job->o.stops; i++)
		add_stop(stops, job->o.stops[i]);
	for (size_t i = 0; job->family && i < GO_STOPS_MAX && job->family->stops[i]; i++)
		add_stop(stops, job->family->stops[i]);
	json_t *out = json_pack("{s:I, s:I, s:f, s:f, s:I, s:f, s:f, s:i}", "num_ctx", (json_int_t)(ctx < most ? ctx : most),
				"num_predict", (json_int_t)p->max_tokens, "temperature", p->temperature, "top_p", p->top_p, "top_k",
				(json_int_t)p->top_k, "min_p", p->min_p, "repeat_penalty", p->repeat_penalty, "repeat_last_n", 64);
	if (json_array_size(stops) > 0)
		json_object_set(out, "stop", stops);
	json_decref(stops);
	return out;
}

json_t *create_body(struct ollama_import *job)
{
	char digest[80];

	(void)str_format(digest, sizeof digest, "sha256:%s", job->o.sha256);
	json_t *body = json_pack("{s:s, s:s, s:{s:s}, s:o, s:b}", "model", job->name, "name", job->name, "files", "model.gguf", digest,
				 "parameters", create_parameters(job), "stream", 1);
	if (job->go_template)
		json_object_set_new(body, "template", json_text(str_of(job->go_template)));
	if (*job->system)
		json_object_set_new(body, "system", json_text(str_of(job->system)));
	return body;
}

/* --- what comes back --- */

enum err_code create_error(struct ollama_import *job, const char *reason, struct err *err)
{
	const char *url = job->remote.row.url;

	if (strstr(reason, "no space left"))
		return err_set(err, ERR_IO, "err_ollama_disk", "url=%s", url);
	if (strstr(reason, "no such file") || strstr(reason, "blob not found"))
		return err_set(err, ERR_IO, "err_ollama_vanished", "url=%s", url);
	if (strstr(reason, "invalid model name"))
		return err_set(err, ERR_INVALID, "err_ollama_name", "field=name|name=%s|proposal=%s", job->name, "model:v1");
	if (strstr(reason, "llama-quantize") || strstr(reason, "unsupported") || strstr(reason, "unknown"))
		return err_set(err, ERR_UNSUPPORTED, "err_ollama_validate", "version=%s|reason=%s", job->version.text, reason);
	return err_set(err, ERR_DATA, "err_ollama_refused", "reason=%s", reason);
}

static bool on_line(void *user, struct str line)
{
	struct ollama_import *job = user;
	struct err err = { 0 };

	if (str_trim(line).len == 0)
		return true;
	json_t *json = json_parse(line, "line", &err);
	const char *error = json_string_value(json_object_get(json, "error"));
	const char *status = json_string_value(json_object_get(json, "status"));
	if (!json_is_object(json)) {
		remote_wrong(&job->remote, "a line that is no JSON", &job->line_err);
	} else if (error) {
		create_error(job, remote_text(job->arena, error, 300), &job->line_err);
	} else if (status) {
		double total = json_number_value(json_object_get(json, "total"));
		double completed = json_number_value(json_object_get(json, "completed"));
		job->has_success = !strcmp(status, "success");
		import_progress(job, job->has_success ? 1 : total > 0 && completed <= total ? completed / total : 0,
				remote_text(job->arena, status, 90));
	}
	json_decref(json);
	return job->line_err.code == ERR_OK && !job->is_cancelled;
}

bool create_on_data(void *user, struct str data)
{
	struct ollama_import *job = user;

	if (line_reader_feed(&job->lines, data, on_line, job))
		return true;
	if (job->lines.is_broken)
		remote_wrong(&job->remote, "an endless line", &job->line_err);
	return false;
}

/* An error that another try may do away with. */
static void end_create(struct ollama_import *job, const struct err *cause)
{
	if (!strcmp(cause->key, "err_ollama_vanished") || !strcmp(cause->key, "err_ollama_no_success") ||
	    (cause->code == ERR_BUSY))
		import_retry(job, IMPORT_HEAD, cause);
	else
		import_fail(job, cause);
}

void create_on_reply(struct ollama_import *job, const struct http_reply *reply)
{
	struct err err = { 0 };
	char reason[300];

	job->is_creating = false;
	if (reply->status == 200) {
		(void)line_reader_finish(&job->lines, on_line, job);
		err = job->line_err;
		if (err.code == ERR_OK && !job->has_success)
			err_set(&err, ERR_IO, "err_ollama_no_success", "url=%s", job->remote.row.url);
	} else if (reply->status == 400 || reply->status == 500) {
		remote_reason(reply->body, reason, sizeof reason);
		create_error(job, reason, &err);
	} else {
		remote_fail(&job->remote, reply, &err);
	}
	if (err.code != ERR_OK)
		end_create(job, &err);
	else
		import_go(job, IMPORT_LISTED);
}
