/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/ollama_import.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "deploy/ollama_import_private.h"

#define TRIES 4             /* the first one and three more */
#define RETRY_MS 1000
#define SPARE_BYTES (256 * MIB)
#define UPLOADS_MAX 3
#define SILENCE_CREATE_MS (30 * 60 * 1000) /* a big file is read, and rewritten by some versions, without a word */
#define SILENCE_UPLOADED_MS (10 * 60 * 1000)
#define SILENCE_MS (60 * 1000)

static const char *step_of(enum import_stage stage)
{
	if (stage <= IMPORT_HEAD_AGAIN)
		return "upload";
	if (stage <= IMPORT_LISTED)
		return "import";
	return stage <= IMPORT_RENDER ? "template" : "ask";
}

void import_progress(struct ollama_import *job, double fraction, const char *detail)
{
	if (job->o.progress && job->stage < IMPORT_CLEAN_RESTORE)
		job->o.progress(job->o.user, step_of(job->stage), fraction, detail);
}

/* --- ends --- */

void ollama_import_free(struct ollama_import *job)
{
	if (!job)
		return;
	http_call_cancel(job->call);
	if (job->upload.fd >= 0)
		close(job->upload.fd);
	loop_timer_free(job->timer);
	line_reader_release(&job->lines);
	json_decref(job->result);
	arena_free(job->arena);
	mem_free(job);
}

static void tell(struct ollama_import *job)
{
	void (*done)(void *, json_t *, enum import_left, const struct err *) = job->o.done;

	if (job->err.code != ERR_OK)
		log_warn("ollama", "import failed name=%s %s", job->name, job->err.key);
	else if (job->result)
		log_info("ollama", "imported name=%s version=%s", job->name, job->version.text);
	else
		log_info("ollama", "an unfinished import is undone name=%s backup=%s", job->name, job->backup);
	done(job->o.user, job->err.code == ERR_OK ? job->result : NULL, job->left, &job->err);
	ollama_import_free(job);
}

void import_finish(struct ollama_import *job)
{
	if (job->is_cancelled)
		return;
	if (job->is_backed_up) {
		import_go(job, IMPORT_FORGET);
		return;
	}
	job->result = json_pack("{s:o, s:o, s:o, s:o}", "ollama_name", json_text(str_of(job->name)), "digest",
				json_text(str_of(job->digest)), "version", json_text(str_of(job->version.text)), "parity",
				parity_json(&job->parity));
	tell(job);
}

/* The stage begins when the pause is over. */
static void pause_for(struct ollama_import *job, int doublings)
{
	loop_timer_set(job->timer, (job->o.retry_ms > 0 ? job->o.retry_ms : RETRY_MS) << doublings);
}

void import_fail(struct ollama_import *job, const struct err *cause)
{
	if (job->err.code == ERR_OK)
		job->err = *cause;
	enum import_stage clean = IMPORT_STAGES;
	if (job->is_backed_up && job->may_exist)
		clean = IMPORT_CLEAN_RESTORE;
	else if (job->is_backed_up)
		clean = IMPORT_CLEAN_BACKUP;
	else if (job->may_exist && !job->existed)
		clean = IMPORT_CLEAN_MODEL;
	if (clean == IMPORT_STAGES) {
		tell(job);
	} else if (job->is_creating) { /* what it writes at this moment would come after we have cleaned up */
		job->stage = clean;
		pause_for(job, 1);
	} else {
		import_go(job, clean);
	}
}

void import_retry(struct ollama_import *job, enum import_stage stage, const struct err *cause)
{
	struct err copy = *cause;

	if (job->is_cancelled)
		return;
	if (cause->code == ERR_CANCELLED || ++job->tries >= TRIES) {
		import_fail(job, &copy);
		return;
	}
	log_info("ollama", "import goes on after %s try=%d", cause->key, job->tries);
	job->stage = stage;
	pause_for(job, job->tries - 1);
}

