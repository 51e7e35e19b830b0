/* SPDX-License-Identifier: Apache-2.0
 *
 * forced_plan - cuts given texts into steps for teacher forcing: short ones together, long ones over several steps.
 *
 * The plan depends on the lengths alone, so two models that follow it meet the same batches.  Pure; thread: any. */
#ifndef ASSAY_WORKER_FORCED_PLAN_H
#define ASSAY_WORKER_FORCED_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#define FORCED_SEQUENCES 16

struct forced_length {
	int n;	    /* tokens; the last one is only predicted, never fed */
	int shared; /* leading tokens that stand in the cache already, below `first` */
	int first;  /* the first token whose row of logits is wanted, below n - 1 */
};

struct forced_limits {
	int tokens, rows; /* in a step, at least 1 */
};

/* Tokens [from, to) of an item in sequence `seq`; the item ends with it where `last`. */
struct forced_segment {
	size_t item;
	int seq, from, to;
	bool begins, last;
};

struct forced_step {
	struct forced_segment segments[FORCED_SEQUENCES];
	int n, tokens, rows;
};

struct forced_cursor {
	size_t item; /* next or unfinished */
	int fed;     /* tokens of it that are in earlier steps, 0: not begun */
	int seq;     /* of the unfinished one */
};

/* The next step; false behind the last.  Start with a zeroed cursor.  An unfinished item goes on first. */
bool forced_next(const struct forced_length *items, size_t n, const struct forced_limits *limits,
		 struct forced_cursor *cursor, struct forced_step *out);

#endif
