/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/probe_text.h"

#include <ctype.h>
#include <string.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

#include "base/mem.h"
#include "judge/prompts.h"
#include "metric/han.h"

#define CUT_POINTS_MIN 10
#define CUT_SHARE 0.4
#define NAME_MIN 3 /* letters */

static size_t count_points(struct str s)
{
	size_t at = 0, n = 0;

	for (; at < s.len; n++)
		utf8_next(s, &at);
	return n;
}

bool probe_cut(struct buf *out, struct str good)
{
	size_t n = count_points(good), keep = (size_t)(CUT_SHARE * (double)n), at = 0;

	if (n < CUT_POINTS_MIN)
		return false;
	while (keep--)
		utf8_next(good, &at);
	buf_add(out, good.ptr, at);
	return true;
}

bool probe_padded(struct buf *out, struct str good)
{
	bool ends_line = good.len && good.ptr[good.len - 1] == '\n';

	if (!good.len)
		return false;
	for (int i = 0; i < 2; i++) {
		buf_add_str(out, good);
		if (i < 1 && !ends_line)
			buf_add_char(out, ' ');
	}
	return true;
}

bool probe_is_traditional(struct str text)
{
	size_t at = 0, n_traditional = 0, n_simplified = 0;

	while (at < text.len) {
		uint32_t point = utf8_next(text, &at);
		n_traditional += han_is_traditional_only(point);
		n_simplified += han_is_simplified_only(point);
	}
	return n_traditional > n_simplified;
}

bool probe_simplified(struct buf *out, struct str good)
{
	static const UChar ID[] = u"Traditional-Simplified";
	UErrorCode code = U_ZERO_ERROR;
	UTransliterator *converter = utrans_openU(ID, -1, UTRANS_FORWARD, NULL, 0, NULL, &code);
	int32_t room = (int32_t)(2 * good.len + 16), length = 0, limit, n_bytes = 0;
	UChar *wide = mem_array((size_t)room, sizeof *wide);
	char *bytes = mem_array(4 * (size_t)room, 1);
	bool is_changed = false;

	u_strFromUTF8(wide, room, &length, good.ptr, (int32_t)good.len, &code);
	limit = length;
	if (U_SUCCESS(code))
		utrans_transUChars(converter, wide, &length, room, 0, &limit, &code);
	if (U_SUCCESS(code))
		u_strToUTF8(bytes, 4 * room, &n_bytes, wide, length, &code);
	is_changed = U_SUCCESS(code) && !str_eq((struct str){ bytes, (size_t)n_bytes }, good);
	if (is_changed)
		buf_add(out, bytes, (size_t)n_bytes);
	if (converter)
		utrans_close(converter);
	mem_free(wide);
	mem_free(bytes);
	return is_changed;
}

bool probe_other_language(struct buf *out, struct str good)
{
	static const char *const SENTENCES[LANG_COUNT] = { [LANG_EN] = "這個問題很好，許多人都問過，值得仔細想一想。",
							   [LANG_ZH_TW] = "That is a good question which many people have asked, and it deserves some thought." };

	buf_add_text(out, SENTENCES[prompts_language(good)]);
	return true;
}

/* --- a wrong fact --- */

static bool contains(struct str s, struct str part)
{
	return part.len && s.len >= part.len && memmem(s.ptr, s.len, part.ptr, part.len) != NULL;
}

/* The next run of ASCII digits from `at` on; empty where there is none. */
static struct str next_number(struct str s, size_t at)
{
	size_t to;

	while (at < s.len && !isdigit((unsigned char)s.ptr[at]))
		at++;
	for (to = at; to < s.len && isdigit((unsigned char)s.ptr[to]);)
		to++;
	return (struct str){ s.ptr + at, to - at };
}

/* The first number that the question does not have, else the first: K7 asked for is not the fact that answers. */
static struct str number_to_change(struct str good, struct str question)
{
	struct str first = next_number(good, 0), number = first;

	while (number.len && contains(question, number))
		number = next_number(good, (size_t)(number.ptr - good.ptr) + number.len);
	return number.len ? number : first;
}

/* The number's first digit becomes another, never a 0. */
static bool change_number(struct buf *out, struct str good, struct str question)
{
	struct str number = number_to_change(good, question);
	size_t before = (size_t)(number.ptr - good.ptr);

	if (!number.len)
		return false;
	buf_add(out, good.ptr, before);
	buf_add_char(out, (char)('1' + (number.ptr[0] - '0' + 3) % 9));
	buf_add(out, number.ptr + 1, good.len - before - 1);
	return true;
}

/* The next word of at least NAME_MIN letters with a capital, from `*at` on, that neither text has. */
static struct str next_name(struct str s, size_t *at, struct str not_in, struct str nor_in)
{
	while (*at < s.len) {
		size_t from = *at;
		while (*at < s.len && isalpha((unsigned char)s.ptr[*at]))
			++*at;
		struct str word = { s.ptr + from, *at - from };
		if (word.len >= NAME_MIN && from > 0 && isupper((unsigned char)word.ptr[0]) && !contains(not_in, word) && !contains(nor_in, word))
			return word;
		if (!word.len)
			++*at;
	}
	return (struct str){ NULL, 0 };
}

static void replace(struct buf *out, struct str good, struct str part, struct str by)
{
	size_t before = (size_t)(part.ptr - good.ptr);

	buf_add(out, good.ptr, before);
	buf_add_str(out, by);
	buf_add(out, part.ptr + part.len, good.len - before - part.len);
}

static bool change_name(struct buf *out, struct str good, struct str other, struct str question)
{
	size_t at = 0, at_other = 0;
	struct str own = next_name(good, &at, question, other), foreign = next_name(other, &at_other, question, good);

	if (!own.len || !foreign.len)
		return false;
	replace(out, good, own, foreign);
	return true;
}

/* The first of these that the text has, outside of a negation, is negated. */
static bool negate(struct buf *out, struct str good)
{
	static const char *const WORDS[][2] = { { " is not ", " is " }, { " are not ", " are " }, { " is ", " is not " }, { " are ", " are not " },
						{ " was ", " was not " }, { " can ", " cannot " }, { " has ", " does not have " }, { " have ", " do not have " },
						{ " will ", " will not " }, { "不是", "是" }, { "沒有", "有" }, { "不能", "能" }, { "不會", "會" },
						{ "是", "不是" }, { "有", "沒有" }, { "可以", "不可以" }, { "能", "不能" }, { "會", "不會" } };

	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
		const char *found = good.len ? memmem(good.ptr, good.len, WORDS[i][0], strlen(WORDS[i][0])) : NULL;
		if (!found)
			continue;
		replace(out, good, (struct str){ found, strlen(WORDS[i][0]) }, str_of(WORDS[i][1]));
		return true;
	}
	return false;
}

bool probe_wrong_fact(struct buf *out, struct str good, struct str other, struct str question)
{
	return change_number(out, good, question) || change_name(out, good, other, question) || negate(out, good);
}
