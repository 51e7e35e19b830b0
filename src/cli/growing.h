/* SPDX-License-Identifier: Apache-2.0
 *
 * growing - an answer that is read again and again while it grows, and what of it is not on the screen yet.
 *
 * Pure.  Thread: any. */
#ifndef ASSAY_CLI_GROWING_H
#define ASSAY_CLI_GROWING_H

#include <stdbool.h>

struct growing {
	char *shown; /* NULL: nothing yet */
};

/* The part of `text` that was not shown before, "" if there is none; it counts as shown from now on.  `*anew` where it does
 * not continue what was shown: its worker died and the answer began again.  A text that is only shorter than what was shown
 * is on its way between the model and the store. */
const char *growing_next(struct growing *g, const char *text, bool *anew);

void growing_release(struct growing *g);

#endif