void import_retry_or_fail(struct ollama_import *job, enum import_stage stage, const struct err *cause)
{
	if (cause->code == ERR_IO || cause->code == ERR_BUSY)
		import_retry(job, stage, cause);
	else
		import_fail(job, cause);
}

void ollama_import_cancel(struct ollama_import *job)
{
	if (job->stage >= IMPORT_FORGET || job->is_cancelled)
		return; /* the old model may be gone: the new one stays */
	http_call_cancel(job->call);
	job->call = NULL;
	job->is_cancelled = true;
	loop_timer_set(job->timer, 0);
}

/* --- requests --- */

static void on_upload(void *user, uint64_t sent)
{
	struct ollama_import *job = user;

	import_progress(job, (double)sent / (double)(job->upload.size ? job->upload.size : 1), "");
}

static void on_done(void *user, const struct http_reply *reply, const struct err *err);

static void start_call(struct ollama_import *job, const char *method, const char *path, struct str json, int64_t silence_ms)
{
	char *url = mem_printf("%s%s", job->remote.row.url, path);
	struct http_request request = { .method = method, .url = url, .json = json,
					.limits = http_limits_default(), .done = on_done, .user = job };

	remote_introduce(&job->remote, &request);
	request.limits.first_byte_ms = silence_ms;
	request.limits.idle_ms = silence_ms < SILENCE_MS ? SILENCE_MS : silence_ms;
	if (job->stage == IMPORT_UPLOAD) {
		request.upload = &job->upload;
		request.on_upload = on_upload;
	}
	if (job->stage == IMPORT_CREATE)
		request.on_data = create_on_data;
	job->call = http_client_start(job->o.client, &request);
	mem_free(url);
}

void import_ask(struct ollama_import *job, const char *method, const char *path, json_t *json, int64_t silence_ms)
{
	struct buf body = BUF_INIT(LIMIT_JSON_BODY);

	if (json)
		json_write(&body, json);
	json_decref(json);
	start_call(job, method, path, buf_str(&body), silence_ms ? silence_ms : SILENCE_MS);
	buf_release(&body);
}

static void ask_blob(struct ollama_import *job, const char *method, int64_t silence_ms)
{
	char path[96];

	(void)str_format(path, sizeof path, "/api/blobs/sha256:%s", job->o.sha256);
	import_ask(job, method, path, NULL, silence_ms);
}

static void ask_copy(struct ollama_import *job, const char *from, const char *to)
{
	import_ask(job, "POST", "/api/copy", json_pack("{s:s, s:s}", "source", from, "destination", to), 0);
}

static void ask_delete(struct ollama_import *job, const char *name)
{
	import_ask(job, "DELETE", "/api/delete", json_pack("{s:s, s:s}", "model", name, "name", name), 0);
}

static void begin_create(struct ollama_import *job)
{
	job->may_exist = job->is_creating = true;
	job->has_success = false;
	job->line_err = (struct err){ 0 };
	line_reader_release(&job->lines);
	line_reader_init(&job->lines, LIMIT_STREAM_LINE);
	import_ask(job, "POST", "/api/create", create_body(job), SILENCE_CREATE_MS);
}

void import_go(struct ollama_import *job, enum import_stage stage)
{
	if (job->is_cancelled)
		return;
	job->stage = stage;
	import_progress(job, 0, "");
	if (job->is_cancelled)
		return;
	switch (stage) {
	case IMPORT_VERSION: import_ask(job, "GET", "/api/version", NULL, 0); break;
	case IMPORT_TAGS:
	case IMPORT_LISTED: import_ask(job, "GET", "/api/tags", NULL, 0); break;
	case IMPORT_BACKUP:
		job->is_backed_up = true;
		ask_copy(job, job->name, job->backup);
		break;
	case IMPORT_HEAD:
	case IMPORT_HEAD_AGAIN: ask_blob(job, "HEAD", 0); break;
	case IMPORT_UPLOAD: ask_blob(job, "POST", SILENCE_UPLOADED_MS); break;
	case IMPORT_CREATE: begin_create(job); break;
	case IMPORT_SHOW: check_show(job); break;
	case IMPORT_RENDER: check_render(job); break;
	case IMPORT_ASK: check_ask(job); break;
	case IMPORT_CLEAN_RESTORE: ask_copy(job, job->backup, job->name); break;
	case IMPORT_CLEAN_MODEL: ask_delete(job, job->name); break;
	case IMPORT_FORGET:
	case IMPORT_CLEAN_BACKUP: ask_delete(job, job->backup); break;
	case IMPORT_NOTE:
	case IMPORT_STAGES: BUG("stage %d is nothing to ask for", (int)stage);
	}
}

