/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/downloads.h"

#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/hub_fetch.h"
#include "hub/hub_request.h"

#define RETRY_MS 500
#define MAX_TRIES 8
#define TICK_MS 250
#define SPEED_WEIGHT 0.2        /* of the newest measurement */
#define SPACE_RESERVE (64 * MIB) /* stays free: the store must be able to write */

/* One download, in a list; `shown` is what others see of it. */
struct entry {
	struct download shown;
	struct arena *arena;
	struct hub_job job;
	bool *is_whole;        /* by file */
	size_t at;             /* the file under way */
	uint64_t have_before;  /* bytes of the other files */
	struct entry *next;
};

struct downloads {
	struct downloads_options o;
	struct executor *disk; /* NULL until something is fetched */
	struct loop_timer *tick;
	struct entry *entries; /* newest first */
	struct entry *current;
	struct hub_fetch *fetch;
	struct arena *place_arena; /* of the download at work */
	struct hub_place place;
	uint64_t told_have, tick_have;
	int64_t tick_ms, last_id;
	bool wants_cancel, is_closing;
};

static void next_in_line(struct downloads *ds);
static void next_file(struct downloads *ds);

bool download_is_active(const struct download *d)
{
	return d->state == DOWNLOAD_WAITING || d->state == DOWNLOAD_RUNNING || d->state == DOWNLOAD_ADDING;
}

static void changed(struct downloads *ds, const struct entry *e)
{
	if (!ds->is_closing)
		ds->o.changed(ds->o.user, &e->shown);
}

static struct entry *find(const struct downloads *ds, int64_t id)
{
	for (struct entry *e = ds->entries; e; e = e->next)
		if (e->shown.id == id)
			return e;
	return NULL;
}

/* Where it does not run yet: most servers never download anything. */
static bool start_disk(struct downloads *ds, struct err *err)
{
	if (!ds->disk)
		ds->disk = executor_start("download", NULL, NULL, ds->o.home, err);
	return ds->disk != NULL;
}

/* --- the end of one --- */

static void forget_token(struct downloads *ds)
{
	if (ds->place.token && *ds->place.token)
		explicit_bzero((char *)ds->place.token, strlen(ds->place.token));
	arena_free(ds->place_arena);
	ds->place_arena = NULL;
	ds->place = (struct hub_place){ 0 };
}

static void over(struct downloads *ds, enum download_state state, const struct err *why)
{
	struct entry *e = ds->current;

	loop_timer_set(ds->tick, -1);
	forget_token(ds);
	e->shown.state = state;
	e->shown.problem = why && state == DOWNLOAD_FAILED ? *why : (struct err){ 0 };
	e->shown.pause = (struct err){ 0 };
	e->shown.file = "";
	e->shown.bytes_per_s = 0;
	ds->current = NULL;
	ds->wants_cancel = false;
	changed(ds, e);
	next_in_line(ds);
}

static void ended_by(struct downloads *ds, const struct err *err)
{
	bool cancelled = err->code == ERR_CANCELLED || ds->wants_cancel;

	over(ds, ds->is_closing ? DOWNLOAD_INTERRUPTED : cancelled ? DOWNLOAD_CANCELLED : DOWNLOAD_FAILED, err);
}

/* --- what the disk does before and after --- */

enum chore { CHORE_PREPARE, CHORE_NOTE, CHORE_FORGET, CHORE_REMOVE };

struct disk_job {
	struct task task;
	struct downloads *ds;
	enum chore chore;
	struct arena *arena;
	struct hub_job job; /* texts in the arena */
	const char *dir, *data_dir;
	struct hub_place place;
	bool *is_whole;
	uint64_t have;
};

/* What lies there belongs to whoever put it there: it is not removed with this download. */
static void note_old_files(struct disk_job *d)
{
	if (hub_job_is_known(d->dir, &d->job))
		return;
	for (size_t i = 0; i < d->job.n_files; i++)
		(void)hub_job_have(d->dir, &d->job, i, &d->job.is_old[i]);
}

static enum err_code check_space(const struct disk_job *d, struct err *err)
{
	uint64_t need = hub_job_size(&d->job) - d->have, left = fs_free_space(d->dir);

