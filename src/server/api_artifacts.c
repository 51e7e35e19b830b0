/* SPDX-License-Identifier: Apache-2.0
 *
 * api_artifacts - files that assay made: list, look at, delete. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "deploy/creation.h"
#include "server/audit.h"
#include "server/create_view.h"
#include "server/routes.h"

static void list_artifacts(struct request *r, struct db *db)
{
	struct artifact_row *rows;
	size_t n;
	if (artifact_store_list(db, r->arena, &rows, &n, request_err(r)) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "artifacts", '[');
	for (size_t i = 0; i < n; i++)
		view_artifact(&r->out, NULL, r->lang, &rows[i], fs_exists(rows[i].path));
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

void api_list_artifacts(struct request *r)
{
	request_defer(r, LANE_READ, list_artifacts, NULL);
}

static void get_artifact(struct request *r, struct db *db)
{
	struct artifact_row row;
	if (artifact_store_get(db, r->arena, r->id, &row, request_err(r)) == ERR_OK)
		view_artifact(&r->out, NULL, r->lang, &row, fs_exists(row.path));
}

void api_get_artifact(struct request *r)
{
	request_defer(r, LANE_READ, get_artifact, NULL);
}

/* The row goes first: a file without a row is a file, a row without its file would be a promise. */
static void remove_row(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct artifact_row row;
	if (artifact_store_get(db, r->arena, r->id, &row, err) != ERR_OK ||
	    artifact_store_remove(db, r->id, err) != ERR_OK)
		return;
	r->state = arena_alloc(r->arena, sizeof row);
	*(struct artifact_row *)r->state = row;
	audit_note(r, db, "delete_file", row.path);
}

static void remove_file(struct request *r, struct db *db)
{
	const struct artifact_row *row = r->state;
	const char *path = row->path;
	(void)db;
	if (!artifact_is_unchanged(row))
		return; /* somebody has put another file there: it is not ours to delete */
	if (unlink(path) != 0 && errno != ENOENT)
		err_set_errno(request_err(r), errno, "err_artifact_unlink", "path=%s", path);
}

static void file_removed(struct request *r)
{
	app_publish(r->app, "artifacts", NULL);
	app_publish(r->app, "models", NULL);
	request_reply(r, 204);
}

static void row_removed(struct request *r)
{
	request_defer(r, LANE_WORK, remove_file, file_removed);
}

void api_remove_artifact(struct request *r)
{
	struct err err = { 0 };
	if (creations_hold(r->app->creations, r->id)) {
		err_set(&err, ERR_CONFLICT, "err_creation_running", NULL);
		request_fail(r, &err);
		return;
	}
	request_defer(r, LANE_WRITE, remove_row, row_removed);
}