/* Goes on when what would be left is known. */
static void note_first(struct ollama_import *job, enum import_stage next)
{
	if (job->is_noted || !job->o.note) {
		import_go(job, next);
		return;
	}
	job->stage = IMPORT_NOTE;
	job->after_note = next;
	job->o.note(job->o.user, job->name, job->backup);
}

void ollama_import_noted(struct ollama_import *job, const struct err *err)
{
	if (job->is_cancelled)
		return;
	job->is_noted = true;
	if (err->code != ERR_OK)
		import_fail(job, err);
	else
		import_go(job, job->after_note);
}

/* --- replies --- */

static void on_version(struct ollama_import *job, const struct http_reply *reply)
{
	struct err err = { 0 };
	json_t *json = remote_json(&job->remote, reply, &err);
	const char *text = json_string_value(json_object_get(json, "version"));

	if (json && (!text || !ollama_version_parse(text, &job->version)))
		remote_wrong(&job->remote, "no version", &err);
	else if (json && !ollama_version_at_least(&job->version, 0, 5, 5))
		err_set(&err, ERR_UNSUPPORTED, "err_ollama_old", "version=%s|url=%s", job->version.text, job->remote.row.url);
	json_decref(json);
	job->parity.version = job->version.text;
	if (err.code == ERR_OK)
		(void)!create_choose_template(job, &err);
	if (err.code != ERR_OK)
		import_retry_or_fail(job, IMPORT_VERSION, &err);
	else
		import_go(job, IMPORT_TAGS);
}

/* The listed model of the job's name: its name as Ollama writes it, and its digest. */
static bool find_listed(struct ollama_import *job, const json_t *json, bool keep_name)
{
	const json_t *model;
	size_t i;

	json_array_foreach(json_object_get(json, "models"), i, model) {
		const char *name = json_string_value(json_object_get(model, "name"));
		const char *digest = json_string_value(json_object_get(model, "digest"));
		if (!name || !ollama_name_equal(name, job->name))
			continue;
		if (keep_name)
			(void)str_format(job->name, sizeof job->name, "%s", name);
		(void)str_format(job->digest, sizeof job->digest, "%s", digest ? digest : "");
		return true;
	}
	return false;
}

static void on_tags(struct ollama_import *job, const struct http_reply *reply)
{
	struct err err = { 0 };
	json_t *json = remote_json(&job->remote, reply, &err);

	if (json)
		job->existed = find_listed(job, json, true);
	json_decref(json);
	if (err.code == ERR_OK && job->existed && !job->o.replace)
		err_set(&err, ERR_CONFLICT, "err_ollama_exists", "field=name|name=%s", job->name);
	if (err.code != ERR_OK) {
		import_retry_or_fail(job, IMPORT_TAGS, &err);
		return;
	}
	if (job->existed) {
		struct str whole = str_of(job->name), model = str_split(&whole, ':');
		(void)str_format(job->backup, sizeof job->backup, "%.*s:assay-before-%08x", (int)model.len, model.ptr,
				 (unsigned)random_u64());
	}
	if (job->existed)
		note_first(job, IMPORT_BACKUP);
	else
		import_go(job, IMPORT_HEAD);
}

static void on_backup(struct ollama_import *job, const struct http_reply *reply)
{
	struct err err = { 0 };

	if (reply->status == 200) {
		import_go(job, IMPORT_HEAD);
		return;
	}
	remote_fail(&job->remote, reply, &err);
	import_retry_or_fail(job, IMPORT_BACKUP, &err);
}

