/* SPDX-License-Identifier: Apache-2.0
 *
 * probe_text - how the worse side of a probe is made from a good answer.
 *
 * Each appends to `out` and returns false, having appended nothing, where the text does not allow it.  Texts are valid UTF-8.
 * Thread: any. */
#ifndef ASSAY_JUDGE_PROBE_TEXT_H
#define ASSAY_JUDGE_PROBE_TEXT_H

#include "base/buf.h"

/* The first 40 % of the characters, of at least 10. */
bool probe_cut(struct buf *out, struct str good);

/* A number changed; else a word of `other` in the place of one (names: words with a capital that the question does not have);
 * else negated ("is not", 不是). */
bool probe_wrong_fact(struct buf *out, struct str good, struct str other, struct str question);

/* Repeated until it is at least twice as long. */
bool probe_padded(struct buf *out, struct str good);

/* In Simplified characters (ICU's Traditional-Simplified), where that changes something. */
bool probe_simplified(struct buf *out, struct str good);

/* A sentence that says nothing, in Chinese for a text that is not, in English for one that is. */
bool probe_other_language(struct buf *out, struct str good);

/* More characters that only Traditional Chinese has than such that only Simplified has. */
bool probe_is_traditional(struct str text);

#endif
