/* SPDX-License-Identifier: Apache-2.0 */
#include "server/held_ask.h"

#include <string.h>

#include "base/limits.h"
#include "server/json_view.h"

#define NAMES_SHOWN 3

void held_ask_read(struct request *r, struct db *db, struct held_ask *ask)
{
	struct provider_row *rows;
	size_t n;

	*ask = (struct held_ask){ 0 };
	if (provider_store_list(db, r->arena, &rows, &n, request_err(r)) != ERR_OK)
		return;
	ask->servers = arena_array(r->arena, n, sizeof *ask->servers);
	for (size_t i = 0; i < n; i++) {
		struct held_server *s = &ask->servers[ask->n];
		*s = (struct held_server){ 0 };
		if (!held_is_here(&rows[i]))
			continue;
		if (!provider_read(r, db, rows[i].id, &s->remote, &s->problem))
			return;
		ask->n++;
	}
}

void held_ask_start(struct request *r, struct held_ask *ask, request_fn done)
{
	struct http_limits limits = held_limits();

	provider_calls_init(&ask->calls, r, done);
	for (size_t i = 0; i < ask->n; i++)
		if (ask->servers[i].problem.code == ERR_OK)
			provider_call_start(&ask->calls, &ask->servers[i].call, &ask->servers[i].remote, "GET", "/api/ps", NULL, &limits);
	provider_calls_wait(&ask->calls);
}

void held_ask_take(struct request *r, struct held_ask *ask)
{
	ask->bytes = ask->gpu_bytes = 0;
	for (size_t i = 0; i < ask->n; i++) {
		struct held_server *s = &ask->servers[i];
		s->held = (struct held){ 0 };
		if (s->problem.code != ERR_OK || s->call.err.code != ERR_OK)
			continue;
		(void)!held_read(r->arena, &s->remote, &s->call.reply, &s->held, &s->problem);
		ask->bytes += s->held.bytes;
		ask->gpu_bytes += s->held.gpu_bytes;
	}
}

void held_ask_names(const struct held_ask *ask, char *out, size_t size)
{
	size_t len = 0, shown = 0;

	out[0] = 0;
	for (size_t i = 0; i < ask->n; i++)
		for (size_t k = 0; k < ask->servers[i].held.n; k++) {
			const struct held_model *m = &ask->servers[i].held.models[k];
			if (shown++ >= NAMES_SHOWN || len + 100 > size)
				continue;
			(void)str_format(out + len, size - len, "%s%.60s (%.1f GB)", len ? ", " : "", m->name, (double)m->bytes / 1e9);
			len = strlen(out);
		}
	if (shown > NAMES_SHOWN)
		(void)str_format(out + len, size - len, ", …");
	utf8_clean(out, strlen(out), 0);
}

void view_held(struct buf *b, enum lang lang, const struct held_ask *ask)
{
	char names[400];
	struct buf text = BUF_INIT(8 * KIB);

	held_ask_names(ask, names, sizeof names);
	json_open(b, "held", '{');
	json_int(b, "bytes", ask->bytes);
	json_int(b, "gpu_bytes", ask->gpu_bytes);
	if (ask->bytes > 0)
		msg_format(&text, lang, "core_held", "held=%.1f|models=%s", (double)ask->bytes / 1e9, names);
	json_str(b, "message", buf_str(&text));
	json_open(b, "models", '[');
	for (size_t i = 0; i < ask->n; i++)
		for (size_t k = 0; k < ask->servers[i].held.n; k++) {
			const struct held_model *m = &ask->servers[i].held.models[k];
			json_open(b, NULL, '{');
			json_int(b, "provider_id", ask->servers[i].remote.row.id);
			json_cstr(b, "name", m->name);
			json_int(b, "bytes", m->bytes);
			json_int(b, "gpu_bytes", m->gpu_bytes);
			json_close(b, '}');
		}
	json_close(b, ']');
	json_open(b, "problems", '[');
	for (size_t i = 0; i < ask->n; i++)
		if (ask->servers[i].problem.code != ERR_OK)
			view_problem(b, NULL, lang, &ask->servers[i].problem);
	json_close(b, ']');
	json_close(b, '}');
	buf_release(&text);
}