/* Where a local Ollama keeps its models; NULL where that is not known. */
static const char *store_path(struct ollama_import *job)
{
	const char *home = getenv("HOME"), *named = getenv("OLLAMA_MODELS");
	const char *candidates[] = { named, "/usr/share/ollama/.ollama/models",
				     arena_printf(job->arena, "%s/.ollama/models", home ? home : "") };

	for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
		if (candidates[i] && *candidates[i] && fs_is_dir(arena_printf(job->arena, "%s/blobs", candidates[i])))
			return candidates[i];
	return NULL;
}

/* A hint before the upload: only for an Ollama of this machine, and only where its folder is to be seen. */
static enum err_code check_space(struct ollama_import *job, struct err *err)
{
	struct url_parts url;
	struct err ignored;
	bool rewrites = ollama_version_at_least(&job->version, 0, 30, 0) && !ollama_version_at_least(&job->version, 0, 34, 0);

	if (url_parse(job->remote.row.url, &url, &ignored) != ERR_OK || !url.is_loopback)
		return ERR_OK;
	const char *path = store_path(job);
	uint64_t need = job->upload.size * (rewrites ? 2 : 1) + SPARE_BYTES, room = path ? fs_free_space(path) : UINT64_MAX;
	if (room >= need)
		return ERR_OK;
	return err_set(err, ERR_IO, "err_ollama_space", "path=%s|free=%.1f|need=%.1f", path, (double)room / 1e9, (double)need / 1e9);
}

static void on_head(struct ollama_import *job, const struct http_reply *reply)
{
	struct err err = { 0 };

	if (reply->status == 200) {
		import_progress(job, 1, "");
		note_first(job, IMPORT_CREATE);
	} else if (reply->status != 404) {
		remote_fail(&job->remote, reply, &err);
		import_retry_or_fail(job, IMPORT_HEAD, &err);
	} else if (job->n_uploads >= UPLOADS_MAX) {
		err_set(&err, ERR_IO, "err_ollama_vanished", "url=%s", job->remote.row.url);
		import_fail(job, &err);
	} else if (check_space(job, &err) != ERR_OK) {
		import_fail(job, &err);
	} else {
		import_go(job, IMPORT_UPLOAD);
	}
}

static void on_uploaded(struct ollama_import *job, const struct http_reply *reply)
{
	struct err err = { 0 };
	char reason[300];

	job->n_uploads++;
	if (reply->status == 200 || reply->status == 201) {
		import_go(job, IMPORT_HEAD_AGAIN); /* it may be pruned by now: create would fail late */
		return;
	}
	remote_reason(reply->body, reason, sizeof reason);
	if (reply->status == 400 && strstr(reason, "digest mismatch")) {
		err_set(&err, ERR_DATA, "err_ollama_digest", "reason=%s", reason);
		import_fail(job, &err);
	} else if (strstr(reason, "no space left")) {
		err_set(&err, ERR_IO, "err_ollama_disk", "url=%s", job->remote.row.url);
		import_fail(job, &err);
	} else {
		remote_fail(&job->remote, reply, &err);
		import_retry_or_fail(job, IMPORT_HEAD, &err);
	}
}

static void on_listed(struct ollama_import *job, const struct http_reply *reply)
{
	struct err err = { 0 };
	json_t *json = remote_json(&job->remote, reply, &err);

	if (json && !find_listed(job, json, true))
		err_set(&err, ERR_IO, "err_ollama_no_success", "url=%s", job->remote.row.url);
	json_decref(json);
	if (err.code != ERR_OK) {
		import_retry(job, IMPORT_HEAD, &err);
		return;
	}
	job->tries = 0;
	import_go(job, IMPORT_SHOW);
}

static void on_forgotten(struct ollama_import *job, const struct http_reply *reply, const struct err *err)
{
	bool gone = err->code == ERR_OK && (reply->status == 200 || reply->status == 404);

	if (!gone && ++job->clean_tries < TRIES) {
		pause_for(job, job->clean_tries);
		return;
	}
	if (!gone) {
		log_error("ollama", "not cleaned up backup=%s", job->backup);
		job->left = IMPORT_LEFT_BACKUP;
	}
	job->is_backed_up = false;
	import_finish(job);
}

