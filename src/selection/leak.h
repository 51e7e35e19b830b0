/* SPDX-License-Identifier: Apache-2.0
 *
 * leak - what an answer or a question has word for word from the file that the fine-tune was trained with.
 *
 * Words are assay's mixed tokens (metric/tokenize.h).  Text repeats the training where 13 words in a row are the same, or 30
 * characters of Chinese, Japanese or Korean; a single fact that is right is no repetition.  A question is *seen* where the
 * training has it, *rephrased* where only its reference answer is a training answer, else *general*.
 * Thread: the owner's. */
#ifndef ASSAY_SELECTION_LEAK_H
#define ASSAY_SELECTION_LEAK_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/str.h"

#define LEAK_WORDS 13
#define LEAK_CHARACTERS 30

struct leak;

enum leak_group { LEAK_GENERAL, LEAK_REPHRASED, LEAK_SEEN };

/* Reads a training file in any format of model/questions.h (chat messages, Alpaca, ShareGPT, ...), at most 64 MiB.  NULL where it
 * cannot be read. */
struct leak *leak_read(const char *path, const atomic_bool *cancel, struct err *err);
/* NULL is fine. */
void leak_free(struct leak *l);

/* Examples in the file. */
size_t leak_n(const struct leak *l);
bool leak_repeats(struct leak *l, struct str answer);
enum leak_group leak_group_of(struct leak *l, struct str question, struct str reference);

#endif
