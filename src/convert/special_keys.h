/* SPDX-License-Identifier: Apache-2.0
 *
 * special_keys - the keys for special tokens, what is put around a text, normalizing, and the chat template.
 *
 * Follows SpecialVocab of llama.cpp's gguf-py: ids from tokenizer_config.json and tokenizer.json first, config.json for those
 * that are still open; what is added around a text from the post-processor, with add_*_token of tokenizer_config.json above
 * it; the template from tokenizer_config.json, chat_template.jinja, chat_template.json.  Thread: work; blocks on the disk. */
#ifndef ASSAY_CONVERT_SPECIAL_KEYS_H
#define ASSAY_CONVERT_SPECIAL_KEYS_H

#include "convert/hf_files.h"
#include "convert/vocab_keys.h"

/* Sets the keys; ids from `n_vocab` on are left out (UINT64_MAX: none).  `config` is config.json, NULL is fine. */
MUST_USE enum err_code special_keys_set(struct vocab_keys *keys, const struct hf_files *f, const json_t *config,
					uint64_t n_vocab, struct err *err);

/* The second set of a family with an "end of turn" that its files do not name: its id, and what is put around a text. */
MUST_USE enum err_code special_keys_set_eot(struct vocab_keys *keys, const struct hf_files *f, const json_t *config,
					    uint32_t eot_id, struct err *err);

#endif
