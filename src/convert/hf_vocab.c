/* SPDX-License-Identifier: Apache-2.0
 *
 * Which way a family goes: set_vocab() in conversion/{llama,qwen,gemma,phi}.py of llama.cpp v0.5.0; merge_scores.h says where assay
 * does something else. */
#include "convert/hf_vocab.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "convert/bpe_vocab.h"
#include "convert/hf_files.h"
#include "convert/merge_scores.h"
#include "convert/sp_vocab.h"
#include "convert/special_keys.h"
#include "convert/vocab_keys.h"
#include "convert/vocab_list.h"

enum way {
	WAY_LLAMA, /* tokenizer.model, tokenizer.json made from one, byte-level BPE: the first that is there */
	WAY_QWEN,  /* a SentencePiece model, in tokenizer.model or as tokenizer.json has it, or byte-level BPE */
	WAY_PHI,   /* the same with rules of its own for added tokens */
	WAY_GEMMA, /* a SentencePiece model */
};

struct family {
	const char *architecture;
	enum way way;
	uint64_t vocab_size; /* where config.json does not say: the default of its class in transformers */
};

static const struct family families[] = {
	{ "llama", WAY_LLAMA, 32000 },	 { "smollm3", WAY_LLAMA, 128256 }, { "qwen2", WAY_QWEN, 151936 },
	{ "qwen3", WAY_QWEN, 151936 },	 { "phi3", WAY_PHI, 32064 },	   { "gemma", WAY_GEMMA, 256000 },
	{ "gemma2", WAY_GEMMA, 256000 }, { "gemma3", WAY_GEMMA, 262208 },
};

struct hf_vocab {
	struct vocab_keys keys;
	uint64_t n;
};

/* What the steps need. */
struct job {
	const struct hf_vocab_wish *wish;
	const struct family *family;
	const struct hf_files *files;
	const atomic_bool *cancel;
	struct vocab_keys *keys;
	struct vocab_list list;
	uint64_t vocab_size; /* that the vocabulary is filled up to */
};

static const struct family *family_of(const char *architecture)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strcmp(families[i].architecture, architecture) == 0)
			return &families[i];
	return NULL;
}

static enum err_code read_bpe(struct job *j, struct err *err)
{
	enum err_code rc;
	if (bpe_vocab_is(j->files))
		rc = bpe_vocab_read(j->keys, j->files, j->vocab_size, &j->list, j->cancel, err);
	else if (!j->files->tokenizer)
		rc = err_set(err, ERR_NOT_FOUND, hf_files_has(j->files->dir, "tekken.json") ? "err_vocab_tekken" : "err_vocab_none",
			     "path=%.500s", j->files->dir);
	else {
		const char *type = json_string_value(json_object_get(json_object_get(j->files->tokenizer, "model"), "type"));
		rc = err_set(err, ERR_UNSUPPORTED, "err_vocab_kind", "path=%.400s|type=%.60s", j->files->dir, type ? type : "?");
	}
	return rc == ERR_OK ? special_keys_set(j->keys, j->files, j->wish->config, UINT64_MAX, err) : rc;
}

static enum err_code read_sp(struct job *j, struct err *err)
{
	bool phi3 = j->family->way == WAY_PHI;
	enum err_code rc = sp_vocab_read(j->keys, j->files, j->vocab_size, phi3, &j->list, j->cancel, err);
	return rc == ERR_OK ? special_keys_set(j->keys, j->files, j->wish->config, j->list.n, err) : rc;
}

static enum err_code read_sp_json(struct job *j, struct err *err)
{
	enum err_code rc = sp_vocab_read_json(j->keys, j->files, &j->list, j->cancel, err);
	return rc == ERR_OK ? special_keys_set(j->keys, j->files, j->wish->config, j->list.n, err) : rc;
}

