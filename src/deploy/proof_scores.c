/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/proof_scores.h"

#include <math.h>

#include "base/mem.h"
#include "metric/bootstrap.h"
#include "metric/guard.h"
#include "metric/overlap.h"

/* A length far from the reference's is a matter of taste of the validated model too; it is no defect of quantization alone. */
#define BAD (GUARD_EMPTY | GUARD_LOOP | GUARD_SCRIPT | GUARD_LANGUAGE)

/* What the set looks like: its references, or its questions where there are none. */
static void learn(struct guard_profile *profile, struct text_space *space, const struct proof_answers *answers, size_t n)
{
	bool has_references = false;

	for (size_t i = 0; i < n; i++)
		has_references |= answers[i].reference.len > 0;
	for (size_t i = 0; i < n; i++) {
		struct str text = has_references ? answers[i].reference : answers[i].question;
		if (text.len > 0)
			guard_learn(profile, text_new(space, text));
		text_space_clear(space);
	}
}

struct sums {
	double *f1_differences, *win_before, *win_after;
	size_t n, n_base;
	double before, after;
};

/* Any accepted answer is as good as the first: the nearest one counts. */
static double best_f1(struct text_space *space, struct text *answer, const struct proof_answers *a)
{
	double best = mixed_f1(answer, text_new(space, a->reference));

	for (struct str rest = a->other_references; rest.len > 0;) {
		struct str one = str_split(&rest, '\n');
		if (one.len > 0)
			best = fmax(best, mixed_f1(answer, text_new(space, one)));
	}
	return best;
}

static void score(struct sums *s, struct text_space *space, struct text *before, struct text *after,
		  const struct proof_answers *a)
{
	double f1_before = best_f1(space, before, a), f1_after = best_f1(space, after, a);

	s->before += f1_before;
	s->after += f1_after;
	s->f1_differences[s->n++] = f1_after - f1_before;
	if (!a->base.ptr)
		return;
	double f1_base = best_f1(space, text_new(space, a->base), a);
	s->win_before[s->n_base] = f1_before - f1_base;
	s->win_after[s->n_base++] = f1_after - f1_base;
}

/* Mean and interval over questions; NANs without values.  False where it was cancelled. */
static bool mean_of(const double *values, size_t n, const atomic_bool *cancel, struct bootstrap *out)
{
	struct bootstrap_options options = bootstrap_defaults();

	options.cancel = cancel;
	*out = (struct bootstrap){ .mean = NAN, .interval = { NAN, NAN } };
	return n == 0 || bootstrap_mean(values, NULL, n, n, &options, out);
}

static bool sum_up(const struct sums *s, const atomic_bool *cancel, struct verdict_input *out)
{
	struct bootstrap difference, won_before, won_after;

	if (!mean_of(s->f1_differences, s->n, cancel, &difference) || !mean_of(s->win_before, s->n_base, cancel, &won_before) ||
	    !mean_of(s->win_after, s->n_base, cancel, &won_after))
		return false;
	out->n_scored = (int64_t)s->n;
	out->f1_before = s->n > 0 ? s->before / (double)s->n : NAN;
	out->f1_after = s->n > 0 ? s->after / (double)s->n : NAN;
	out->f1_difference = difference.mean;
	out->f1_low = difference.interval.low;
	out->f1_high = difference.interval.high;
	/* What did not clearly beat the base has no win to lose. */
	out->win_before = won_before.interval.low > 0 ? won_before.mean : NAN;
	out->win_after = won_after.mean;
	return true;
}

bool proof_scores(const struct proof_answers *answers, size_t n, const atomic_bool *cancel, struct verdict_input *out)
{
	struct text_space *space = text_space_new();
	struct guard_profile profile = { 0 };
	struct sums s = { .f1_differences = mem_array(n + 1, sizeof(double)), .win_before = mem_array(n + 1, sizeof(double)),
			  .win_after = mem_array(n + 1, sizeof(double)) };

	learn(&profile, space, answers, n);
	for (size_t i = 0; i < n && !atomic_load(cancel); i++) {
		struct text *before = text_new(space, answers[i].before), *after = text_new(space, answers[i].after);
		out->n_answers++;
		bool bad_before = (guard_check(&profile, before, NULL).flags & BAD) != 0;
		bool bad_after = (guard_check(&profile, after, NULL).flags & BAD) != 0;
		out->n_bad_before += bad_before;
		out->n_bad_after += bad_after;
		out->n_bad_new += bad_after && !bad_before;
		if (answers[i].reference.len > 0)
			score(&s, space, before, after, &answers[i]);
		text_space_clear(space);
	}
	bool done = sum_up(&s, cancel, out);
	text_space_free(space);
	mem_free(s.f1_differences);
	mem_free(s.win_before);
	mem_free(s.win_after);
	return done && !atomic_load(cancel);
}
