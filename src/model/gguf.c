/* SPDX-License-Identifier: Apache-2.0
 *
 * Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; what ggml's reader demands of it:
 * ggml/src/gguf.cpp of llama.cpp v0.5.0. */
#include "model/gguf.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/ggml_type.h"
#include "model/gguf_private.h"
#include "model/sniff.h"

#define CHUNK (64 * KIB)
#define DEFAULT_ALIGNMENT 32

/* Reads the header front to back through one buffer. */
struct cursor {
	int fd;
	uint64_t size;	    /* of the file */
	uint64_t pos;	    /* in the file, of the next byte to hand out */
	uint64_t chunk_pos; /* in the file, of buf[0] */
	size_t chunk_len;
	char *buf;
	const char *what;
	struct err *err;
};

static enum err_code fill(struct cursor *c)
{
	c->chunk_pos = c->pos;
	c->chunk_len = 0;
	uint64_t left = c->size - c->pos;
	size_t want = left < CHUNK ? (size_t)left : CHUNK;
	if (want == 0)
		return err_set(c->err, ERR_DATA, "err_gguf_header_cut", "path=%s|at=%llu", c->what,
			       (unsigned long long)c->size);
	enum err_code rc = fs_pread(c->fd, c->buf, want, c->pos, c->err);
	if (rc == ERR_OK)
		c->chunk_len = want;
	return rc;
}

static enum err_code take(struct cursor *c, void *out, size_t len)
{
	char *to = out;
	while (len > 0) {
		size_t at = (size_t)(c->pos - c->chunk_pos);
		if (at >= c->chunk_len) {
			enum err_code rc = fill(c);
			if (rc != ERR_OK)
				return rc;
			at = 0;
		}
		size_t n = c->chunk_len - at < len ? c->chunk_len - at : len;
		memcpy(to, c->buf + at, n);
		to += n;
		c->pos += n;
		len -= n;
	}
	return ERR_OK;
}

static enum err_code over_limit(struct cursor *c, const char *part, uint64_t n, uint64_t limit)
{
	return err_set(c->err, ERR_LIMIT, "err_gguf_limit", "path=%s|part=%s|n=%llu|limit=%llu", c->what,
		       part, (unsigned long long)n, (unsigned long long)limit);
}

/* Skips without reading: a seek inside or past the buffer. */
static enum err_code skip(struct cursor *c, uint64_t len)
{
	if (len > c->size - c->pos)
		return err_set(c->err, ERR_DATA, "err_gguf_header_cut", "path=%s|at=%llu", c->what,
			       (unsigned long long)c->size);
	c->pos += len;
	if (c->pos > LIMIT_GGUF_HEADER)
		return over_limit(c, "header", c->pos, LIMIT_GGUF_HEADER);
	if (c->pos > c->chunk_pos + c->chunk_len) {
		c->chunk_pos = c->pos;
		c->chunk_len = 0;
	}
	return ERR_OK;
}

