/* SPDX-License-Identifier: Apache-2.0
 *
 * stub_judges - judges whose worth is known, for the exam: they read real probes made of made-up questions. */
#ifndef ASSAY_TESTS_STUB_JUDGES_H
#define ASSAY_TESTS_STUB_JUDGES_H

#include "judge/exam.h"
#include "judge_world.h"

enum stub_judge { STUB_RANDOM, STUB_ALWAYS_A, STUB_LONGEST, STUB_INVERTED, STUB_GOOD, STUB_COUNT };

#define STUB_QUESTIONS 40
#define STUB_PAIRS 100
#define STUB_AGREEMENT 0.80
#define STUB_BIAS 0.5

/* How much worse the bad side of a probe is, in standard deviations of the quality of answers: a judge of 80 % agreement is told
 * nothing harder than that by these kinds. */
static inline double stub_gap(enum probe_kind kind)
{
	return kind == PROBE_IDENTICAL ? 0 : kind == PROBE_FACT || kind == PROBE_PADDED ? 2 : 3;
}

/* STUB_QUESTIONS questions about made-up machines; the texts belong to the arena. */
static inline struct probe_source *stub_sources(struct arena *a)
{
	static const char *const NAMES[] = { "Kestrel", "Heron", "Osprey", "Plover", "Merlin", "Curlew", "Avocet", "Dunlin" };
	struct probe_source *out = arena_array(a, STUB_QUESTIONS, sizeof *out);

	for (int i = 0; i < STUB_QUESTIONS; i++) {
		const char *name = NAMES[i % 8];
		out[i].question = str_of(arena_printf(a, "How many ports does the %s %d have, and who sells it?", name, i));
		out[i].good = str_of(arena_printf(a, "It has %d ports, and the shop in %s street sells it for %d euros.", 2 + i % 7, NAMES[(i * 3 + 1) % 8], 100 + 7 * i));
	}
	return out;
}

/* What it says about a probe, by the code that reads a real judge's labels. */
static inline struct opinion stub_answer(enum stub_judge judge, const struct probe *p, struct splitmix *dice)
{
	double sign = p->bad_is_x ? -1 : 1, noise = world_noise(STUB_AGREEMENT) * world_normal(dice);
	double longer = p->good.len > p->bad.len ? 3 : p->good.len < p->bad.len ? -3 : 0;
	struct reading order1, order2;

	switch (judge) {
	case STUB_RANDOM:
		order1.a = world_uniform(dice);
		order2.a = world_uniform(dice);
		order1.b = 1 - order1.a;
		order2.b = 1 - order2.a;
		return opinion_of(order1, order2);
	case STUB_ALWAYS_A:
		return opinion_of((struct reading){ 0.95, 0.03 }, (struct reading){ 0.95, 0.03 });
	case STUB_LONGEST:
		return world_opinion(sign * longer, 0, false);
	case STUB_INVERTED:
		return world_opinion(-sign * stub_gap(p->kind) + noise, STUB_BIAS, false);
	default:
		return world_opinion(sign * stub_gap(p->kind) + noise, STUB_BIAS, false);
	}
}

/* The whole exam of one judge. */
static inline struct exam_card stub_exam(enum stub_judge judge, uint64_t seed)
{
	struct arena *arena = arena_new();
	struct splitmix dice = { seed };
	struct probe probes[PROBES_MAX];
	struct opinion answers[PROBES_MAX];
	struct exam_pair pairs[STUB_PAIRS];
	struct exam_paper paper = { .probes = probes, .answers = answers, .pairs = pairs };
	struct exam_card card;

	paper.n_probes = probes_make(stub_sources(arena), STUB_QUESTIONS, seed, arena, probes);
	for (size_t i = 0; i < paper.n_probes; i++)
		answers[i] = stub_answer(judge, &probes[i], &dice);
	for (; judge == STUB_GOOD && paper.n_pairs < STUB_PAIRS; paper.n_pairs++) {
		double seen = M_SQRT2 * world_normal(&dice) + world_noise(STUB_AGREEMENT) * world_normal(&dice);
		pairs[paper.n_pairs] = (struct exam_pair){ .opinion = world_opinion(seen, STUB_BIAS, false) };
	}
	exam_grade(&paper, &card);
	arena_free(arena);
	return card;
}

#endif
