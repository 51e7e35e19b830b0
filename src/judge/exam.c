/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/exam.h"

#include <math.h>
#include <string.h>

#define MARK_MISTAKES 0.90
#define MARK_FACTS 0.70
#define MARK_PADDING 0.80
#define MARK_VALID 0.90
#define MARK_STABLE_WORDS 0.90
#define PROBES_MIN 20
#define PROBES_MIN_GROUP 4
#define SCORE_CHANGE_MAX 1e-3
#define KAPPA_MARK 0.2
#define ACCURACY_MARK 0.6

struct problem_info {
	const char *name, *fails, *warns;
};

static const struct problem_info PROBLEMS[EXAM_PROBLEMS] = {
	{ "too_few", "exam_too_few", "exam_too_few" },
	{ "format", "exam_format", "exam_format" },
	{ "mistakes", "exam_mistakes", "exam_mistakes" },
	{ "facts", "exam_facts", "exam_facts" },
	{ "padding", "exam_padding", "exam_padding" },
	{ "flips", "exam_flips", "exam_flips_warning" },
	{ "unstable", "exam_unstable", "exam_unstable_warning" },
	{ "people", "exam_people", "exam_people_warning" },
	{ "slot", "exam_slot_warning", "exam_slot_warning" },
	{ "length", "exam_length_warning", "exam_length_warning" },
};

static const struct problem_info *info_of(enum exam_problem problem)
{
	size_t i = 0;

	while (i + 1 < EXAM_PROBLEMS && !((unsigned)problem >> i & 1))
		i++;
	return &PROBLEMS[i];
}

const char *exam_problem_name(enum exam_problem problem)
{
	return info_of(problem)->name;
}

const char *exam_problem_key(enum exam_problem problem, bool is_failure)
{
	return is_failure ? info_of(problem)->fails : info_of(problem)->warns;
}

static double share(const struct exam_share *s)
{
	return s->n ? (double)s->found / (double)s->n : NAN;
}

static void count(struct exam_share *s, bool found)
{
	s->n++;
	s->found += found;
}

static void set_interval(struct exam_share *s)
{
	s->interval = interval_wilson((double)s->found, (double)s->n, 0.95);
}

/* --- counting --- */

/* What every opinion tells, whatever it is about. */
static void count_opinion(struct exam_card *c, const struct opinion *o, size_t *n_bias)
{
	count(&c->valid, o->is_valid);
	if (!o->is_valid)
		return;
	c->slot_bias += o->slot_bias;
	++*n_bias;
}

static void count_probe(struct exam_card *c, const struct probe *p, const struct opinion *o)
{
	enum outcome good = p->bad_is_x ? OUTCOME_LOSS : OUTCOME_WIN;
	bool is_found = o->is_valid && o->outcome == (p->kind == PROBE_IDENTICAL ? OUTCOME_TIE : good);

	count(&c->kinds[p->kind], is_found);
	if (p->kind == PROBE_IDENTICAL)
		return;
	count(&c->all, is_found);
	count(p->kind == PROBE_FACT ? &c->facts : p->kind == PROBE_PADDED ? &c->padding : &c->mistakes, is_found);
	if (o->is_valid)
		count(&c->flips, o->is_flipped);
}

static void count_pair(struct exam_card *c, const struct exam_pair *p)
{
	if (!p->opinion.is_valid)
		return;
	count(&c->flips, p->opinion.is_flipped);
	if (p->opinion.outcome != OUTCOME_TIE && p->x_length != p->y_length)
		count(&c->longer, (p->opinion.outcome == OUTCOME_WIN) == (p->x_length > p->y_length));
}

static void count_repeats(const struct exam_paper *paper, struct exam_card *c)
{
	for (size_t i = 0; i < paper->n_repeats; i++) {
		const struct opinion *once = &paper->repeats[i][0], *again = &paper->repeats[i][1];
		if (!once->is_valid || !again->is_valid)
			continue;
		count(&c->stable, once->outcome == again->outcome);
		c->largest_change = fmax(c->largest_change, fabs(once->score - again->score));
	}
}

static void count_shared(const struct exam_paper *paper, struct exam_card *c)
{
	double table[9] = { 0 };

	for (size_t i = 0; i < paper->n_shared; i++) {
		const struct exam_shared *s = &paper->shared[i];
		table[(s->people + 1) * 3 + s->judge + 1]++;
		if (s->people != OUTCOME_TIE && s->judge != OUTCOME_TIE)
			count(&c->people_decided, s->people == s->judge);
	}
	c->n_shared = paper->n_shared;
	c->people = agreement_of_table(table, 3);
}

