/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_job.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "hub/hub_id.h"

#define STATE_PREFIX ".download-"
#define COMMIT_DIGITS 12
#define JOB_MAX (16 * MIB)
#define VERSION 1

/* --- in memory --- */

static void copy_files(struct arena *a, const struct hub_job *from, struct hub_job *out)
{
	out->files = arena_array(a, from->n_files + 1, sizeof *out->files);
	out->is_old = arena_array(a, from->n_files + 1, sizeof *out->is_old);
	for (size_t i = 0; i < from->n_files; i++) {
		out->files[i] = from->files[i];
		out->files[i].path = arena_strdup(a, from->files[i].path);
		out->is_old[i] = from->is_old[i];
	}
}

void hub_job_copy(struct arena *a, const struct hub_job *from, struct hub_job *out)
{
	*out = *from;
	out->endpoint = arena_strdup(a, from->endpoint);
	out->repo = arena_strdup(a, from->repo);
	out->revision = arena_strdup(a, from->revision);
	out->commit = arena_strdup(a, from->commit);
	out->license = arena_strdup(a, from->license);
	out->name = arena_strdup(a, from->name);
	out->format = arena_strdup(a, from->format);
	out->etag = arena_strdup(a, from->etag);
	out->etag_path = arena_strdup(a, from->etag_path);
	copy_files(a, from, out);
}

void hub_job_make(struct arena *a, const char *endpoint, const char *revision, const struct hub_list *list,
		  const struct hub_choice *choice, struct hub_job *out)
{
	struct hub_job job = { .endpoint = endpoint, .repo = list->repo, .revision = revision, .commit = list->commit,
			       .license = list->license, .name = choice->name, .format = choice->format, .kind = choice->kind,
			       .etag = "", .etag_path = "" };
	struct hub_file *files = arena_array(a, choice->n_files + 1, sizeof *files);

	for (size_t i = 0; i < choice->n_files; i++)
		files[i] = list->files[choice->files[i]];
	job.files = files;
	job.n_files = choice->n_files;
	job.is_old = arena_array(a, choice->n_files + 1, sizeof *job.is_old);
	hub_job_copy(a, &job, out);
}

char *hub_job_dir(struct arena *a, const char *data_dir, const struct hub_job *job)
{
	return arena_printf(a, "%s/models/%s/%.*s", data_dir, job->repo, COMMIT_DIGITS, job->commit);
}

char *hub_job_target(struct arena *a, const char *dir, const struct hub_job *job)
{
	return *job->name ? arena_printf(a, "%s/%s", dir, job->name) : arena_strdup(a, dir);
}

uint64_t hub_job_size(const struct hub_job *job)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < job->n_files; i++)
		sum += job->files[i].size;
	return sum;
}

/* --- on the disk --- */

/* Owned.  Two GGUFs of one model may be on their way at once. */
static char *state_path(const char *dir, const struct hub_job *job)
{
	struct hash *h = hash_new();
	uint8_t digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE];

	hash_add_text(h, str_of(hub_kind_name(job->kind)));
	hash_add_text(h, str_of(job->name));
	hash_finish(h, digest);
	hash_hex(digest, hex);
	return mem_printf("%s/" STATE_PREFIX "%.8s.json", dir, hex);
}

bool hub_job_is_known(const char *dir, const struct hub_job *job)
{
	char *path = state_path(dir, job);
	bool known = fs_exists(path);

	mem_free(path);
	return known;
}

static json_t *file_json(const struct hub_job *job, size_t i)
{
	const struct hub_file *f = &job->files[i];
	json_t *entry = json_pack("{s:I, s:b}", "size", (json_int_t)f->size, "is_old", job->is_old[i]);

	json_object_set_new(entry, "path", json_text(str_of(f->path)));
	if (*f->sha256)
		json_object_set_new(entry, "sha256", json_string(f->sha256));
	if (*f->git)
		json_object_set_new(entry, "git", json_string(f->git));
	return entry;
}

