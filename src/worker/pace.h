/* SPDX-License-Identifier: Apache-2.0
 *
 * pace - how long a step takes by what is in it, learned while answering, and from that how many guessed tokens are worth their time.
 * Pure; thread: any. */
#ifndef ASSAY_WORKER_PACE_H
#define ASSAY_WORKER_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_GUESSES_MAX 16 /* for one slot in one step */

/* Sums over steps, of which older ones count less; x: tokens of answers, z: tokens of prompts, y: microseconds. */
struct pace {
	double n, x, z, y, xx, xz, zz, xy, zy;
	uint64_t tries;
};

/* A step of `answers` tokens with logits (guesses too) and `prompts` other ones took `us`. */
void pace_add(struct pace *p, int answers, int prompts, int64_t us);

/* A step with t tokens of answers takes fixed + each * t microseconds and what its prompts take (least squares; neither is below 0).
 * False while too few steps of different widths were seen. */
bool pace_fit(const struct pace *p, double *fixed, double *each);

struct pace_slot {
	double chance; /* that its next guess is right; that k are: to the power of k */
	int left;      /* guesses that there are */
	int guesses;   /* pace_share() fills it in */
	double next;   /* its own: chance that all of them and one more are right */
};

/* Shares out at most `most` guesses to the slots, each of which gets its one token in this step anyway.  A guess is worth it while the
 * time that it saves, its chance times what a token takes without it, is more than the time that it adds.  While that is not known every
 * other step tries one for each slot. */
void pace_share(struct pace *p, struct pace_slot *slots, size_t n, int most);
/* Shares them out to the slots in order, `each` to every one that has so many. */
void pace_share_fixed(struct pace_slot *slots, size_t n, int most, int each);

#endif
