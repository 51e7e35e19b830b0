/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/text.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "metric/common_run.h"
#include "metric/lcs.h"
#include "metric/tokenize.h"
#include "metric/unicode.h"

struct text_space {
	struct arena *arena;
	struct vocab *vocab;
	char *scratch; /* grows, never shrinks */
	size_t scratch_size;
	const atomic_bool *cancel; /* NULL: cannot be stopped */
};

static const struct gram_shape *const shapes[TEXT_FORMS] = {
	[TEXT_CHARS] = &GRAM_CHARS,   [TEXT_MIXED] = &GRAM_PAIRS,      [TEXT_SQUAD] = &GRAM_PAIRS,   [TEXT_ROUGE] = &GRAM_PAIRS,
	[TEXT_CMRC] = &GRAM_PAIRS,
	[TEXT_CHRF_WORDS] = &GRAM_PAIRS, [TEXT_BLEU_13A] = &GRAM_WORDS, [TEXT_BLEU_ZH] = &GRAM_WORDS,
};

struct form {
	struct tokens tokens;
	struct grams grams;
	bool has_tokens, has_grams;
	const struct text *matched_with; /* NULL: none yet */
	uint32_t matches[GRAM_ORDER_MAX];
};

struct text {
	struct text_space *space;
	struct str source;
	bool was_cut;
	const uint32_t *points;
	size_t n_points;
	struct form forms[TEXT_FORMS];
};

struct text_space *text_space_new(void)
{
	struct text_space *space = mem_alloc(sizeof *space);

	space->arena = arena_new();
	space->vocab = vocab_new();
	return space;
}

void text_space_free(struct text_space *space)
{
	if (!space)
		return;
	arena_free(space->arena);
	vocab_free(space->vocab);
	mem_free(space->scratch);
	mem_free(space);
}

void text_space_clear(struct text_space *space)
{
	arena_free(space->arena);
	space->arena = arena_new();
	vocab_clear(space->vocab);
}

void text_space_cancel_by(struct text_space *space, const atomic_bool *cancel)
{
	space->cancel = cancel;
}

/* Working memory of one call, aligned for any type. */
static void *scratch(struct text_space *space, size_t size)
{
	if (space->scratch_size < size) {
		mem_free(space->scratch);
		space->scratch_size = size + size / 2;
		space->scratch = mem_alloc(space->scratch_size);
	}
	return space->scratch;
}

struct text *text_new(struct text_space *space, struct str utf8)
{
	struct text *t = arena_alloc(space->arena, sizeof *t);

	t->space = space;
	t->was_cut = utf8.len > LIMIT_METRIC_BYTES;
	if (t->was_cut) {
		utf8.len = LIMIT_METRIC_BYTES;
		utf8.len = utf8_whole(utf8);
	}
	t->source = (struct str){ arena_strndup(space->arena, utf8.ptr, utf8.len), utf8.len };
	uint32_t *points = scratch(space, (utf8.len + 1) * sizeof *points);
	t->n_points = points_decode(t->source, points);
	uint32_t *kept = arena_array(space->arena, t->n_points + 1, sizeof *kept);
	memcpy(kept, points, t->n_points * sizeof *kept);
	t->points = kept;
	return t;
}

bool text_was_cut(const struct text *t)
{
	return t->was_cut;
}

size_t text_n_bytes(const struct text *t)
{
	return t->source.len;
}

size_t text_n_points(const struct text *t)
{
	return t->n_points;
}

const uint32_t *text_points(const struct text *t)
{
	return t->points;
}

static void tokenize(struct tokenize_job *job, enum text_form form)
{
	switch (form) {
	case TEXT_CHARS:
		tokenize_chars(job);
		break;
	case TEXT_MIXED:
		tokenize_mixed(job);
		break;
	case TEXT_SQUAD:
		tokenize_squad(job);
		break;
	case TEXT_CMRC:
		tokenize_cmrc(job);
		break;
	case TEXT_ROUGE:
		tokenize_rouge(job);
		break;
	case TEXT_CHRF_WORDS:
		tokenize_chrf_words(job);
		break;
	case TEXT_BLEU_13A:
	case TEXT_BLEU_ZH:
		tokenize_bleu(job, form == TEXT_BLEU_ZH);
		break;
	case TEXT_FORMS:
		BUG("no such form of a text");
	}
}

struct tokens text_tokens(struct text *t, enum text_form form)
{
	struct form *f = &t->forms[form];

	if (!f->has_tokens) {
		size_t n_ids = t->source.len + 1, n_spare = 2 * t->n_points;
		struct tokenize_job job = { .text = t->source, .points = t->points, .n_points = t->n_points,
					    .vocab = t->space->vocab };
		job.ids = scratch(t->space, (n_ids + n_spare) * sizeof *job.ids + 2 * t->source.len + 4);
		job.spare = job.ids + n_ids;
		job.bytes = (char *)(job.spare + n_spare);
		tokenize(&job, form);
		uint32_t *ids = arena_array(t->space->arena, job.n + 1, sizeof *ids);
		memcpy(ids, job.ids, job.n * sizeof *ids);
		f->tokens = (struct tokens){ ids, job.n };
		f->has_tokens = true;
	}
	return f->tokens;
}

const struct grams *text_grams(struct text *t, enum text_form form)
{
	struct form *f = &t->forms[form];

	if (!f->has_grams) {
		struct tokens tokens = text_tokens(t, form);
		gram_key *keys = scratch(t->space, (tokens.n + 1) * sizeof *keys);
		f->grams = grams_make(t->space->arena, tokens, *shapes[form], keys);
		f->has_grams = true;
	}
	return &f->grams;
}

const uint32_t *text_matches(struct text *t, struct text *other, enum text_form form)
{
	struct form *f = &t->forms[form];

	if (f->matched_with != other) {
		grams_match(text_grams(t, form), text_grams(other, form), f->matches);
		f->matched_with = other;
	}
	return f->matches;
}

const uint32_t *text_matches_best(struct text *t, struct text *const *others, size_t n, enum text_form form)
{
	struct form *f = &t->forms[form];

	if (n == 1)
		return text_matches(t, others[0], form);
	const struct grams **list = arena_array(t->space->arena, n, sizeof *list);
	for (size_t i = 0; i < n; i++)
		list[i] = text_grams(others[i], form);
	grams_match_best(text_grams(t, form), list, n, f->matches);
	f->matched_with = NULL;
	return f->matches;
}

bool text_same_tokens(struct text *a, struct text *b, enum text_form form)
{
	struct tokens x = text_tokens(a, form), y = text_tokens(b, form);

	return x.n == y.n && memcmp(x.ids, y.ids, x.n * sizeof *x.ids) == 0;
}

size_t text_common_subsequence(struct text *a, struct text *b, enum text_form form)
{
	struct tokens x = text_tokens(a, form), y = text_tokens(b, form);

	return lcs_length(x, y, scratch(a->space, lcs_scratch_size(x.n, y.n)), a->space->cancel);
}

size_t text_common_run(struct text *a, struct text *b, enum text_form form)
{
	struct tokens x = text_tokens(a, form), y = text_tokens(b, form);

	return common_run_length(x, y, scratch(a->space, common_run_scratch_size(x.n, y.n)), a->space->cancel);
}
