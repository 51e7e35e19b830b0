/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/unicode.h"

#include <string.h>

#include <unicode/uchar.h>

struct range {
	uint32_t first, last;
};

/* The table is sorted. */
static inline bool is_in(const struct range *ranges, size_t n, uint32_t p)
{
	if (p > ranges[n - 1].last)
		return false;
	for (size_t i = 0; i < n && p >= ranges[i].first; i++)
		if (p <= ranges[i].last)
			return true;
	return false;
}

#define IS_IN(table, p) is_in(table, sizeof(table) / sizeof((table)[0]), p)

bool point_is_wide_space(uint32_t p)
{
	static const struct range spaces[] = { { 0x85, 0x85 },	   { 0xA0, 0xA0 },     { 0x1680, 0x1680 }, { 0x2000, 0x200A },
					       { 0x2028, 0x2029 }, { 0x202F, 0x202F }, { 0x205F, 0x205F }, { 0x3000, 0x3000 } };

	return IS_IN(spaces, p);
}

static bool is_ascii_alnum(uint32_t p)
{
	return (p >= '0' && p <= '9') || (p >= 'a' && p <= 'z') || (p >= 'A' && p <= 'Z');
}

bool point_is_word(uint32_t p)
{
	if (p < 0x80)
		return is_ascii_alnum(p) || p == '_';
	return (U_MASK(u_charType((UChar32)p)) & (U_GC_L_MASK | U_GC_N_MASK)) != 0;
}

bool point_is_mixed_word(uint32_t p)
{
	static const struct range words[] = { { 0xAA, 0xAA },	{ 0xB5, 0xB5 },	  { 0xBA, 0xBA },
					      { 0xC0, 0xD6 },	{ 0xD8, 0xF6 },	  { 0xF8, 0x24F },
					      { 0x300, 0x37D }, { 0x37F, 0x386 }, { 0x388, 0x3FF },
					      { 0x400, 0x52F } };

	return p < 0x80 ? is_ascii_alnum(p) : IS_IN(words, p);
}

bool point_is_mixed_single(uint32_t p)
{
	static const struct range singles[] = { { 0x3040, 0x30FF }, { 0x3100, 0x312F }, { 0x31A0, 0x31BF },
						{ 0x31F0, 0x31FF }, { 0x3400, 0x4DBF }, { 0x4E00, 0x9FFF },
						{ 0xAC00, 0xD7AF }, { 0xF900, 0xFAFF }, { 0x20000, 0x3FFFF } };

	return IS_IN(singles, p);
}

bool point_is_bleu_zh(uint32_t p)
{
	static const struct range chinese[] = {
		{ 0x2001, 0x2A6D }, { 0x2E80, 0x2EFF }, { 0x2F00, 0x2FDF }, { 0x2FF0, 0x303F }, { 0x3100, 0x312F },
		{ 0x31A0, 0x31BF }, { 0x31C0, 0x31EF }, { 0x3200, 0x33FF }, { 0x3400, 0x4DB5 }, { 0x4E00, 0x9FBB },
		{ 0xF900, 0xFA2D }, { 0xFA30, 0xFA6A }, { 0xFA70, 0xFAD9 }, { 0xFE10, 0xFE1F }, { 0xFE30, 0xFE4F },
		{ 0xFF00, 0xFFEF }
	};

	return IS_IN(chinese, p);
}

bool point_is_cmrc_punct(uint32_t p)
{
	/* · “ ” ’ and 、。《》「」『』 ！（），－：；？～ */
	static const struct range wide[] = { { 0xB7, 0xB7 },	 { 0x2019, 0x2019 }, { 0x201C, 0x201D }, { 0x3001, 0x3002 },
					     { 0x300A, 0x300F }, { 0xFF01, 0xFF01 }, { 0xFF08, 0xFF09 }, { 0xFF0C, 0xFF0D },
					     { 0xFF1A, 0xFF1B }, { 0xFF1F, 0xFF1F }, { 0xFF5E, 0xFF5E } };

	if (p < 0x80)
		return p != 0 && strchr("-:_*^/\\~`+=", (int)p) != NULL;
	return IS_IN(wide, p);
}

/* A letter with case before (step -1) or after (step 1) the character, beyond what case ignores. */
static bool has_cased_neighbour(const uint32_t *points, size_t n, size_t at, int step)
{
	for (size_t i = at + (size_t)step; i < n; i += (size_t)step) { /* below 0 wraps to above n */
		if (u_hasBinaryProperty((UChar32)points[i], UCHAR_CASE_IGNORABLE))
			continue;
		return u_hasBinaryProperty((UChar32)points[i], UCHAR_CASED);
	}
	return false;
}

size_t point_lower(const uint32_t *points, size_t n, size_t at, uint32_t out[POINT_LOWER_MAX])
{
	uint32_t p = points[at];

	if (p < 0x80 || (p >= 0x2E80 && p < 0xA640)) { /* between them, Chinese and its neighbours have no case */
		out[0] = p >= 'A' && p <= 'Z' ? p + ('a' - 'A') : p;
		return 1;
	}
	if (p == 0x130) {
		out[0] = 'i';
		out[1] = 0x307;
		return 2;
	}
	if (p == 0x3A3)
		out[0] = has_cased_neighbour(points, n, at, -1) && !has_cased_neighbour(points, n, at, 1) ? 0x3C2 : 0x3C3;
	else
		out[0] = (uint32_t)u_tolower((UChar32)p);
	return 1;
}

size_t points_decode(struct str text, uint32_t *out)
{
	size_t n = 0, at = 0;

	while (at < text.len) {
		unsigned char byte = (unsigned char)text.ptr[at];
		if (byte < 0x80) {
			out[n++] = byte;
			at++;
		} else {
			out[n++] = utf8_next(text, &at);
		}
	}
	return n;
}
