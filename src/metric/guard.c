/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/guard.h"

#include <unicode/uscript.h>

#include "metric/distinct.h"
#include "metric/han.h"

#define LOOP_TOKENS 50
#define LOOP_TAIL 100
#define LOOP_DISTINCT 0.3
#define LOOP_CHARS 200
#define LOOP_CHARS_DISTINCT 0.1 /* of characters: 200 of prose have 0.6, a phrase of 20 over and over has 0.1 */

#define SYLLABLE_WEIGHT 3 /* an English word has about five letters, its translation one or two characters */
#define WRITING_SHARE 0.6 /* a set has a writing where it makes up this much */
#define ANSWER_SHARE 0.2
#define ANSWER_WEIGHT 30 /* shorter answers are names and numbers: they may be in any writing */
#define KANA_SHARE 0.1	 /* of Han and kana together: Japanese */

#define SCRIPT_CHARS 2
#define SCRIPT_SHARE 0.1
#define SCRIPT_CLEAR 4 /* a set is Traditional where it has this many times as many such characters */

#define LENGTH_TOKENS 10
#define LENGTH_MIN 0.2
#define LENGTH_MAX 5

const char *guard_flag_name(unsigned flag)
{
	switch (flag) {
	case GUARD_EMPTY:
		return "empty";
	case GUARD_LOOP:
		return "loop";
	case GUARD_SCRIPT:
		return "script";
	case GUARD_LANGUAGE:
		return "language";
	case GUARD_LENGTH:
		return "length";
	default:
		return NULL;
	}
}

static enum guard_writing writing_of(uint32_t point)
{
	UErrorCode status = U_ZERO_ERROR;

	switch (uscript_getScript((UChar32)point, &status)) {
	case USCRIPT_LATIN:
		return WRITING_LATIN;
	case USCRIPT_HAN:
	case USCRIPT_BOPOMOFO:
		return WRITING_HAN;
	case USCRIPT_HIRAGANA:
	case USCRIPT_KATAKANA:
		return WRITING_KANA;
	case USCRIPT_HANGUL:
		return WRITING_HANGUL;
	case USCRIPT_CYRILLIC:
		return WRITING_CYRILLIC;
	case USCRIPT_GREEK:
		return WRITING_GREEK;
	case USCRIPT_ARABIC:
		return WRITING_ARABIC;
	case USCRIPT_HEBREW:
		return WRITING_HEBREW;
	case USCRIPT_THAI:
		return WRITING_THAI;
	case USCRIPT_DEVANAGARI:
		return WRITING_DEVANAGARI;
	case USCRIPT_COMMON: /* digits, punctuation, emoji */
	case USCRIPT_INHERITED:
	case USCRIPT_UNKNOWN:
		return WRITING_COUNT;
	default:
		return WRITING_OTHER;
	}
}

static bool is_fence(const uint32_t *points, size_t n, size_t at)
{
	return at + 2 < n && points[at] == '`' && points[at + 1] == '`' && points[at + 2] == '`';
}

static void add_point(struct guard_profile *profile, uint32_t p)
{
	if (p < 0x80) {
		profile->weight[WRITING_LATIN] += (p >= 'a' && p <= 'z') || (p >= 'A' && p <= 'Z');
		return;
	}
	enum guard_writing writing = writing_of(p);
	bool is_syllable = writing == WRITING_HAN || writing == WRITING_KANA || writing == WRITING_HANGUL;
	if (writing != WRITING_COUNT)
		profile->weight[writing] += is_syllable ? SYLLABLE_WEIGHT : 1;
	if (writing == WRITING_HAN) {
		profile->simplified_only += han_is_simplified_only(p);
		profile->traditional_only += han_is_traditional_only(p);
	}
}

void guard_learn(struct guard_profile *profile, struct text *t)
{
	const uint32_t *points = text_points(t);
	size_t n = text_n_points(t);
	bool in_code = false;

	for (size_t i = 0; i < n; i++) {
		if (is_fence(points, n, i)) {
			in_code = !in_code;
			i += 2;
		} else if (!in_code) {
			add_point(profile, points[i]);
		}
	}
}

static double total(const struct guard_profile *profile)
{
	double sum = 0;

	for (int w = 0; w < WRITING_COUNT; w++)
		sum += profile->weight[w];
	return sum;
}

