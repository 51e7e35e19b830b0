/* SPDX-License-Identifier: Apache-2.0
 *
 * finite - whether weights are numbers.  One NaN is enough for rubbish, and it need not be seen in what the model computes:
 * quantized products take the largest value of a row, and no comparison with NaN is true, so it turns into some number.
 * Thread: any. */
#ifndef ASSAY_MODEL_FINITE_H
#define ASSAY_MODEL_FINITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/gguf.h"

/* Whether none of these values of one type (a ggml type id) is NaN or infinite; of blocks their scales are looked at.  True for types
 * whose blocks cannot hold such a thing, or keep their scale in pieces (IQ1_M, NVFP4). */
bool finite_values(uint32_t type, const void *values, size_t size);

/* Told after every piece how far it is (0 to 1); false ends it. */
typedef bool (*finite_tick_fn)(void *user, double fraction);

/* Reads all weights.  ERR_DATA "err_values" with the tensor, ERR_CANCELLED, or a failure to read.  `tick` may be NULL. */
MUST_USE enum err_code finite_check(const struct gguf *g, finite_tick_fn tick, void *user, struct err *err);

#endif
