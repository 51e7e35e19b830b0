/* SPDX-License-Identifier: Apache-2.0
 *
 * unicode - the classes of characters that the metrics' rules name, as the Python programs that defined them see them.
 *
 * Thread: any.  Nothing here allocates. */
#ifndef ASSAY_METRIC_UNICODE_H
#define ASSAY_METRIC_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* One beyond the last code point. */
#define POINT_END 0x110000u

/* Room that point_lower() needs. */
#define POINT_LOWER_MAX 2

/* point_is_space() beyond ASCII. */
bool point_is_wide_space(uint32_t p);

/* What Python's str.split() splits at: more than Unicode's White_Space (0x1c to 0x1f), less than a user would expect (a zero
 * width space is none). */
static inline bool point_is_space(uint32_t p)
{
	if (p < 0x80)
		return p == ' ' || (p >= '\t' && p <= '\r') || (p >= 0x1C && p <= 0x1F);
	return p <= 0x3000 && point_is_wide_space(p);
}

/* One of the 32 ASCII punctuation characters. */
static inline bool point_is_ascii_punct(uint32_t p)
{
	return (p >= '!' && p <= '/') || (p >= ':' && p <= '@') || (p >= '[' && p <= '`') || (p >= '{' && p <= '~');
}

/* \w of Python's re: letters, digits, other numbers; '_' too.  Combining marks are none. */
bool point_is_word(uint32_t p);

/* Continues a word of assay's mixed tokens: Latin, Greek, Cyrillic, ASCII digits and their combining marks. */
bool point_is_mixed_word(uint32_t p);

/* Is a mixed token by itself: Han, kana, Bopomofo, Hangul. */
bool point_is_mixed_single(uint32_t p);

/* Full-width ASCII and the ideographic space as ASCII, ASCII capitals as small letters; everything else as it is. */
static inline uint32_t point_fold_mixed(uint32_t p)
{
	if (p >= 0xFF01 && p <= 0xFF5E)
		p -= 0xFEE0;
	if (p >= 'A' && p <= 'Z')
		return p + ('a' - 'A');
	return p == 0x3000 ? ' ' : p;
}

/* What sacrebleu 2.6.0 calls Chinese, with its error: the ranges of the supplementary planes are written with four
 * hexadecimal digits, so that U+2001 to U+2A6D and U+2F81 to U+2FA1 count and Extension B does not. */
bool point_is_bleu_zh(uint32_t p);

/* Punctuation that CMRC 2018's evaluation script deletes.  Its list has the ellipsis as two characters, so that a single
 * U+2026 stays. */
bool point_is_cmrc_punct(uint32_t p);

/* Python's str.lower() of the character at `points[at]`, whose neighbours decide about the final sigma.  Writes 1 or 2
 * characters to `out` and returns how many. */
size_t point_lower(const uint32_t *points, size_t n, size_t at, uint32_t out[POINT_LOWER_MAX]);

/* Decodes valid UTF-8 into `out`, which has room for text.len characters; a wrong byte becomes U+FFFD.  Returns how many. */
size_t points_decode(struct str text, uint32_t *out);

#endif