	if (need == 0 || left == UINT64_MAX || left > need + SPACE_RESERVE)
		return ERR_OK;
	return err_set(err, ERR_IO, "err_hub_space", "need=%.1f|path=%s|free=%.1f", (double)need / 1e9, d->data_dir, (double)left / 1e9);
}

static void prepare(struct disk_job *d, struct err *err)
{
	if (hub_place_read(d->arena, &d->place, err) != ERR_OK)
		return;
	if (strcmp(d->place.endpoint, d->job.endpoint) != 0) {
		err_set(err, ERR_CONFLICT, "err_hub_moved", "endpoint=%s|before=%s", d->place.endpoint, d->job.endpoint);
		return;
	}
	note_old_files(d);
	for (size_t i = 0; i < d->job.n_files; i++)
		d->have += hub_job_have(d->dir, &d->job, i, &d->is_whole[i]);
	if (check_space(d, err) == ERR_OK)
		(void)!hub_job_write(d->dir, &d->job, err);
}

static void run_job(struct task *task, void *context)
{
	struct disk_job *d = (struct disk_job *)task;

	(void)context;
	if (d->chore == CHORE_PREPARE)
		prepare(d, &task->err);
	else if (d->chore == CHORE_NOTE)
		(void)!hub_job_write(d->dir, &d->job, &task->err);
	else if (d->chore == CHORE_FORGET)
		hub_job_forget(d->dir, &d->job);
	else
		hub_job_remove(d->dir, &d->job);
}

static void free_job(struct disk_job *d)
{
	arena_free(d->arena);
	mem_free(d);
}

static void job_done(struct task *task)
{
	free_job((struct disk_job *)task);
}

static struct disk_job *new_job(struct downloads *ds, const struct entry *e, enum chore chore)
{
	struct disk_job *d = mem_alloc(sizeof *d);

	*d = (struct disk_job){ .task = { .run = run_job, .done = job_done }, .ds = ds, .chore = chore, .arena = arena_new() };
	hub_job_copy(d->arena, &e->job, &d->job);
	d->dir = arena_strdup(d->arena, e->shown.dir);
	d->data_dir = arena_strdup(d->arena, ds->o.data_dir);
	d->is_whole = arena_array(d->arena, e->job.n_files, sizeof *d->is_whole);
	return d;
}

static void post_chore(struct downloads *ds, const struct entry *e, enum chore chore)
{
	struct err err = { 0 };

	if (ds->is_closing)
		return;
	if (start_disk(ds, &err))
		executor_post(ds->disk, &new_job(ds, e, chore)->task);
	else
		log_warn("hub", "%s: %s", e->shown.dir, err.args);
}

static void prepared(struct task *task)
{
	struct disk_job *d = (struct disk_job *)task;
	struct downloads *ds = d->ds;
	struct entry *e = ds->current;
	struct err err = task->err;

	memcpy(e->is_whole, d->is_whole, e->job.n_files * sizeof *e->is_whole);
	memcpy(e->job.is_old, d->job.is_old, e->job.n_files * sizeof *e->job.is_old);
	ds->place = d->place;
	ds->place_arena = d->arena;
	e->shown.have = d->have;
	mem_free(d);
	if (err.code == ERR_OK && ds->wants_cancel)
		err_set(&err, ERR_CANCELLED, "err_cancelled", NULL);
	if (err.code != ERR_OK) {
		ended_by(ds, &err);
		return;
	}
	ds->tick_ms = clock_mono_ms();
	ds->tick_have = ds->told_have = e->shown.have;
	loop_timer_set(ds->tick, TICK_MS);
	e->at = 0;
	changed(ds, e);
	next_file(ds);
}

/* --- one file after another --- */

static void on_tick(void *user)
{
	struct downloads *ds = user;
	struct entry *e = ds->current;
	int64_t now = clock_mono_ms();

	if (!e)
		return;
	if (now > ds->tick_ms && e->shown.have > ds->tick_have) {
		double speed = 1000.0 * (double)(e->shown.have - ds->tick_have) / (double)(now - ds->tick_ms), old = e->shown.bytes_per_s;
		e->shown.bytes_per_s = old > 0 ? (1 - SPEED_WEIGHT) * old + SPEED_WEIGHT * speed : speed;
	}
	ds->tick_have = e->shown.have;
	ds->tick_ms = now;
	if (e->shown.have != ds->told_have)
		changed(ds, e);
	ds->told_have = e->shown.have;
	loop_timer_set(ds->tick, TICK_MS);
}