/* Part of the text in this writing.  Japanese is Han with kana; Han alone is Chinese. */
static double share(const struct guard_profile *profile, enum guard_writing writing)
{
	double han = profile->weight[WRITING_HAN], kana = profile->weight[WRITING_KANA], sum = total(profile);
	bool is_japanese = kana > 0 && kana >= KANA_SHARE * (han + kana);

	if (sum <= 0)
		return 0;
	if (writing == WRITING_HAN)
		return is_japanese ? 0 : (han + kana) / sum;
	if (writing == WRITING_KANA)
		return is_japanese ? (han + kana) / sum : 0;
	return profile->weight[writing] / sum;
}

/* The writing that makes up most of the texts; WRITING_COUNT where none does. */
static enum guard_writing main_writing(const struct guard_profile *profile)
{
	for (int w = 0; w < WRITING_COUNT; w++)
		if (share(profile, (enum guard_writing)w) >= WRITING_SHARE)
			return (enum guard_writing)w;
	return WRITING_COUNT;
}

static bool is_wrong_language(const struct guard_profile *set, const struct guard_profile *reference,
			      const struct guard_profile *answer)
{
	enum guard_writing wanted = main_writing(set), also = main_writing(reference);

	if (wanted == WRITING_COUNT || total(answer) < ANSWER_WEIGHT)
		return false;
	if (total(reference) > 0 && also == WRITING_COUNT) /* a mixed reference allows a mixed answer */
		return false;
	return share(answer, wanted) < ANSWER_SHARE && (also == WRITING_COUNT || share(answer, also) < ANSWER_SHARE);
}

static bool has_much(double foreign, double own)
{
	return foreign >= SCRIPT_CHARS && foreign >= SCRIPT_SHARE * (foreign + own);
}

static bool is_wrong_script(const struct guard_profile *set, const struct guard_profile *reference,
			    const struct guard_profile *answer)
{
	double simplified = set->simplified_only, traditional = set->traditional_only;

	if (traditional > 0 && traditional >= SCRIPT_CLEAR * simplified)
		return has_much(answer->simplified_only, answer->traditional_only) &&
		       !has_much(reference->simplified_only, reference->traditional_only);
	if (simplified > 0 && simplified >= SCRIPT_CLEAR * traditional)
		return has_much(answer->traditional_only, answer->simplified_only) &&
		       !has_much(reference->traditional_only, reference->simplified_only);
	return false;
}

static bool is_loop(struct text *answer, double distinct_2)
{
	size_t n = text_tokens(answer, TEXT_MIXED).n;

	return (n > LOOP_TOKENS && distinct_2 < LOOP_DISTINCT) ||
	       distinct_2_of_tail(answer, TEXT_MIXED, LOOP_TAIL) < LOOP_DISTINCT ||
	       distinct_2_of_tail(answer, TEXT_CHARS, LOOP_CHARS) < LOOP_CHARS_DISTINCT;
}

struct guard guard_check(const struct guard_profile *profile, struct text *answer, struct text *reference)
{
	struct guard_profile seen = { 0 }, wanted = { 0 };
	struct guard g = { .distinct_2 = distinct(answer, 2) };
	size_t n_wanted = 0;

	guard_learn(&seen, answer);
	if (reference) {
		guard_learn(&wanted, reference);
		n_wanted = text_tokens(reference, TEXT_MIXED).n;
	}
	if (n_wanted)
		g.length_ratio = (double)text_tokens(answer, TEXT_MIXED).n / (double)n_wanted;
	if (seen.simplified_only > 0)
		g.simplified = seen.simplified_only / (seen.simplified_only + seen.traditional_only);
	if (!text_tokens(answer, TEXT_CHARS).n) {
		g.flags = GUARD_EMPTY; /* the others would say the same again */
		return g;
	}
	if (is_loop(answer, g.distinct_2))
		g.flags |= GUARD_LOOP;
	if (is_wrong_script(profile, &wanted, &seen))
		g.flags |= GUARD_SCRIPT;
	if (is_wrong_language(profile, &wanted, &seen))
		g.flags |= GUARD_LANGUAGE;
	if (n_wanted >= LENGTH_TOKENS && (g.length_ratio < LENGTH_MIN || g.length_ratio > LENGTH_MAX))
		g.flags |= GUARD_LENGTH;
	return g;
}
