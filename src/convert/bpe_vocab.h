/* SPDX-License-Identifier: Apache-2.0
 *
 * bpe_vocab - a byte-level BPE of tokenizer.json: its tokens and merges.  Thread: work. */
#ifndef ASSAY_CONVERT_BPE_VOCAB_H
#define ASSAY_CONVERT_BPE_VOCAB_H

#include <stdatomic.h>

#include "convert/hf_files.h"
#include "convert/vocab_keys.h"
#include "convert/vocab_list.h"

/* Whether tokenizer.json holds a BPE whose tokens are written in byte-level letters. */
bool bpe_vocab_is(const struct hf_files *f);

/* Sets the keys of the vocabulary and returns its tokens; `vocab_size` is 0 for as many as there are.  The merges are handed
 * out for their own key, which comes after the types. */
MUST_USE enum err_code bpe_vocab_read(struct vocab_keys *keys, const struct hf_files *f, uint64_t vocab_size,
				      struct vocab_list *out, const atomic_bool *cancel, struct err *err);

#endif
