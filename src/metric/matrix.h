/* SPDX-License-Identifier: Apache-2.0
 *
 * matrix - the little linear algebra that fits need.  Thread: any. */
#ifndef ASSAY_METRIC_MATRIX_H
#define ASSAY_METRIC_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

#define MATRIX_MAX 34

/* Replaces the n * n matrix by its inverse (Gauss-Jordan with pivoting), n <= MATRIX_MAX.  False where it is singular, and its
 * content then means nothing. */
bool matrix_invert(double *m, size_t n);

#endif
