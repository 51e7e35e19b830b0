/* SPDX-License-Identifier: Apache-2.0
 *
 * label - text from files made fit to be shown: a page, a terminal and a log must survive any name.  Thread:
 * any. */
#ifndef ASSAY_MODEL_LABEL_H
#define ASSAY_MODEL_LABEL_H

#include "base/arena.h"
#include "base/str.h"

/* `text` as one line of valid UTF-8 of at most LIMIT_NAME_BYTES: C0, C1 and bidirectional controls, line
 * separators and invisible formatting are dropped, white space runs become one blank, wrong bytes U+FFFD.
 * Never NULL. */
const char *label_make(struct arena *a, struct str text);

#endif