/* --- marks --- */

static void mark(struct exam_card *c, enum exam_problem problem, bool fails, bool warns)
{
	if (fails)
		c->failures |= problem;
	else if (warns)
		c->warnings |= problem;
}

static void mark_people(struct exam_card *c)
{
	bool is_enough = c->n_shared >= EXAM_SHARED_MIN;
	bool kappa_fits = c->people.interval.low > KAPPA_MARK, sides_fit = c->people_decided.n && c->people_decided.interval.low > ACCURACY_MARK;

	c->agrees_with_people = is_enough && (kappa_fits || sides_fit);
	mark(c, EXAM_PEOPLE, is_enough && c->people.interval.high < KAPPA_MARK, is_enough && !c->agrees_with_people);
}

static void mark_all(const struct exam_paper *paper, struct exam_card *c)
{
	bool is_enough = c->all.n >= PROBES_MIN && c->mistakes.n >= PROBES_MIN_GROUP && c->facts.n >= PROBES_MIN_GROUP &&
			 c->padding.n >= PROBES_MIN_GROUP;
	bool has_changed = c->stable.n && c->stable.found < c->stable.n;

	mark(c, EXAM_TOO_FEW, !is_enough, false);
	mark(c, EXAM_FORMAT, c->valid.n && share(&c->valid) < MARK_VALID, false);
	mark(c, EXAM_MISTAKES, is_enough && share(&c->mistakes) < MARK_MISTAKES, false);
	mark(c, EXAM_FACTS, is_enough && share(&c->facts) < MARK_FACTS, false);
	mark(c, EXAM_PADDING, is_enough && share(&c->padding) < MARK_PADDING, false);
	mark(c, EXAM_FLIPS, share(&c->flips) > EXAM_FLIPS_MAX, share(&c->flips) > EXAM_FLIPS_WARN);
	mark(c, EXAM_UNSTABLE, paper->in_words ? share(&c->stable) < MARK_STABLE_WORDS : has_changed,
	     has_changed || (!paper->in_words && c->largest_change > SCORE_CHANGE_MAX));
	mark(c, EXAM_SLOT, false, fabs(c->slot_bias) > EXAM_SLOT_BIAS_MAX);
	mark(c, EXAM_LENGTH, false, share(&c->longer) > EXAM_LONGER_MAX);
	mark_people(c);
	c->is_fit = !c->failures;
}

void exam_grade(const struct exam_paper *paper, struct exam_card *out)
{
	size_t n_bias = 0;

	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < paper->n_probes; i++) {
		count_opinion(out, &paper->answers[i], &n_bias);
		count_probe(out, &paper->probes[i], &paper->answers[i]);
	}
	for (size_t i = 0; i < paper->n_pairs; i++) {
		count_opinion(out, &paper->pairs[i].opinion, &n_bias);
		count_pair(out, &paper->pairs[i]);
	}
	count_repeats(paper, out);
	count_shared(paper, out);
	out->slot_bias = n_bias ? out->slot_bias / (double)n_bias : NAN;
	struct exam_share *shares[] = { &out->mistakes, &out->facts, &out->padding, &out->all, &out->valid, &out->flips, &out->longer, &out->stable, &out->people_decided };
	for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
		set_interval(shares[i]);
	for (size_t kind = 0; kind < PROBE_KINDS; kind++)
		set_interval(&out->kinds[kind]);
	mark_all(paper, out);
}

/* --- words --- */

static void set_share(const struct exam_share *s, double *a, double *b)
{
	*a = (double)s->found;
	*b = (double)s->n;
}

void exam_numbers(const struct exam_card *card, enum exam_problem problem, double *a, double *b)
{
	switch (problem) {
	case EXAM_TOO_FEW:
		*a = (double)card->all.n;
		*b = PROBES_MIN;
		break;
	case EXAM_FORMAT:
		set_share(&card->valid, a, b);
		break;
	case EXAM_MISTAKES:
		set_share(&card->mistakes, a, b);
		break;
	case EXAM_FACTS:
		set_share(&card->facts, a, b);
		break;
	case EXAM_PADDING:
		set_share(&card->padding, a, b);
		break;
	case EXAM_FLIPS:
		set_share(&card->flips, a, b);
		break;
	case EXAM_UNSTABLE:
		set_share(&card->stable, a, b);
		break;
	case EXAM_PEOPLE:
		set_share(&card->people_decided, a, b);
		break;
	case EXAM_LENGTH:
		set_share(&card->longer, a, b);
		break;
	case EXAM_SLOT:
		*a = round(100 / (1 + exp(-card->slot_bias)));
		*b = 50;
		break;
	}
}
