/* SPDX-License-Identifier: Apache-2.0
 *
 * merge_scores - the scores that a SentencePiece vocabulary needs, from the merges of a tokenizer.json that was made of one.
 *
 * llama.cpp joins any two neighbours that make a piece, the piece with the highest score first; the tokenizers library joins the
 * pairs that its list of merges names, in the order of that list.  Both do the same where the list names every way to make each
 * piece and the ways of one piece stand together: then the pieces' order is the scores'.  Thread: work. */
#ifndef ASSAY_CONVERT_MERGE_SCORES_H
#define ASSAY_CONVERT_MERGE_SCORES_H

#include "convert/hf_tokens.h"
#include "convert/vocab_list.h"

/* Sets the scores of the model's own pieces: 0, -1, -2 ... in the order of their merges, then those that nothing is joined to
 * (single characters); 0 for bytes and control tokens.  ERR_UNSUPPORTED where scores cannot say what the merges do, or where the
 * text is changed or cut before ("err_vocab_merges", "err_vocab_feature"); ERR_DATA where a merge makes no piece. */
MUST_USE enum err_code merge_scores_set(struct vocab_list *l, const struct hf_tokens *t, const atomic_bool *cancel,
					struct err *err);

/* Whether a space is put in front of a text. */
bool merge_scores_has_prefix(const struct hf_files *f);

#endif
