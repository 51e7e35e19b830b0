/* SPDX-License-Identifier: Apache-2.0 */
#include "server/family_rescan.h"

#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

void family_rescan_list(struct family_rescan *r, struct arena *a, struct db *db, struct err *err)
{
	struct model_list list;

	*r = (struct family_rescan){ 0 };
	if (model_store_list(db, a, &list, err) != ERR_OK)
		return;
	r->paths = arena_array(a, list.n_families + 1, sizeof r->paths[0]);
	r->found = arena_array(a, list.n_families + 1, sizeof r->found[0]);
	for (size_t i = 0; i < list.n_families; i++)
		r->paths[r->n++] = list.families[i].path;
}

/* The path of a family of files is no folder, but stands in one (family.c). */
static const struct found_family *look(struct arena *a, const char *path, const atomic_bool *cancel)
{
	struct catalogue found;
	struct err err = { 0 };
	char *parent = fs_dirname(path);
	const char *folder = fs_is_dir(path) ? path : parent;
	const struct found_family *same = NULL;

	if (catalogue_scan(a, folder, &found, cancel, &err) == ERR_OK)
		for (size_t i = 0; i < found.n_families && !same; i++)
			if (strcmp(found.families[i].path, path) == 0)
				same = &found.families[i];
	mem_free(parent);
	return same;
}

void family_rescan_run(struct family_rescan *r, struct arena *a, const atomic_bool *cancel)
{
	for (size_t i = 0; i < r->n && !atomic_load(cancel); i++)
		r->found[i] = look(a, r->paths[i], cancel);
}

/* --- the store --- */

static const struct model_row *in_list(const struct model_list *list, const char *path)
{
	for (size_t i = 0; i < list->n_models; i++)
		if (strcmp(list->models[i].model.path, path) == 0)
			return &list->models[i];
	return NULL;
}

/* The checkpoints that are in the list or new, so none that was removed; the base of those in the list. */
static enum err_code choose(struct db *db, struct arena *a, const struct model_list *list, struct found_family *f, size_t *n_new,
			    int64_t *base_id, struct err *err)
{
	struct found_model *kept = arena_array(a, f->n_checkpoints + 1, sizeof kept[0]);
	enum err_code code = ERR_OK;
	size_t n = 0;

	*n_new = 0;
	*base_id = 0;
	for (size_t i = 0; i < f->n_checkpoints && code == ERR_OK; i++) {
		const struct model_row *row = in_list(list, f->checkpoints[i].path);
		bool known = true;
		if (row)
			*base_id = row->base_model_id;
		else
			code = model_store_has(db, f->checkpoints[i].path, &known, err);
		*n_new += !known;
		if (row || !known)
			kept[n++] = f->checkpoints[i];
	}
	f->checkpoints = kept;
	f->n_checkpoints = n;
	return code;
}

enum err_code family_rescan_store(const struct family_rescan *r, struct arena *a, struct db *db, size_t *n_added, struct err *err)
{
	struct model_list list;
	enum err_code code = model_store_list(db, a, &list, err);

	*n_added = 0;
	for (size_t i = 0; i < r->n && code == ERR_OK; i++) {
		struct found_family f = r->found[i] ? *r->found[i] : (struct found_family){ 0 };
		int64_t *ids, base_id;
		size_t n_new, n;
		code = choose(db, a, &list, &f, &n_new, &base_id, err);
		if (code != ERR_OK || n_new == 0)
			continue;
		/* What was refused elsewhere in the folder is not told anew: the user may have dismissed it. */
		struct catalogue one = { .path = f.checkpoints[0].path, .families = &f, .n_families = 1 };
		code = model_store_merge(db, a, &one, base_id, &ids, &n, err);
		*n_added += n_new;
	}
	return code;
}