static enum err_code read_llama(struct job *j, bool has_model, bool in_json, struct err *err)
{
	const json_t *space = json_object_get(j->files->config, "add_prefix_space");
	if (space && !json_is_null(space))
		vocab_keys_bool(j->keys, "tokenizer.ggml.add_space_prefix", !hf_is_false(space));
	if (in_json && (!space || json_is_null(space)) && !merge_scores_has_prefix(j->files))
		vocab_keys_bool(j->keys, "tokenizer.ggml.add_space_prefix", false);
	enum err_code rc = has_model ? read_sp(j, err) : in_json ? read_sp_json(j, err) : read_bpe(j, err);
	/* Code Llama, which has tokens for filling a gap, and small models that do not want a first token. */
	if (rc == ERR_OK && j->vocab_size == 32016)
		rc = special_keys_set_eot(j->keys, j->files, j->wish->config, 32010, err);
	if (rc == ERR_OK && j->vocab_size == 49152)
		vocab_keys_bool(j->keys, "tokenizer.ggml.add_bos_token", false);
	return rc;
}

static bool is_gpt2_class(const struct hf_files *f)
{
	const char *class = json_string_value(json_object_get(f->config, "tokenizer_class"));
	return class && strcmp(class, "GPT2Tokenizer") == 0;
}

static enum err_code read_phi(struct job *j, bool has_model, bool in_json, struct err *err)
{
	if (is_gpt2_class(j->files) || !(has_model || in_json))
		return read_bpe(j, err);
	if (!has_model && !merge_scores_has_prefix(j->files))
		vocab_keys_bool(j->keys, "tokenizer.ggml.add_space_prefix", false);
	return read_sp(j, err);
}

static enum err_code read_gemma(struct job *j, bool has_sp, struct err *err)
{
	enum err_code rc = has_sp ? read_sp(j, err) : read_bpe(j, err);
	if (rc == ERR_OK && strcmp(j->family->architecture, "gemma") == 0)
		rc = special_keys_set_eot(j->keys, j->files, j->wish->config, 107, err);
	if (rc == ERR_OK)
		vocab_keys_bool(j->keys, "tokenizer.ggml.add_space_prefix", false);
	return rc;
}

static enum err_code read_way(struct job *j, struct err *err)
{
	bool has_model = hf_files_has(j->files->dir, "tokenizer.model"), in_json = sp_vocab_in_json(j->files);
	switch (j->family->way) {
	case WAY_LLAMA:
		return read_llama(j, has_model, in_json && !has_model, err);
	case WAY_QWEN:
		return has_model || in_json ? read_sp(j, err) : read_bpe(j, err);
	case WAY_PHI:
		return read_phi(j, has_model, in_json, err);
	case WAY_GEMMA:
		break;
	}
	return read_gemma(j, has_model || in_json, err);
}

static enum err_code read_files(struct job *j, const char *dir, struct hf_vocab *v, struct err *err)
{
	struct hf_files files;
	enum err_code rc = hf_files_read(dir, &files, err);
	files.template_dir = j->wish->template_dir;
	j->files = &files;
	if (rc == ERR_OK && j->cancel && atomic_load(j->cancel))
		rc = err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	if (rc == ERR_OK)
		rc = read_way(j, err);
	if (rc == ERR_OK)
		rc = vocab_list_check(&j->list, dir, err);
	v->n = j->list.n;
	hf_files_release(&files);
	return rc;
}

enum err_code hf_vocab_read(struct arena *a, const char *dir, const struct hf_vocab_wish *wish, struct hf_vocab **out,
			    const atomic_bool *cancel, struct err *err)
{
	struct job job = { .wish = wish, .family = family_of(wish->architecture), .cancel = cancel };
	struct hf_vocab *v = arena_alloc(a, sizeof(*v));
	*out = NULL;
	if (!job.family)
		return err_set(err, ERR_UNSUPPORTED, "err_vocab_family", "path=%.300s|name=%.60s", dir, wish->architecture);
	job.vocab_size = wish->vocab_size ? wish->vocab_size : job.family->vocab_size;
	if (job.vocab_size > LIMIT_VOCAB)
		return err_set(err, ERR_LIMIT, "err_vocab_count", "path=%.300s|n=%llu|limit=%d", dir,
			       (unsigned long long)job.vocab_size, LIMIT_VOCAB);
	v->keys.arena = a;
	job.keys = &v->keys;
	enum err_code rc = read_files(&job, dir, v, err);
	if (rc == ERR_OK)
		*out = v;
	return rc;
}

uint64_t hf_vocab_count(const struct hf_vocab *v)
{
	return v->n;
}

void hf_vocab_write(const struct hf_vocab *v, struct gguf_writer *w)
{
	vocab_keys_write(&v->keys, w);
}
