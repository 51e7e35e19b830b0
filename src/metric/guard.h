/* SPDX-License-Identifier: Apache-2.0
 *
 * guard - what makes an answer useless whatever its scores are: empty, a loop, the wrong script or language, a length that
 * cannot be right.
 *
 * What is right is learned from the question set: from its references, or from the questions where there are none.
 *
 *     struct guard_profile set = { 0 };
 *     guard_learn(&set, reference);                        // each of the set
 *     struct guard g = guard_check(&set, answer, reference);
 *     if (g.flags & GUARD_LOOP) …
 *
 * Languages are told apart by their writing, so English in a French set is not noticed.  Code in ``` fences does not count as
 * language.  Whether an answer was cut at its token limit is known from its finish reason, not from here.
 * Thread: the texts' owner. */
#ifndef ASSAY_METRIC_GUARD_H
#define ASSAY_METRIC_GUARD_H

#include "metric/text.h"

enum guard_flag {
	GUARD_EMPTY = 1,     /* white space only */
	GUARD_LOOP = 2,	     /* distinct-2 < 0.3 over more than 50 tokens, or over the last 100; or 200 characters with nearly none new */
	GUARD_SCRIPT = 4,    /* Simplified Chinese in a Traditional set, or the other way round */
	GUARD_LANGUAGE = 8,  /* neither the set's writing nor the reference's makes up a fifth of the answer */
	GUARD_LENGTH = 16,   /* less than 0.2 or more than 5 times the reference, which has at least 10 tokens */
};

enum guard_writing {
	WRITING_LATIN,
	WRITING_HAN,
	WRITING_KANA,
	WRITING_HANGUL,
	WRITING_CYRILLIC,
	WRITING_GREEK,
	WRITING_ARABIC,
	WRITING_HEBREW,
	WRITING_THAI,
	WRITING_DEVANAGARI,
	WRITING_OTHER,
	WRITING_COUNT
};

/* Sums over texts; starts zeroed. */
struct guard_profile {
	double weight[WRITING_COUNT]; /* letters; a Han character, kana or Hangul syllable weighs 3 */
	double simplified_only, traditional_only; /* characters */
};

struct guard {
	unsigned flags;	       /* of enum guard_flag, 0: nothing to object to */
	double distinct_2;     /* of the mixed tokens */
	double simplified;     /* share of the Simplified-only among the characters that only one script has; 0 without any */
	double length_ratio;   /* mixed tokens of the answer / of the reference; 0 without a reference */
};

#define GUARD_FLAGS 5 /* 1 << 0 to 1 << 4 */

/* "empty", "loop", "script", "language", "length": as in JSON and SQL; NULL for anything but one flag. */
const char *guard_flag_name(unsigned flag);

/* Adds a text to what the set looks like. */
void guard_learn(struct guard_profile *profile, struct text *t);

/* `reference` may be NULL.  A profile of nothing objects to no script and no language. */
struct guard guard_check(const struct guard_profile *profile, struct text *answer, struct text *reference);

#endif
