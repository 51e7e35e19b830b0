/* SPDX-License-Identifier: Apache-2.0
 *
 * model_files - tiny models, adapters and run folders for tests, made by the product's own writer. */
#ifndef ASSAY_TESTS_MODEL_FILES_H
#define ASSAY_TESTS_MODEL_FILES_H

#include "base/buf.h"
#include "base/limits.h"
#include "model/ggml_type.h"
#include "model/gguf_write.h"
#include "support/temp.h"

/* A llama of 2 layers: 32 wide, 4 heads of 8, 2 KV heads, feed-forward 64, 48 words. */
struct tiny_model {
	const char *architecture; /* "llama" */
	const char *name;	  /* general.name */
	const char *type;	  /* general.type, NULL: none */
	bool untied;		  /* has output.weight */
	bool no_template;
	uint32_t n_embd; /* 32 */
};

static inline void tiny_defaults(struct tiny_model *m)
{
	m->architecture = m->architecture ? m->architecture : "llama";
	m->name = m->name ? m->name : "Tiny Test";
	m->n_embd = m->n_embd ? m->n_embd : 32;
}

static inline void tiny_key(struct gguf_writer *w, const struct tiny_model *m, const char *key,
			    uint32_t value)
{
	char name[128];
	snprintf(name, sizeof(name), "%s.%s", m->architecture, key);
	gguf_writer_u32(w, name, value);
}

static inline void tiny_keys(struct gguf_writer *w, const struct tiny_model *m)
{
	static const char *const words[] = { "<s>", "</s>", "a" };
	gguf_writer_text(w, "general.architecture", m->architecture);
	if (m->type)
		gguf_writer_text(w, "general.type", m->type);
	gguf_writer_text(w, "general.name", m->name);
	gguf_writer_u32(w, "general.file_type", FILE_TYPE_F16);
	tiny_key(w, m, "block_count", 2);
	tiny_key(w, m, "context_length", 128);
	tiny_key(w, m, "embedding_length", m->n_embd);
	tiny_key(w, m, "feed_forward_length", 64);
	tiny_key(w, m, "attention.head_count", 4);
	tiny_key(w, m, "attention.head_count_kv", 2);
	gguf_writer_texts(w, "tokenizer.ggml.tokens", words, 3);
	if (!m->no_template)
		gguf_writer_text(w, "tokenizer.chat_template", "{{ messages }}");
}

/* A GGUF in the making, with the size of each tensor. */
struct tiny_file {
	struct gguf_writer *w;
	uint64_t sizes[256];
	size_t n;
};

static inline void tiny_tensor(struct tiny_file *f, const char *name, uint32_t type, uint64_t in,
			       uint64_t out)
{
	uint64_t ne[2] = { in, out };
	f->sizes[f->n++] = gguf_writer_tensor(f->w, name, type, out ? 2 : 1, ne);
}

static inline void tiny_layers(struct tiny_file *f, const struct tiny_model *m)
{
	static const struct {
		const char *name;
		uint64_t in, out;
	} parts[] = {
		/* 0 is n_embd */
		{ "attn_q", 0, 0 },    { "attn_k", 0, 16 }, { "attn_v", 0, 16 },   { "attn_output", 0, 0 },
		{ "ffn_gate", 0, 64 }, { "ffn_up", 0, 64 }, { "ffn_down", 64, 0 },
	};
	for (int layer = 0; layer < 2; layer++) {
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			char name[64];
			snprintf(name, sizeof(name), "blk.%d.%s.weight", layer, parts[i].name);
			tiny_tensor(f, name, GGML_ID_F16, parts[i].in ? parts[i].in : m->n_embd,
				    parts[i].out ? parts[i].out : m->n_embd);
		}
	}
}

/* Writes the file with zeros for every declared tensor (as a hole: large models cost no disk) and frees the
 * writer. */
static inline const char *tiny_finish(struct tiny_file *f, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || gguf_writer_begin(f->w, fd, NULL) != ERR_OK)
		BUG("cannot write %s", path);
	off_t end = lseek(fd, 0, SEEK_CUR);
	for (size_t i = 0; i < f->n; i++)
		end += (off_t)((f->sizes[i] + 31) / 32 * 32);
	if (ftruncate(fd, end) != 0)
		BUG("cannot write %s", path);
	gguf_writer_free(f->w);
	close(fd);
	return path;
}

/* The whole model. */
static inline const char *tiny_model_write(const char *path, struct tiny_model m)
{
	struct tiny_file f = { .w = gguf_writer_new() };
	tiny_defaults(&m);
	tiny_keys(f.w, &m);
	tiny_tensor(&f, "token_embd.weight", GGML_ID_F16, m.n_embd, 48);
	tiny_layers(&f, &m);
	if (m.untied)
		tiny_tensor(&f, "output.weight", GGML_ID_F16, m.n_embd, 48);
	return tiny_finish(&f, path);
}

/* --- safetensors and PEFT folders --- */

struct tiny_st {
	struct buf header;
	struct buf data;
};

static inline struct tiny_st tiny_st_new(void)
{
	return (struct tiny_st){ BUF_INIT(1 * MIB), BUF_INIT(64 * MIB) };
}

static inline void tiny_st_add(struct tiny_st *f, const char *name, const char *dtype, uint64_t rows,
			       uint64_t columns, const void *bytes, size_t len)
{
	buf_printf(&f->header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%llu,%llu],\"data_offsets\":[%zu,%zu]}",
		   f->header.len ? "," : "", name, dtype, (unsigned long long)rows,
		   (unsigned long long)columns, f->data.len, f->data.len + len);
	buf_add(&f->data, bytes, len);
}

static inline void tiny_st_write(struct tiny_st *f, struct temp *t, const char *name)
{
	struct buf all = BUF_INIT(128 * MIB);
	buf_add_u64le(&all, f->header.len + 2);
	buf_add_char(&all, '{');
	buf_add_str(&all, buf_str(&f->header));
	buf_add_char(&all, '}');
	buf_add_str(&all, buf_str(&f->data));
	temp_file(t, name, all.ptr, all.len);
	buf_release(&all);
	buf_release(&f->header);
	buf_release(&f->data);
}

/* A rank 2 F32 adapter for q_proj of layer 0 of the tiny model, in folder `dir`; `config` is the inside of
 * the JSON object behind the usual keys ("" or ",\"use_dora\":true"); `seed` makes the weights differ. */
static inline void tiny_adapter(struct temp *t, const char *dir, const char *config, int seed)
{
	char name[512], text[2048];
	float values[64];
	for (int i = 0; i < 64; i++)
		values[i] = (float)(i + seed) / 64;
	struct tiny_st st = tiny_st_new();
	tiny_st_add(&st, "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", "F32", 2, 32,
		    values, 256);
	tiny_st_add(&st, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", "F32", 32, 2,
		    values, 256);
	snprintf(name, sizeof(name), "%s/adapter_model.safetensors", dir);
	tiny_st_write(&st, t, name);
	snprintf(name, sizeof(name), "%s/adapter_config.json", dir);
	snprintf(text, sizeof(text),
		 "{\"peft_type\":\"LORA\",\"base_model_name_or_path\":\"acme/Tiny-Test\",\"r\":2,"
		 "\"lora_alpha\":4%s}",
		 config);
	temp_text(t, name, text);
}

#endif