/* The cause of the failure is what counts. */
static void tell_left(struct ollama_import *job, const struct http_reply *reply, const struct err *err)
{
	struct err why = *err;

	log_error("ollama", "not cleaned up stage=%d name=%s backup=%s", (int)job->stage, job->name, job->backup);
	job->left = job->stage == IMPORT_CLEAN_BACKUP ? IMPORT_LEFT_BACKUP : IMPORT_LEFT_MODEL;
	if (why.code == ERR_OK)
		remote_fail(&job->remote, reply, &why);
	if (job->err.code == ERR_OK)
		job->err = why;
	tell(job);
}

static void on_cleaned(struct ollama_import *job, const struct http_reply *reply, const struct err *err)
{
	bool lost = err->code != ERR_OK && err->code != ERR_CANCELLED;
	bool late = job->stage == IMPORT_CLEAN_MODEL && job->is_creating && reply->status == 404;

	if ((lost || late || reply->status >= 500) && ++job->clean_tries < TRIES) {
		pause_for(job, late ? 0 : job->clean_tries);
		return;
	}
	if (job->stage == IMPORT_CLEAN_RESTORE && reply->status == 200) {
		job->clean_tries = 0;
		import_go(job, IMPORT_CLEAN_BACKUP);
		return;
	}
	if (err->code != ERR_OK || (reply->status != 200 && reply->status != 404))
		tell_left(job, reply, err);
	else
		tell(job);
}

/* Where a stage whose connection broke begins again. */
static enum import_stage again_from(enum import_stage stage)
{
	return stage >= IMPORT_HEAD && stage <= IMPORT_CREATE ? IMPORT_HEAD : stage;
}

static void on_broken(struct ollama_import *job, const struct err *err)
{
	struct err cause = *err;

	if (job->stage == IMPORT_CREATE && job->line_err.code != ERR_OK)
		cause = job->line_err;
	else if (job->stage == IMPORT_VERSION && !strcmp(err->key, "err_http_connect"))
		err_set(&cause, ERR_IO, "err_ollama_down", "url=%s", job->remote.row.url);
	if (cause.code == ERR_IO && strcmp(cause.key, "err_http_upload_file") != 0)
		import_retry(job, again_from(job->stage), &cause);
	else
		import_fail(job, &cause);
}

static void on_done(void *user, const struct http_reply *reply, const struct err *err)
{
	struct ollama_import *job = user;

	job->call = NULL;
	if (job->stage >= IMPORT_CLEAN_RESTORE) {
		on_cleaned(job, reply, err);
		return;
	}
	if (err->code == ERR_CANCELLED) { /* the program ends */
		import_fail(job, err);
		return;
	}
	if (err->code != ERR_OK && job->stage < IMPORT_SHOW) {
		on_broken(job, err);
		return;
	}
	switch (job->stage) {
	case IMPORT_VERSION: on_version(job, reply); break;
	case IMPORT_TAGS: on_tags(job, reply); break;
	case IMPORT_BACKUP: on_backup(job, reply); break;
	case IMPORT_HEAD:
	case IMPORT_HEAD_AGAIN: on_head(job, reply); break;
	case IMPORT_UPLOAD: on_uploaded(job, reply); break;
	case IMPORT_CREATE: create_on_reply(job, reply); break;
	case IMPORT_LISTED: on_listed(job, reply); break;
	case IMPORT_FORGET: on_forgotten(job, reply, err); break;
	case IMPORT_SHOW: check_on_show(job, reply, err); break;
	case IMPORT_RENDER: check_on_render(job, reply, err); break;
	case IMPORT_ASK: check_on_ask(job, reply, err); break;
	default: BUG("reply in stage %d", (int)job->stage);
	}
}

/* --- the start --- */

static enum err_code open_file(struct ollama_import *job, struct err *err)
{
	char proposal[200];

