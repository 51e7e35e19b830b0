/* SPDX-License-Identifier: Apache-2.0
 *
 * sp_vocab - vocabularies of SentencePiece: tokenizer.model with the tokens that other files add, or tokenizer.json where it
 * holds what transformers made of such a model.  Thread: work; blocks on the disk. */
#ifndef ASSAY_CONVERT_SP_VOCAB_H
#define ASSAY_CONVERT_SP_VOCAB_H

#include <stdatomic.h>

#include "convert/hf_files.h"
#include "convert/vocab_keys.h"
#include "convert/vocab_list.h"

/* tokenizer.model, or its pieces from tokenizer.json where it is not there (merge_scores.h; llama.cpp's converter refuses
 * that).  `vocab_size` is 0 for as many as there are.  `phi3`: as the converter does for Phi-3, which takes added tokens from
 * tokenizer.json too and leaves their texts as they are. */
MUST_USE enum err_code sp_vocab_read(struct vocab_keys *keys, const struct hf_files *f, uint64_t vocab_size, bool phi3,
				     struct vocab_list *out, const atomic_bool *cancel, struct err *err);

/* Whether tokenizer.json holds a BPE that falls back to bytes, as made from a tokenizer.model. */
bool sp_vocab_in_json(const struct hf_files *f);
/* That one as the converter takes it for Llama: types and texts differ from those that tokenizer.model gives. */
MUST_USE enum err_code sp_vocab_read_json(struct vocab_keys *keys, const struct hf_files *f, struct vocab_list *out,
					  const atomic_bool *cancel, struct err *err);

#endif
