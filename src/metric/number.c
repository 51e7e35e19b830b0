/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/number.h"

#include <math.h>

#include "metric/unicode.h"

#define DIGITS_MAX 400 /* longer runs of digits are no numbers */

struct reader {
	const uint32_t *points;
	size_t n, at;
};

/* The character `ahead` of the reader with full-width forms as ASCII; 0 beyond both ends. */
static uint32_t peek(const struct reader *r, size_t ahead)
{
	size_t at = r->at + ahead; /* -1 wraps to before the first */

	return at < r->n ? point_fold_mixed(r->points[at]) : 0;
}

static bool is_digit(uint32_t p)
{
	return p >= '0' && p <= '9';
}

static bool is_minus(uint32_t p)
{
	return p == '-' || p == 0x2212;
}

/* Appends the digits at the reader to `text`, whose length is `*len`. */
static size_t digits(struct reader *r, char *text, size_t *len)
{
	size_t n = 0;

	for (; is_digit(peek(r, 0)); r->at++, n++)
		if (*len < DIGITS_MAX)
			text[(*len)++] = (char)peek(r, 0);
	return n;
}

static bool is_thousand(const struct reader *r)
{
	return peek(r, 0) == ',' && is_digit(peek(r, 1)) && is_digit(peek(r, 2)) && is_digit(peek(r, 3)) && !is_digit(peek(r, 4));
}

static void exponent(struct reader *r, char *text, size_t *len)
{
	size_t sign = is_minus(peek(r, 1)) || peek(r, 1) == '+';

	if (peek(r, 0) != 'e' || !is_digit(peek(r, 1 + sign)) || *len + 2 > DIGITS_MAX)
		return;
	text[(*len)++] = 'e';
	if (sign)
		text[(*len)++] = is_minus(peek(r, 1)) ? '-' : '+';
	r->at += 1 + sign;
	digits(r, text, len);
}

/* 10 to the power that the character multiplies by, 0 if it is none of 十 百 千 萬 億 兆 (and 万 亿). */
static double unit(uint32_t p)
{
	switch (p) {
	case 0x5341:
		return 1e1;
	case 0x767E:
		return 1e2;
	case 0x5343:
		return 1e3;
	case 0x842C:
	case 0x4E07:
		return 1e4;
	case 0x5104:
	case 0x4EBF:
		return 1e8;
	case 0x5146:
		return 1e12;
	default:
		return 0;
	}
}

/* A number in digits at the reader, which stands on its first digit or on a point before it. */
static double arabic(struct reader *r)
{
	char text[DIGITS_MAX + 4];
	size_t len = 0, in_group;
	double value = NAN;
	bool is_grouped = false;

	in_group = digits(r, text, &len);
	while (is_thousand(r) && (is_grouped || in_group <= 3)) {
		r->at++;
		digits(r, text, &len);
		is_grouped = true;
	}
	if (peek(r, 0) == '.' && is_digit(peek(r, 1)) && len < DIGITS_MAX) {
		text[len++] = '.';
		r->at++;
		digits(r, text, &len);
	}
	exponent(r, text, &len);
	if (len < DIGITS_MAX && !str_to_double((struct str){ text, len }, &value))
		value = NAN;
	for (double factor; (factor = unit(peek(r, 0))) > 0; r->at++)
		value *= factor;
	return value;
}

/* Value of a Chinese digit, -1 if it is none; 兩 is 2. */
static int chinese_digit(uint32_t p)
{
	switch (p) {
	case 0x96F6: /* 零 */
	case 0x3007: /* 〇 */
		return 0;
	case 0x4E00:
		return 1;
	case 0x4E8C:
	case 0x5169: /* 兩 */
	case 0x4E24:
		return 2;
	case 0x4E09:
		return 3;
	case 0x56DB:
		return 4;
	case 0x4E94:
		return 5;
	case 0x516D:
		return 6;
	case 0x4E03:
		return 7;
	case 0x516B:
		return 8;
	case 0x4E5D:
		return 9;
	default:
		return -1;
	}
}

/* 三百零五 is 3 * 100 + 5; 二〇二六 is read digit by digit; 十五 begins with one ten. */
static double chinese(struct reader *r)
{
	double total = 0, section = 0, digit = 0, place = 1;
	bool has_digit = false;

	for (;; r->at++) {
		uint32_t p = peek(r, 0);
		int value = chinese_digit(p);
		double factor = unit(p);
		if (value >= 0) {
			digit = has_digit ? 10 * digit + value : value;
			has_digit = true;
		} else if (factor >= 1e4) {
			total += (section + digit > 0 ? section + digit : 1) * factor;
			section = digit = 0;
			has_digit = false;
		} else if (factor > 0) {
			section += (has_digit ? digit : 1) * factor;
			digit = 0;
			has_digit = false;
		} else {
			break;
		}
	}
	total += section + digit;
	if ((peek(r, 0) == 0x9EDE || peek(r, 0) == 0x70B9) && chinese_digit(peek(r, 1)) >= 0) /* 點 */
		for (r->at++; chinese_digit(peek(r, 0)) >= 0; r->at++)
			total += chinese_digit(peek(r, 0)) * (place /= 10);
	return total;
}

static bool last_arabic(struct reader *r, double *out)
{
	bool found = false;

	for (r->at = 0; r->at < r->n;) {
		uint32_t before = peek(r, (size_t)-1), p = peek(r, 0);
		if (!is_digit(p) && !is_minus(p) && p != '.') {
			r->at++;
			continue;
		}
		size_t sign = is_minus(p) && !point_is_word(before) && before != ')';
		size_t dot = peek(r, sign) == '.' && !is_digit(before);
		if (!is_digit(peek(r, sign + dot))) {
			r->at++;
			continue;
		}
		r->at += sign;
		double value = arabic(r);
		if (!isnan(value)) {
			*out = sign ? -value : value;
			found = true;
		}
	}
	return found;
}

static bool last_chinese(struct reader *r, double *out)
{
	bool found = false;

	for (r->at = 0; r->at < r->n;) {
		if (r->points[r->at] < 0x3007 || (chinese_digit(peek(r, 0)) < 0 && unit(peek(r, 0)) <= 0)) {
			r->at++;
			continue;
		}
		bool is_negative = peek(r, (size_t)-1) == 0x8CA0 || peek(r, (size_t)-1) == 0x8D1F; /* 負 */
		*out = chinese(r);
		*out = is_negative ? -*out : *out;
		found = true;
	}
	return found;
}

bool number_last(struct text *t, double *out)
{
	struct reader r = { text_points(t), text_n_points(t), 0 };

	return last_arabic(&r, out) || last_chinese(&r, out);
}

double number_match(struct text *answer, struct text *reference)
{
	double wanted, seen;

	if (!number_last(reference, &wanted))
		return NAN;
	return number_last(answer, &seen) && fabs(seen - wanted) <= 1e-9 * fmax(1, fabs(wanted));
}
