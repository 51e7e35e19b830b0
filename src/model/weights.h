/* SPDX-License-Identifier: Apache-2.0
 *
 * weights - in which form the weights of a model are used: as they are stored, or as 8-bit Q8_0, which takes about half the
 * memory of F16.  Thread: any; constant. */
#ifndef ASSAY_MODEL_WEIGHTS_H
#define ASSAY_MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

enum weights { WEIGHTS_STORED, WEIGHTS_Q8_0 };

#define WEIGHTS_NAMES "stored, q8_0" /* for sentences */

/* "stored", "q8_0". */
const char *weights_name(enum weights w);
/* The other way round, in any case; false for what is none. */
bool weights_named(const char *name, enum weights *out);

/* Whether a model whose weights are stored as `file_type` ("F16", "Q4_K_M", ...) becomes smaller as Q8_0. */
bool weights_can_be_q8(const char *file_type);

/* About how many bytes weights of `size` bytes take as Q8_0; 0 where that would not be less. */
uint64_t weights_q8_size(const char *file_type, uint64_t size);

#endif
