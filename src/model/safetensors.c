/* SPDX-License-Identifier: Apache-2.0
 *
 * Format: https://github.com/huggingface/safetensors (README, "Format"). */
#include "model/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/sniff.h"

struct safetensors {
	struct arena *arena;
	int fd;
	const char *what;
	struct st_tensor *tensors;
	size_t n;
};

static const struct {
	const char *name;
	uint32_t size;
} dtypes[ST_DTYPE_COUNT] = {
	[ST_F64] = { "F64", 8 },   [ST_F32] = { "F32", 4 },	    [ST_F16] = { "F16", 2 },
	[ST_BF16] = { "BF16", 2 }, [ST_I64] = { "I64", 8 },	    [ST_I32] = { "I32", 4 },
	[ST_I16] = { "I16", 2 },   [ST_I8] = { "I8", 1 },	    [ST_U64] = { "U64", 8 },
	[ST_U32] = { "U32", 4 },   [ST_U16] = { "U16", 2 },	    [ST_U8] = { "U8", 1 },
	[ST_BOOL] = { "BOOL", 1 }, [ST_F8_E4M3] = { "F8_E4M3", 1 }, [ST_F8_E5M2] = { "F8_E5M2", 1 },
};

/* A place in the header text, and the arena for what comes out of it. */
struct scan {
	struct str text;
	size_t pos;
	struct arena *arena;
	const char *what;
	struct err *err;
};

static enum err_code bad_json(struct scan *s)
{
	return err_set(s->err, ERR_DATA, "err_safetensors_header", "path=%s|at=%zu", s->what, s->pos + 8);
}

static void blanks(struct scan *s)
{
	while (s->pos < s->text.len && strchr(" \t\r\n", s->text.ptr[s->pos]) && s->text.ptr[s->pos] != 0)
		s->pos++;
}

/* Steps over `c` and the blanks before it. */
static bool eat(struct scan *s, char c)
{
	blanks(s);
	if (s->pos >= s->text.len || s->text.ptr[s->pos] != c)
		return false;
	s->pos++;
	return true;
}

static bool hex4(struct scan *s, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++, s->pos++) {
		char c = s->pos < s->text.len ? s->text.ptr[s->pos] : 0;
		const char *digit = c ? strchr("0123456789abcdef", c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
		if (!digit)
			return false;
		*out = *out << 4 | (uint32_t)(strlen("0123456789abcdef") - strlen(digit));
	}
	return true;
}

/* The escape after a backslash as UTF-8; pairs of surrogates join, a single one is wrong. */
static bool escape(struct scan *s, char *out, size_t *len)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = s->pos < s->text.len ? s->text.ptr[s->pos++] : 0;
	const char *simple = c ? strchr(from, c) : NULL;
	if (simple) {
		out[(*len)++] = to[simple - from];
		return true;
	}
	uint32_t code = 0, low = 0;
	if (c != 'u' || !hex4(s, &code))
		return false;
	if (code >= 0xD800 && code < 0xDC00) {
		if (s->pos + 2 > s->text.len || s->text.ptr[s->pos] != '\\' || s->text.ptr[s->pos + 1] != 'u')
			return false;
		s->pos += 2;
		if (!hex4(s, &low) || low < 0xDC00 || low > 0xDFFF)
			return false;
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
	}
	if (code == 0 || (code >= 0xD800 && code < 0xE000))
		return false;
	*len += utf8_put(code, out + *len);
	return true;
}

/* A JSON string; without escapes a view of the header, else a copy (an escape is never shorter than what it
 * means). */
