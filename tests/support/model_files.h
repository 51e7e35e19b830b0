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
	const char *name;         /* general.name */
	const char *type;         /* general.type, NULL: none */
	bool untied;              /* has output.weight */
	bool no_template;
	uint32_t n_embd;          /* 32 */
};

static inline void tiny_defaults(struct tiny_model *m)
{
	m->architecture = m->architecture ? m->architecture : "llama";
	m->name = m->name ? m->name : "Tiny Test";
	m->n_embd = m->n_embd ? m->n_embd : 32;
}

static inline void tiny_key(struct gguf_writer *w, const struct tiny_model *m, const char *key, uint32_t value)
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

static inline void tiny_tensor(struct tiny_file *f, const char *name, uint32_t type, uint64_t in, uint64_t out)
{
	uint64_t ne[2] = { in, out };
	f->sizes[f->n++] = gguf_writer_tensor(f->w, name, type, out ? 2 : 1, ne);
}

static inline void tiny_layers(struct tiny_file *f, const struct tiny_model *m)
{
	static const struct { const char *name; uint64_t in, out; } parts[] = { /* 0 is n_embd */
		{ "attn_q", 0, 0 }, { "attn_k", 0, 16 }, { "attn_v", 0, 16 }, { "attn_output", 0, 0 },
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

/* Writes the file with zeros for every declared tensor and frees the writer. */
static inline const char *tiny_finish(struct tiny_file *f, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || gguf_writer_begin(f->w, fd, NULL) != ERR_OK)
		BUG("cannot write %s", path);
	for (size_t i = 0; i < f->n; i++) {
		char *zeros = mem_alloc(f->sizes[i] + 1);
		if (gguf_writer_data(f->w, zeros, f->sizes[i], NULL) != ERR_OK)
			BUG("cannot write %s", path);
		mem_free(zeros);
	}
	gguf_writer_end(f->w);
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

#endif
