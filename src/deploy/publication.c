/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/publication.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "deploy/job_files.h"
#include "engine/machine.h"
#include "model/found_gguf.h"

#define NOTES_MAX 10000

static char *folder_of(const char *data_dir)
{
	return fs_join(data_dir, "publishing");
}

static char *note_path(const char *data_dir, int64_t id)
{
	return mem_printf("%s/publishing/%lld.json", data_dir, (long long)id);
}

const char *publication_settings(struct arena *a, const char *path, bool imatrix, const char *build)
{
	char stamp[FILE_STAMP_SIZE];

	machine_file_stamp(path, stamp);
	return json_text_of(a, json_pack("{s:b, s:s, s:s}", "imatrix", imatrix, "build", build, "stamp", stamp));
}

enum err_code publication_note(const char *data_dir, int64_t id, const struct artifact_row *row, struct err *err)
{
	char *dir = folder_of(data_dir), *path = note_path(data_dir, id), *part = artifact_part_path(row->path);
	struct arena *a = arena_new();
	json_t *note = json_pack("{s:o, s:o, s:s}", "path", json_text(str_of(row->path)), "part", json_text(str_of(part)), "sha256",
				 row->sha256);

	if (row->sha256[0])
		json_object_update_new(note, json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:o, s:o}", "recipe", row->recipe, "format",
						       row->format, "size_bytes", (json_int_t)row->size_bytes, "template_hash",
						       row->template_hash, "source_model_id", (json_int_t)row->source_model_id,
						       "run_id", (json_int_t)row->run_id, "column_id", (json_int_t)row->column_id,
						       "origin", json_text(str_of(row->origin)), "settings",
						       json_text(str_of(row->settings))));
	const char *text = json_text_of(a, note);
	if (fs_make_dirs(dir, err) == ERR_OK)
		(void)!fs_write(path, text, strlen(text), err);
	arena_free(a);
	mem_free(part);
	mem_free(path);
	mem_free(dir);
	return err->code;
}

void publication_forget(const char *data_dir, int64_t id)
{
	char *path = note_path(data_dir, id);

	(void)unlink(path);
	mem_free(path);
}

/* --- the next start --- */

struct reading {
	const char *data_dir;
	struct arena *a;
	const atomic_bool *cancel;
	struct publication *first;
};

static bool has_hash(const char *path, int64_t size, const char *hex, const atomic_bool *cancel)
{
	uint8_t digest[HASH_SIZE];
	char found[HASH_HEX_SIZE];
	struct err ignored = { 0 };
	uint64_t found_size = 0;
	int fd = fs_open(path, &found_size, &ignored);

	if (fd < 0)
		return false;
	bool same = found_size == (uint64_t)size && hash_file(fd, digest, cancel, &ignored) == ERR_OK;
	close(fd);
	if (same)
		hash_hex(digest, found);
	return same && strcmp(found, hex) == 0;
}

static const char *text_in(struct arena *a, const json_t *note, const char *key)
{
	const char *text = json_string_value(json_object_get(note, key));
	return arena_strdup(a, text ? text : "");
}

static int64_t number_in(const json_t *note, const char *key)
{
	return json_integer_value(json_object_get(note, key));
}

/* The stamp was the part's; the file has its own since it was moved. */
static const char *settings_now(struct arena *a, const json_t *note, const char *path)
{
	struct err ignored = { 0 };
	json_t *settings = json_parse(str_of(text_in(a, note, "settings")), "settings", &ignored);
	const char *build = json_string_value(json_object_get(settings, "build"));
	const char *now = publication_settings(a, path, json_is_true(json_object_get(settings, "imatrix")), build ? build : "");

	json_decref(settings);
	return now;
}

static void read_row(struct reading *r, const json_t *note, struct publication *p)
{
	struct err err = { 0 };
	struct arena *a = r->a;

	p->row = (struct artifact_row){
		.recipe = text_in(a, note, "recipe"),
		.path = text_in(a, note, "path"),
		.format = text_in(a, note, "format"),
		.size_bytes = number_in(note, "size_bytes"),
		.sha256 = text_in(a, note, "sha256"),
		.template_hash = text_in(a, note, "template_hash"),
		.source_model_id = number_in(note, "source_model_id"),
		.run_id = number_in(note, "run_id"),
		.column_id = number_in(note, "column_id"),
		.origin = text_in(a, note, "origin"),
		.proof = "",
	};
	p->is_whole = p->row.sha256[0] && has_hash(p->row.path, p->row.size_bytes, p->row.sha256, r->cancel) &&
		      found_gguf_read(a, p->row.path, &p->found, &err) == ERR_OK;
	p->row.settings = settings_now(a, note, p->row.path);
}

static bool read_note(void *user, const char *name, bool is_dir)
{
	struct reading *r = user;
	struct buf text = BUF_INIT(LIMIT_JSON_BODY);
	struct err err = { 0 };
	char *dir = folder_of(r->data_dir), *path = fs_join(dir, name);
	struct str rest = str_of(name);
	int64_t id = 0;
	bool is_note = !is_dir && str_to_i64(str_split(&rest, '.'), &id) && str_eq_text(rest, "json");
	json_t *note = is_note && fs_read(path, &text, &err) == ERR_OK ? json_parse(buf_str(&text), "note", &err) : NULL;

	if (json_is_object(note)) {
		struct publication *p = arena_alloc(r->a, sizeof *p);
		*p = (struct publication){ .id = id, .next = r->first };
		const char *part = text_in(r->a, note, "part");
		if (part[0] && unlink(part) == 0)
			log_info("deploy", "removed an unfinished copy path=%s", part);
		read_row(r, note, p);
		r->first = p;
	} else {
		log_warn("deploy", "a note cannot be read path=%s %s", path, err.key);
	}
	json_decref(note);
	buf_release(&text);
	mem_free(path);
	mem_free(dir);
	return !atomic_load(r->cancel);
}

struct publication *publication_read(const char *data_dir, struct arena *a, const atomic_bool *cancel)
{
	struct reading r = { .data_dir = data_dir, .a = a, .cancel = cancel };
	struct err err = { 0 };
	char *dir = folder_of(data_dir);

	if (fs_is_dir(dir) && fs_list(dir, NOTES_MAX, read_note, &r, &err) != ERR_OK)
		log_warn("deploy", "notes cannot be read path=%s %s", dir, err.key);
	mem_free(dir);
	return r.first;
}

void publication_adopt(struct db *db, struct arena *a, struct publication *p)
{
	struct artifact_row known;
	struct model_row source;
	struct err err = { 0 }, gone = { 0 };

	if (!p->is_whole || artifact_store_find(db, a, p->row.recipe, &known, &err) != ERR_OK || known.id) {
		return; /* nothing of ours lies there, or the row was on the disk */
	}
	if (model_store_get(db, a, p->row.source_model_id, &source, &gone) == ERR_NOT_FOUND) {
		(void)unlink(p->row.path); /* its bytes are the noted ones: we made it */
		log_info("deploy", "removed a file whose model is gone path=%s", p->row.path);
		return;
	}
	if (artifact_store_add(db, a, &p->found, &p->row, &err) == ERR_OK)
		log_info("deploy", "a finished file got its row path=%s", p->row.path);
	else
		log_error("deploy", "a finished file has no row path=%s %s", p->row.path, err.key);
}
