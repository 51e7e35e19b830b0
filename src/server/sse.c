/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sse.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

struct event {
	int refs;
	int64_t id;
	size_t cost;                /* bytes counted against the limit */
	struct buf text[LANG_COUNT]; /* [LANG_ZH_TW] is empty where it is the same */
	struct event *next;
};

struct hub {
	int64_t last_id;
	size_t limit;
	size_t used;
	struct event *oldest, *newest;
	struct hub_client *clients;
	size_t n_clients;
};

struct hub_client {
	struct hub *hub;
	enum lang lang;
	int64_t next_id;       /* of the next event to send */
	struct event *current; /* being sent, referenced */
	size_t at;             /* bytes of it already sent */
	struct buf own;        /* hello, resync, comments */
	bool waiting;
	hub_wake_fn wake;
	void *user;
	struct hub_client *next;
};

struct hub *hub_new(int64_t first_id, size_t limit)
{
	struct hub *h = mem_alloc(sizeof *h);
	h->last_id = first_id;
	h->limit = limit;
	return h;
}

static void event_release(struct event *e)
{
	if (!e || --e->refs)
		return;
	for (int lang = 0; lang < LANG_COUNT; lang++)
		buf_release(&e->text[lang]);
	mem_free(e);
}

static void drop_oldest(struct hub *h)
{
	struct event *e = h->oldest;
	h->oldest = e->next;
	if (!h->oldest)
		h->newest = NULL;
	h->used -= e->cost;
	e->next = NULL;
	event_release(e);
}

void hub_free(struct hub *h)
{
	if (!h)
		return;
	while (h->oldest)
		drop_oldest(h);
	mem_free(h);
}

int64_t hub_last_id(const struct hub *h)
{
	return h->last_id;
}

size_t hub_count(const struct hub *h)
{
	return h->n_clients;
}

static void encode(struct buf *out, int64_t id, const char *event, struct str data)
{
	buf_printf(out, "id: %lld\nevent: %s\ndata: ", (long long)id, event);
	buf_add_str(out, data);
	buf_add_text(out, "\n\n");
}

static void wake(struct hub_client *c)
{
	if (!c->waiting)
		return;
	c->waiting = false;
	c->wake(c->user);
}

static void wake_all(struct hub *h)
{
	for (struct hub_client *c = h->clients, *next; c; c = next) {
		next = c->next;
		wake(c);
	}
}

int64_t hub_publish(struct hub *h, const char *event, struct str en, struct str zh)
{
	bool too_big = en.len > h->limit / 2 || zh.len > h->limit / 2;
	struct event *e = mem_alloc(sizeof *e);
	e->refs = 1;
	e->id = ++h->last_id;
	for (int lang = 0; lang < LANG_COUNT; lang++)
		buf_init(&e->text[lang], h->limit);
	encode(&e->text[LANG_EN], e->id, too_big ? "resync" : event, too_big ? STR("{}") : en);
	if (zh.ptr && !too_big)
		encode(&e->text[LANG_ZH_TW], e->id, event, zh);
	e->cost = e->text[LANG_EN].len > e->text[LANG_ZH_TW].len ? e->text[LANG_EN].len : e->text[LANG_ZH_TW].len;
	if (h->newest)
		h->newest->next = e;
	else
		h->oldest = e;
	h->newest = e;
	h->used += e->cost;
	while (h->used > h->limit && h->oldest != e)
		drop_oldest(h);
	wake_all(h);
	return e->id;
}

static int64_t first_kept(const struct hub *h)
{
	return h->oldest ? h->oldest->id : h->last_id + 1;
}

static void add_resync(struct hub_client *c)
{
	c->next_id = c->hub->last_id + 1;
	encode(&c->own, c->hub->last_id, "resync", STR("{}"));
}

struct hub_client *hub_join(struct hub *h, enum lang lang, int64_t last_id, hub_wake_fn wake_fn, void *user)
{
	char hello[96];
	if (h->n_clients >= LIMIT_SSE_CLIENTS)
		return NULL;
	struct hub_client *c = mem_alloc(sizeof *c);
	*c = (struct hub_client){ .hub = h, .lang = lang, .wake = wake_fn, .user = user, .own = BUF_INIT(4 * KIB) };
	bool known = last_id >= first_kept(h) - 1 && last_id <= h->last_id;
	c->next_id = (last_id && known ? last_id : h->last_id) + 1;
	str_format(hello, sizeof hello, "{\"event_id\":%lld,\"version\":\"%s\"}", (long long)c->next_id - 1, ASSAY_VERSION);
	encode(&c->own, c->next_id - 1, "hello", str_of(hello));
	if (last_id && !known)
		add_resync(c);
	c->next = h->clients;
	h->clients = c;
	h->n_clients++;
	return c;
}

void hub_leave(struct hub_client *c)
{
	if (!c)
		return;
	struct hub_client **at = &c->hub->clients;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->hub->n_clients--;
	event_release(c->current);
	buf_release(&c->own);
	mem_free(c);
}

static const struct buf *event_text(const struct hub_client *c)
{
	const struct buf *own = &c->current->text[c->lang];
	return own->len ? own : &c->current->text[LANG_EN];
}

/* Sets `current` to the event that comes next.  The clients are near the end of the list of events as a rule, but the
 * list is short (its bytes are limited), so it is walked from its start. */
static void take_next(struct hub_client *c)
{
	struct event *e = c->hub->oldest;
	if (c->next_id > c->hub->last_id)
		return;
	if (c->next_id < first_kept(c->hub)) {
		add_resync(c);
		return;
	}
	while (e->id < c->next_id)
		e = e->next;
	e->refs++;
	c->current = e;
	c->at = 0;
	c->next_id++;
}

static size_t read_some(struct hub_client *c, char *out, size_t max)
{
	if (!c->current && c->own.len) {
		size_t n = c->own.len < max ? c->own.len : max;
		memcpy(out, c->own.ptr, n);
		buf_consume(&c->own, n);
		return n;
	}
	if (!c->current)
		take_next(c);
	if (!c->current)
		return 0;
	const struct buf *text = event_text(c);
	size_t left = text->len - c->at, n = left < max ? left : max;
	memcpy(out, text->ptr + c->at, n);
	c->at += n;
	if (n == left) {
		event_release(c->current);
		c->current = NULL;
	}
	return n;
}

size_t hub_read(struct hub_client *c, char *out, size_t max)
{
	size_t total = 0, n;
	while (total < max && ((n = read_some(c, out + total, max - total)) || c->own.len))
		total += n;
	c->waiting = total == 0;
	return total;
}

void hub_beat(struct hub *h)
{
	for (struct hub_client *c = h->clients, *next; c; c = next) {
		next = c->next;
		if (!c->waiting)
			continue;
		buf_add_text(&c->own, ": \n\n");
		wake(c);
	}
}

void hub_each(struct hub *h, hub_wake_fn each)
{
	for (struct hub_client *c = h->clients, *next; c; c = next) {
		next = c->next;
		each(c->user);
	}
}
