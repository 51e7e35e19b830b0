/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/probe.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "judge/probe_text.h"
#include "judge/prompts.h"
#include "metric/splitmix.h"

static const size_t WANTED[PROBE_KINDS] = { 8, 8, 8, 10, 6, 6 };

const char *probe_kind_name(enum probe_kind kind)
{
	static const char *const NAMES[] = { "other", "cut", "fact", "padded", "language", "identical" };

	return NAMES[kind];
}

struct maker {
	const struct probe_source *sources;
	const uint32_t *order; /* usable sources, shuffled */
	size_t n;
	struct splitmix dice;
	struct arena *arena;
	bool is_traditional; /* the set */
};

/* The good side of another question, as different as it gets in the first few tries; empty where all are the same. */
static struct str other_answer(struct maker *m, size_t at)
{
	for (size_t step = 1; step < m->n; step++) {
		struct str other = m->sources[m->order[(at + step) % m->n]].good;
		if (!str_eq(other, m->sources[m->order[at]].good))
			return other;
	}
	return (struct str){ NULL, 0 };
}

/* The worse side; false where this kind cannot be made of this text. */
static bool make_bad(struct maker *m, enum probe_kind kind, size_t at, struct buf *bad)
{
	struct str good = m->sources[m->order[at]].good, other = other_answer(m, at);

	switch (kind) {
	case PROBE_OTHER:
		buf_add_str(bad, other);
		return other.len > 0;
	case PROBE_CUT:
		return probe_cut(bad, good);
	case PROBE_FACT:
		return probe_wrong_fact(bad, good, other, m->sources[m->order[at]].question);
	case PROBE_PADDED:
		return probe_padded(bad, good);
	case PROBE_LANGUAGE:
		return (m->is_traditional && probe_simplified(bad, good)) || probe_other_language(bad, good);
	case PROBE_IDENTICAL:
		buf_add_str(bad, good);
		return true;
	case PROBE_KINDS:
		break;
	}
	return false;
}

/* One of a kind from the questions from `*at` on; false where none is left. */
static bool make_probe(struct maker *m, enum probe_kind kind, size_t *at, struct probe *out)
{
	struct buf bad = BUF_INIT(4 * LIMIT_JUDGE_TEXT);
	bool done = false;

	for (; !done && *at < m->n; ++*at) {
		const struct probe_source *source = &m->sources[m->order[*at]];
		buf_clear(&bad);
		if (!make_bad(m, kind, *at, &bad) || bad.overflow)
			continue;
		char *text = arena_strndup(m->arena, buf_text(&bad), bad.len);
		*out = (struct probe){ .kind = kind, .source = m->order[*at], .good = source->good, .bad = { text, bad.len }, .bad_is_x = splitmix_next(&m->dice) & 1 };
		done = true;
	}
	buf_release(&bad);
	return done;
}

static bool is_usable(const struct probe_source *s)
{
	return s->question.len && str_trim(s->good).len && s->good.len <= LIMIT_JUDGE_TEXT;
}

/* Usable sources in a random order. */
static uint32_t *shuffle(const struct probe_source *sources, size_t n, struct splitmix *dice, size_t *n_usable)
{
	uint32_t *order = mem_array(n + 1, sizeof *order);

	*n_usable = 0;
	for (size_t i = 0; i < n; i++)
		if (is_usable(&sources[i])) {
			size_t to = splitmix_below(dice, *n_usable + 1);
			order[*n_usable] = order[to];
			order[to] = (uint32_t)i;
			++*n_usable;
		}
	return order;
}

size_t probes_make(const struct probe_source *sources, size_t n, uint64_t seed, struct arena *arena, struct probe out[PROBES_MAX])
{
	struct maker m = { .sources = sources, .dice = { seed }, .arena = arena };
	uint32_t *order = shuffle(sources, n, &m.dice, &m.n);
	size_t n_out = 0, n_traditional = 0;

	m.order = order;
	for (size_t i = 0; i < m.n; i++)
		n_traditional += probe_is_traditional(sources[order[i]].good);
	m.is_traditional = 2 * n_traditional > m.n;
	for (enum probe_kind kind = 0; kind < PROBE_KINDS && m.n; kind++) {
		size_t at = 0;
		for (size_t k = 0; k < WANTED[kind] && make_probe(&m, kind, &at, &out[n_out]); k++)
			n_out++;
	}
	mem_free(order);
	return n_out;
}
