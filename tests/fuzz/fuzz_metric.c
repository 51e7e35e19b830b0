/* SPDX-License-Identifier: Apache-2.0
 *
 * Two texts (0x1f between them) through every metric and guard: bounds, symmetry, and full marks for the same text. */
#include <math.h>
#include <stddef.h>

#include "base/err.h"
#include "metric/guard.h"
#include "metric/number.h"
#include "metric/overlap.h"
#include "metric/rouge.h"
#include "metric/score.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bounds(struct text *answer, struct text *reference)
{
	double scores[SCORE_COUNT];

	score_all(answer, &reference, 1, scores);
	for (int m = 0; m < SCORE_COUNT; m++) {
		if (m == SCORE_NUMBER && isnan(scores[m]))
			continue;
		if (!(scores[m] >= 0) || (score_info(m)->is_rate && scores[m] > 1))
			BUG("%s is %g", score_info(m)->name, scores[m]);
	}
	if (scores[SCORE_EXACT] == 1 && scores[SCORE_F1] < 1)
		BUG("an exact match has an F1 of %g", scores[SCORE_F1]);
}

static void check_pair(struct text *a, struct text *b)
{
	if (mixed_f1(a, b) != mixed_f1(b, a) || squad_f1(a, b) != squad_f1(b, a))
		BUG("F1 depends on the order");
	for (int form = 0; form < TEXT_FORMS; form++) {
		if (text_common_run(a, b, form) > text_common_subsequence(a, b, form))
			BUG("form %d: a run is longer than the subsequence", form);
		size_t common = text_common_subsequence(a, b, form), n_a = text_tokens(a, form).n, n_b = text_tokens(b, form).n;
		uint32_t same = text_matches(a, b, form)[0];
		if (common != text_common_subsequence(b, a, form) || common > same || same > n_a || same > n_b)
			BUG("form %d: %zu in order, %u in all, of %zu and %zu", form, common, same, n_a, n_b);
	}
}

static void check_self(struct text *t)
{
	double scores[SCORE_COUNT];

	score_all(t, &t, 1, scores);
	if (!cmrc_exact(t, t) || scores[SCORE_EXACT] != 1 || scores[SCORE_SQUAD_EXACT] != 1 || scores[SCORE_F1] != 1)
		BUG("a text does not match itself");
	if (text_tokens(t, TEXT_CHARS).n > 0 && scores[SCORE_CHRF] < 0.999999)
		BUG("chrF of a text with itself is %g", scores[SCORE_CHRF]);
	if (scores[SCORE_NUMBER] == 0)
		BUG("a number does not match itself");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size };
	struct guard_profile profile = { 0 };

	if (!utf8_valid(rest, NULL)) /* what is not UTF-8 is refused long before */
		return 0;
	struct text_space *space = text_space_new();
	struct text *answer = text_new(space, str_split(&rest, '\x1f')), *reference = text_new(space, rest);
	check_bounds(answer, reference);
	check_bounds(reference, answer);
	check_pair(answer, reference);
	check_self(answer);
	guard_learn(&profile, reference);
	struct guard g = guard_check(&profile, answer, reference);
	if (g.distinct_2 > 1 || g.simplified > 1 || (guard_check(&profile, reference, reference).flags & (GUARD_LANGUAGE | GUARD_LENGTH | GUARD_SCRIPT)))
		BUG("a reference is not what it asks for");
	text_space_free(space);
	return 0;
}