static bool string(struct scan *s, struct str *out)
{
	if (!eat(s, '"'))
		return false;
	size_t start = s->pos;
	while (s->pos < s->text.len && s->text.ptr[s->pos] != '"' && s->text.ptr[s->pos] != '\\')
		if ((uint8_t)s->text.ptr[s->pos++] < 0x20)
			return false;
	if (s->pos < s->text.len && s->text.ptr[s->pos] == '"') {
		*out = (struct str){ s->text.ptr + start, s->pos++ - start };
		return true;
	}
	size_t end = s->pos;
	while (end < s->text.len && s->text.ptr[end] != '"')
		end += s->text.ptr[end] == '\\' ? 2 : 1;
	if (end >= s->text.len)
		return false;
	char *copy = arena_alloc(s->arena, end - start + 1);
	size_t len = s->pos - start;
	memcpy(copy, s->text.ptr + start, len);
	while (s->pos < end) {
		char c = s->text.ptr[s->pos++];
		if ((uint8_t)c < 0x20)
			return false;
		if (c != '\\')
			copy[len++] = c;
		else if (!escape(s, copy, &len))
			return false;
	}
	s->pos = end + 1;
	*out = (struct str){ copy, len };
	return true;
}

/* A whole number without sign, fraction, exponent or leading zero. */
static bool number(struct scan *s, uint64_t *out)
{
	blanks(s);
	size_t start = s->pos;
	while (s->pos < s->text.len && s->text.ptr[s->pos] >= '0' && s->text.ptr[s->pos] <= '9')
		s->pos++;
	struct str digits = { s->text.ptr + start, s->pos - start };
	return str_to_u64(digits, out) && (digits.len == 1 || digits.ptr[0] != '0') && *out <= INT64_MAX;
}

/* "[1, 2]" with at most `max` numbers. */
static bool numbers(struct scan *s, uint64_t *out, uint32_t max, uint32_t *n)
{
	*n = 0;
	if (!eat(s, '['))
		return false;
	if (eat(s, ']'))
		return true;
	do {
		if (*n == max || !number(s, &out[*n]))
			return false;
		(*n)++;
	} while (eat(s, ','));
	return eat(s, ']');
}

static enum err_code read_dtype(struct scan *s, struct st_tensor *t)
{
	struct str name;
	if (!string(s, &name))
		return bad_json(s);
	for (int i = 0; i < ST_DTYPE_COUNT; i++) {
		if (str_eq_text(name, dtypes[i].name)) {
			t->dtype = (enum st_dtype)i;
			return ERR_OK;
		}
	}
	return err_set(s->err, ERR_UNSUPPORTED, "err_safetensors_dtype", "path=%s|tensor=%.*s|type=%.*s",
		       s->what, (int)(t->name.len < 200 ? t->name.len : 200), t->name.ptr,
		       (int)(name.len < 40 ? name.len : 40), name.ptr);
}

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

static enum err_code read_member(struct scan *s, struct st_tensor *t, unsigned *seen)
{
	struct str key;
	if (!string(s, &key) || !eat(s, ':'))
		return bad_json(s);
	unsigned bit = str_eq_text(key, "dtype")	  ? HAS_DTYPE
		       : str_eq_text(key, "shape")	  ? HAS_SHAPE
		       : str_eq_text(key, "data_offsets") ? HAS_OFFSETS
							  : 0;
	if (bit == 0 || *seen & bit)
		return bad_json(s);
	*seen |= bit;
	if (bit == HAS_DTYPE)
		return read_dtype(s, t);
	if (bit == HAS_SHAPE)
		return numbers(s, t->shape, ST_MAX_DIMS, &t->n_dims) ? ERR_OK : bad_json(s);
	uint64_t range[2] = { 0, 0 };
	uint32_t n = 0;
	if (!numbers(s, range, 2, &n) || n != 2 || range[1] < range[0])
		return bad_json(s);
	t->offset = range[0];
	t->size = range[1] - range[0];
	return ERR_OK;
}

static enum err_code bad_tensor(struct scan *s, const char *key, const struct st_tensor *t)
{
	return err_set(s->err, ERR_DATA, key, "path=%s|tensor=%.*s", s->what,
		       (int)(t->name.len < 200 ? t->name.len : 200), t->name.ptr);
}

static enum err_code read_entry(struct scan *s, struct st_tensor *t)
{
	unsigned seen = 0;
	if (!eat(s, '{'))
		return bad_json(s);
	do {
		enum err_code rc = read_member(s, t, &seen);
		if (rc != ERR_OK)
			return rc;
	} while (eat(s, ','));
	if (!eat(s, '}') || seen != HAS_ALL)
		return bad_json(s);
	unsigned __int128 bytes = dtypes[t->dtype].size;
	for (uint32_t i = 0; i < t->n_dims; i++) {
		bytes *= t->shape[i];
		if (bytes > INT64_MAX)
			return bad_tensor(s, "err_safetensors_size", t);
	}
	return bytes == t->size ? ERR_OK : bad_tensor(s, "err_safetensors_size", t);
}

