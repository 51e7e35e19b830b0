/* SPDX-License-Identifier: Apache-2.0
 *
 * encoding - turns the bytes of an uploaded text into strict UTF-8, and text into its composed form (NFC).
 *
 * Accepted: UTF-8 with or without BOM, UTF-16 with BOM, and Big5 as Windows writes it in Taiwan (code page 950), which
 * is tried when the bytes are not UTF-8.  Nothing is repaired: a wrong byte is an error with its line.
 * Thread: any. */
#ifndef ASSAY_MODEL_ENCODING_H
#define ASSAY_MODEL_ENCODING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Decodes `bytes`.  `*out` is a view into `bytes` where they are UTF-8 already, else memory of the arena, without BOM
 * and without NUL characters; `*name` is "utf-8", "utf-8-bom", "utf-16le", "utf-16be" or "big5".
 * ERR_DATA: err_question_encoding (line, column), err_question_encoding_other (name), err_question_nul,
 * err_question_binary; ERR_CANCELLED. */
MUST_USE enum err_code encoding_decode(struct arena *a, struct str bytes, struct str *out, const char **name,
				       const atomic_bool *cancel, struct err *err);

/* True where bytes that were read as Big5 are well-formed as GB 2312 too, and too few to tell which of the two was meant. */
bool encoding_is_doubtful(struct str bytes);

/* Appends `text` (valid UTF-8) in Normalization Form C. */
void encoding_nfc(struct str text, struct buf *out);

/* The same in the arena: metrics compare code points, and composed and decomposed letters are to be the same. */
struct str encoding_composed(struct arena *a, struct str text);

/* Line breaks in text[from, to): LF, CR LF and lone CR each count once.  CR LF counts where its LF is. */
int64_t encoding_count_lines(struct str text, size_t from, size_t to);

#endif