static void on_progress(void *user, uint64_t have, const struct err *why)
{
	struct downloads *ds = user;
	struct entry *e = ds->current;
	bool was_paused = e->shown.pause.code != ERR_OK;

	e->shown.have = e->have_before + have;
	e->shown.pause = why ? *why : (struct err){ 0 };
	if (why || was_paused)
		changed(ds, e);
}

static void on_etag(void *user, const char *etag)
{
	struct downloads *ds = user;
	struct entry *e = ds->current;

	e->job.etag = arena_strdup(e->arena, etag);
	e->job.etag_path = e->job.files[e->at].path;
	post_chore(ds, e, CHORE_NOTE);
}

static void on_refused(void *user, const struct http_reply *reply, struct err *err)
{
	struct downloads *ds = user;
	const struct entry *e = ds->current;
	struct hub_question q = { .endpoint = ds->place.endpoint, .repo = e->job.repo, .revision = e->job.revision,
				  .path = e->job.files[e->at].path, .token_source = ds->place.token_source,
				  .token_path = ds->place.token_path };

	(void)hub_refusal(&q, reply, err);
}

static void on_fetched(void *user, const struct err *err)
{
	struct downloads *ds = user;
	struct entry *e = ds->current;

	ds->fetch = NULL;
	if (err->code != ERR_OK) {
		ended_by(ds, err);
		return;
	}
	e->is_whole[e->at] = true;
	e->at++;
	changed(ds, e);
	next_file(ds);
}

static void start_fetch(struct downloads *ds, struct entry *e)
{
	const struct hub_file *file = &e->job.files[e->at];
	struct arena *a = arena_new();
	struct hub_fetch_options options = {
		.loop = ds->o.loop,
		.http_client = ds->o.http_client,
		.disk = ds->disk,
		.dir = e->shown.dir,
		.url = hub_file_url(a, ds->place.endpoint, e->job.repo, e->job.commit, file->path),
		.bearer = ds->place.token,
		.etag = strcmp(e->job.etag_path, file->path) == 0 ? e->job.etag : "",
		.file = *file,
		.retry_ms = ds->o.retry_ms,
		.max_tries = ds->o.max_tries,
		.progress = on_progress,
		.etag_known = on_etag,
		.refuse = on_refused,
		.done = on_fetched,
		.user = ds,
	};

	e->shown.file = file->path;
	ds->fetch = hub_fetch_start(&options);
	arena_free(a);
}

/* Bytes of the other files that lie there: those that are whole, and parts that an earlier program left. */
static void count_others(struct entry *e)
{
	uint64_t whole = 0;

	e->shown.n_whole = 0;
	for (size_t i = 0; i < e->job.n_files; i++) {
		if (!e->is_whole[i])
			continue;
		whole += e->job.files[i].size;
		e->shown.n_whole++;
	}
	e->have_before = whole;
}

static void next_file(struct downloads *ds)
{
	struct entry *e = ds->current;
	struct err cancelled = { 0 };

	while (e->at < e->job.n_files && e->is_whole[e->at])
		e->at++;
	count_others(e);
	if (ds->wants_cancel || ds->is_closing) {
		err_set(&cancelled, ERR_CANCELLED, "err_cancelled", NULL);
		ended_by(ds, &cancelled);
		return;
	}
	if (e->at < e->job.n_files) {
		start_fetch(ds, e);
		return;
	}
	e->shown.state = DOWNLOAD_ADDING;
	e->shown.have = e->shown.size;
	e->shown.file = "";
	changed(ds, e);
	struct arena *a = arena_new();
	ds->o.fetched(ds->o.user, &e->shown, hub_job_target(a, e->shown.dir, &e->job));
	arena_free(a);
}

/* It is done once nothing on the disk says that it is not. */
static void forgotten(struct task *task)
{
	struct downloads *ds = ((struct disk_job *)task)->ds;

	job_done(task);
	over(ds, DOWNLOAD_DONE, NULL);
}