/* {"format": "pt", …}: only text to text; nothing in it is used. */
static enum err_code skip_metadata(struct scan *s)
{
	if (!eat(s, '{'))
		return bad_json(s);
	if (eat(s, '}'))
		return ERR_OK;
	do {
		struct str key, value;
		if (!string(s, &key) || !eat(s, ':') || !string(s, &value))
			return bad_json(s);
	} while (eat(s, ','));
	return eat(s, '}') ? ERR_OK : bad_json(s);
}

static enum err_code add_tensor(struct scan *s, struct safetensors *st, struct str name, size_t *cap)
{
	if (st->n >= LIMIT_SAFETENSORS_TENSORS)
		return err_set(s->err, ERR_LIMIT, "err_safetensors_tensors", "path=%s|limit=%d", s->what,
			       LIMIT_SAFETENSORS_TENSORS);
	if (st->n == *cap) {
		*cap = *cap ? *cap * 2 : 64;
		st->tensors = mem_grow(st->tensors, *cap * sizeof(st->tensors[0]));
	}
	struct st_tensor *t = &st->tensors[st->n++];
	*t = (struct st_tensor){ .name = name };
	return read_entry(s, t);
}

static enum err_code scan_header(struct scan *s, struct safetensors *st)
{
	size_t cap = 0;
	bool metadata = false;
	if (!eat(s, '{'))
		return bad_json(s);
	bool more = !eat(s, '}');
	while (more) {
		struct str name;
		enum err_code rc;
		if (!string(s, &name) || name.len == 0 || !eat(s, ':'))
			return bad_json(s);
		if (!str_eq_text(name, "__metadata__"))
			rc = add_tensor(s, st, name, &cap);
		else
			rc = metadata ? bad_json(s) : skip_metadata(s);
		if (rc != ERR_OK)
			return rc;
		metadata = metadata || str_eq_text(name, "__metadata__");
		more = eat(s, ',');
		if (!more && !eat(s, '}'))
			return bad_json(s);
	}
	blanks(s);
	return s->pos == s->text.len ? ERR_OK : bad_json(s);
}

static int by_name(const void *a, const void *b)
{
	const struct st_tensor *x = *(const struct st_tensor *const *)a,
			       *y = *(const struct st_tensor *const *)b;
	size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
	int order = memcmp(x->name.ptr, y->name.ptr, n);
	return order ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static int by_place(const void *a, const void *b)
{
	const struct st_tensor *x = a, *y = b;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x->size > y->size) - (x->size < y->size);
}

static enum err_code check_names(struct scan *s, struct safetensors *st)
{
	const struct st_tensor **order = mem_array(st->n + 1, sizeof(order[0]));
	for (size_t i = 0; i < st->n; i++)
		order[i] = &st->tensors[i];
	qsort(order, st->n, sizeof(order[0]), by_name);
	enum err_code rc = ERR_OK;
	for (size_t i = 1; rc == ERR_OK && i < st->n; i++)
		if (by_name(&order[i - 1], &order[i]) == 0)
			rc = bad_tensor(s, "err_safetensors_duplicate", order[i]);
	mem_free(order);
	return rc;
}

/* Data must be tiled: each tensor begins where the one before ends, the last ends with the file. */
static enum err_code check_places(struct scan *s, struct safetensors *st, uint64_t file_size)
{
	if (st->n > 0)
		qsort(st->tensors, st->n, sizeof(st->tensors[0]), by_place);
	uint64_t base = 8 + s->text.len, end = 0;
	for (size_t i = 0; i < st->n; i++) {
		struct st_tensor *t = &st->tensors[i];
		if (t->offset != end)
			return bad_tensor(s, "err_safetensors_gap", t);
		end += t->size;
		if (end > INT64_MAX)
			return bad_tensor(s, "err_safetensors_size", t);
		t->offset += base;
	}
	if (base + end > file_size)
		return err_set(s->err, ERR_DATA, "err_gguf_truncated", "path=%s|at=%llu|need=%llu", s->what,
			       (unsigned long long)file_size, (unsigned long long)(base + end));
	if (base + end < file_size)
		return err_set(s->err, ERR_DATA, "err_safetensors_rest", "path=%s|n=%llu", s->what,
			       (unsigned long long)(file_size - base - end));
	return ERR_OK;
}

