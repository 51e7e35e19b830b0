/* SPDX-License-Identifier: Apache-2.0
 *
 * probe - pairs of answers made from the user's own questions, of which one side is known to be worse: a judge's exam paper.
 *
 *     PROBE_OTHER      the answer to another question
 *     PROBE_CUT        the answer, cut at 40 % of its length
 *     PROBE_FACT       the answer with a number changed, or negated, or with a name that belongs to another answer
 *     PROBE_PADDED     the answer, repeated until it is at least twice as long
 *     PROBE_LANGUAGE   the answer in Simplified characters in a Traditional set, else a sentence in another language
 *     PROBE_IDENTICAL  the answer twice: a tie by construction; tells how much the judge likes a slot
 *
 * The good side is the reference answer, or where there is none an answer that people liked or that passed the guards.
 * Thread: any. */
#ifndef ASSAY_JUDGE_PROBE_H
#define ASSAY_JUDGE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum probe_kind { PROBE_OTHER, PROBE_CUT, PROBE_FACT, PROBE_PADDED, PROBE_LANGUAGE, PROBE_IDENTICAL, PROBE_KINDS };

/* "other", "cut", "fact", "padded", "language", "identical": as in JSON. */
const char *probe_kind_name(enum probe_kind kind);

#define PROBES_MAX 46 /* 40 with a worse side and 6 identical */

/* Ask about a probe without its reference: the good side is the reference itself. */
struct probe_source {
	struct str question;
	struct str good; /* reference or a usable answer; empty: the question is left out */
};

struct probe {
	enum probe_kind kind;
	uint32_t source;  /* index into the sources */
	struct str good, bad; /* the arena's or the sources' */
	bool bad_is_x;	  /* which side the bad one takes: half of the time either */
};

/* Makes up to PROBES_MAX probes, each kind from as many different questions as there are; the same seed, the same probes.
 * Kinds that cannot be made of these texts are left out.  Returns how many. */
size_t probes_make(const struct probe_source *sources, size_t n, uint64_t seed, struct arena *arena, struct probe out[PROBES_MAX]);

#endif
