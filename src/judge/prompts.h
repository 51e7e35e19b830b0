/* SPDX-License-Identifier: Apache-2.0
 *
 * prompts - what a judge model is asked about two answers, in either order.
 *
 * The prompt ends where the judge would write its verdict, so that one decode step tells it: the reply starts with `lead`
 * (given to the model as the begin of its own message), and the next token is one of two labels.  For a provider that cannot
 * continue a message, leave `lead` away: the prompt itself asks for one letter, opinion.h reads the reply.
 *
 * Question, reference and answers stand between marks whose number is made from all of them and occurs in none, and control
 * tokens of the common chat templates in them are broken up: an answer cannot end its quotation or speak as somebody else.
 * The same marks serve both orders, which differ in nothing but the order.
 *
 * Thread: any. */
#ifndef ASSAY_JUDGE_PROMPTS_H
#define ASSAY_JUDGE_PROMPTS_H

#include "base/buf.h"
#include "base/msg.h"

/* Raised with every change of the wording: verdicts of different versions are not compared. */
#define PROMPTS_VERSION 1

struct judge_case {
	struct str question;
	struct str reference; /* empty: none */
	struct str x, y;      /* answers, valid UTF-8, without their thinking; cut at LIMIT_JUDGE_TEXT */
};

struct judge_prompt {
	struct buf system, user;
	const char *lead; /* "Answer:" or "答案：" */
};

/* In Chinese where the question is, else in English. */
enum lang prompts_language(struct str question);

/* Order 1 shows X as answer A, order 2 (`is_swapped`) Y.  Release with judge_prompt_release(). */
void judge_prompt_make(const struct judge_case *c, bool is_swapped, struct judge_prompt *out);

/* Frees the texts. */
void judge_prompt_release(struct judge_prompt *p);

/* Pairs of labels to try in this order behind `lead`: the first whose two texts are each one token more than `lead` alone, and
 * the same tokens before it, in the judge's own vocabulary.  A judge without such a pair is asked for text. */
struct judge_labels {
	const char *a, *b;
};

#define JUDGE_LABELS_COUNT 3
extern const struct judge_labels JUDGE_LABELS[JUDGE_LABELS_COUNT];

#endif