static enum err_code read_header(struct safetensors *st, uint64_t size, struct err *err)
{
	uint8_t head[8];
	uint64_t len = 0;
	enum err_code rc = size < 8 ? err_set(err, ERR_DATA, "err_gguf_header_cut", "path=%s|at=%llu",
					      st->what, (unsigned long long)size)
				    : fs_pread(st->fd, head, 8, 0, err);
	if (rc != ERR_OK)
		return rc;
	for (int i = 7; i >= 0; i--)
		len = len << 8 | head[i];
	if (len > LIMIT_SAFETENSORS_HEADER)
		return err_set(err, ERR_LIMIT, "err_gguf_limit", "path=%s|part=header|n=%llu|limit=%llu",
			       st->what, (unsigned long long)len,
			       (unsigned long long)LIMIT_SAFETENSORS_HEADER);
	if (len > size - 8)
		return err_set(err, ERR_DATA, "err_gguf_header_cut", "path=%s|at=%llu", st->what,
			       (unsigned long long)size);
	char *text = arena_alloc(st->arena, (size_t)len + 1);
	rc = fs_pread(st->fd, text, (size_t)len, 8, err);
	if (rc != ERR_OK)
		return rc;
	struct scan s = { .text = { text, (size_t)len }, .arena = st->arena, .what = st->what, .err = err };
	if (len == 0 || text[0] != '{' || !utf8_valid(s.text, &s.pos))
		return bad_json(&s);
	s.pos = 0;
	rc = scan_header(&s, st);
	if (rc == ERR_OK)
		rc = check_names(&s, st);
	return rc == ERR_OK ? check_places(&s, st, size) : rc;
}

struct safetensors *safetensors_read(int fd, uint64_t size, const char *what, struct err *err)
{
	enum file_kind kind = sniff_fd(fd, size);
	if (kind != FILE_SAFETENSORS && kind != FILE_UNKNOWN) {
		sniff_refuse(kind, what, size, "safetensors", err);
		return NULL;
	}
	struct safetensors *st = mem_alloc(sizeof(*st));
	st->arena = arena_new();
	st->what = arena_strdup(st->arena, what);
	st->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	enum err_code rc = st->fd < 0 ? err_set_errno(err, errno, "err_fs_open", "path=%s", what)
				      : read_header(st, size, err);
	if (rc != ERR_OK) {
		safetensors_close(st);
		return NULL;
	}
	return st;
}

struct safetensors *safetensors_open(const char *path, struct err *err)
{
	uint64_t size = 0;
	int fd = fs_open(path, &size, err);
	if (fd < 0)
		return NULL;
	struct safetensors *st = safetensors_read(fd, size, path, err);
	close(fd);
	return st;
}

void safetensors_close(struct safetensors *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	mem_free(s->tensors);
	arena_free(s->arena);
	mem_free(s);
}

size_t safetensors_count(const struct safetensors *s)
{
	return s->n;
}

const struct st_tensor *safetensors_at(const struct safetensors *s, size_t index)
{
	return &s->tensors[index];
}

uint32_t st_dtype_size(enum st_dtype dtype)
{
	return dtypes[dtype].size;
}

const char *st_dtype_name(enum st_dtype dtype)
{
	return dtypes[dtype].name;
}

enum err_code safetensors_data(const struct safetensors *s, const struct st_tensor *t, uint64_t from,
			       void *out, size_t len, struct err *err)
{
	if (from > t->size || len > t->size - from)
		BUG("read past tensor %.*s", (int)(t->name.len < 200 ? t->name.len : 200), t->name.ptr);
	return fs_pread(s->fd, out, len, t->offset + from, err);
}
