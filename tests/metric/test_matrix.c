/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/matrix.h"
#include "metric/splitmix.h"

static void an_inverse_times_its_matrix_is_one(void **state)
{
	struct splitmix dice = { 2 };
	double m[MATRIX_MAX * MATRIX_MAX], inverse[MATRIX_MAX * MATRIX_MAX];

	(void)state;
	for (size_t n = 1; n <= MATRIX_MAX; n++) {
		for (size_t i = 0; i < n * n; i++)
			inverse[i] = m[i] = i % (n + 2) == 1 ? 0 : (double)splitmix_below(&dice, 2001) / 1000 - 1;
		assert_true(matrix_invert(inverse, n));
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < n; j++) {
				double sum = 0;
				for (size_t k = 0; k < n; k++)
					sum += m[i * n + k] * inverse[k * n + j];
				assert_golden("one", sum, i == j, 1e-9);
			}
	}
}

static void a_singular_matrix_has_none(void **state)
{
	double m[] = { 1, 2, 2, 4 }, zero[] = { 0 };

	(void)state;
	assert_false(matrix_invert(m, 2));
	assert_false(matrix_invert(zero, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inverse_times_its_matrix_is_one),
		cmocka_unit_test(a_singular_matrix_has_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
