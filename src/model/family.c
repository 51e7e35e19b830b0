/* SPDX-License-Identifier: Apache-2.0 */
#include "model/family.h"

#include <math.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/checkpoint_name.h"
#include "model/hf_cache.h"
#include "model/hf_folder.h"
#include "model/label.h"

struct family_set {
	struct family_member *members;
	size_t n, cap;
};

struct family_set *family_set_new(void)
{
	return mem_alloc(sizeof(struct family_set));
}

void family_set_free(struct family_set *set)
{
	if (!set)
		return;
	mem_free(set->members);
	mem_free(set);
}

void family_set_add(struct family_set *set, const struct family_member *member)
{
	if (set->n == set->cap) {
		set->cap = set->cap ? set->cap * 2 : 16;
		set->members = mem_grow(set->members, set->cap * sizeof(set->members[0]));
	}
	set->members[set->n++] = *member;
}

/* Unknown numbers sort behind known ones. */
static int compare_numbers(double a, double b)
{
	double x = isnan(a) ? (double)INFINITY : a, y = isnan(b) ? (double)INFINITY : b;
	return (x > y) - (x < y);
}

static double step_number(const struct family_member *m)
{
	return m->model.step < 0 ? (double)NAN : (double)m->model.step;
}

static int by_group(const struct family_member *a, const struct family_member *b)
{
	int order = natural_compare(a->run, b->run);
	if (order == 0)
		order = strcmp(a->run, b->run); /* "run1" and "run01" are two runs */
	if (order == 0)
		order = natural_compare(a->stem, b->stem);
	if (order == 0)
		order = strcmp(a->stem, b->stem);
	return order ? order : strcmp(a->model.base_name, b->model.base_name);
}

static int by_place(const void *a, const void *b)
{
	const struct family_member *x = a, *y = b;
	int order = by_group(x, y);
	if (order == 0)
		order = compare_numbers(x->model.epoch, y->model.epoch);
	if (order == 0)
		order = compare_numbers(step_number(x), step_number(y));
	if (order == 0)
		order = (int)x->final - (int)y->final;
	return order ? order : natural_compare(x->model.path, y->model.path);
}

/* --- one group: members[0..n) --- */

/* The longest history wins: a later checkpoint's file holds the earlier one's. */
static void take_longer(struct trainer_state *best, const struct trainer_state *other)
{
	int64_t epochs = best->num_train_epochs ? best->num_train_epochs : other->num_train_epochs;
	if (other->n_points > best->n_points)
		*best = *other;
	best->num_train_epochs = epochs;
}

static struct trainer_state read_run(struct arena *a, const char *run)
{
	struct trainer_state state = { .epoch = (double)NAN, .step = -1 }, log = state;
	char *state_path = fs_join(run, "trainer_state.json"), *log_path = fs_join(run, "trainer_log.jsonl");
	/* Both are extras: without them, or with broken ones, the checkpoints still stand. */
	if (fs_exists(state_path) && trainer_state_read(a, state_path, &state, NULL) != ERR_OK)
		state = (struct trainer_state){ .epoch = (double)NAN, .step = -1 };
	if (fs_exists(log_path) && trainer_log_read(a, log_path, &log, NULL) == ERR_OK)
		take_longer(&state, &log);
	mem_free(state_path);
	mem_free(log_path);
	return state;
}

/* torchtune names its folders by the loop's index: epoch_0 is the first epoch. */
static void shift_loop_index(struct family_member *m, size_t n)
{
	char *recipe = fs_join(m[0].run, "recipe_state");
	bool from_zero = fs_is_dir(recipe);
	mem_free(recipe);
	for (size_t i = 0; i < n; i++)
		from_zero = from_zero || (m[i].loop_index && (m[i].torchtune || m[i].model.epoch < 0.5));
	for (size_t i = 0; i < n && from_zero; i++)
		if (m[i].loop_index)
			m[i].model.epoch += 1;
}

/* Epochs that only the log knows, and losses at each checkpoint. */
static void complete(struct family_member *m, size_t n, const struct trainer_state *best)
{
	for (size_t i = 0; i < n; i++) {
		struct found_model *model = &m[i].model;
		if (isnan(model->epoch))
			model->epoch = trainer_epoch_at(best->points, best->n_points, model->step);
		trainer_losses_at(best->points, best->n_points, model->step, &model->train_loss,
				  &model->eval_loss);
	}
}

static enum err_code hash_weights(const struct family_member *m, uint8_t digest[HASH_SIZE],
				  const atomic_bool *cancel, struct err *err)
{
	uint64_t size;
	char *path = fs_join(m->model.path, "adapter_model.safetensors");
	int fd = fs_open(path, &size, err);
	enum err_code rc = fd < 0 ? ERR_IO : hash_file(fd, digest, cancel, err);
	if (fd >= 0)
		close(fd);
	mem_free(path);
	return rc;
}

