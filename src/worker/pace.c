/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/pace.h"

#define OLDER 0.98 /* what a step still counts when the next one is added */
#define STEPS_MIN 4.0
#define SPREAD_MIN 0.01 /* of the tokens' own variance over their squared mean: below it nothing can be told from them */
#define MARGIN 1.3	/* times are noisy, and what a guess costs is known less well than what a token costs */
#define CHANCE_MIN 0.2	/* of a guess that is only tried */

void pace_add(struct pace *p, int answers, int prompts, int64_t us)
{
	double x = answers, z = prompts, y = (double)us;
	p->n = OLDER * p->n + 1;
	p->x = OLDER * p->x + x;
	p->z = OLDER * p->z + z;
	p->y = OLDER * p->y + y;
	p->xx = OLDER * p->xx + x * x;
	p->xz = OLDER * p->xz + x * z;
	p->zz = OLDER * p->zz + z * z;
	p->xy = OLDER * p->xy + x * y;
	p->zy = OLDER * p->zy + z * y;
}

bool pace_fit(const struct pace *p, double *fixed, double *each)
{
	if (p->n < STEPS_MIN)
		return false;
	double x = p->x / p->n, z = p->z / p->n, y = p->y / p->n;
	double xx = p->xx / p->n - x * x, zz = p->zz / p->n - z * z, xz = p->xz / p->n - x * z;
	double xy = p->xy / p->n - x * y, zy = p->zy / p->n - z * y;
	/* Prompts that never change in length explain nothing; else what they explain of x and y is taken out. */
	double of_x = zz > 1e-9 ? xz / zz : 0, own = xx - of_x * xz;
	if (own < SPREAD_MIN * x * x)
		return false;
	double slope = (xy - of_x * zy) / own, reading = zz > 1e-9 ? (zy - slope * xz) / zz : 0;
	double rest = y - (reading > 0 ? reading * z : 0);
	*each = slope < 0 ? 0 : slope * x > rest ? rest / x : slope;
	*fixed = rest > *each * x ? rest - *each * x : 0;
	return true;
}

static void try_one_each(struct pace *p, struct pace_slot *slots, size_t n, int most)
{
	bool is_turn = p->tries++ % 2 == 1;
	for (size_t i = 0; i < n && is_turn && most > 0; i++) {
		if (slots[i].left > 0 && slots[i].chance >= CHANCE_MIN) {
			slots[i].guesses = 1;
			most--;
		}
	}
}

void pace_share_fixed(struct pace_slot *slots, size_t n, int most, int each)
{
	for (struct pace_slot *s = slots; s < slots + n; s++) {
		int wanted = each < s->left ? each : s->left;
		s->guesses = wanted < most ? wanted : most;
		if (s->guesses < 0)
			s->guesses = 0;
		most -= s->guesses;
	}
}

void pace_share(struct pace *p, struct pace_slot *slots, size_t n, int most)
{
	double fixed, each, tokens = (double)n, useful = (double)n;
	if (n == 0)
		return;
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
			if (!there || s->next * (fixed + each * tokens) <= MARGIN * each * useful)
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
