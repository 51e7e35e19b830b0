/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab_keys - keys of a GGUF that are not written yet: a key that is set again keeps its place and gets the new value, as in
 * llama.cpp's converter.  Everything lives in the arena.  Thread: one owner. */
#ifndef ASSAY_CONVERT_VOCAB_KEYS_H
#define ASSAY_CONVERT_VOCAB_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "model/gguf_write.h"

struct vocab_key {
	const char *name;
	enum gguf_value type;
	struct str value; /* in the form of the file */
};

struct vocab_keys {
	struct arena *arena;
	struct vocab_key *keys;
	size_t n, room;
};

/* All of them: the value is copied. */
void vocab_keys_text(struct vocab_keys *k, const char *name, const char *value);
void vocab_keys_bool(struct vocab_keys *k, const char *name, bool value);
void vocab_keys_u32(struct vocab_keys *k, const char *name, uint32_t value);
/* Arrays; one of no elements is left out, as in llama.cpp's converter. */
void vocab_keys_texts(struct vocab_keys *k, const char *name, const char *const *values, size_t n);
void vocab_keys_i32s(struct vocab_keys *k, const char *name, const int32_t *values, size_t n);
void vocab_keys_f32s(struct vocab_keys *k, const char *name, const float *values, size_t n);

/* Declares all of them in their order. */
void vocab_keys_write(const struct vocab_keys *k, struct gguf_writer *w);

#endif
