/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_tokens - the tokens of tokenizer.json with their ids, as the tokenizers library and transformers load them.
 *
 * The vocabulary of the model comes first; added tokens follow and may repeat it.  The library does not take the ids of added
 * tokens from the file: it counts.  A file whose ids disagree with that count would make other tokens than it says, and is
 * refused.  tokenizer_config.json adds tokens, and changes the flags of those that are there.  Thread: work. */
#ifndef ASSAY_CONVERT_HF_TOKENS_H
#define ASSAY_CONVERT_HF_TOKENS_H

#include <stdatomic.h>
#include <stdint.h>

#include "convert/hf_files.h"

struct hf_added_token {
	const char *text;
	bool is_special;
	bool is_single_word; /* looked for as a whole word only: left in the text within a longer one */
	bool is_normalized; /* looked for in the text after it was normalized */
	unsigned flags;     /* the above and all others, to compare */
};

struct hf_tokens {
	struct arena *arena;
	const struct hf_files *files;
	const json_t *vocab;  /* of the model: text to id */
	const char **texts;   /* by id, NULL for a hole */
	uint32_t *added_at;   /* by id: 1 + its place in `added`, 0 for others */
	uint64_t n;           /* one more than the highest id */
	uint64_t room;        /* of `texts` and `added_at` */
	uint64_t n_base;      /* tokens in the model's vocabulary */
	uint64_t base_end;    /* one more than the highest id of those */
	uint64_t n_all;       /* tokens: n less the holes */
	struct hf_added_token *added;
	uint64_t n_added;
	uint64_t room_added;
	json_t *added_ids; /* text to id */
	int64_t last_added; /* the highest id of an added token, -1 for none */
};

/* The texts are borrowed from `files`, which must outlive `out`.  End it with hf_tokens_release(), also after a failure. */
MUST_USE enum err_code hf_tokens_read(struct arena *a, const struct hf_files *files, struct hf_tokens *out,
				      const atomic_bool *cancel, struct err *err);
/* Frees what is not in the arena. */
void hf_tokens_release(struct hf_tokens *t);

/* The id of a text, -1 if there is none. */
int64_t hf_tokens_find(const struct hf_tokens *t, const char *text);
/* The added token with this id, NULL where it is none. */
const struct hf_added_token *hf_tokens_added(const struct hf_tokens *t, uint64_t id);

/* Whether a named token of tokenizer_config.json (first, last, unknown ...) has this text. */
bool hf_tokens_is_named(const struct hf_files *f, const char *text);

#endif
