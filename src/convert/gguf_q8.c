/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/gguf_q8.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "convert/hf_rows.h"
#include "convert/part_file.h"
#include "model/ggml_type.h"
#include "model/quant_types.h"

#define SAMPLE MIB
#define FILE_TYPE_Q8_0 7
#define QUANT_VERSION 2 /* of ggml's blocks */

/* --- the key --- */

static enum err_code add_sample(struct hash *h, int fd, uint64_t offset, uint64_t size, struct err *err)
{
	char *bytes = mem_alloc(size + 1);
	enum err_code rc = fs_pread(fd, bytes, size, offset, err);
	hash_add(h, bytes, size);
	mem_free(bytes);
	return rc;
}

static enum err_code add_part(struct hash *h, const char *path, struct err *err)
{
	uint64_t size = 0;
	struct stat st;
	int fd = fs_open(path, &size, err);
	if (fd < 0)
		return err->code;
	uint64_t n = size < SAMPLE ? size : SAMPLE;
	enum err_code rc = add_sample(h, fd, 0, n, err);
	if (rc == ERR_OK)
		rc = add_sample(h, fd, size - n, n, err);
	if (rc == ERR_OK && fstat(fd, &st) == 0) {
		int64_t facts[3] = { st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec };
		hash_add(h, facts, sizeof(facts));
	}
	close(fd);
	return rc;
}

enum err_code gguf_q8_key(const char *path, uint8_t digest[HASH_SIZE], struct err *err)
{
	struct err own = { 0 };
	struct hash *h = hash_new();
	enum err_code rc = ERR_OK;
	char *part;
	for (uint32_t i = 1; rc == ERR_OK && (part = gguf_part_path(path, i)); i++) {
		rc = add_part(h, part, err ? err : &own);
		mem_free(part);
	}
	hash_finish(h, digest);
	return rc;
}

/* --- the plan --- */

struct work {
	struct gguf *g;
	struct gguf_writer *writer;
	hf_convert_fn progress;
	void *user;
	const atomic_bool *cancel;
	uint64_t size, done, total;
};

static uint32_t type_of(const struct gguf_tensor *t)
{
	bool is_plain = t->type == GGML_ID_F32 || t->type == GGML_ID_F16 || t->type == GGML_ID_BF16;
	if (!is_plain || !quant_takes(t))
		return t->type;
	return t->ne[0] % ggml_type_find(GGML_ID_Q8_0)->block_values == 0 ? GGML_ID_Q8_0 : GGML_ID_F16;
}

/* The result is one file with ggml's own alignment. */
static bool is_left_out(struct str key)
{
	return str_eq_text(key, "general.alignment") || str_eq_text(key, "general.file_type") ||
	       str_eq_text(key, "general.quantization_version") || str_starts(key, "split.");
}

static enum err_code write_keys(struct work *k, struct err *err)
{
	for (size_t i = 0; i < gguf_n_keys(k->g); i++) {
		if (!is_left_out(str_of(gguf_key_at(k->g, i))) && gguf_writer_copy(k->writer, k->g, i, err) != ERR_OK)
			return err->code;
	}
	gguf_writer_u32(k->writer, "general.quantization_version", QUANT_VERSION);
	gguf_writer_u32(k->writer, "general.file_type", FILE_TYPE_Q8_0);
	return ERR_OK;
}

/* The writer with everything declared, and from it the exact size. */
static enum err_code prepare(struct work *k, const char *path, struct err *err)
{
	struct buf head = BUF_INIT(LIMIT_GGUF_HEADER);
	k->g = gguf_open_model(path, err);
	if (!k->g)
		return err->code;
	k->writer = gguf_writer_new();
	enum err_code rc = write_keys(k, err);
	for (size_t i = 0; i < gguf_n_tensors(k->g); i++) {
		const struct gguf_tensor *t = gguf_tensor_at(k->g, i);
		k->total += gguf_writer_tensor(k->writer, t->name, type_of(t), t->n_dims, t->ne);
	}
	if (rc == ERR_OK)
		rc = gguf_writer_head(k->writer, &head, err);
	if (rc == ERR_OK)
		k->size = gguf_writer_place(k->writer, gguf_n_tensors(k->g));
	buf_release(&head);
	return rc;
}

static void release(struct work *k)
{
	gguf_writer_free(k->writer);
	gguf_close(k->g);
}

enum err_code gguf_q8_wants(const char *path, bool *wants, struct err *err)
{
	struct err own = { 0 };
	*wants = false;
	struct gguf *g = gguf_open_model(path, err ? err : &own);
	if (!g)
		return (err ? err : &own)->code;
	for (size_t i = 0; i < gguf_n_tensors(g) && !*wants; i++) {
		const struct gguf_tensor *t = gguf_tensor_at(g, i);
		*wants = type_of(t) == GGML_ID_Q8_0;
	}
	*wants = *wants && !quant_is_quantized(g);
	gguf_close(g);
	return ERR_OK;
}

enum err_code gguf_q8_size(const char *path, uint64_t *size, struct err *err)
{
	struct work k = { 0 };
	struct err own = { 0 };
	enum err_code rc = prepare(&k, path, err ? err : &own);
	*size = k.size;
	release(&k);
	return rc;
}

/* --- writing --- */

static bool step(void *user, uint64_t bytes)
{
	struct work *k = user;
	k->done += bytes;
	if (k->progress)
		k->progress(k->user, k->done, k->total);
	return !k->cancel || !atomic_load(k->cancel);
}

static enum err_code write_tensors(void *user, int fd, struct err *err)
{
	struct work *k = user;
	enum err_code rc = gguf_writer_begin(k->writer, fd, err);
	struct hf_rows *rows = hf_rows_new();
	for (size_t i = 0; i < gguf_n_tensors(k->g) && rc == ERR_OK; i++) {
		const struct gguf_tensor *t = gguf_tensor_at(k->g, i);
		rc = hf_rows_copy(rows, k->g, t, type_of(t), k->writer, step, k, err);
	}
	hf_rows_free(rows);
	if (rc == ERR_OK)
		gguf_writer_end(k->writer);
	return rc;
}

enum err_code gguf_q8_convert(const char *path, const char *out_path, hf_convert_fn progress, void *user,
			      const atomic_bool *cancel, struct err *err)
{
	struct work k = { .progress = progress, .user = user, .cancel = cancel };
	struct err own = { 0 };
	err = err ? err : &own;
	enum err_code rc = prepare(&k, path, err);
	if (rc == ERR_OK)
		rc = part_file_write(out_path, k.size, false, write_tensors, &k, err);
	release(&k);
	return rc;
}
