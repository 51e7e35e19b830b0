/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/match.h"

#include <math.h>

#include "base/mem.h"
#include "metric/wilcoxon.h"

#define P_MAX 0.01
#define GAIN_MIN 0.02  /* of a token: what a fine-tune learns of its own data is more than this */
#define NOTHING 0.0005 /* less than another batch shape makes */
#define HOPELESS -6    /* no model is so surprised by what it was trained on: it guesses among hundreds of tokens */
/* What the trainer recorded may be of the questions too, or of other answers; of a relative of the base it is worse by far. */
#define LOSS_FACTOR 3
#define LOSS_MORE 1

static bool is_usable(const struct match_pair *p)
{
	return p->n_tokens > 0 && isfinite(p->without) && isfinite(p->with);
}

bool match_is_more_likely(const struct match_result *r)
{
	return r->with - r->without >= GAIN_MIN && r->p <= P_MAX && 2 * r->n_better > r->n_answers;
}

static enum match_verdict verdict_of(const struct match_result *r, double recorded_loss)
{
	double gain = r->with - r->without;

	if (r->n_answers < MATCH_ANSWERS_MIN || fabs(gain) < NOTHING)
		return MATCH_CANNOT_TELL;
	if (r->with < HOPELESS)
		return MATCH_DOES_NOT_FIT;
	if (match_is_more_likely(r))
		return -r->with > LOSS_FACTOR * recorded_loss + LOSS_MORE ? MATCH_CANNOT_TELL : MATCH_FITS;
	/* A few answers that went wrong may outweigh many that did not. */
	return gain < 0 && 2 * r->n_better <= r->n_answers ? MATCH_DOES_NOT_FIT : MATCH_CANNOT_TELL;
}

struct match_result match_judge(const struct match_pair *pairs, size_t n, double recorded_loss)
{
	struct match_result r = { .without = NAN, .with = NAN, .p = NAN };
	double *gains = mem_array(n + 1, sizeof *gains), without = 0, with = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_usable(&pairs[i]))
			continue;
		double gain = (pairs[i].with - pairs[i].without) / (double)pairs[i].n_tokens;
		gains[r.n_answers++] = gain;
		r.n_better += gain > 0;
		r.n_tokens += pairs[i].n_tokens;
		without += pairs[i].without;
		with += pairs[i].with;
	}
	if (r.n_answers > 0) {
		r.without = without / (double)r.n_tokens;
		r.with = with / (double)r.n_tokens;
		r.p = wilcoxon(gains, r.n_answers).p;
	}
	r.verdict = verdict_of(&r, recorded_loss);
	mem_free(gains);
	return r;
}

const char *match_verdict_name(enum match_verdict v)
{
	static const char *const names[] = { "cannot_tell", "fits", "does_not_fit" };

	return names[v];
}
