/* SPDX-License-Identifier: Apache-2.0 */
#include "model/gguf_write.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/ggml_type.h"
#include "model/gguf_private.h"

#define ALIGNMENT 32

struct gguf_writer {
	struct buf keys;
	struct buf infos;
	uint64_t n_keys;
	uint64_t n_tensors;
	uint64_t *sizes; /* bytes of each tensor */
	uint64_t *offsets; /* of each tensor from the start of the data */
	uint64_t head;	 /* bytes of the header, 0 before it is made */
	uint64_t next;	 /* offset of the next tensor to be declared */
	int fd;
	uint64_t current; /* tensor being written */
	uint64_t written; /* bytes of it */
};

struct gguf_writer *gguf_writer_new(void)
{
	struct gguf_writer *w = mem_alloc(sizeof(*w));
	buf_init(&w->keys, LIMIT_GGUF_HEADER / 2);
	buf_init(&w->infos, LIMIT_GGUF_HEADER / 2);
	w->fd = -1;
	return w;
}

void gguf_writer_free(struct gguf_writer *w)
{
	if (!w)
		return;
	buf_release(&w->keys);
	buf_release(&w->infos);
	mem_free(w->sizes);
	mem_free(w->offsets);
	mem_free(w);
}

static void add_text(struct buf *b, const char *text)
{
	buf_add_u64le(b, strlen(text));
	buf_add_text(b, text);
}

static void begin_key(struct gguf_writer *w, const char *key, enum gguf_value type)
{
	if (w->fd >= 0)
		BUG("key %s after the header was written", key);
	add_text(&w->keys, key);
	buf_add_u32le(&w->keys, type);
	w->n_keys++;
}

void gguf_writer_text(struct gguf_writer *w, const char *key, const char *value)
{
	begin_key(w, key, GGUF_TEXT);
	add_text(&w->keys, value);
}

void gguf_writer_u32(struct gguf_writer *w, const char *key, uint32_t value)
{
	begin_key(w, key, GGUF_U32);
	buf_add_u32le(&w->keys, value);
}

void gguf_writer_u16(struct gguf_writer *w, const char *key, uint16_t value)
{
	begin_key(w, key, GGUF_U16);
	buf_add_char(&w->keys, (char)(value & 0xFF));
	buf_add_char(&w->keys, (char)(value >> 8));
}

void gguf_writer_f32(struct gguf_writer *w, const char *key, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	begin_key(w, key, GGUF_F32);
	buf_add_u32le(&w->keys, bits);
}

void gguf_writer_bool(struct gguf_writer *w, const char *key, bool value)
{
	begin_key(w, key, GGUF_BOOL);
	buf_add_char(&w->keys, value ? 1 : 0);
}

static void begin_array(struct gguf_writer *w, const char *key, enum gguf_value element, size_t n)
{
	begin_key(w, key, GGUF_ARRAY);
	buf_add_u32le(&w->keys, element);
	buf_add_u64le(&w->keys, n);
}

void gguf_writer_texts(struct gguf_writer *w, const char *key, const char *const *values, size_t n)
{
	begin_array(w, key, GGUF_TEXT, n);
	for (size_t i = 0; i < n; i++)
		add_text(&w->keys, values[i]);
}

void gguf_writer_u32s(struct gguf_writer *w, const char *key, const uint32_t *values, size_t n)
{
	begin_array(w, key, GGUF_U32, n);
	for (size_t i = 0; i < n; i++)
		buf_add_u32le(&w->keys, values[i]);
}

void gguf_writer_raw(struct gguf_writer *w, const char *key, enum gguf_value type, struct str value)
{
	begin_key(w, key, type);
	buf_add_str(&w->keys, value);
}

enum err_code gguf_writer_copy(struct gguf_writer *w, const struct gguf *from, size_t index, struct err *err)
{
	const struct gguf_kv *kv = &from->kv[index];
	size_t len = (size_t)(kv->end - kv->start);
	begin_key(w, kv->key, kv->type);
	char *to = buf_reserve(&w->keys, len);
	if (!to)
		return ERR_OK; /* gguf_writer_head() says so */
	w->keys.len += len;
	return fs_pread(from->parts[0].fd, to, len, kv->start, err);
}

