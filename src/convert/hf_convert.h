/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_convert - a Hugging Face folder as a GGUF: tensors the same bytes, and the keys that matter the same, as
 * convert_hf_to_gguf.py of llama.cpp v0.5.0 makes of it.
 *
 *     struct hf_convert_options o = { .type = HF_AUTO, .cancel = &stop };
 *     rc = hf_convert("Llama-3.2-1B", "llama.gguf", &o, &facts, err);
 *
 * Streams tensor by tensor in pieces: however big the model is, some 10 MiB and the vocabulary are held.  Writes OUT.part
 * and renames it; the part is removed on failure and on cancel, and one that a killed process left is written over.  The
 * room on the disk is looked at, and taken, first.  Thread: work; blocks on the disk. */
#ifndef ASSAY_CONVERT_HF_CONVERT_H
#define ASSAY_CONVERT_HF_CONVERT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "convert/hf_plan.h"

/* `done` of `total` bytes of tensors are written. */
typedef void (*hf_convert_fn)(void *user, uint64_t done, uint64_t total);

struct hf_convert_options {
	enum hf_type type;
	/* Of the same architecture, a GGUF or a Hugging Face folder: the tokenizer comes from there, and where DIR has none of its
	 * own, the chat template, the settings of generation and (of a GGUF) the licence.  NULL: all from DIR. */
	const char *base;
	bool no_tokenizer;     /* without one: such a file can be compared, not run */
	bool replace;	       /* a GGUF (or an empty file) that lies at the result's place */
	hf_convert_fn progress;
	void *user;
	const atomic_bool *cancel; /* may be NULL */
};

struct hf_convert_facts {
	char architecture[32];
	uint64_t size_bytes;   /* of the GGUF, exact */
	uint64_t source_bytes; /* of the folder's weights */
	uint64_t n_values;
	size_t n_tensors;
	enum hf_type type; /* never HF_AUTO */
};

/* Everything but writing: what is wrong with the folder shows here.  ERR_NOT_FOUND, ERR_DATA, ERR_UNSUPPORTED and ERR_LIMIT as
 * hf_config_read(), hf_weights_open(), hf_plan_make() and hf_vocab_read() say; ERR_DATA "err_hf_base" for another
 * architecture's `base`. */
MUST_USE enum err_code hf_convert_size(const char *dir, const struct hf_convert_options *o, struct hf_convert_facts *facts,
				       struct err *err);

/* Writes `out_path`.  Also ERR_IO "err_convert_space" and others of the disk, ERR_CONFLICT "err_file_exists" and
 * "err_convert_not_replaced", ERR_BUSY "err_convert_running" where another process writes the same file, ERR_CANCELLED.  `facts` may be NULL. */
MUST_USE enum err_code hf_convert(const char *dir, const char *out_path, const struct hf_convert_options *o,
				  struct hf_convert_facts *facts, struct err *err);

/* Where the tokenizer of `dir` comes from if it has none: trainers leave checkpoints of weights alone, and save the tokenizer once in
 * the folder of the run; else from `base` (NULL or "": none).  An owned path, or NULL where `dir` has to do. */
char *hf_convert_tokenizer_from(const char *dir, const char *base);

/* "F16" and so on, in any case; false for what is none. */
bool hf_type_named(const char *name, enum hf_type *out);
/* "F16"; "auto" for HF_AUTO. */
const char *hf_type_name(enum hf_type type);

#endif
