/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api_export.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/routes.h"

#define QUEUE_MAX (1 * MIB) /* that wait for a client */

struct job {
	struct task task; /* the export */
	struct task wake; /* "there is more", from the export thread to the loop */
	struct app *app;
	struct request *request; /* NULL once it is over; loop only */
	struct export_source source;
	bool is_streaming;       /* loop only */
	struct job *next;        /* loop only */

	pthread_mutex_t lock;    /* for what follows */
	pthread_cond_t room;
	struct buf data;
	bool is_finished, is_cancelled, wake_posted, failed;
	int refs;                /* the export, the request, a posted wake */
};

static void job_unref(struct job *j)
{
	pthread_mutex_lock(&j->lock);
	bool last = --j->refs == 0;
	pthread_mutex_unlock(&j->lock);
	if (!last)
		return;
	struct job **at = &j->app->export_jobs;
	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->room);
	buf_release(&j->data);
	mem_free(j);
}

static void job_cancel(struct job *j)
{
	pthread_mutex_lock(&j->lock);
	j->is_cancelled = true;
	pthread_cond_signal(&j->room);
	pthread_mutex_unlock(&j->lock);
}

void exports_cancel(struct app *app)
{
	for (struct job *j = app->export_jobs; j; j = j->next)
		job_cancel(j);
}

/* --- export thread --- */

static bool take_chunk(void *user, struct str chunk)
{
	struct job *j = user;
	pthread_mutex_lock(&j->lock);
	while (j->data.len > QUEUE_MAX && !j->is_cancelled)
		pthread_cond_wait(&j->room, &j->lock);
	bool go_on = !j->is_cancelled;
	if (go_on)
		buf_add_str(&j->data, chunk);
	if (go_on && !j->wake_posted) {
		j->wake_posted = true;
		j->refs++;
		queue_post(j->app->home, &j->wake);
	}
	pthread_mutex_unlock(&j->lock);
	return go_on;
}

static void run_job(struct task *task, void *context)
{
	struct job *j = (struct job *)task;
	struct db *db;
	(void)context;
	if (store_open_reader(j->app->store, &db, &task->err) != ERR_OK)
		return;
	err_kept(j->source.write(db, &j->source, take_chunk, j, &task->err));
	db_close(db);
}

/* --- loop --- */

static ssize_t read_job(void *user, char *out, size_t max)
{
	struct job *j = user;
	pthread_mutex_lock(&j->lock);
	size_t n = j->data.len < max ? j->data.len : max;
	if (n) {
		memcpy(out, j->data.ptr, n);
		buf_consume(&j->data, n);
		pthread_cond_signal(&j->room);
	}
	ssize_t result = n ? (ssize_t)n : j->is_finished ? (j->failed ? -2 : -1) : 0;
	pthread_mutex_unlock(&j->lock);
	return result;
}

static void close_job(void *user)
{
	struct job *j = user;
	j->request = NULL;
	job_cancel(j);
	job_unref(j);
}

static void start_stream(struct job *j)
{
	struct request *r = j->request;
	struct body_source source = { read_job, close_job, j };
	j->is_streaming = true;
	r->disposition = arena_printf(r->arena, "attachment; filename=\"%s-%lld.%s\"", j->source.name,
				      (long long)j->source.id, j->source.extension);
	request_stream(r, j->source.mime, &source);
}

static void more_data(struct job *j)
{
	if (j->request && !j->is_streaming)
		start_stream(j);
	else if (j->request)
		request_wake(j->request);
}

static void wake_done(struct task *task)
{
	struct job *j = (struct job *)((char *)task - offsetof(struct job, wake));
	pthread_mutex_lock(&j->lock);
	j->wake_posted = false;
	pthread_mutex_unlock(&j->lock);
	more_data(j);
	job_unref(j);
}

static void job_done(struct task *task)
{
	struct job *j = (struct job *)task;
	pthread_mutex_lock(&j->lock);
	j->is_finished = true;
	j->failed = task->err.code != ERR_OK;
	pthread_mutex_unlock(&j->lock);
	if (j->failed && j->request && !j->is_streaming) {
		struct request *r = j->request;
		j->request = NULL;
		request_fail(r, &task->err);
		job_unref(j); /* the request's */
	} else {
		more_data(j);
	}
	job_unref(j);
}

void export_begin(struct request *r, const struct export_source *source)
{
	struct job *j = mem_alloc(sizeof *j);
	j->app = r->app;
	j->request = r;
	j->source = *source;
	j->refs = 2;
	buf_init(&j->data, QUEUE_MAX + 2 * EXPORT_CHUNK);
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->room, NULL);
	j->task.run = run_job;
	j->task.done = job_done;
	j->wake.done = wake_done;
	j->next = r->app->export_jobs;
	r->app->export_jobs = j;
	executor_post(r->app->export, &j->task);
}

enum lang export_lang(struct request *r, struct err *err)
{
	const char *lang = request_query(r, "lang");
	if (err->code == ERR_OK && lang && strcmp(lang, "en") != 0 && strcmp(lang, "zh-TW") != 0)
		err_set(err, ERR_INVALID, "err_field_choice", "field=lang|choices=en, zh-TW");
	return lang ? lang_from_tag(lang, r->lang) : r->lang;
}

static enum err_code write_run(struct db *db, const struct export_source *source, export_sink_fn sink, void *user,
			       struct err *err)
{
	return run_export(db, source->id, (enum export_format)source->format, source->lang, sink, user, err);
}

void api_export_run(struct request *r)
{
	struct err err = { 0 };
	enum export_format format = EXPORT_CSV;
	struct export_source source = { .write = write_run, .id = r->id, .name = "assay-run" };
	const char *name = request_query(r, "format");
	if (!name)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=format");
	else
		err_kept(export_format_parse(name, &format, &err));
	source.lang = export_lang(r, &err);
	if (err.code != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	source.format = (int)format;
	source.mime = export_mime(format);
	source.extension = export_extension(format);
	export_begin(r, &source);
}
