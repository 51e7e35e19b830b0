/* SPDX-License-Identifier: Apache-2.0
 *
 * template - from messages to tokens: the chat template of a column, its common prefix, and content that stays content.
 *
 * A column is (template, system text, thinking, adapter); its parsed template, prefix tokens and the prefix's KV state are
 * kept from group to group.  Rendering runs under guard.h.  Thread: the main thread. */
#ifndef ASSAY_WORKER_TEMPLATE_H
#define ASSAY_WORKER_TEMPLATE_H

#include "model/answer.h"
#include "worker/load.h"

struct tokens {
	llama_token *ids;
	int n, cap;
};

void tokens_release(struct tokens *t);

/* Appends the tokens of `text`; control tokens are made of it only where `parse_special`. */
MUST_USE enum err_code tokens_add(struct tokens *t, const struct loaded *m, struct str text, bool add_special,
				  bool parse_special, struct err *err);

#define COLUMN_TAG_TOKENS 8

struct column {
	int64_t adapter;
	bool thinking;
	char *system, *override;
	struct shim_chat *chat; /* NULL: the model has no template, the question goes bare */
	struct answer_rules rules;
	llama_token tag_tokens[COLUMN_TAG_TOKENS]; /* control tokens whose text is shown: tags around thinking */
	int n_tag_tokens;
	struct tokens prefix;
	uint8_t *state; /* KV of the prefix, NULL where not kept */
	size_t state_size;
	int64_t used; /* for leaving out the oldest */
	struct column *next;
};

struct columns {
	struct column *first;
	int64_t clock;
	size_t state_bytes;
};

/* Finds or makes the column of a request body ("system", "template", "thinking", "adapter").  Borrowed: lives until the
 * next call of this function. */
MUST_USE enum err_code column_get(struct columns *all, struct loaded *m, uint32_t stream, const json_t *request,
				  struct column **out, struct err *err);

/* Tokens of `messages` (array of {role, content}); `text` (may be NULL) gets the prompt as text. */
MUST_USE enum err_code column_prompt(struct column *c, struct loaded *m, uint32_t stream, const json_t *messages,
				     struct tokens *out, struct buf *text, struct err *err);

/* Tokens by which both begin, at most `most`; the last one of `b` is never counted. */
int tokens_common(const struct tokens *a, const struct tokens *b, int most);

/* Length of the part of `prompt` that the column's prefix covers; at least one token stays outside. */
int column_shared(const struct column *c, const struct tokens *prompt);

/* Keeps the KV state of the prefix (takes over `state`), dropping the oldest ones beyond 256 MiB. */
void column_keep_state(struct columns *all, struct column *c, uint8_t *state, size_t size);

void columns_release(struct columns *all);

#endif
