/* SPDX-License-Identifier: Apache-2.0
 *
 * terms - the words by which a passage of a document is found, in any script.
 *
 * Words are cut by ICU (Unicode UAX #29), NFKC, case folded; runs of Chinese, Japanese and Korean characters become pairs of
 * neighbours, so that a word is found wherever the writer's segmentation would have cut.  A term consists of letters and digits
 * that SQLite's tokenizer keeps together; characters that it might not know are written as their code.
 * Pure.  Thread: any. */
#ifndef ASSAY_MODEL_TERMS_H
#define ASSAY_MODEL_TERMS_H

#include "base/buf.h"

/* Appends the terms of `text` with a space between them. */
void terms_add(struct buf *out, struct str text);

/* Appends an FTS5 expression that finds passages with any of the first 64 different terms of `question`; nothing where it
 * has none. */
void terms_match(struct buf *out, struct str question);

#endif