/* Is what lies in the run folder itself the same as one of the checkpoints?  Trainers save the last (or best) one
 * again there. */
static enum err_code is_copy(const struct family_member *m, size_t n, size_t index, bool *copy,
			     const atomic_bool *cancel, struct err *err)
{
	uint8_t mine[HASH_SIZE], other[HASH_SIZE];
	bool hashed = false;
	*copy = false;
	for (size_t i = 0; i < n && !*copy; i++) {
		if (i == index || m[i].final || m[i].model.size_bytes != m[index].model.size_bytes)
			continue;
		if (m[index].model.kind == MODEL_FULL) {
			*copy = m[i].model.kind == MODEL_FULL && hf_folder_same_weights(m[index].model.path, m[i].model.path);
			continue;
		}
		enum err_code rc = hashed ? ERR_OK : hash_weights(&m[index], mine, cancel, err);
		hashed = true;
		if (rc == ERR_OK)
			rc = hash_weights(&m[i], other, cancel, err);
		if (rc == ERR_CANCELLED)
			return rc;
		*copy = rc == ERR_OK && memcmp(mine, other, HASH_SIZE) == 0;
	}
	return ERR_OK;
}

/* Drops copies in place and returns how many stay through `*n`. */
static enum err_code drop_copies(struct family_member *m, size_t *n, const atomic_bool *cancel,
				 struct err *err)
{
	size_t kept = 0;
	for (size_t i = 0; i < *n; i++) {
		bool copy = false;
		if (m[i].final && (m[i].model.adapter_format == ADAPTER_PEFT || m[i].model.kind == MODEL_FULL)) {
			enum err_code rc = is_copy(m, *n, i, &copy, cancel, err);
			if (rc != ERR_OK)
				return rc;
		}
		if (!copy) {
			struct family_member keep = m[i];
			m[kept++] = keep;
		}
	}
	*n = kept;
	return ERR_OK;
}

static const char *family_label(struct arena *a, const struct family_member *m)
{
	if (*m->stem)
		return label_make(a, str_of(m->stem));
	const char *name = hf_cache_name(a, m->run);
	return name ? name : checkpoint_family_name(a, m->run);
}

/* What tells a family from the others: its folder, in which files of several fine-tunes may lie side by side. */
static const char *family_path(struct arena *a, const struct family_member *m)
{
	return *m->stem ? arena_printf(a, "%s/%s", strcmp(m->run, "/") == 0 ? "" : m->run, m->stem) : m->run;
}

static enum err_code finish_group(struct family_member *m, size_t n, struct arena *a,
				  struct found_family *out, const atomic_bool *cancel, struct err *err)
{
	struct trainer_state best = read_run(a, m[0].run);
	bool folders = *m[0].stem == 0;
	for (size_t i = 0; i < n; i++) {
		if (folders && m[i].final && m[i].state.step < 0 && isnan(m[i].model.epoch)) {
			m[i].model.epoch = best.epoch;
			m[i].model.step = best.step;
		}
		take_longer(&best, &m[i].state);
	}
	if (!folders)
		best = (struct trainer_state){ .epoch = (double)NAN, .step = -1 };
	shift_loop_index(m, n);
	enum err_code rc = drop_copies(m, &n, cancel, err);
	if (rc != ERR_OK)
		return rc;
	complete(m, n, &best);
	qsort(m, n, sizeof(m[0]), by_place);
	struct found_model *models = arena_array(a, n, sizeof(models[0]));
	for (size_t i = 0; i < n; i++)
		models[i] = m[i].model;
	*out = (struct found_family){
		.name = family_label(a, &m[0]),
		.path = family_path(a, &m[0]),
		.base_name = m[0].model.base_name,
		.checkpoints = models,
		.n_checkpoints = n,
		.losses = best.points,
		.n_losses = best.n_points,
		.num_train_epochs = best.num_train_epochs,
	};
	return ERR_OK;
}

enum err_code family_set_finish(struct family_set *set, struct arena *a, const struct found_family **out,
				size_t *n_out, const atomic_bool *cancel, struct err *err)
{
	struct found_family *families = arena_array(a, set->n + 1, sizeof(families[0]));
	enum err_code rc = ERR_OK;
	*n_out = 0;
	if (set->n > 0)
		qsort(set->members, set->n, sizeof(set->members[0]), by_place);
	for (size_t start = 0, end = 0; rc == ERR_OK && start < set->n; start = end) {
		while (end < set->n && by_group(&set->members[start], &set->members[end]) == 0)
			end++;
		struct found_family *f = &families[(*n_out)++];
		rc = finish_group(&set->members[start], end - start, a, f, cancel, err);
		/* Groups of one place differ by their base alone. */
		if (rc == ERR_OK && *n_out > 1 && strcmp(f[-1].path, f->path) == 0)
			f->path = arena_printf(a, "%s (%s)", f->path, f->base_name);
	}
	*out = families;
	return rc;
}