/* Every file that is read is little endian, and so are the machines llama.cpp is built for here. */
static enum err_code take_u32(struct cursor *c, uint32_t *out)
{
	uint8_t b[4];
	enum err_code rc = take(c, b, sizeof(b));
	*out = rc == ERR_OK
		       ? (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24
		       : 0;
	return rc;
}

static enum err_code take_u64(struct cursor *c, uint64_t *out)
{
	uint32_t low = 0, high = 0;
	enum err_code rc = take_u32(c, &low);
	if (rc == ERR_OK)
		rc = take_u32(c, &high);
	*out = (uint64_t)high << 32 | low;
	return rc;
}

/* A key or tensor name: 1 to `max` bytes of UTF-8 without control characters. */
static enum err_code take_name(struct cursor *c, struct arena *a, size_t max, const char **out)
{
	uint64_t len = 0;
	enum err_code rc = take_u64(c, &len);
	if (rc != ERR_OK)
		return rc;
	if (len > max)
		return over_limit(c, "name", len, max);
	char name[GGUF_MAX_KEY + 1];
	rc = take(c, name, (size_t)len);
	if (rc != ERR_OK)
		return rc;
	bool good = len > 0 && utf8_valid((struct str){ name, (size_t)len }, NULL);
	for (size_t i = 0; i < len; i++)
		good = good && (uint8_t)name[i] >= 0x20 && name[i] != 0x7F;
	if (!good)
		return err_set(c->err, ERR_DATA, "err_gguf_name", "path=%s|at=%llu", c->what,
			       (unsigned long long)(c->pos - len));
	*out = arena_strndup(a, name, (size_t)len);
	return ERR_OK;
}

size_t gguf_type_size(enum gguf_value type)
{
	static const uint8_t sizes[GGUF_VALUE_NONE] = {
		[GGUF_U8] = 1,	[GGUF_I8] = 1,	[GGUF_U16] = 2, [GGUF_I16] = 2,
		[GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1,
		[GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
	};
	return type < GGUF_VALUE_NONE ? sizes[type] : 0;
}

static enum err_code take_type(struct cursor *c, const char *key, enum gguf_value *out)
{
	uint32_t type = 0;
	enum err_code rc = take_u32(c, &type);
	if (rc == ERR_OK && type >= GGUF_VALUE_NONE)
		rc = err_set(c->err, ERR_DATA, "err_gguf_value_type", "path=%s|key=%s|n=%u", c->what, key,
			     type);
	*out = rc == ERR_OK ? (enum gguf_value)type : GGUF_U8;
	return rc;
}

/* Steps over one string and gives its place. */
static enum err_code skip_text(struct cursor *c, uint64_t *offset, uint64_t *len)
{
	enum err_code rc = take_u64(c, len);
	if (rc != ERR_OK)
		return rc;
	if (*len > LIMIT_GGUF_STRING)
		return over_limit(c, "string", *len, LIMIT_GGUF_STRING);
	*offset = c->pos;
	return skip(c, *len);
}

static enum err_code skip_bools(struct cursor *c, const char *key, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint8_t value = 0;
		enum err_code rc = take(c, &value, 1);
		if (rc != ERR_OK)
			return rc;
		if (value > 1)
			return err_set(c->err, ERR_DATA, "err_gguf_bool", "path=%s|key=%s|n=%u", c->what, key,
				       value);
	}
	return ERR_OK;
}

static enum err_code skip_array(struct cursor *c, struct gguf_kv *kv)
{
	enum err_code rc = take_type(c, kv->key, &kv->element);
	if (rc == ERR_OK)
		rc = take_u64(c, &kv->count);
	if (rc != ERR_OK)
		return rc;
	if (kv->element == GGUF_ARRAY)
		return err_set(c->err, ERR_DATA, "err_gguf_nested_array", "path=%s|key=%s", c->what, kv->key);
	if (kv->count > LIMIT_GGUF_ARRAY)
		return over_limit(c, "array", kv->count, LIMIT_GGUF_ARRAY);
	kv->offset = c->pos;
	if (kv->element == GGUF_BOOL)
		return skip_bools(c, kv->key, kv->count);
	if (kv->element != GGUF_TEXT)
		return skip(c, kv->count * gguf_type_size(kv->element));
	for (uint64_t i = 0; rc == ERR_OK && i < kv->count; i++) {
		uint64_t offset, len;
		rc = skip_text(c, &offset, &len);
	}
	return rc;
}

static enum err_code read_kv(struct cursor *c, struct arena *a, struct gguf_kv *kv)
{
	enum err_code rc = take_name(c, a, GGUF_MAX_KEY, &kv->key);
	if (rc == ERR_OK)
		rc = take_type(c, kv->key, &kv->type);
	if (rc != ERR_OK)
		return rc;
	kv->offset = kv->start = c->pos;
	if (kv->type == GGUF_ARRAY)
		return skip_array(c, kv);
	if (kv->type == GGUF_BOOL)
		return skip_bools(c, kv->key, 1);
	if (kv->type != GGUF_TEXT)
		return skip(c, gguf_type_size(kv->type));
	rc = skip_text(c, &kv->offset, &kv->count);
	if (rc == ERR_OK && kv->count > LIMIT_TEMPLATE &&
	    strncmp(kv->key, "tokenizer.chat_template", 23) == 0)
		rc = over_limit(c, "template", kv->count, LIMIT_TEMPLATE);
	return rc;
}

static enum err_code bad_tensor(struct cursor *c, const char *key, const char *tensor, uint64_t n)
{
	return err_set(c->err, ERR_DATA, key, "path=%s|tensor=%s|n=%llu", c->what, tensor,
		       (unsigned long long)n);
}

/* Size from shape and type.  Each factor and each partial product is below 2^63, so 128 bits hold every
 * product. */
static enum err_code measure(struct cursor *c, struct gguf_tensor *t)
{
	const struct ggml_type_info *info = ggml_type_find(t->type);
	if (!info)
		return bad_tensor(c, "err_gguf_tensor_type", t->name, t->type);
	unsigned __int128 count = 1;
	for (int i = 0; i < GGUF_MAX_DIMS; i++) {
		if (t->ne[i] == 0 || t->ne[i] > INT64_MAX)
			return bad_tensor(c, "err_gguf_tensor_dims", t->name, t->ne[i]);
		count *= t->ne[i];
		if (count > INT64_MAX)
			return bad_tensor(c, "err_gguf_tensor_dims", t->name, t->ne[i]);
	}
	if (t->ne[0] % info->block_values != 0)
		return err_set(c->err, ERR_DATA, "err_gguf_tensor_block", "path=%s|tensor=%s|n=%llu|type=%s",
			       c->what, t->name, (unsigned long long)t->ne[0], info->name);
	unsigned __int128 bytes = count / info->block_values * info->block_bytes;
	if (bytes > INT64_MAX)
		return bad_tensor(c, "err_gguf_tensor_dims", t->name, t->ne[0]);
	t->size = (uint64_t)bytes;
	return ERR_OK;
}

static enum err_code read_tensor(struct cursor *c, struct arena *a, struct gguf_tensor *t)
{
	enum err_code rc = take_name(c, a, GGUF_MAX_NAME, &t->name);
	if (rc == ERR_OK)
		rc = take_u32(c, &t->n_dims);
	if (rc != ERR_OK)
		return rc;
	if (t->n_dims < 1 || t->n_dims > GGUF_MAX_DIMS)
		return bad_tensor(c, "err_gguf_tensor_n_dims", t->name, t->n_dims);
	for (uint32_t i = 0; i < GGUF_MAX_DIMS; i++)
		t->ne[i] = 1;
	for (uint32_t i = 0; rc == ERR_OK && i < t->n_dims; i++)
		rc = take_u64(c, &t->ne[i]);
	if (rc == ERR_OK)
		rc = take_u32(c, &t->type);
	if (rc == ERR_OK)
		rc = take_u64(c, &t->offset);
	return rc == ERR_OK ? measure(c, t) : rc;
}

/* Tensor data must follow in the order of the list, each at the next aligned place: no gap can hide data,
 * nothing overlaps. ggml's reader asks for the same.  Turns offsets into places in the file. */
static enum err_code place_tensors(struct cursor *c, struct gguf *g, uint64_t alignment)
{
	uint64_t start = (c->pos + alignment - 1) / alignment * alignment;
	unsigned __int128 next = 0, end = 0;
	for (size_t i = 0; i < g->n_tensors; i++) {
		struct gguf_tensor *t = &g->tensors[i];
		if (t->offset != next)
			return bad_tensor(c, "err_gguf_tensor_offset", t->name, t->offset);
		end = next + t->size;
		next = (end + alignment - 1) / alignment * alignment;
		t->offset += start;
	}
	if (g->n_tensors > 0 && start + end > c->size)
		return err_set(c->err, ERR_DATA, "err_gguf_truncated", "path=%s|at=%llu|need=%llu", c->what,
			       (unsigned long long)c->size,
			       start + end > INT64_MAX ? (unsigned long long)INT64_MAX
						       : (unsigned long long)(start + end));
	g->parts[0].data_offset = start;
	return ERR_OK;
}

static int by_key(const void *a, const void *b)
{
	const struct gguf_kv *const *x = a, *const *y = b;
	return strcmp((*x)->key, (*y)->key);
}

static int by_name(const void *a, const void *b)
{
	const struct gguf_tensor *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static enum err_code index_keys(struct gguf *g, struct err *err)
{
	g->kv_by_name = arena_array(g->arena, g->n_kv + 1, sizeof(g->kv_by_name[0]));
	for (size_t i = 0; i < g->n_kv; i++)
		g->kv_by_name[i] = &g->kv[i];
	qsort(g->kv_by_name, g->n_kv, sizeof(g->kv_by_name[0]), by_key);
	for (size_t i = 1; i < g->n_kv; i++)
		if (strcmp(g->kv_by_name[i - 1]->key, g->kv_by_name[i]->key) == 0)
			return err_set(err, ERR_DATA, "err_gguf_duplicate", "path=%s|name=%s", g->what,
				       g->kv_by_name[i]->key);
	return ERR_OK;
}

enum err_code gguf_index_tensors(struct gguf *g, struct err *err)
{
	g->tensor_by_name = arena_array(g->arena, g->n_tensors + 1, sizeof(g->tensor_by_name[0]));
	for (size_t i = 0; i < g->n_tensors; i++)
		g->tensor_by_name[i] = &g->tensors[i];
	qsort(g->tensor_by_name, g->n_tensors, sizeof(g->tensor_by_name[0]), by_name);
	for (size_t i = 1; i < g->n_tensors; i++)
		if (strcmp(g->tensor_by_name[i - 1]->name, g->tensor_by_name[i]->name) == 0)
			return err_set(err, ERR_DATA, "err_gguf_duplicate", "path=%s|name=%s", g->what,
				       g->tensor_by_name[i]->name);
	return ERR_OK;
}

const struct gguf_kv *gguf_kv_find(const struct gguf *g, const char *key)
{
	struct gguf_kv wanted = { .key = key };
	const struct gguf_kv *pointer = &wanted;
	const struct gguf_kv **found = bsearch(&pointer, g->kv_by_name, g->n_kv, sizeof(pointer), by_key);
	return found ? *found : NULL;
}

const struct gguf_tensor *gguf_tensor_find(const struct gguf *g, const char *name)
{
	struct gguf_tensor wanted = { .name = name };
	const struct gguf_tensor *pointer = &wanted;
	const struct gguf_tensor **found =
		bsearch(&pointer, g->tensor_by_name, g->n_tensors, sizeof(pointer), by_name);
	return found ? *found : NULL;
}

static enum err_code read_counts(struct cursor *c, uint64_t *n_tensors, uint64_t *n_kv)
{
	uint32_t magic, version = 0;
	enum err_code rc = take_u32(c, &magic);
	if (rc == ERR_OK)
		rc = take_u32(c, &version);
	if (rc != ERR_OK)
		return rc;
	if ((version & 0xFFFF) == 0 && version != 0)
		return err_set(c->err, ERR_UNSUPPORTED, "err_gguf_big_endian", "path=%s", c->what);
	if (version < 2 || version > 3)
		return err_set(c->err, ERR_UNSUPPORTED, "err_gguf_version", "path=%s|n=%u", c->what, version);
	rc = take_u64(c, n_tensors);
	if (rc == ERR_OK)
		rc = take_u64(c, n_kv);
	if (rc != ERR_OK)
		return rc;
	if (*n_tensors > LIMIT_GGUF_TENSORS)
		return over_limit(c, "tensors", *n_tensors, LIMIT_GGUF_TENSORS);
	if (*n_kv > LIMIT_GGUF_KEYS)
		return over_limit(c, "keys", *n_kv, LIMIT_GGUF_KEYS);
	return ERR_OK;
}

/* Alignment is used only by a file that says so, and then must be one that no reader can stumble over. */
static enum err_code read_alignment(const struct gguf *g, uint64_t *out, struct err *err)
{
	*out = DEFAULT_ALIGNMENT;
	if (gguf_key_type(g, "general.alignment") == GGUF_VALUE_NONE)
		return ERR_OK;
	uint64_t n = 0;
	bool known =
		gguf_key_type(g, "general.alignment") == GGUF_U32 && gguf_get_u64(g, "general.alignment", &n);
	if (!known || n == 0 || (n & (n - 1)) != 0 || n > LIMIT_GGUF_ALIGNMENT)
		return err_set(err, ERR_DATA, "err_gguf_alignment", "path=%s|n=%llu", g->what,
			       (unsigned long long)n);
	*out = n;
	return ERR_OK;
}

static enum err_code read_header(struct cursor *c, struct gguf *g)
{
	uint64_t n_tensors = 0, n_kv = 0, alignment = 0;
	enum err_code rc = read_counts(c, &n_tensors, &n_kv);
	/* A pair takes at least 13 bytes and a tensor 33: counts beyond the file are not worth the memory of
	 * their arrays. */
	if (rc == ERR_OK && n_kv * 13 + n_tensors * 33 > c->size)
		rc = err_set(c->err, ERR_DATA, "err_gguf_header_cut", "path=%s|at=%llu", c->what,
			     (unsigned long long)c->size);
	if (rc != ERR_OK)
		return rc;
	g->kv = arena_array(g->arena, (size_t)n_kv + 1, sizeof(g->kv[0]));
	for (; rc == ERR_OK && g->n_kv < n_kv; g->n_kv++) {
		rc = read_kv(c, g->arena, &g->kv[g->n_kv]);
		g->kv[g->n_kv].end = c->pos;
	}
	if (rc == ERR_OK)
		rc = index_keys(g, c->err);
	if (rc == ERR_OK)
		rc = read_alignment(g, &alignment, c->err);
	g->tensors = arena_array(g->arena, (size_t)n_tensors + 1, sizeof(g->tensors[0]));
	for (; rc == ERR_OK && g->n_tensors < n_tensors; g->n_tensors++)
		rc = read_tensor(c, g->arena, &g->tensors[g->n_tensors]);
	if (rc == ERR_OK)
		rc = gguf_index_tensors(g, c->err);
	return rc == ERR_OK ? place_tensors(c, g, alignment) : rc;
}

struct gguf *gguf_read(int fd, uint64_t size, const char *what, struct err *err)
{
	enum file_kind kind = sniff_fd(fd, size);
	if (kind != FILE_GGUF) {
		sniff_refuse(kind, what, size, "GGUF", err);
		return NULL;
	}
	struct gguf *g = mem_alloc(sizeof(*g));
	g->arena = arena_new();
	g->what = arena_strdup(g->arena, what);
	g->parts = arena_alloc(g->arena, sizeof(g->parts[0]));
	g->n_parts = 1;
	g->parts[0] = (struct gguf_part){ .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0), .size = size };
	struct cursor c = { .fd = g->parts[0].fd, .size = size, .what = g->what, .err = err };
	enum err_code rc = ERR_OK;
	if (c.fd < 0)
		rc = err_set_errno(err, errno, "err_fs_open", "path=%s", what);
	if (rc == ERR_OK) {
		c.buf = mem_alloc(CHUNK);
		rc = read_header(&c, g);
		mem_free(c.buf);
	}
	if (rc != ERR_OK) {
		gguf_close(g);
		return NULL;
	}
	return g;
}

struct gguf *gguf_open(const char *path, struct err *err)
{
	uint64_t size = 0;
	int fd = fs_open(path, &size, err);
	if (fd < 0)
		return NULL;
	struct gguf *g = gguf_read(fd, size, path, err);
	close(fd);
	return g;
}

void gguf_close(struct gguf *g)
{
	if (!g)
		return;
	for (uint32_t i = 0; i < g->n_parts; i++)
		if (g->parts[i].fd >= 0)
			close(g->parts[i].fd);
	arena_free(g->arena);
	mem_free(g);
}
