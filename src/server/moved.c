/* SPDX-License-Identifier: Apache-2.0 */
#include "server/moved.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "model/gguf.h"

struct moves {
	struct arena *arena;
	struct moved *items;
	size_t n, cap;
};

static void add(struct moves *m, struct moved item)
{
	if (m->n == m->cap) {
		struct moved *old = m->items;
		m->cap = m->cap ? m->cap * 2 : 16;
		m->items = arena_array(m->arena, m->cap, sizeof *m->items);
		if (old)
			memcpy(m->items, old, m->n * sizeof *old);
	}
	m->items[m->n++] = item;
}

bool is_same_file(const char *a, const char *b)
{
	if (strcmp(a, b) == 0)
		return true;
	char *real_a = realpath(a, NULL), *real_b = real_a ? realpath(b, NULL) : NULL;
	bool same = real_b && strcmp(real_a, real_b) == 0;
	free(real_a);
	free(real_b);
	return same;
}

static bool is_known(const struct model_list *list, const char *path)
{
	for (size_t i = 0; i < list->n_models; i++) {
		if (strcmp(list->models[i].model.path, path) == 0)
			return true;
	}
	return false;
}

/* --- files --- */

static void look_for_file(const struct model_list *list, const struct found_model *file, struct moves *out)
{
	if (is_known(list, file->path))
		return;
	for (size_t i = 0; i < list->n_models; i++) {
		const struct model_row *m = &list->models[i];
		if (m->model.size_bytes != file->size_bytes || m->model.kind != file->kind)
			continue;
		if (is_same_file(m->model.path, file->path))
			add(out, (struct moved){ .model_id = m->id, .path = file->path, .is_same = true });
		else if (m->model.kind == MODEL_BASE && m->sha256[0] && !fs_exists(m->model.path))
			add(out, (struct moved){ .model_id = m->id, .path = file->path, .sha256 = m->sha256 });
	}
}

/* --- runs --- */

static bool same_number(double a, double b)
{
	return (isnan(a) && isnan(b)) || a == b;
}

/* Nobody trains twice to the same losses: what agrees in them, the step and the size is the same checkpoint. */
static bool is_same_checkpoint(const struct found_model *a, const struct found_model *b)
{
	bool measured = !isnan(a->train_loss) || !isnan(a->eval_loss);
	return measured && a->kind == b->kind && a->step == b->step && a->size_bytes == b->size_bytes &&
	       same_number(a->epoch, b->epoch) && same_number(a->train_loss, b->train_loss) &&
	       same_number(a->eval_loss, b->eval_loss) && strcmp(a->base_name, b->base_name) == 0;
}

static const struct found_model *find_checkpoint(const struct found_family *run, const struct found_model *wanted)
{
	for (size_t i = 0; i < run->n_checkpoints; i++)
		if (is_same_checkpoint(&run->checkpoints[i], wanted))
			return &run->checkpoints[i];
	return NULL;
}

/* Whether the family is this run in another folder: all its files are gone, and each checkpoint is there. */
static bool is_moved_run(const struct model_list *list, const struct family_row *family, const struct found_family *run)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n_models; i++) {
		const struct model_row *m = &list->models[i];
		if (m->family_id != family->id)
			continue;
		if (fs_exists(m->model.path) || !find_checkpoint(run, &m->model))
			return false;
		n++;
	}
	return n > 0;
}

static void move_run(const struct model_list *list, const struct family_row *family, const struct found_family *run,
		     struct moves *out)
{
	add(out, (struct moved){ .family_id = family->id, .path = run->path, .is_same = true });
	for (size_t i = 0; i < list->n_models; i++) {
		const struct model_row *m = &list->models[i];
		if (m->family_id == family->id)
			add(out, (struct moved){ .model_id = m->id, .path = find_checkpoint(run, &m->model)->path, .is_same = true });
	}
}

static void look_for_run(const struct model_list *list, const struct found_family *run, struct moves *out)
{
	for (size_t i = 0; i < list->n_families; i++)
		if (strcmp(list->families[i].path, run->path) == 0)
			return;
	for (size_t i = 0; i < list->n_families; i++) {
		if (is_moved_run(list, &list->families[i], run)) {
			move_run(list, &list->families[i], run, out);
			return;
		}
	}
}

enum err_code moved_find(struct db *db, struct arena *a, const struct catalogue *found, struct moved **out, size_t *n,
			 struct err *err)
{
	struct model_list list;
	struct moves moves = { .arena = a };
	enum err_code code = model_store_list(db, a, &list, err);

	*n = 0;
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < found->n_models; i++)
		look_for_file(&list, &found->models[i], &moves);
	for (size_t i = 0; i < found->n_families; i++) {
		look_for_run(&list, &found->families[i], &moves);
		for (size_t c = 0; c < found->families[i].n_checkpoints; c++)
			look_for_file(&list, &found->families[i].checkpoints[c], &moves);
	}
	*out = moves.items;
	*n = moves.n;
	return ERR_OK;
}

void moved_check(struct moved *moved, size_t n, const atomic_bool *cancel)
{
	uint8_t digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE] = "";
	const char *of = "";

	for (size_t i = 0; i < n; i++) {
		struct err err;
		if (moved[i].is_same)
			continue;
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
		if (moved[i].is_same && moved[i].family_id)
			code = family_store_move(db, moved[i].family_id, moved[i].path, err);
		else if (moved[i].is_same)
			code = model_store_move(db, moved[i].model_id, moved[i].path, err);
	}
	return code;
}