static uint64_t padded(uint64_t n)
{
	return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

uint64_t gguf_writer_tensor(struct gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
			    const uint64_t *ne)
{
	const struct ggml_type_info *info = ggml_type_find(type);
	if (w->fd >= 0 || !info || n_dims < 1 || n_dims > GGUF_MAX_DIMS || strlen(name) > GGUF_MAX_NAME)
		BUG("tensor %s cannot be declared", name);
	add_text(&w->infos, name);
	buf_add_u32le(&w->infos, n_dims);
	uint64_t count = 1;
	for (uint32_t i = 0; i < n_dims; i++) {
		buf_add_u64le(&w->infos, ne[i]);
		count *= ne[i];
	}
	buf_add_u32le(&w->infos, type);
	buf_add_u64le(&w->infos, w->next);
	uint64_t size = count / info->block_values * info->block_bytes;
	if ((w->n_tensors & (w->n_tensors - 1)) == 0) { /* doubles at each power of two */
		uint64_t room = w->n_tensors ? w->n_tensors * 2 : 1;
		w->sizes = mem_grow(w->sizes, room * sizeof(w->sizes[0]));
		w->offsets = mem_grow(w->offsets, room * sizeof(w->offsets[0]));
	}
	w->offsets[w->n_tensors] = w->next;
	w->sizes[w->n_tensors++] = size;
	w->next += padded(size);
	return size;
}

static enum err_code write_all(int fd, const void *data, size_t len, struct err *err)
{
	const char *p = data;
	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, errno, "err_gguf_write", NULL);
		p += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

enum err_code gguf_writer_head(struct gguf_writer *w, struct buf *out, struct err *err)
{
	size_t start = out->len;
	buf_add_text(out, "GGUF");
	buf_add_u32le(out, 3);
	buf_add_u64le(out, w->n_tensors);
	buf_add_u64le(out, w->n_keys);
	buf_add_str(out, buf_str(&w->keys));
	buf_add_str(out, buf_str(&w->infos));
	while ((out->len - start) % ALIGNMENT != 0 && !out->overflow)
		buf_add_char(out, 0);
	if (out->overflow || w->keys.overflow || w->infos.overflow)
		return err_set(err, ERR_LIMIT, "err_gguf_limit", "path=|part=header|n=%llu|limit=%llu",
			       LIMIT_GGUF_HEADER + 1, LIMIT_GGUF_HEADER);
	w->head = out->len - start;
	return ERR_OK;
}

uint64_t gguf_writer_place(const struct gguf_writer *w, uint64_t index)
{
	if (w->head == 0 || index > w->n_tensors)
		BUG("tensor %llu has no place", (unsigned long long)index);
	return w->head + (index < w->n_tensors ? w->offsets[index] : w->next);
}

enum err_code gguf_writer_begin(struct gguf_writer *w, int fd, struct err *err)
{
	struct buf head = BUF_INIT(LIMIT_GGUF_HEADER);
	enum err_code rc = gguf_writer_head(w, &head, err);
	w->fd = fd;
	if (rc == ERR_OK)
		rc = write_all(fd, head.ptr, head.len, err);
	buf_release(&head);
	return rc;
}

enum err_code gguf_writer_data(struct gguf_writer *w, const void *data, size_t len, struct err *err)
{
	static const char zeros[ALIGNMENT];
	if (w->current >= w->n_tensors || len > w->sizes[w->current] - w->written)
		BUG("data past tensor %llu", (unsigned long long)w->current);
	enum err_code rc = write_all(w->fd, data, len, err);
	w->written += len;
	if (rc != ERR_OK || w->written < w->sizes[w->current])
		return rc;
	uint64_t pad = padded(w->written) - w->written;
	w->current++;
	w->written = 0;
	return write_all(w->fd, zeros, (size_t)pad, err);
}

void gguf_writer_end(const struct gguf_writer *w)
{
	if (w->current != w->n_tensors)
		BUG("data of %llu tensors is missing", (unsigned long long)(w->n_tensors - w->current));
}
