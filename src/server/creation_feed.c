/* SPDX-License-Identifier: Apache-2.0 */
#include "server/creation_feed.h"

#include <string.h>

#include "base/limits.h"
#include "deploy/creation.h"
#include "server/create_view.h"
#include "server/row_feed.h"

static void *load(struct db *db, struct arena *a, int64_t id, struct err *err)
{
	struct creation_whole *whole = arena_alloc(a, sizeof *whole);

	return creation_load(db, a, id, whole, err) == ERR_OK ? whole : NULL;
}

static void send(struct app *app, const void *row)
{
	const struct creation_whole *whole = row;
	struct buf steps = BUF_INIT(MIB), en = BUF_INIT(MIB), zh = BUF_INIT(MIB);
	struct str live = { 0 };

	if (creations_live(app->creations, whole->row.id, &steps))
		live = (struct str){ buf_text(&steps), steps.len };
	view_creation(&en, NULL, LANG_EN, whole, live);
	view_creation(&zh, NULL, LANG_ZH_TW, whole, live);
	hub_publish(app->hub, "creation", buf_str(&en), buf_str(&zh));
	if (whole->row.state == CREATION_DONE && strcmp(whole->row.target, "workspace") == 0)
		app_publish(app, "workspaces", NULL);
	buf_release(&steps);
	buf_release(&en);
	buf_release(&zh);
}

struct row_feed *creation_feed_new(struct app *app)
{
	return row_feed_new(app, load, send);
}

void creation_feed_changed(void *user, int64_t creation_id, bool artifacts_changed)
{
	struct app *app = user;

	if (app->closing)
		return;
	if (artifacts_changed) {
		app_publish(app, "artifacts", NULL);
		app_publish(app, "models", NULL);
	}
	row_feed_changed(app->creation_feed, creation_id);
}