	ollama_name_make(job->o.name, proposal, sizeof proposal);
	if (!ollama_name_ok(job->o.name))
		return err_set(err, ERR_INVALID, "err_ollama_name", "field=name|name=%s|proposal=%s", job->o.name, proposal);
	job->upload.fd = fs_open(job->o.path, &job->upload.size, err);
	if (job->upload.fd < 0)
		return err->code;
	if (job->upload.size != (uint64_t)job->o.size_bytes)
		return err_set(err, ERR_DATA, "err_ollama_file", "path=%s|found=%llu|expected=%lld", job->o.path,
			       (unsigned long long)job->upload.size, (long long)job->o.size_bytes);
	return ERR_OK;
}

static void on_timer(void *user)
{
	struct ollama_import *job = user;
	struct err err = { 0 };

	if (job->is_cancelled && job->stage < IMPORT_CLEAN_RESTORE) {
		job->is_cancelled = false; /* cleaning up goes on */
		err_set(&err, ERR_CANCELLED, "err_cancelled", NULL);
		import_fail(job, &err);
		return;
	}
	if (job->upload.fd < 0 && job->stage == IMPORT_VERSION && open_file(job, &err) != ERR_OK)
		import_fail(job, &err);
	else
		import_go(job, job->stage);
}

static const char *keep(struct arena *a, const char *text)
{
	return arena_strdup(a, text ? text : "");
}

static const char *const *keep_list(struct arena *a, const char *const *texts, size_t n)
{
	const char **copy = arena_array(a, n, sizeof *copy);

	for (size_t i = 0; i < n; i++)
		copy[i] = arena_strdup(a, texts[i]);
	return copy;
}

static struct ollama_import *new_job(const struct ollama_import_options *o)
{
	struct ollama_import *job = mem_alloc(sizeof *job);
	struct arena *a = job->arena = arena_new();

	job->o = *o;
	job->remote = *o->remote;
	job->remote.row.name = keep(a, o->remote->row.name);
	job->remote.row.url = keep(a, o->remote->row.url);
	job->remote.row.key_source = keep(a, o->remote->row.key_source);
	job->remote.row.ca_file = keep(a, o->remote->row.ca_file);
	job->remote.row.pin = keep(a, o->remote->row.pin);
	job->remote.key = o->remote->key ? keep(a, o->remote->key) : NULL;
	job->o.remote = &job->remote;
	job->o.path = keep(a, o->path);
	job->o.sha256 = keep(a, o->sha256);
	job->o.name = keep(a, o->name);
	job->o.jinja = keep(a, o->jinja);
	job->o.params.system = keep(a, o->params.system);
	job->o.params.template = keep(a, o->params.template);
	job->o.params.stop = keep(a, o->params.stop);
	job->o.stops = keep_list(a, o->stops, o->stops ? o->n_stops : 0);
	job->o.question = keep(a, o->question);
	job->o.prompt = keep(a, o->prompt);
	job->o.answer = keep(a, o->answer);
	if (*job->o.name)
		ollama_name_whole(job->o.name, job->name, sizeof job->name);
	job->upload.fd = -1;
	job->timer = loop_timer_new(o->loop, on_timer, job);
	line_reader_init(&job->lines, LIMIT_STREAM_LINE);
	return job;
}

struct ollama_import *ollama_import_start(const struct ollama_import_options *o)
{
	struct ollama_import *job = new_job(o);

	loop_timer_set(job->timer, 0);
	return job;
}

struct ollama_import *ollama_import_undo(const struct ollama_import_options *o, const char *backup)
{
	struct ollama_import *job = new_job(o);

	(void)str_format(job->backup, sizeof job->backup, "%s", backup);
	job->clean_tries = TRIES;
	if (!*o->name)
		job->stage = IMPORT_CLEAN_BACKUP;
	else
		job->stage = *backup ? IMPORT_CLEAN_RESTORE : IMPORT_CLEAN_MODEL;
	pause_for(job, 1); /* as in import_fail(): Ollama may still be at it */
	return job;
}
