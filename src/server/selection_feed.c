/* SPDX-License-Identifier: Apache-2.0 */
#include "server/selection_feed.h"

#include "base/limits.h"
#include "server/row_feed.h"
#include "server/selection_view.h"

static void *load(struct db *db, struct arena *a, int64_t id, struct err *err)
{
	struct selection_whole *whole = arena_alloc(a, sizeof *whole);

	return selection_whole_load(db, a, id, whole, err) == ERR_OK ? whole : NULL;
}

static void send(struct app *app, const void *row)
{
	const struct selection_whole *whole = row;
	struct buf steps = BUF_INIT(MIB), en = BUF_INIT(LIMIT_JSON_BODY), zh = BUF_INIT(LIMIT_JSON_BODY);
	struct selection_now now = { 0 };

	now.is_live = selections_live(app->selections, whole->row.id, &now.live, &steps);
	now.steps = buf_str(&steps);
	view_selection(&en, NULL, LANG_EN, whole, &now);
	view_selection(&zh, NULL, LANG_ZH_TW, whole, &now);
	hub_publish(app->hub, "selection", buf_str(&en), buf_str(&zh));
	buf_release(&steps);
	buf_release(&en);
	buf_release(&zh);
}

struct row_feed *selection_feed_new(struct app *app)
{
	return row_feed_new(app, load, send);
}

void selection_feed_changed(void *user, int64_t selection_id, bool list_changed)
{
	struct app *app = user;

	if (app->closing)
		return;
	if (list_changed)
		app_publish(app, "selections", NULL);
	row_feed_changed(app->selection_feed, selection_id);
}
