/* SPDX-License-Identifier: Apache-2.0 */
#include "model/hf_cache.h"

#include <ctype.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/checkpoint_name.h"
#include "model/gguf.h"
#include "model/label.h"

#define PREFIX "models--"
#define MAX_REF 256
#define MAX_DEPTH 4 /* of folders in a snapshot */

/* --- the revision in use --- */

/* The revision that refs/main names; NULL if there is none. */
static const char *main_revision(struct arena *a, const char *repository)
{
	struct buf text = BUF_INIT(MAX_REF);
	const char *path = arena_printf(a, "%s/refs/main", repository), *found = NULL;
	if (fs_read(path, &text, NULL) == ERR_OK) {
		struct str name = str_trim(buf_str(&text));
		if (name.len > 0 && name.ptr[0] != '.' && !memchr(name.ptr, '/', name.len))
			found = arena_strndup(a, name.ptr, name.len);
	}
	buf_release(&text);
	return found;
}

struct newest {
	struct arena *arena;
	const char *dir;
	const char *path;
	struct timespec at;
};

static bool look_at_snapshot(void *user, const char *name, bool is_dir)
{
	struct newest *n = user;
	struct stat info;
	const char *path = arena_printf(n->arena, "%s/%s", n->dir, name);
	if (!is_dir || name[0] == '.' || stat(path, &info) != 0)
		return true;
	bool later = info.st_mtim.tv_sec > n->at.tv_sec ||
		     (info.st_mtim.tv_sec == n->at.tv_sec && info.st_mtim.tv_nsec > n->at.tv_nsec);
	if (!n->path || later) {
		n->path = path;
		n->at = info.st_mtim;
	}
	return true;
}

const char *hf_cache_snapshot(struct arena *a, const char *repository)
{
	const char *revision = main_revision(a, repository);
	const char *path = revision ? arena_printf(a, "%s/snapshots/%s", repository, revision) : NULL;
	if (path && fs_is_dir(path))
		return path;
	struct newest n = { .arena = a, .dir = arena_printf(a, "%s/snapshots", repository) };
	if (fs_list(n.dir, LIMIT_FOLDER_ENTRIES, look_at_snapshot, &n, NULL) != ERR_OK)
		return NULL;
	return n.path;
}

/* --- names --- */

/* A path in a cache, taken apart. */
struct place {
	const char *repository; /* ".../models--OWNER--NAME" */
	const char *name;       /* "OWNER/NAME" */
	const char *inside;     /* behind snapshots/REVISION/, "" for the snapshot itself; NULL in another folder */
	bool is_blob;           /* is blobs/SOMETHING */
};

/* "OWNER--NAME" to "OWNER/NAME"; older models have no owner. */
static const char *repository_name(struct arena *a, struct str folder)
{
	char *name = arena_strndup(a, folder.ptr, folder.len), *mark = strstr(name, "--");
	if (mark) {
		*mark = '/';
		memmove(mark + 1, mark + 2, strlen(mark + 2) + 1);
	}
	return label_make(a, str_of(name));
}

static bool take_apart(struct arena *a, const char *path, struct place *out)
{
	struct str rest = str_of(path);
	*out = (struct place){ 0 };
	while (rest.ptr) {
		struct str part = str_split(&rest, '/');
		if (!str_starts(part, PREFIX) || part.len == strlen(PREFIX) || !rest.ptr)
			continue;
		out->repository = arena_strndup(a, path, (size_t)(part.ptr + part.len - path));
		out->name = repository_name(a, (struct str){ part.ptr + strlen(PREFIX), part.len - strlen(PREFIX) });
		struct str kind = str_split(&rest, '/');
		if (str_eq_text(kind, "snapshots") && rest.ptr) {
			(void)str_split(&rest, '/'); /* the revision */
			out->inside = arena_strndup(a, rest.ptr ? rest.ptr : "", rest.len);
		}
		out->is_blob = str_eq_text(kind, "blobs") && rest.len > 0 && !memchr(rest.ptr, '/', rest.len);
		return out->inside || out->is_blob;
	}
	return false;
}

/* "Tiny-Q4_K_M" of the repository "acme/Tiny-GGUF" adds "Q4_K_M". */
static struct str what_it_adds(struct str stem, const char *name)
{
	struct str own = str_of(fs_basename(name));
	if (own.len > 5 && str_eq_nocase((struct str){ own.ptr + own.len - 5, 5 }, "-gguf"))
		own.len -= 5;
	if (own.len > stem.len || strncasecmp(own.ptr, stem.ptr, own.len) != 0)
		return stem;
	if (own.len < stem.len && isalnum((unsigned char)stem.ptr[own.len]))
		return stem; /* "Tiny" is not the beginning of "Tinyish" */
	struct str rest = { stem.ptr + own.len, stem.len - own.len };
	while (rest.len > 0 && strchr("-_. ", rest.ptr[0])) {
		rest.ptr++;
		rest.len--;
	}
	return rest;
}

const char *hf_cache_name(struct arena *a, const char *path)
{
	struct place p;
	if (!take_apart(a, path, &p) || !p.inside)
		return NULL;
	size_t n = strlen(p.inside);
	bool is_gguf = n > 5 && str_eq_nocase((struct str){ p.inside + n - 5, 5 }, ".gguf");
	struct str more = is_gguf ? what_it_adds(gguf_stem(path), p.name) : str_of(p.inside);
	if (more.len == 0 || (!is_gguf && checkpoint_name_generic(p.inside)))
		return p.name;
	return label_make(a, str_of(arena_printf(a, "%s:%.*s", p.name, (int)more.len, more.ptr)));
}

/* --- from a blob back to its name --- */

struct search {
	struct arena *arena;
	const char *dir, *wanted;
	int depth;
	const char *found;
};

static bool look_at_link(void *user, const char *name, bool is_dir)
{
	struct search *s = user;
	const char *path = arena_printf(s->arena, "%s/%s", s->dir, name);
	if (is_dir) {
		struct search below = { s->arena, path, s->wanted, s->depth + 1, NULL };
		if (below.depth <= MAX_DEPTH &&
		    fs_list(path, LIMIT_FOLDER_ENTRIES, look_at_link, &below, NULL) == ERR_OK)
			s->found = below.found;
		return !s->found;
	}
	char *real = realpath(path, NULL);
	if (real && strcmp(real, s->wanted) == 0)
		s->found = path;
	free(real);
	return !s->found;
}

const char *hf_cache_link(struct arena *a, const char *path)
{
	struct place p;
	if (!take_apart(a, path, &p) || !p.is_blob)
		return path;
	char *real = realpath(path, NULL);
	const char *snapshot = hf_cache_snapshot(a, p.repository);
	struct search s = { a, snapshot, real, 0, NULL };
	if (real && snapshot && fs_list(snapshot, LIMIT_FOLDER_ENTRIES, look_at_link, &s, NULL) != ERR_OK)
		s.found = NULL;
	if (real && !s.found) { /* a file of an older revision */
		s = (struct search){ a, arena_printf(a, "%s/snapshots", p.repository), real, 0, NULL };
		if (fs_list(s.dir, LIMIT_FOLDER_ENTRIES, look_at_link, &s, NULL) != ERR_OK)
			s.found = NULL;
	}
	free(real);
	return s.found ? s.found : path;
}
