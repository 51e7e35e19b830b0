/* SPDX-License-Identifier: Apache-2.0
 *
 * api_audit - who did what, when and from where: noted by the routes that matter, listed for the owner. */
#include "base/str.h"
#include "server/audit.h"
#include "server/json_view.h"
#include "server/routes.h"
#include "store/audit_store.h"

void audit_note(struct request *r, struct db *db, const char *what, const char *subject)
{
	struct err *err = request_err(r);
	struct audit_row row = { .who = "owner", .what = what, .subject = subject, .source = r->is_unix ? "unix" : r->from };

	if (!subject)
		row.subject = arena_printf(r->arena, "%lld", (long long)r->id);
	if (err->code == ERR_OK)
		err_kept(audit_add(db, &row, err));
}

struct listing {
	int64_t before, limit;
};

static void view_entry(struct request *r, const struct audit_row *row)
{
	const char *text = msg_text(r->lang, arena_printf(r->arena, "core_audit_%s", row->what));

	json_open(&r->out, NULL, '{');
	json_int(&r->out, "id", row->id);
	json_int(&r->out, "at_ms", row->at_ms);
	json_cstr(&r->out, "who", row->who);
	json_cstr(&r->out, "what", row->what);
	json_cstr(&r->out, "text", text ? text : row->what);
	json_cstr(&r->out, "subject", row->subject);
	json_cstr(&r->out, "from", row->source);
	json_close(&r->out, '}');
}

static void list_entries(struct request *r, struct db *db)
{
	const struct listing *l = r->state;
	struct audit_row *rows;
	size_t n;

	if (audit_list(db, r->arena, l->before, l->limit, &rows, &n, request_err(r)) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "entries", '[');
	for (size_t i = 0; i < n; i++)
		view_entry(r, &rows[i]);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

void api_list_audit(struct request *r)
{
	struct err err = { 0 };
	struct listing *l = r->state = arena_alloc(r->arena, sizeof *l);

	l->before = request_query_int(r, "before", 0, INT64_MAX, 0, &err);
	l->limit = request_query_int(r, "limit", 1, 1000, 100, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, list_entries, NULL);
}
