/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/pace.h"

#define OLDER 0.98	 /* what a step still counts when the next one is added */
#define STEPS_MIN 4.0
#define SPREAD_MIN 0.003 /* of the variance of the tokens over their squared mean: below it nothing can be told from them */

void pace_add(struct pace *p, int tokens, int64_t us)
{
	double x = tokens, y = (double)us;
	p->n = OLDER * p->n + 1;
	p->x = OLDER * p->x + x;
	p->y = OLDER * p->y + y;
	p->xx = OLDER * p->xx + x * x;
	p->xy = OLDER * p->xy + x * y;
}

bool pace_fit(const struct pace *p, double *fixed, double *each)
{
	if (p->n < STEPS_MIN)
		return false;
	double x = p->x / p->n, y = p->y / p->n, variance = p->xx / p->n - x * x;
	if (variance < SPREAD_MIN * x * x)
		return false;
	double slope = (p->xy / p->n - x * y) / variance;
	*each = slope < 0 ? 0 : slope > y / x ? y / x : slope;
	*fixed = y > *each * x ? y - *each * x : 0;
	return true;
}

static void try_one_each(struct pace *p, struct pace_slot *slots, size_t n, int most)
{
	bool is_turn = p->tries++ % 2 == 1;
	for (size_t i = 0; i < n && is_turn && most > 0; i++) {
		if (slots[i].left > 0) {
			slots[i].guesses = 1;
			most--;
		}
	}
}

void pace_share(struct pace *p, struct pace_slot *slots, size_t n, int most)
{
	double fixed, each, tokens = (double)n, useful = (double)n;
	for (size_t i = 0; i < n; i++) {
		slots[i].guesses = 0;
		slots[i].next = slots[i].chance;
	}
	if (!pace_fit(p, &fixed, &each)) {
		try_one_each(p, slots, n, most);
		return;
	}
	/* One more for every slot, then a second one for every slot, as long as any is worth it. */
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < n && most > 0; i++) {
			struct pace_slot *s = &slots[i];
			bool there = s->guesses < s->left && s->guesses < PACE_GUESSES_MAX;
			if (!there || s->next * (fixed + each * tokens) <= each * useful)
				continue;
			s->guesses++;
			most--;
			tokens += 1;
			useful += s->next;
			s->next *= s->chance;
			more = true;
		}
	}
}
