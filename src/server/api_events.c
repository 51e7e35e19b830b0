/* SPDX-License-Identifier: Apache-2.0
 *
 * api_events - the event stream of one browser. */
#include "base/clock.h"
#include "base/mem.h"
#include "server/api_events.h"
#include "server/http.h"
#include "server/live.h"
#include "server/routes.h"

struct stream {
	struct request *request;
	struct hub_client *client;
	bool is_closed; /* the session ended, or the server does */
};

static ssize_t read_stream(void *user, char *out, size_t max)
{
	struct stream *s = user;
	const struct request *r = s->request;
	if (s->is_closed || r->app->closing)
		return -1;
	/* Checked for every batch: a session that was ended elsewhere sees nothing more. */
	if (r->session && !sessions_has(r->app->sessions, r->session, clock_wall_ms()))
		return -1;
	return (ssize_t)hub_read(s->client, out, max);
}

static void close_stream(void *user)
{
	struct stream *s = user;
	hub_leave(s->client);
	mem_free(s);
}

static void wake_stream(void *user)
{
	struct stream *s = user;
	request_wake(s->request);
}

void api_events(struct request *r)
{
	struct err err = { 0 };
	int64_t last = 0;
	const char *header = request_header(r, "Last-Event-ID");
	if (header && !str_to_i64(str_of(header), &last))
		last = 1; /* unknown: the client is told to fetch again */
	live_flush(r->app->live);
	struct stream *s = mem_alloc(sizeof *s);
	s->request = r;
	s->client = hub_join(r->app->hub, r->lang, last, wake_stream, s);
	if (!s->client) {
		mem_free(s);
		err_set(&err, ERR_BUSY, "err_events_full", NULL);
		request_fail(r, &err);
		return;
	}
	struct body_source source = { read_stream, close_stream, s };
	request_stream(r, "text/event-stream", &source);
}

static void check_stream(void *user)
{
	struct stream *s = user;
	const struct request *r = s->request;
	bool ended = r->session && !sessions_has(r->app->sessions, r->session, clock_wall_ms());
	if (!ended && !r->app->closing && !http_peer_gone(r->transport))
		return;
	s->is_closed = true;
	request_wake(s->request);
}

void events_check(struct app *app)
{
	hub_each(app->hub, check_stream);
}
