/* SPDX-License-Identifier: Apache-2.0 */
#include "server/moved.h"

#include <string.h>

#include "base/fs.h"
#include "model/gguf.h"

static bool is_known(const struct model_list *list, const char *path)
{
	for (size_t i = 0; i < list->n_models; i++) {
		if (strcmp(list->models[i].model.path, path) == 0)
			return true;
	}
	return false;
}

/* Fills up to `room` of `out`; returns how many there are. */
static size_t collect(const struct model_list *list, const struct catalogue *found, struct moved *out, size_t room)
{
	size_t n = 0;

	for (size_t f = 0; f < found->n_models; f++) {
		const struct found_model *file = &found->models[f];
		for (size_t i = 0; i < list->n_models; i++) {
			const struct model_row *m = &list->models[i];
			if (m->model.size_bytes != file->size_bytes || m->model.kind != MODEL_BASE || !m->sha256[0] ||
			    is_known(list, file->path) || fs_exists(m->model.path))
				continue;
			if (n < room)
				out[n] = (struct moved){ .model_id = m->id, .path = file->path, .sha256 = m->sha256 };
			n++;
		}
	}
	return n;
}

enum err_code moved_find(struct db *db, struct arena *a, const struct catalogue *found, struct moved **out, size_t *n,
			 struct err *err)
{
	struct model_list list;
	enum err_code code = model_store_list(db, a, &list, err);

	*n = 0;
	if (code != ERR_OK)
		return code;
	size_t room = collect(&list, found, NULL, 0);
	*out = arena_array(a, room + 1, sizeof **out);
	/* A file may go or come back between the two looks: never more than there is room for. */
	size_t filled = collect(&list, found, *out, room);
	*n = filled < room ? filled : room;
	return ERR_OK;
}

void moved_check(struct moved *moved, size_t n, const atomic_bool *cancel)
{
	uint8_t digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE] = "";
	const char *of = "";

	for (size_t i = 0; i < n; i++) {
		struct err err;
		if (strcmp(of, moved[i].path) != 0) {
			of = moved[i].path;
			hex[0] = '\0';
			if (gguf_model_hash(of, digest, cancel, &err) == ERR_OK)
				hash_hex(digest, hex);
		}
		moved[i].is_same = strcmp(hex, moved[i].sha256) == 0;
	}
}

enum err_code moved_store(struct db *db, const struct moved *moved, size_t n, struct err *err)
{
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < n && code == ERR_OK; i++) {
		if (moved[i].is_same)
			code = model_store_move(db, moved[i].model_id, moved[i].path, err);
	}
	return code;
}
