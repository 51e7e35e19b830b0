/* SPDX-License-Identifier: Apache-2.0 */
#include "server/model_scan.h"

#include <errno.h>
#include <sys/stat.h>

#include "convert/convert_speed.h"
#include "engine/model_cache.h"
#include "server/app_private.h"
#include "server/json_view.h"

/* A Hugging Face folder among what was found, NULL: there is none. */
static const char *first_folder(const struct catalogue *c)
{
	for (size_t i = 0; i < c->n_models; i++)
		if (model_cache_wants(c->models[i].path))
			return c->models[i].path;
	for (size_t i = 0; i < c->n_families; i++)
		for (size_t k = 0; k < c->families[i].n_checkpoints; k++)
			if (c->families[i].checkpoints[k].kind == MODEL_FULL && model_cache_wants(c->families[i].checkpoints[k].path))
				return c->families[i].checkpoints[k].path;
	return NULL;
}

void model_scan_run(struct arena *a, struct model_scan *scan, const atomic_bool *cancel, struct err *err)
{
	if (catalogue_scan(a, scan->path, &scan->found, cancel, err) != ERR_OK)
		return;
	if (scan->name && scan->found.n_families + scan->found.n_models > 1)
		err_set(err, ERR_INVALID, "err_scan_name", "field=name|path=%s", scan->path);
	const char *folder = first_folder(&scan->found);
	if (folder)
		convert_speed_sample(scan->data_dir, folder);
}

/* A link that leads nowhere is still there to be told of. */
static bool is_gone(const char *path)
{
	struct stat info;
	return lstat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

void refusals_leave_gone(struct model_list *list)
{
	size_t n = 0;
	for (size_t i = 0; i < list->n_refusals; i++)
		if (!is_gone(list->refusals[i].path))
			list->refusals[n++] = list->refusals[i];
	list->n_refusals = n;
}

void model_scan_find_moved(struct arena *a, struct model_scan *scan, struct db *db, struct err *err)
{
	struct refusal_row *rows;
	size_t n;
	if (moved_find(db, a, &scan->found, &scan->moved, &scan->n_moved, err) != ERR_OK ||
	    model_store_refusals(db, a, &rows, &n, err) != ERR_OK)
		return;
	scan->gone = arena_array(a, n + 1, sizeof *scan->gone);
	scan->n_gone = 0;
	for (size_t i = 0; i < n; i++)
		if (is_gone(rows[i].path))
			scan->gone[scan->n_gone++] = rows[i].path;
}

void model_scan_check_moved(struct model_scan *scan, const atomic_bool *cancel)
{
	moved_check(scan->moved, scan->n_moved, cancel);
}

/* The name that the user gave goes to what was found: model_scan_run() made sure that it is one thing at most. */
static void name_found(const struct model_scan *scan, struct db *db, struct err *err)
{
	if (!scan->name || scan->n_rows == 0)
		return;
	if (scan->found.n_families == 1)
		err_kept(family_store_rename(db, scan->rows[0].family_id, scan->name, err));
	else
		err_kept(model_store_rename(db, scan->rows[0].id, scan->name, err));
}

void model_scan_store(struct arena *a, struct model_scan *scan, struct db *db, struct err *err)
{
	struct model_row base;
	int64_t *ids = NULL;
	size_t n = 0;

	if (scan->base_model_id && model_store_get(db, a, scan->base_model_id, &base, err) != ERR_OK)
		return;
	if (moved_store(db, scan->moved, scan->n_moved, err) != ERR_OK ||
	    model_store_merge(db, a, &scan->found, scan->base_model_id, &ids, &n, err) != ERR_OK)
		return;
	for (size_t i = 0; i < scan->n_gone; i++)
		if (model_store_forget_refusal(db, scan->gone[i], err) != ERR_OK)
			return;
	scan->rows = arena_array(a, n + 1, sizeof *scan->rows);
	for (size_t i = 0; i < n; i++)
		if (model_store_get(db, a, ids[i], &scan->rows[i], err) != ERR_OK)
			return;
	scan->n_rows = n;
	name_found(scan, db, err);
}

void view_scan(struct buf *b, enum lang lang, const struct model_scan *scan)
{
	int64_t last = 0;

	json_open(b, "model_ids", '[');
	for (size_t i = 0; i < scan->n_rows; i++)
		json_int(b, NULL, scan->rows[i].id);
	json_close(b, ']');
	json_open(b, "family_ids", '[');
	for (size_t i = 0; i < scan->n_rows; i++) {
		if (scan->rows[i].family_id && scan->rows[i].family_id != last)
			json_int(b, NULL, scan->rows[i].family_id);
		last = scan->rows[i].family_id;
	}
	json_close(b, ']');
	json_open(b, "refusals", '[');
	for (size_t i = 0; i < scan->found.n_refusals; i++)
		view_refusal(b, lang, scan->found.refusals[i].path, &scan->found.refusals[i].err);
	json_close(b, ']');
}
