/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_folder - what a Hugging Face folder with full weights holds: config.json and the headers of its safetensors files.
 *
 * Nothing is converted here, and no pickle is opened.  Thread: work; blocks on the disk. */
#ifndef ASSAY_MODEL_HF_FOLDER_H
#define ASSAY_MODEL_HF_FOLDER_H

#include "base/hash.h"
#include "model/catalogue.h"

/* Fills everything that the folder knows (MODEL_BASE).  Fails as hf_config_read() and hf_weights_open() do. */
MUST_USE enum err_code hf_folder_read(struct arena *a, const char *dir, struct found_model *out, struct err *err);

/* True for a path that is a folder of a model in this format (it is not read). */
bool hf_folder_is(const char *path);

/* True if tokens can be made of the folder's own files. */
bool hf_folder_has_tokenizer(const char *dir);

/* A digest that follows from what decides about the converted model: configuration, tokenizer and template whole, of the weights
 * names, sizes, times and the first MiB.  Where the folder lies does not matter. */
MUST_USE enum err_code hf_folder_key(const char *dir, uint8_t digest[HASH_SIZE], struct err *err);

/* A digest of what a conversion takes from another folder, or from a GGUF: tokenizer, template and settings; of the GGUF its size, time and
 * the first MiB.  Where it lies does not matter. */
MUST_USE enum err_code hf_folder_tokenizer_key(const char *path, uint8_t digest[HASH_SIZE], struct err *err);

/* True if both folders have weights of the same names and sizes that agree in samples of every file (both ends and the middle).
 * Trainers save the last or best checkpoint again in the run's folder. */
bool hf_folder_same_weights(const char *a, const char *b);

#endif
