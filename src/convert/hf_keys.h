/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_keys - the keys of a converted model but for its tokenizer, in the order of llama.cpp's converter.
 *
 * The same: general.architecture, type, name, size_label, file_type, quantization_version, sampling.* of
 * generation_config.json, and all of the architecture's own.  The name comes from _name_or_path or the folder.  Left out
 * is what the converter guesses from names (basename, finetune, version, organization) and takes from the model card
 * (licence, tags, languages, base models, data sets): nothing that runs a model reads it.  The size label is always counted,
 * never taken from a name.  Thread: any; hf_keys_generation() reads a file. */
#ifndef ASSAY_CONVERT_HF_KEYS_H
#define ASSAY_CONVERT_HF_KEYS_H

#include <jansson.h>
#include <stdint.h>

#include "model/hf_config.h"
#include "model/gguf_write.h"

struct hf_keys {
	const char *name;	  /* of the model */
	const json_t *generation; /* generation_config.json, NULL: none */
	uint64_t n_values;	  /* of all tensors */
	uint32_t file_type;
};

/* Adds them to `w`. */
void hf_keys_write(struct gguf_writer *w, const struct hf_config *c, const struct hf_keys *k);

/* DIR/generation_config.json, or NULL where there is none that can be read (it then says nothing, as for the converter).
 * The caller frees it. */
json_t *hf_keys_generation(const char *dir);

/* What the folder is called, without following it where it is a link: "Kestrel" of "/models/Kestrel/"; of a snapshot in the
 * Hugging Face cache ("models--org--Kestrel/snapshots/4f0a") the model's name, not the snapshot's.  Into the arena. */
const char *hf_keys_folder_name(struct arena *a, const char *dir);

/* "smollm2-tied" as a title: "Smollm2 Tied".  Into the arena. */
const char *hf_keys_title(struct arena *a, const char *name);

/* 134515008 is "135M", 8030261248 is "8.0B". */
void hf_keys_size_label(uint64_t n_values, char out[32]);

#endif
