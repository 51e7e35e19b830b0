/* SPDX-License-Identifier: Apache-2.0
 *
 * answer - the text of one answer as it grows: whole characters for the stream, stop texts, thinking told apart from the text.
 * Pure; thread: any. */
#ifndef ASSAY_MODEL_ANSWER_H
#define ASSAY_MODEL_ANSWER_H

#include <stdbool.h>

#include "base/buf.h"

/* Lists are NUL-separated ("a\0b\0"). */
struct answer_rules {
	struct buf stops;       /* texts that end an answer and are not part of it */
	struct buf think_start; /* at most one tag */
	struct buf think_end;   /* any number of tags */
	bool think_open;        /* the prompt ends inside thinking already */
};

struct answer {
	const struct answer_rules *rules; /* borrowed */
	struct buf raw;    /* pieces as they came, cut at a stop text */
	size_t streamed;   /* bytes of raw that answer_stream() gave */
	bool stopped;      /* a stop text came */
	size_t think_end;  /* offset behind the tag that ended thinking, 0: has not come */
	size_t think_stop; /* where that tag begins */
};

void answer_init(struct answer *a, const struct answer_rules *rules);
void answer_release(struct answer *a);

/* Adds a token's text.  False when a stop text ended the answer. */
bool answer_add(struct answer *a, struct str piece);

/* Appends what is new and certain, first of thinking, then of the text, one of them a call; false where there is nothing.  No
 * tag, no cut character, and nothing that may be the start of a tag or of a stop text (unless `last`).  Always valid UTF-8; all
 * that was given is what answer_split() makes of the whole. */
bool answer_stream(struct answer *a, struct buf *out, bool last, bool *is_thinking);

/* True while the answer is inside thinking: started and not ended. */
bool answer_thinking(const struct answer *a);

/* Splits the whole answer into thinking (without tags, trimmed) and text, valid UTF-8. */
void answer_split(const struct answer *a, struct buf *thinking, struct buf *text);

#endif
