/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nearest.h"

#include <string.h>

#include "base/str.h"

#define NAME_MAX_BYTES 48

static size_t min2(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Damerau-Levenshtein distance with adjacent transpositions (optimal string alignment; Boytsov 2011, section 2.2.1). */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
	size_t d[NAME_MAX_BYTES + 1][NAME_MAX_BYTES + 1];
	for (size_t i = 0; i <= n_a; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= n_b; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n_a; i++)
		for (size_t j = 1; j <= n_b; j++) {
			size_t best = min2(d[i - 1][j] + 1, d[i][j - 1] + 1);
			best = min2(best, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = min2(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	return d[n_a][n_b];
}

const char *nearest_name(const char *given, const char *const *names, size_t n)
{
	size_t len = strlen(given);
	const char *best = NULL;
	size_t best_distance = len / 3 + 2;
	if (!len || len > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t name_len = strlen(names[i]);
		if (name_len > NAME_MAX_BYTES)
			continue;
		size_t d = str_starts(str_of(names[i]), given) ? 1 : distance(given, len, names[i], name_len);
		if (d < best_distance && d < name_len) {
			best = names[i];
			best_distance = d;
		}
	}
	return best;
}
