/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/forced_plan.h"

/* The largest end of a segment that starts at `from` and keeps to the room that is left. */
static int segment_end(const struct forced_length *item, int from, int tokens, int rows)
{
	int end = item->n - 1;
	if (end > from + tokens)
		end = from + tokens;
	int start_of_rows = from > item->first ? from : item->first;
	if (end > start_of_rows + rows)
		end = start_of_rows + rows;
	return end;
}

static int rows_in(const struct forced_length *item, int from, int to)
{
	int start = from > item->first ? from : item->first;
	return to > start ? to - start : 0;
}

bool forced_next(const struct forced_length *items, size_t n, const struct forced_limits *limits,
		 struct forced_cursor *cursor, struct forced_step *out)
{
	*out = (struct forced_step){ .n = 0 };
	int seq = cursor->fed > 0 ? cursor->seq : 1;
	while (cursor->item < n && out->n < FORCED_SEQUENCES) {
		const struct forced_length *item = &items[cursor->item];
		bool begins = cursor->fed == 0;
		int from = begins ? item->shared : cursor->fed;
		int to = segment_end(item, from, limits->tokens - out->tokens, limits->rows - out->rows);
		bool last = to == item->n - 1;
		/* A text that does not fit in whole begins a step of its own. */
		if (to == from || (begins && !last && out->n > 0))
			break;
		out->segments[out->n++] = (struct forced_segment){ cursor->item, seq, from, to, begins, last };
		out->tokens += to - from;
		out->rows += rows_in(item, from, to);
		if (!last) {
			cursor->fed = to;
			cursor->seq = seq;
			break;
		}
		cursor->item++;
		cursor->fed = 0;
		seq = seq % FORCED_SEQUENCES + 1;
	}
	return out->n > 0;
}
