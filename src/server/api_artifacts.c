/* SPDX-License-Identifier: Apache-2.0
 *
 * api_artifacts - files that assay made: list, look at, delete. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "server/create_view.h"
#include "server/routes.h"
#include "store/setting_store.h"

static void list_artifacts(struct request *r, struct db *db)
{
	struct artifact_row *rows;
	size_t n;
	if (artifact_store_list(db, r->arena, &rows, &n, request_err(r)) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "artifacts", '[');
	for (size_t i = 0; i < n; i++)
		view_artifact(&r->out, NULL, r->lang, &rows[i]);
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
		view_artifact(&r->out, NULL, r->lang, &row);
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
	r->state = (void *)row.path;
	err_kept(audit_add(db, "owner", "delete file", row.path, err));
}

static void remove_file(struct request *r, struct db *db)
{
	const char *path = r->state;
	(void)db;
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
	request_defer(r, LANE_WRITE, remove_row, row_removed);
}
