/* SPDX-License-Identifier: Apache-2.0
 *
 * quote - passages of documents in a prompt, and which of them an answer names.
 *
 * Citations are the JSON array that is stored with an answer (view_citation()).  Pure.  Thread: any. */
#ifndef ASSAY_SERVER_QUOTE_H
#define ASSAY_SERVER_QUOTE_H

#include "base/arena.h"
#include "base/json.h"
#include "store/document_store.h"

/* New reference: the first passages that fit into `budget` bytes. */
json_t *quote_citations(const struct passage_row *passages, size_t n, size_t budget);

/* The question as the model gets it: the passages with their numbers, what to do with them (in the language of the question),
 * then the question.  Without citations the question alone.  Appends to `out`. */
void quote_prompt(struct buf *out, const json_t *citations, struct str question);

/* Marks the citations whose number stands in the answer as [1] or 【1】. */
void quote_mark_used(json_t *citations, struct str answer);

#endif
