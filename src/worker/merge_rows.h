/* SPDX-License-Identifier: Apache-2.0
 *
 * merge_rows - the arithmetic of a merge.  Pure; thread: any.
 *
 * This file is compiled with -O3 for several processor levels, as it runs over every weight of a model. */
#ifndef ASSAY_WORKER_MERGE_ROWS_H
#define ASSAY_WORKER_MERGE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* row[j] += scale * sum over r < rank of left[r] * right[r * n + j], in float, r upwards. */
void merge_add(float *row, size_t n, const float *left, const float *right, size_t rank, float scale);

/* Whether no value is infinite or NaN; `words` are F16 or BF16. */
bool merge_finite(const float *values, size_t n);
bool merge_finite_16(const uint16_t *words, size_t n, bool bf16);

#endif