static json_t *job_json(const struct hub_job *job)
{
	const struct {
		const char *key, *value;
	} texts[] = { { "endpoint", job->endpoint }, { "repo", job->repo },	 { "revision", job->revision },
		      { "commit", job->commit },     { "license", job->license }, { "name", job->name },
		      { "format", job->format },     { "kind", hub_kind_name(job->kind) }, { "etag", job->etag },
		      { "etag_path", job->etag_path } };
	json_t *root = json_pack("{s:i, s:I}", "version", VERSION, "id", (json_int_t)job->id), *files = json_array();

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		json_object_set_new(root, texts[i].key, json_text(str_of(texts[i].value)));
	for (size_t i = 0; i < job->n_files; i++)
		json_array_append_new(files, file_json(job, i));
	json_object_set_new(root, "files", files);
	return root;
}

enum err_code hub_job_write(const char *dir, const struct hub_job *job, struct err *err)
{
	char *path = state_path(dir, job);
	struct buf text = BUF_INIT(JOB_MAX);
	json_t *root = job_json(job);
	enum err_code code = fs_make_dirs(dir, err);

	json_write(&text, root);
	json_decref(root);
	if (code == ERR_OK)
		code = fs_write(path, buf_text(&text), text.len, err);
	buf_release(&text);
	mem_free(path);
	return code;
}

static bool read_kind(const char *text, enum hub_kind *out)
{
	for (int kind = HUB_GGUF; kind <= HUB_ADAPTER; kind++) {
		*out = (enum hub_kind)kind;
		if (strcmp(text, hub_kind_name(*out)) == 0)
			return true;
	}
	return false;
}

static bool read_digest(char *out, size_t out_size, const char *text)
{
	size_t n = strlen(text);
	return str_format(out, out_size, "%s", text) && (n == 0 || n == out_size - 1) && strspn(text, "0123456789abcdef") == n;
}

/* Whoever wrote it: nothing in it may lead out of its folder. */
static bool read_files(struct arena *a, const json_t *root, struct hub_job *out, struct err *err)
{
	json_t *files = json_get_array(root, "files", err), *entry;
	size_t i, n = json_array_size(files);

	if (n == 0 || n > LIMIT_HUB_FILES)
		return false;
	out->files = arena_array(a, n, sizeof *out->files);
	out->is_old = arena_array(a, n, sizeof *out->is_old);
	out->n_files = n;
	json_array_foreach(files, i, entry) {
		struct hub_file *f = &out->files[i];
		f->path = arena_strdup(a, json_get_text(entry, "path", "", err));
		f->size = (uint64_t)json_get_int(entry, "size", 0, (int64_t)LIMIT_HUB_FILE_BYTES, 0, err);
		out->is_old[i] = json_get_bool(entry, "is_old", false, err);
		if (!hub_is_path(str_of(f->path)) || !read_digest(f->sha256, sizeof f->sha256, json_get_text(entry, "sha256", "", err)) ||
		    !read_digest(f->git, sizeof f->git, json_get_text(entry, "git", "", err)))
			return false;
	}
	return err->code == ERR_OK;
}

static bool read_job(struct arena *a, const json_t *root, struct hub_job *out, struct err *err)
{
	struct hub_id id;
	char commit[41];

	out->id = json_get_int(root, "id", 1, INT64_MAX, 0, err);
	out->endpoint = arena_strdup(a, json_get_text(root, "endpoint", "", err));
	out->repo = arena_strdup(a, json_get_text(root, "repo", "", err));
	out->revision = arena_strdup(a, json_get_text(root, "revision", "", err));
	out->commit = arena_strdup(a, json_get_text(root, "commit", "", err));
	out->license = arena_strdup(a, json_get_text(root, "license", "", err));
	out->name = arena_strdup(a, json_get_text(root, "name", "", err));
	out->format = arena_strdup(a, json_get_text(root, "format", "", err));
	out->etag = arena_strdup(a, json_get_text(root, "etag", "", err));
	out->etag_path = arena_strdup(a, json_get_text(root, "etag_path", "", err));
	return out->id > 0 && json_get_int(root, "version", 1, INT32_MAX, 0, err) == VERSION &&
	       read_kind(json_get_text(root, "kind", "", err), &out->kind) && hub_id_parse(a, out->repo, "", &id, err) == ERR_OK &&
	       strcmp(id.repo, out->repo) == 0 && read_digest(commit, sizeof commit, out->commit) && *commit &&
	       (!*out->name || hub_is_path(str_of(out->name))) && read_files(a, root, out, err);
}