void downloads_added(struct downloads *ds, int64_t id, void *result, const struct err *err)
{
	struct entry *e = ds->current;

	if (!e || e->shown.id != id || e->shown.state != DOWNLOAD_ADDING) {
		if (ds->o.forget && result)
			ds->o.forget(ds->o.user, result);
		return;
	}
	e->shown.result = result;
	if (err->code != ERR_OK) {
		ended_by(ds, err);
		return;
	}
	if (ds->is_closing) {
		over(ds, DOWNLOAD_INTERRUPTED, NULL);
		return;
	}
	struct disk_job *d = new_job(ds, e, CHORE_FORGET);
	d->task.done = forgotten;
	executor_post(ds->disk, &d->task);
}

/* --- the line --- */

static void begin(struct downloads *ds, struct entry *e)
{
	struct err err = { 0 };

	ds->current = e;
	ds->wants_cancel = false;
	e->shown.state = DOWNLOAD_RUNNING;
	e->shown.problem = e->shown.pause = (struct err){ 0 };
	if (!start_disk(ds, &err)) {
		ended_by(ds, &err);
		return;
	}
	struct disk_job *d = new_job(ds, e, CHORE_PREPARE);
	d->task.done = prepared;
	executor_post(ds->disk, &d->task);
	changed(ds, e);
}

/* The oldest that waits. */
static void next_in_line(struct downloads *ds)
{
	struct entry *first = NULL;

	if (ds->current || ds->is_closing)
		return;
	for (struct entry *e = ds->entries; e; e = e->next)
		if (e->shown.state == DOWNLOAD_WAITING)
			first = e;
	if (first)
		begin(ds, first);
}

static struct entry *add_entry(struct downloads *ds, const struct hub_job *job)
{
	struct entry *e = mem_alloc(sizeof *e);

	e->arena = arena_new();
	hub_job_copy(e->arena, job, &e->job);
	e->is_whole = arena_array(e->arena, job->n_files, sizeof *e->is_whole);
	ds->last_id = e->job.id > ds->last_id ? e->job.id : ds->last_id;
	e->shown = (struct download){ .id = e->job.id, .job = &e->job, .dir = hub_job_dir(e->arena, ds->o.data_dir, job),
				      .size = hub_job_size(job), .file = "" };
	e->next = ds->entries;
	ds->entries = e;
	return e;
}

static void free_entry(struct downloads *ds, struct entry *e)
{
	struct entry **at = &ds->entries;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	if (ds->o.forget && e->shown.result)
		ds->o.forget(ds->o.user, e->shown.result);
	arena_free(e->arena);
	mem_free(e);
}

/* The same files, from wherever. */
static bool is_same(const struct hub_job *a, const struct hub_job *b)
{
	return strcmp(a->repo, b->repo) == 0 && strcmp(a->commit, b->commit) == 0 && strcmp(a->name, b->name) == 0 && a->kind == b->kind;
}

enum err_code downloads_start(struct downloads *ds, const struct hub_job *job, const struct download **out, struct err *err)
{
	struct entry *e, *same = NULL;
	struct hub_job copy = *job;
	size_t n = 0;

	for (e = ds->entries; e; e = e->next) {
		n++;
		if (is_same(&e->job, job))
			same = e;
	}
	if (same && download_is_active(&same->shown)) {
		*out = &same->shown;
		return ERR_OK;
	}
	if (same && same->shown.state != DOWNLOAD_DONE && strcmp(same->job.endpoint, job->endpoint) == 0)
		return downloads_resume(ds, same->shown.id, out, err);
	if (!same && n >= LIMIT_DOWNLOADS)
		return err_set(err, ERR_LIMIT, "err_hub_downloads", "limit=%d", LIMIT_DOWNLOADS);
	copy.id = clock_wall_ms();
	copy.id = copy.id > ds->last_id ? copy.id : ds->last_id + 1;
	e = add_entry(ds, &copy);
	if (same && same->job.n_files == e->job.n_files)
		memcpy(e->job.is_old, same->job.is_old, e->job.n_files * sizeof *e->job.is_old);
	if (same)
		free_entry(ds, same);
	*out = &e->shown;
	changed(ds, e);
	next_in_line(ds);
	return ERR_OK;
}

