/* SPDX-License-Identifier: Apache-2.0
 *
 * plan - how a column's questions are cut into groups, the units that a worker answers.  Pure functions.
 *
 * Exact mode: the first question alone (so that every column shows something early), then 4 * slots each.  Questions that
 * were added later begin a new part, and no group crosses a part: a group's cells, and with them its batch plan, never change
 * once they were asked.  Fast mode: the first chunk is 4 * slots (no question stands alone, which costs a small set a twentieth), then
 * parts are cut into large chunks with one endless refill. */
#ifndef ASSAY_ENGINE_PLAN_H
#define ASSAY_ENGINE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_GROUP_SLOTS 4   /* an exact group has 4 * slots cells */
#define PLAN_FAST_CELLS 1024 /* cells in a chunk of fast mode; for drafts at most DRAFTS_KEPT of worker/draft.h */
#define PLAN_GROUP_BYTES (2 << 20) /* of questions in a group: in JSON up to six times as many, and a frame takes 16 MiB */

struct plan_group {
	int64_t first; /* position of the first question */
	int64_t count;
};

struct plan {
	const int64_t *starts; /* position of the first question of every part, ascending, starts[0] is 0 */
	size_t n_starts;
	int64_t n_questions;
	int64_t slots; /* at least 1 */
	bool is_fast;
};

/* The group that begins at `position` (a group's first question; 0 for the first group); count is 0 past the end. */
struct plan_group plan_group_at(const struct plan *p, int64_t position);

/* True where one more question fits into a group that has `n` already, `bytes` being the size of all with it.  A group is cut
 * before the first that does not; so its end follows from the questions alone. */
bool plan_fits(int64_t n, int64_t bytes);

#endif
