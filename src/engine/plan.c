/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/plan.h"

static int64_t part_end(const struct plan *p, int64_t position)
{
	for (size_t i = 0; i < p->n_starts; i++) {
		if (p->starts[i] > position)
			return p->starts[i];
	}
	return p->n_questions;
}

struct plan_group plan_group_at(const struct plan *p, int64_t position)
{
	int64_t group = PLAN_GROUP_SLOTS * (p->slots > 0 ? p->slots : 1);
	int64_t size = p->is_fast ? PLAN_FAST_CELLS : group;

	if (position >= p->n_questions)
		return (struct plan_group){ p->n_questions, 0 };
	int64_t left = part_end(p, position) - position;
	if (position == 0)
		size = p->is_fast ? group : 1;
	return (struct plan_group){ position, left < size ? left : size };
}

bool plan_fits(int64_t n, int64_t bytes)
{
	return n == 0 || bytes <= PLAN_GROUP_BYTES;
}
