/* SPDX-License-Identifier: Apache-2.0
 *
 * A model does not fit: before anybody is told, the Ollamas of this machine say what they hold of its memory. */
#include "base/mem.h"
#include "engine/active.h"
#include "engine/held.h"
#include "store/secret_store.h"

struct held_call {
	struct held_look *look;
	struct remote remote;
	struct http_call *call; /* NULL: over */
};

struct list_job;

struct held_look {
	struct engine *e;
	struct list_job *listing; /* under way; NULL: it is home */
	struct arena *arena;
	struct err cause;
	bool counts_gpu;
	held_look_fn done;
	void *user;
	struct held_call *calls;
	size_t n, n_open;
	bool all_started;
	struct held held;
};

struct list_job {
	struct job job;
	struct held_look *look; /* NULL: nobody waits for it any more */
	struct remote *remotes;
	size_t n;
};

void held_look_free(struct held_look *look)
{
	if (!look)
		return;
	if (look->listing)
		look->listing->look = NULL;
	for (size_t i = 0; i < look->n; i++)
		http_call_cancel(look->calls[i].call);
	arena_free(look->arena);
	mem_free(look);
}

static void run_list(struct task *task, void *context)
{
	struct list_job *l = (struct list_job *)task;
	struct engine *e = l->job.e;
	struct arena *a = l->job.arena;
	struct provider_row *rows;
	size_t n;

	if (provider_store_list(context, a, &rows, &n, &task->err) != ERR_OK)
		return;
	l->remotes = arena_array(a, n, sizeof *l->remotes);
	for (size_t i = 0; i < n; i++) {
		struct err no_key = { 0 };
		struct remote *remote = &l->remotes[l->n];
		*remote = (struct remote){ .row = rows[i] };
		if (held_is_here(&rows[i]) && secret_store_get(e->data_dir, a, &rows[i], &remote->key, &no_key) == ERR_OK)
			l->n++;
	}
}

static void tell(struct held_look *look)
{
	struct err cause = look->cause;

	if (!look->all_started || look->n_open > 0)
		return;
	held_tell(&look->held, look->counts_gpu, &cause);
	look->done(look->user, &cause);
}

static void on_reply(void *user, const struct http_reply *reply, const struct err *err)
{
	struct held_call *c = user;
	struct held_look *look = c->look;
	struct err ignored = { 0 };

	c->call = NULL;
	look->n_open--;
	if (err->code == ERR_OK) /* one that says nothing of use holds nothing that we know of */
		(void)!held_read(look->arena, &c->remote, reply, &look->held, &ignored);
	tell(look);
}

static void start_call(struct held_look *look, struct held_call *c)
{
	struct http_request request = { .method = "GET", .url = arena_printf(look->arena, "%s/api/ps", c->remote.row.url),
					.limits = held_limits(), .done = on_reply, .user = c };

	remote_introduce(&c->remote, &request);
	look->n_open++;
	c->call = http_client_start(look->e->options.http_client, &request);
}

static void home_list(struct job *job)
{
	struct list_job *l = (struct list_job *)job;
	struct held_look *look = l->look;

	if (!look)
		return;
	look->listing = NULL;
	struct arena *mine = look->arena;
	look->arena = job->arena; /* what was read */
	job->arena = mine;
	look->calls = arena_array(look->arena, l->n, sizeof *look->calls);
	look->n = l->n;
	for (size_t i = 0; i < l->n; i++) {
		look->calls[i] = (struct held_call){ .look = look, .remote = l->remotes[i] };
		start_call(look, &look->calls[i]);
	}
	look->all_started = true;
	tell(look);
}

static void drop_list(struct job *job)
{
	struct list_job *l = (struct list_job *)job;

	if (l->look)
		l->look->listing = NULL;
}

struct held_look *held_look_start(struct engine *e, const struct err *cause, bool counts_gpu, held_look_fn done, void *user)
{
	struct held_look *look = mem_alloc(sizeof *look);
	struct list_job *l = job_new(e, sizeof *l, run_list, home_list);

	l->job.drop = drop_list;
	l->look = look;
	*look = (struct held_look){ .e = e, .listing = l, .arena = arena_new(), .cause = *cause, .counts_gpu = counts_gpu, .done = done,
				    .user = user };
	job_read(&l->job);
	return look;
}
