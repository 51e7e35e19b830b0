/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_weights - the safetensors files of a Hugging Face folder: one, or shards with or without an index.
 *
 * Strict where a mistake would make a wrong model: the index and the files must list the same tensors, no tensor may be
 * in two files, no shard may be missing.  A folder that keeps its weights in another form is refused with the command
 * that helps.  Thread: one owner at a time; calls block on the disk. */
#ifndef ASSAY_MODEL_HF_WEIGHTS_H
#define ASSAY_MODEL_HF_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/safetensors.h"

struct hf_tensor {
	struct str name;
	const struct st_tensor *data;
	const struct safetensors *file;
};

struct hf_weights;

/* Opens DIR.  NULL on failure: ERR_NOT_FOUND "err_hf_no_weights"; ERR_UNSUPPORTED "err_file_pickle", "err_sharded_state",
 * "err_hf_adapter"; ERR_DATA "err_hf_shard_missing", "err_hf_index", "err_hf_index_differs", "err_hf_tensor_twice", and
 * what safetensors_open() says.  Everything belongs to the result. */
MUST_USE struct hf_weights *hf_weights_open(const char *dir, struct err *err);
/* NULL is fine. */
void hf_weights_close(struct hf_weights *w);

/* Tensors in the order that llama.cpp's converter reads them: by file name, then by tensor name.  Borrowed. */
size_t hf_weights_count(const struct hf_weights *w);
const struct hf_tensor *hf_weights_at(const struct hf_weights *w, size_t index);
/* Its files, sorted by name; borrowed. */
size_t hf_weights_n_files(const struct hf_weights *w);
const char *hf_weights_file(const struct hf_weights *w, size_t index);
/* Bytes of all files. */
uint64_t hf_weights_bytes(const struct hf_weights *w);

/* Reads the text of a model.safetensors.index.json; `what` names it.  Calls `each` with every tensor and its file, which
 * is a plain name that ends in .safetensors.  ERR_DATA "err_hf_index". */
typedef void (*hf_index_fn)(void *user, const char *tensor, const char *file);
MUST_USE enum err_code hf_index_parse(struct str text, const char *what, hf_index_fn each, void *user, struct err *err);

#endif
