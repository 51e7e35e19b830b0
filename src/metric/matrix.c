/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/matrix.h"

#include <math.h>

#include "base/err.h"

bool matrix_invert(double *m, size_t n)
{
	double wide[MATRIX_MAX][2 * MATRIX_MAX];

	if (n > MATRIX_MAX)
		BUG("matrix of %zu rows", n);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			wide[i][j] = m[i * n + j];
			wide[i][n + j] = i == j;
		}
	for (size_t c = 0; c < n; c++) {
		size_t pivot = c;
		for (size_t i = c + 1; i < n; i++)
			pivot = fabs(wide[i][c]) > fabs(wide[pivot][c]) ? i : pivot;
		if (!(fabs(wide[pivot][c]) > 1e-300))
			return false;
		for (size_t j = 0; j < 2 * n; j++) {
			double swap = wide[c][j];
			wide[c][j] = wide[pivot][j];
			wide[pivot][j] = swap;
		}
		for (size_t j = 2 * n; j-- > c;)
			wide[c][j] /= wide[c][c];
		for (size_t i = 0; i < n; i++) {
			double factor = wide[i][c];
			for (size_t j = c; i != c && j < 2 * n; j++)
				wide[i][j] -= factor * wide[c][j];
		}
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			m[i * n + j] = wide[i][n + j];
	return true;
}
