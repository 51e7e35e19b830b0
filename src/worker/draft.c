/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/draft.h"

#include <stdlib.h>

#include "base/mem.h"

#define FIRST_CHANCE 0.7
#define CHANCE_WEIGHT 0.125 /* of the newest token in the average */

struct drafts_kept {
	int64_t question; /* 0: none */
	struct tokens answer;
};

/* Questions of a run have consecutive ids, so those of one chunk do not meet in a place; where some do, the later one stays. */
static struct drafts_kept *place(const struct drafts *all, int64_t question)
{
	return &all->kept[(uint64_t)question % DRAFTS_KEPT];
}

static void copy(struct tokens *to, const struct tokens *from)
{
	int n = from->n < DRAFT_TOKENS_MAX ? from->n : DRAFT_TOKENS_MAX;
	*to = (struct tokens){ .n = n, .cap = n };
	if (n > 0)
		to->ids = mem_copy(from->ids, (size_t)n * sizeof(*from->ids));
}

void drafts_keep(struct drafts *all, int64_t question, const struct tokens *answer)
{
	if (question <= 0)
		return;
	if (!all->kept)
		all->kept = mem_array(DRAFTS_KEPT, sizeof(*all->kept));
	struct drafts_kept *k = place(all, question);
	tokens_release(&k->answer);
	k->question = question;
	copy(&k->answer, answer);
}

void drafts_release(struct drafts *all)
{
	for (int i = 0; all->kept && i < DRAFTS_KEPT; i++)
		tokens_release(&all->kept[i].answer);
	mem_free(all->kept);
	all->kept = NULL;
}

void draft_open(struct draft *d, const struct drafts *all, int64_t question)
{
	*d = (struct draft){ .chance = FIRST_CHANCE };
	if (all->kept && question > 0 && place(all, question)->question == question)
		copy(&d->guess, &place(all, question)->answer);
}

int draft_left(const struct draft *d)
{
	return d->lost ? 0 : d->guess.n - d->at;
}

/* Behind the place where the last two tokens stand in the guess, the nearest to where it was left. */
static void look_again(struct draft *d, const struct tokens *said)
{
	int found = -1;
	for (int i = 2; said->n >= 2 && i <= d->guess.n; i++) {
		bool same = d->guess.ids[i - 2] == said->ids[said->n - 2] && d->guess.ids[i - 1] == said->ids[said->n - 1];
		if (same && (found < 0 || abs(i - d->at) < abs(found - d->at)))
			found = i;
	}
	d->lost = found < 0;
	d->at = found < 0 ? d->at : found;
}

void draft_follow(struct draft *d, const struct tokens *said)
{
	if (draft_left(d) > 0) {
		bool right = d->guess.ids[d->at] == said->ids[said->n - 1];
		d->chance += CHANCE_WEIGHT * ((right ? 1 : 0) - d->chance);
		if (right) {
			d->at++;
			return;
		}
	}
	look_again(d, said);
}

void draft_release(struct draft *d)
{
	tokens_release(&d->guess);
	*d = (struct draft){ 0 };
}
