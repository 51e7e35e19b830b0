/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_vocab - the tokenizer of a Hugging Face folder as the tokenizer.* keys of a GGUF.
 *
 * Reads tokenizer.json (BPE, or a SentencePiece model as BPE) or tokenizer.model (SentencePiece), tokenizer_config.json,
 * added_tokens.json and the chat template in any of its places, and arrives at what llama.cpp's own converter (v0.5.0) writes
 * for them, key by key.  Which pre-tokenizer a BPE needs is read from its rules; rules that no known family has are refused,
 * because a wrong guess gives other tokens without any error.  Every file of the folder is bounded and may be wrong: the
 * sentence says which and how.
 *
 * Thread: work; blocks on the disk. */
#ifndef ASSAY_CONVERT_HF_VOCAB_H
#define ASSAY_CONVERT_HF_VOCAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "model/gguf_write.h"

struct hf_vocab; /* owned by the arena it was read with */

struct hf_vocab_wish {
	const char *architecture; /* GGUF name: "llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3", "smollm3" */
	uint64_t vocab_size;      /* of config.json, 0 if absent */
	const json_t *config;     /* parsed config.json; NULL is fine */
	const char *template_dir; /* a chat template that lies there goes before the folder's own; NULL: none */
};

/* Reads the folder; nothing of `wish` is kept.  Fails with ERR_NOT_FOUND (no tokenizer), ERR_DATA (a file is wrong),
 * ERR_UNSUPPORTED (rules or a kind of tokenizer that cannot be converted), ERR_LIMIT, ERR_IO, ERR_CANCELLED. */
MUST_USE enum err_code hf_vocab_read(struct arena *a, const char *dir, const struct hf_vocab_wish *wish,
				     struct hf_vocab **out, const atomic_bool *cancel, struct err *err);

/* Tokens that are written, padding included. */
uint64_t hf_vocab_count(const struct hf_vocab *v);

/* Declares the keys in the order of llama.cpp's converter. */
void hf_vocab_write(const struct hf_vocab *v, struct gguf_writer *w);

#endif
