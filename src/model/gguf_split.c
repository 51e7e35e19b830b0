/* SPDX-License-Identifier: Apache-2.0
 *
 * Split models as llama-gguf-split writes them: NAME-00001-of-00003.gguf with the keys split.no, split.count
 * and split.tensors.count (src/llama.cpp, llama_split_path). */
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/gguf_private.h"

#define SUFFIX_LEN 20 /* "-00001-of-00003.gguf" */

static bool five_digits(const char *p, uint32_t *out)
{
	uint64_t n;
	if (!str_to_u64((struct str){ p, 5 }, &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

bool gguf_split_name(const char *path, uint32_t *no, uint32_t *count, size_t *stem_len)
{
	size_t len = strlen(path);
	if (len <= SUFFIX_LEN)
		return false;
	const char *p = path + len - SUFFIX_LEN;
	if (p[0] != '-' || strncmp(p + 6, "-of-", 4) != 0 || strcmp(p + 15, ".gguf") != 0)
		return false;
	uint32_t part, parts;
	if (!five_digits(p + 1, &part) || !five_digits(p + 10, &parts) || part < 1 || part > parts)
		return false;
	*no = part;
	*count = parts;
	*stem_len = len - SUFFIX_LEN;
	return true;
}

struct str gguf_stem(const char *path)
{
	struct str s = str_of(fs_basename(path));
	uint32_t no, count;
	size_t stem;
	if (gguf_split_name(path, &no, &count, &stem))
		s.len -= strlen(path) - stem;
	else if (s.len > 5 && str_eq_nocase((struct str){ s.ptr + s.len - 5, 5 }, ".gguf"))
		s.len -= 5;
	return s;
}

char *gguf_part_path(const char *path, uint32_t no)
{
	uint32_t own, count;
	size_t stem;
	if (!gguf_split_name(path, &own, &count, &stem))
		return no == 1 ? mem_strdup(path) : NULL;
	return no <= count ? mem_printf("%.*s-%05u-of-%05u.gguf", (int)stem, path, no, count) : NULL;
}

enum err_code gguf_model_hash(const char *path, uint8_t digest[HASH_SIZE], const atomic_bool *cancel, struct err *err)
{
	enum err_code code = ERR_OK;
	struct hash *h = hash_new();
	char *part;
	for (uint32_t no = 1; code == ERR_OK && (part = gguf_part_path(path, no)); no++) {
		uint64_t size;
		int fd = fs_open(part, &size, err);
		code = fd < 0 ? ERR_IO : hash_add_file(h, fd, cancel, err);
		if (fd >= 0)
			close(fd);
		mem_free(part);
	}
	if (code == ERR_OK)
		hash_finish(h, digest);
	else
		hash_free(h);
	return code;
}

/* Does the part say the same about itself as its name?  split.no counts from 0. */
static enum err_code check_part(const struct gguf *part, uint32_t no, uint32_t count, struct err *err)
{
	uint64_t key_no = 0, key_count = 0;
	if (!gguf_get_u64(part, "split.no", &key_no) || !gguf_get_u64(part, "split.count", &key_count) ||
	    key_no != no - 1 || key_count != count)
		return err_set(err, ERR_DATA, "err_gguf_part_wrong", "path=%s|n=%u|m=%u", part->what, no,
			       count);
	return ERR_OK;
}

/* Moves the tensors and the descriptor of `part` into `g`; names are copied because `part` goes away. */
static void append_part(struct gguf *g, struct gguf *part, uint32_t index)
{
	struct gguf_tensor *all = arena_array(g->arena, g->n_tensors + part->n_tensors + 1, sizeof(all[0]));
	memcpy(all, g->tensors, g->n_tensors * sizeof(all[0]));
	for (size_t i = 0; i < part->n_tensors; i++) {
		struct gguf_tensor *t = &all[g->n_tensors + i];
		*t = part->tensors[i];
		t->name = arena_strdup(g->arena, t->name);
		t->part = index;
	}
	g->tensors = all;
	g->n_tensors += part->n_tensors;
	g->parts[index] = part->parts[0];
	g->n_parts = index + 1;
	part->parts[0].fd = -1;
}

static enum err_code add_parts(struct gguf *g, const char *path, size_t stem_len, uint32_t count,
			       struct err *err)
{
	struct gguf_part first = g->parts[0];
	g->parts = arena_array(g->arena, count, sizeof(g->parts[0]));
	g->parts[0] = first;
	for (uint32_t no = 2; no <= count; no++) {
		char *name = mem_printf("%.*s-%05u-of-%05u.gguf", (int)stem_len, path, no, count);
		enum err_code rc = ERR_OK;
		struct gguf *part = NULL;
		if (!fs_exists(name))
			rc = err_set(err, ERR_DATA, "err_gguf_part_missing", "path=%s|n=%u|m=%u",
				     fs_basename(name), no, count);
		else if (!(part = gguf_open(name, err)))
			rc = ERR_DATA;
		else
			rc = check_part(part, no, count, err);
		if (rc == ERR_OK && g->n_tensors + part->n_tensors > LIMIT_GGUF_TENSORS)
			rc = err_set(err, ERR_LIMIT, "err_gguf_limit",
				     "path=%s|part=tensors|n=%llu|limit=%llu", path,
				     (unsigned long long)(g->n_tensors + part->n_tensors),
				     (unsigned long long)LIMIT_GGUF_TENSORS);
		if (rc == ERR_OK)
			append_part(g, part, no - 1);
		gguf_close(part);
		mem_free(name);
		if (rc != ERR_OK)
			return rc;
	}
	return gguf_index_tensors(g, err);
}

static enum err_code check_total(const struct gguf *g, struct err *err)
{
	uint64_t total = 0;
	if (gguf_get_u64(g, "split.tensors.count", &total) && total != g->n_tensors)
		return err_set(err, ERR_DATA, "err_gguf_part_total", "path=%s|n=%llu|m=%llu", g->what,
			       (unsigned long long)g->n_tensors, (unsigned long long)total);
	return ERR_OK;
}

struct gguf *gguf_open_model(const char *path, struct err *err)
{
	uint32_t no, count;
	size_t stem_len;
	if (!gguf_split_name(path, &no, &count, &stem_len))
		return gguf_open(path, err);
	if (count > GGUF_MAX_PARTS) {
		err_set(err, ERR_LIMIT, "err_gguf_limit", "path=%s|part=parts|n=%u|limit=%d", path, count,
			GGUF_MAX_PARTS);
		return NULL;
	}
	char *first = mem_printf("%.*s-%05u-of-%05u.gguf", (int)stem_len, path, 1u, count);
	struct gguf *g = NULL;
	if (!fs_exists(first))
		err_set(err, ERR_DATA, "err_gguf_part_missing", "path=%s|n=%u|m=%u", fs_basename(first), 1u,
			count);
	else
		g = gguf_open(first, err);
	mem_free(first);
	if (!g)
		return NULL;
	enum err_code rc = check_part(g, 1, count, err);
	if (rc == ERR_OK)
		rc = add_parts(g, path, stem_len, count, err);
	if (rc == ERR_OK)
		rc = check_total(g, err);
	if (rc != ERR_OK) {
		gguf_close(g);
		return NULL;
	}
	return g;
}
