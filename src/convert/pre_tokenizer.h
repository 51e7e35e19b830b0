/* SPDX-License-Identifier: Apache-2.0
 *
 * pre_tokenizer - which of llama.cpp's ways to cut text into words a byte-level BPE of tokenizer.json needs.
 *
 * llama.cpp knows them by name ("tokenizer.ggml.pre"); its converter finds the name by hashing the tokens of one text, which
 * only works for a vocabulary it has seen.  Here the rules themselves are read: normalizer, pre-tokenizer, ignore_merges and
 * whether a first token is added.  Thread: any. */
#ifndef ASSAY_CONVERT_PRE_TOKENIZER_H
#define ASSAY_CONVERT_PRE_TOKENIZER_H

#include "convert/hf_files.h"

/* The name; NULL with ERR_UNSUPPORTED where no known family has these rules. */
MUST_USE const char *pre_tokenizer_name(const struct hf_files *f, struct err *err);

#endif
