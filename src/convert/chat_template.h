/* SPDX-License-Identifier: Apache-2.0
 *
 * chat_template - the chat template of a Hugging Face folder as keys of a GGUF: the text or the list of named texts in
 * tokenizer_config.json, else chat_template.jinja with additional_chat_templates/, else chat_template.json.  Thread: work;
 * blocks on the disk. */
#ifndef ASSAY_CONVERT_CHAT_TEMPLATE_H
#define ASSAY_CONVERT_CHAT_TEMPLATE_H

#include "convert/hf_files.h"
#include "convert/vocab_keys.h"

/* Sets none where the folder has none.  ERR_LIMIT for a text over LIMIT_TEMPLATE, ERR_DATA for one that is not UTF-8. */
MUST_USE enum err_code chat_template_set(struct vocab_keys *keys, const struct hf_files *f, struct err *err);

#endif