static struct entry *need(struct downloads *ds, int64_t id, struct err *err)
{
	struct entry *e = find(ds, id);
	if (!e)
		err_set(err, ERR_NOT_FOUND, "err_hub_no_download", "id=%lld", (long long)id);
	return e;
}

enum err_code downloads_resume(struct downloads *ds, int64_t id, const struct download **out, struct err *err)
{
	struct entry *e = need(ds, id, err);

	if (!e)
		return ERR_NOT_FOUND;
	if (download_is_active(&e->shown) || e->shown.state == DOWNLOAD_DONE)
		return err_set(err, ERR_CONFLICT, "err_hub_not_over", "id=%lld", (long long)id);
	e->shown.state = DOWNLOAD_WAITING;
	e->shown.problem = (struct err){ 0 };
	*out = &e->shown;
	changed(ds, e);
	next_in_line(ds);
	return ERR_OK;
}

enum err_code downloads_cancel(struct downloads *ds, int64_t id, struct err *err)
{
	struct entry *e = need(ds, id, err);

	if (!e)
		return ERR_NOT_FOUND;
	if (e->shown.state != DOWNLOAD_WAITING && e->shown.state != DOWNLOAD_RUNNING)
		return err_set(err, ERR_CONFLICT, "err_hub_is_over", "id=%lld", (long long)id);
	if (e != ds->current) {
		e->shown.state = DOWNLOAD_CANCELLED;
		changed(ds, e);
		return ERR_OK;
	}
	ds->wants_cancel = true;
	if (ds->fetch)
		hub_fetch_cancel(ds->fetch);
	return ERR_OK;
}

enum err_code downloads_remove(struct downloads *ds, int64_t id, struct err *err)
{
	struct entry *e = need(ds, id, err);

	if (!e)
		return ERR_NOT_FOUND;
	if (download_is_active(&e->shown))
		return err_set(err, ERR_CONFLICT, "err_hub_active", "id=%lld", (long long)id);
	if (e->shown.state != DOWNLOAD_DONE)
		post_chore(ds, e, CHORE_REMOVE);
	free_entry(ds, e);
	return ERR_OK;
}

const struct download *downloads_get(const struct downloads *ds, int64_t id)
{
	const struct entry *e = find(ds, id);
	return e ? &e->shown : NULL;
}

const struct download *downloads_at(const struct downloads *ds, size_t i)
{
	const struct entry *e = ds->entries;

	while (e && i-- > 0)
		e = e->next;
	return e ? &e->shown : NULL;
}

/* --- life --- */

static void find_left(struct downloads *ds)
{
	struct arena *a = arena_new();
	struct hub_job *jobs;
	size_t n;

	hub_jobs_find(a, ds->o.data_dir, &jobs, &n);
	for (size_t i = 0; i < n; i++) {
		struct entry *e = add_entry(ds, &jobs[i]);
		e->shown.state = DOWNLOAD_INTERRUPTED;
		for (size_t k = 0; k < jobs[i].n_files; k++) {
			e->shown.have += hub_job_have(e->shown.dir, &e->job, k, &e->is_whole[k]);
			e->shown.n_whole += e->is_whole[k];
		}
	}
	arena_free(a);
}

struct downloads *downloads_new(const struct downloads_options *options)
{
	struct downloads *ds = mem_alloc(sizeof *ds);

	ds->o = *options;
	ds->o.data_dir = mem_strdup(options->data_dir);
	ds->o.retry_ms = options->retry_ms ? options->retry_ms : RETRY_MS;
	ds->o.max_tries = options->max_tries ? options->max_tries : MAX_TRIES;
	ds->tick = loop_timer_new(options->loop, on_tick, ds);
	find_left(ds);
	return ds;
}

void downloads_close(struct downloads *ds)
{
	if (!ds || ds->is_closing)
		return;
	ds->is_closing = true;
	if (ds->fetch)
		hub_fetch_cancel(ds->fetch);
	if (ds->disk)
		executor_stop(ds->disk);
	ds->disk = NULL;
}

void downloads_free(struct downloads *ds)
{
	if (!ds)
		return;
	downloads_close(ds);
	hub_fetch_free(ds->fetch);
	forget_token(ds);
	while (ds->entries)
		free_entry(ds, ds->entries);
	loop_timer_free(ds->tick);
	mem_free((char *)ds->o.data_dir);
	mem_free(ds);
}
