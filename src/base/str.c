/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

#define REPLACEMENT 0xFFFDu

struct str str_of(const char *text)
{
	return (struct str){ text, text ? strlen(text) : 0 };
}

bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eq_text(struct str a, const char *text)
{
	return str_eq(a, str_of(text));
}

bool str_starts(struct str s, const char *prefix)
{
	size_t len = strlen(prefix);
	return s.len >= len && (len == 0 || memcmp(s.ptr, prefix, len) == 0);
}

bool str_ends(struct str s, const char *suffix)
{
	size_t len = strlen(suffix);
	return s.len >= len && (len == 0 || memcmp(s.ptr + s.len - len, suffix, len) == 0);
}

static char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_eq_nocase(struct str a, const char *text)
{
	struct str b = str_of(text);
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
			return false;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.len && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct str str_split(struct str *rest, char sep)
{
	struct str head = *rest;
	const char *at = head.len ? memchr(head.ptr, sep, head.len) : NULL;
	if (!at) {
		*rest = (struct str){ NULL, 0 };
		return head;
	}
	head.len = (size_t)(at - head.ptr);
	*rest = (struct str){ at + 1, rest->len - head.len - 1 };
	return head;
}

bool str_list_has(const char *list, char sep, const char *word)
{
	struct str rest = str_of(list);

	while (rest.ptr)
		if (str_eq_text(str_split(&rest, sep), word))
			return true;
	return false;
}

bool str_to_u64(struct str s, uint64_t *out)
{
	uint64_t value = 0;
	if (!s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
			return false;
	}
	*out = value;
	return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
	uint64_t value;
	bool negative = s.len && s.ptr[0] == '-';
	if (negative)
		s = (struct str){ s.ptr + 1, s.len - 1 };
	if (!str_to_u64(s, &value) || value > (uint64_t)INT64_MAX + negative)
		return false;
	*out = (int64_t)(negative ? 0 - value : value);
	return true;
}

static size_t count_digits(struct str s, size_t from)
{
	size_t n = 0;
	while (from + n < s.len && s.ptr[from + n] >= '0' && s.ptr[from + n] <= '9')
		n++;
	return n;
}

/* [-] digits [. digits] [e [+-] digits], with at least one digit before the exponent. */
static bool is_decimal(struct str s)
{
	size_t at = s.len && s.ptr[0] == '-';
	size_t digits = count_digits(s, at);
	at += digits;
	if (at < s.len && s.ptr[at] == '.') {
		size_t fraction = count_digits(s, ++at);
		digits += fraction;
		at += fraction;
	}
	if (!digits)
		return false;
	if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
		at++;
		if (at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-'))
			at++;
		digits = count_digits(s, at);
		at += digits;
		if (!digits)
			return false;
	}
	return at == s.len;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!c_locale)
		BUG("no C locale");
}

bool str_to_double(struct str s, double *out)
{
	char text[512]; /* longer than any number that a program prints */
	if (s.len >= sizeof text || !is_decimal(s))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	pthread_once(&c_locale_once, make_c_locale);
	double value = strtod_l(text, NULL, c_locale);
	if (!isfinite(value))
		return false;
	*out = value;
	return true;
}

/* Length of the well-formed sequence at the start of `n` > 0 bytes, 0 if they are wrong or cut (then `*cut` is
 * true when more bytes could make it right).  Ranges: Unicode 15, table 3-7. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *code_point, bool *cut)
{
	size_t need = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;
	*cut = false;
	if (need <= 1) {
		*code_point = p[0];
		return need;
	}
	unsigned low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
	unsigned high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
	uint32_t value = p[0] & (0x7Fu >> need);
	for (size_t i = 1; i < need; i++) {
		if (i >= n) {
			*cut = true;
			return 0;
		}
		if (p[i] < low || p[i] > high)
			return 0;
		value = value << 6 | (p[i] & 0x3Fu);
		low = 0x80;
		high = 0xBF;
	}
	*code_point = value;
	return need;
}

bool utf8_valid(struct str s, size_t *bad_at)
{
	size_t at = 0;
	while (at < s.len) {
		uint32_t code_point;
		bool cut;
		size_t n = decode((const unsigned char *)s.ptr + at, s.len - at, &code_point, &cut);
		if (!n) {
			if (bad_at)
				*bad_at = at;
			return false;
		}
		at += n;
	}
	return true;
}

uint32_t utf8_next(struct str s, size_t *pos)
{
	uint32_t code_point = REPLACEMENT;
	bool cut;
	size_t n = decode((const unsigned char *)s.ptr + *pos, s.len - *pos, &code_point, &cut);
	*pos += n ? n : 1;
	return n ? code_point : REPLACEMENT;
}

size_t utf8_put(uint32_t code_point, char out[4])
{
	uint32_t c = code_point;
	if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
		c = REPLACEMENT;
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3F));
		out[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3F));
	out[2] = (char)(0x80 | (c >> 6 & 0x3F));
	out[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}

size_t utf8_whole(struct str s)
{
	for (size_t back = 1; back <= 3 && back <= s.len; back++) {
		const unsigned char *p = (const unsigned char *)s.ptr + s.len - back;
		uint32_t code_point;
		bool cut;
		if ((*p & 0xC0) == 0x80)
			continue;
		decode(p, back, &code_point, &cut);
		return cut ? s.len - back : s.len;
	}
	return s.len;
}

static bool is_unprintable(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || (c >= 0x202A && c <= 0x202E) ||
	       (c >= 0x2066 && c <= 0x2069);
}

size_t utf8_clean(char *text, size_t len, char keep)
{
	size_t in = 0, out = 0;
	while (in < len) {
		size_t start = in;
		uint32_t c = REPLACEMENT;
		bool cut;
		size_t n = decode((const unsigned char *)text + in, len - in, &c, &cut);
		in += n ? n : 1;
		if (!n) {
			text[out++] = '?';
		} else if (c == '\n' || c == '\r' || c == '\t') {
			text[out++] = ' ';
		} else if (!is_unprintable(c) || (keep && c == (unsigned char)keep)) {
			memmove(text + out, text + start, n);
			out += n;
		}
	}
	text[out] = '\0';
	return out;
}

bool str_format(char *out, size_t out_size, const char *fmt, ...)
{
	va_list list;
	va_start(list, fmt);
	int len = vsnprintf(out, out_size, fmt, list);
	va_end(list);
	return len >= 0 && (size_t)len < out_size;
}
