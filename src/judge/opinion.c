/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/opinion.h"

#include <math.h>
#include <string.h>

#define LOGIT_MAX 10.0
#define MASS_MAX 1.001

struct reading reading_of_logprobs(double a, double b)
{
	return (struct reading){ exp(fmin(a, 0)), exp(fmin(b, 0)) };
}

/* --- a reply in words --- */

/* What follows the last thinking part. */
static struct str after_thinking(struct str s)
{
	static const char END[] = "</think>";
	const size_t length = sizeof END - 1;

	for (size_t at = s.len; at >= length; at--)
		if (!memcmp(s.ptr + at - length, END, length))
			return (struct str){ s.ptr + at, s.len - at };
	return s;
}

static bool is_letter(uint32_t point)
{
	return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z') || (point >= '0' && point <= '9');
}

/* Skips what decorates a label. */
static struct str without_decoration(struct str s)
{
	size_t at = 0;

	if (!s.len)
		return s;
	for (size_t next = 0; at < s.len; at = next) {
		uint32_t point = utf8_next(s, &next);
		if (is_letter(point) || (point >= 0x3400 && point <= 0x9FFF))
			break;
	}
	return (struct str){ s.ptr + at, s.len - at };
}

static bool skip_word(struct str *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len < n || !str_eq_nocase((struct str){ s->ptr, n }, word))
		return false;
	*s = without_decoration((struct str){ s->ptr + n, s->len - n });
	return true;
}

/* Whether a word of letters ends after its first `n` bytes. */
static bool ends_after(struct str s, size_t n)
{
	return s.len == n || !is_letter((unsigned char)s.ptr[n]);
}

/* "A good answer is …" begins with an article, "A is better" and "A because" with a label. */
static bool is_article(struct str s)
{
	if (s.len <= 2)
		return false;
	struct str rest = { s.ptr + 2, s.len - 2 };
	return s.ptr[1] == ' ' && is_letter((unsigned char)rest.ptr[0]) && !str_starts(rest, "because") && !str_starts(rest, "is ");
}

struct reading reading_of_reply(struct str reply)
{
	static const char *const LEADS[] = { "the better answer is", "better answer is", "answer is", "final answer", "answer", "verdict", "winner", "答案是", "答案", "回答" };
	static const char *const TIES[] = { "tie", "both", "equal", "平手", "一樣好" };
	struct str s = without_decoration(after_thinking(reply));

	for (size_t i = 0; i < sizeof LEADS / sizeof *LEADS; i++)
		skip_word(&s, LEADS[i]);
	for (size_t i = 0; i < sizeof TIES / sizeof *TIES; i++)
		if (skip_word(&s, TIES[i]))
			return (struct reading){ 0.5, 0.5 };
	if (!s.len || !ends_after(s, 1) || is_article(s))
		return (struct reading){ 0, 0 };
	return (struct reading){ s.ptr[0] == 'A' || s.ptr[0] == 'a', s.ptr[0] == 'B' || s.ptr[0] == 'b' };
}

/* --- both orders --- */

static double logit(double p)
{
	return fmax(-LOGIT_MAX, fmin(LOGIT_MAX, log(p) - log1p(-p)));
}

static int side(double p)
{
	return (p > 0.5) - (p < 0.5);
}

/* What a worker or a provider sends is not trusted to be probabilities. */
static bool is_heard(struct reading r)
{
	return r.a >= 0 && r.b >= 0 && r.a + r.b >= OPINION_MASS_MIN && r.a + r.b <= MASS_MAX;
}

struct opinion opinion_of(struct reading order1, struct reading order2)
{
	double mass1 = order1.a + order1.b, mass2 = order2.a + order2.b;
	struct opinion o = { .mass = fmin(mass1, mass2), .score = NAN };

	if (!is_heard(order1) || !is_heard(order2))
		return o;
	o.is_valid = true;
	o.p1 = order1.a / mass1;
	o.p2 = order2.b / mass2;
	o.score = (o.p1 + o.p2) / 2;
	o.preference = (logit(o.p1) + logit(o.p2)) / 2;
	o.slot_bias = (logit(o.p1) - logit(o.p2)) / 2;
	o.is_flipped = side(o.p1) * side(o.p2) < 0;
	o.outcome = side(o.p1) == side(o.p2) ? (enum outcome)side(o.p1) : OUTCOME_TIE;
	return o;
}

struct opinion opinion_of_panel(const struct opinion *judges, size_t n)
{
	struct opinion sum = { .mass = 1 };
	int n_valid = 0, balance[3] = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct opinion *o = &judges[i];
		sum.mass = fmin(sum.mass, o->mass);
		if (!o->is_valid)
			continue;
		n_valid++;
		sum.score += o->score;
		sum.p1 += o->p1;
		sum.p2 += o->p2;
		sum.preference += o->preference;
		sum.slot_bias += o->slot_bias;
		balance[o->outcome + 1]++;
	}
	if (!n_valid)
		return (struct opinion){ .mass = sum.mass, .score = NAN };
	sum.is_valid = true;
	sum.score /= n_valid;
	sum.p1 /= n_valid;
	sum.p2 /= n_valid;
	sum.preference /= n_valid;
	sum.slot_bias /= n_valid;
	sum.is_flipped = side(sum.p1) * side(sum.p2) < 0;
	sum.outcome = 2 * balance[2] > n_valid ? OUTCOME_WIN : 2 * balance[0] > n_valid ? OUTCOME_LOSS : OUTCOME_TIE;
	return sum;
}

struct opinion opinion_reversed(struct opinion o)
{
	double p1 = o.p1;

	o.p1 = 1 - o.p2;
	o.p2 = 1 - p1;
	o.score = 1 - o.score;
	o.preference = -o.preference;
	o.outcome = (enum outcome)(-(int)o.outcome);
	return o;
}

double opinion_grade(const double p[5])
{
	double sum = 0, mass = 0;

	for (int k = 0; k < 5; k++) {
		sum += (k + 1) * p[k];
		mass += p[k];
	}
	return mass >= OPINION_MASS_MIN ? sum / mass : NAN;
}
