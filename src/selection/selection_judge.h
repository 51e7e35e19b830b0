/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_judge - the judge of an automatic validation: its exam, and pairs of answers.  Thread: loop. */
#ifndef ASSAY_SELECTION_SELECTION_JUDGE_H
#define ASSAY_SELECTION_SELECTION_JUDGE_H

#include "engine/remote_judge.h"
#include "judge/prompts.h"
#include "selection/selection_private.h"

/* Two answers that the judge is asked about, in both orders. */
struct judge_question {
	struct judge_case texts;
	bool is_fresh; /* asked whether or not it was asked before */
	struct reading readings[2]; /* of either order; nothing of both labels where it gave none */
};

struct judging {
	struct arena *arena;
	enum judge_state state;
	struct model_row model, base; /* base: the model itself, or what it stands on */
	char *adapter_file;	      /* owned; NULL: none */
	const char *template;	      /* that it is asked with; "": its file's own */
	char identity[256];	      /* of all that its readings depend on */
	struct exam_card card;
	bool has_card;
	struct opinion repeats[PROBES_MAX][2];
	size_t n_repeats;
	struct probe *probes;
	struct opinion *probe_opinions;
	size_t n_probes;
	struct judged_pair *pairs;
	size_t n_pairs;

	/* the questions that are asked now: selection_ask_judge.c */
	struct judge_question *questions;
	size_t n, at;
	void (*asked)(struct selection *s);
	bool is_loaded, is_in_words;
	const struct remote *provider; /* of a judge that is elsewhere, NULL: it is here */
	struct remote_judge *remote;
	struct judge_batch *batch; /* in the worker */
	struct err problem;	   /* why it could not be asked */

	size_t repeated[PROBES_MAX]; /* which probe was asked again */
	struct asked_pair *asked_pairs; /* pairs of answers: selection_judge.c */
	size_t n_asked;
};

/* Asks all of s->judging->questions, from `at` 0 on; `asked` follows when all are known or the time is up (`at` < n).  A failure
 * of the judge ends the judging, not the selection. */
void ask_judge(struct selection *s, void (*asked)(struct selection *s));

/* NULL is fine. */
void judge_batch_free(struct judge_batch *b);

/* The judge cannot be asked (any more): it counts as not used, and the step at hand is skipped. */
void judging_give_up(struct selection *s, const struct err *cause);

/* For the decision. */
struct opinions judging_opinions(const struct selection *s);

#endif