enum err_code hub_job_read(struct arena *a, const char *path, struct hub_job *out, struct err *err)
{
	struct buf text = BUF_INIT(JOB_MAX);
	struct err why = { 0 };
	json_t *root = fs_read(path, &text, &why) == ERR_OK ? json_parse_max(buf_str(&text), path, JOB_MAX, &why) : NULL;

	*out = (struct hub_job){ 0 };
	if (root && !read_job(a, root, out, &why))
		err_set(&why, ERR_DATA, "err_hub_job", "path=%s", path);
	json_decref(root);
	buf_release(&text);
	if (err && why.code != ERR_OK)
		*err = why;
	return why.code;
}

/* --- finding them --- */

struct walk {
	struct arena *arena;
	const char *path;
	int depth;
	struct hub_job *jobs;
	size_t n;
};

static bool look_into(void *user, const char *name, bool is_dir)
{
	struct walk *w = user;
	const char *path = w->path, *inner = arena_printf(w->arena, "%s/%s", path, name);
	struct hub_job job;

	if (w->n == LIMIT_DOWNLOADS)
		return false;
	if (is_dir && w->depth < 3) {
		w->path = inner;
		w->depth++;
		(void)!fs_list(inner, LIMIT_FOLDER_ENTRIES, look_into, w, NULL);
		w->depth--;
		w->path = path;
	} else if (!is_dir && w->depth == 3 && str_starts(str_of(name), STATE_PREFIX) && str_ends(str_of(name), ".json") &&
		   hub_job_read(w->arena, inner, &job, NULL) == ERR_OK) {
		w->jobs[w->n++] = job;
	}
	return true;
}

static int by_age(const void *a, const void *b)
{
	const struct hub_job *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

void hub_jobs_find(struct arena *a, const char *data_dir, struct hub_job **out, size_t *n)
{
	struct walk w = { .arena = a, .path = arena_printf(a, "%s/models", data_dir),
			  .jobs = arena_array(a, LIMIT_DOWNLOADS, sizeof *w.jobs) };

	if (fs_is_dir(w.path))
		(void)!fs_list(w.path, LIMIT_FOLDER_ENTRIES, look_into, &w, NULL);
	if (w.n > 0)
		qsort(w.jobs, w.n, sizeof *w.jobs, by_age);
	*out = w.jobs;
	*n = w.n;
}

/* --- its files --- */

uint64_t hub_job_have(const char *dir, const struct hub_job *job, size_t i, bool *is_whole)
{
	const struct hub_file *f = &job->files[i];
	char *path = fs_join(dir, f->path), *part = mem_printf("%s.part", path);
	struct stat st;
	uint64_t have = 0;

	*is_whole = stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == f->size;
	if (*is_whole)
		have = f->size;
	else if (stat(part, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size <= f->size)
		have = (uint64_t)st.st_size;
	mem_free(path);
	mem_free(part);
	return have;
}

void hub_job_forget(const char *dir, const struct hub_job *job)
{
	char *path = state_path(dir, job);
	(void)unlink(path);
	mem_free(path);
}

/* Folders from that of `path` up to `top`, as long as they are empty. */
static void remove_empty(const char *path, const char *top)
{
	char *dir = fs_dirname(path);
	size_t n = strlen(top);

	while (strncmp(dir, top, n) == 0 && rmdir(dir) == 0) {
		char *up = fs_dirname(dir);
		mem_free(dir);
		dir = up;
	}
	mem_free(dir);
}

void hub_job_remove(const char *dir, const struct hub_job *job)
{
	char *name_dir = fs_dirname(dir), *org_dir = fs_dirname(name_dir);

	for (size_t i = 0; i < job->n_files; i++) {
		char *path = fs_join(dir, job->files[i].path), *part = mem_printf("%s.part", path);
		(void)unlink(part);
		if (!job->is_old[i])
			(void)unlink(path);
		mem_free(part);
		mem_free(path);
	}
	hub_job_forget(dir, job);
	for (size_t i = 0; i < job->n_files; i++) {
		char *path = fs_join(dir, job->files[i].path);
		remove_empty(path, org_dir);
		mem_free(path);
	}
	mem_free(name_dir);
	mem_free(org_dir);
}
