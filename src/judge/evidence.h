/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence - all that is known about the answers of a run, and who decides which of two answers is better.
 *
 * For each question and each two candidates the first of these that has an opinion decides:
 *
 *     1  guards       one answer is unusable (empty, a loop, the wrong script or language): the other is better
 *     2  thumbs       more of the people who rated the question liked one of the two
 *     3  reference    a short reference answer (a number, a name, a fact): the closer answer is better
 *     4  judge        a judge model that passed its exam
 *     5  long text    a long reference answer, where no judge decided
 *
 * References that only few questions have (fewer than half) count where no judge that passed is there.
 * docs/decision.md is this table for users.  Thread: any. */
#ifndef ASSAY_JUDGE_EVIDENCE_H
#define ASSAY_JUDGE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "judge/opinion.h"

#define EVIDENCE_CANDIDATES_MAX LIMIT_COLUMNS
#define EVIDENCE_NO_BASE SIZE_MAX
#define EVIDENCE_REFERENCE_BAND 0.05 /* scores this close to each other are a tie */

enum layer { LAYER_NONE, LAYER_GUARDS, LAYER_THUMBS, LAYER_REFERENCE, LAYER_JUDGE, LAYER_LONG_REFERENCE, LAYER_COUNT };

/* "none", "guards", "thumbs", "reference", "judge", "long_reference": as in JSON. */
const char *layer_name(enum layer layer);

/* A valid opinion of the judge (or of the panel). */
struct judged_pair {
	uint32_t question;
	uint16_t a, b;
	double a_score; /* soft win of a, 0 to 1 */
	enum outcome outcome; /* for a */
};

/* Arrays of [question * n_candidates + candidate], all borrowed; NULL where there is nothing of the kind. */
struct evidence {
	size_t n_questions; /* answered by every candidate that is not dropped */
	size_t n_candidates; /* in the order of their epochs */
	size_t base;	     /* which of them is the base model, or EVIDENCE_NO_BASE */
	const int *epoch;    /* of each candidate; of the base model it means nothing */
	const bool *is_dropped; /* each candidate that racing stopped early */
	size_t n_selection;	/* the first questions, which racing looked at; 0 without racing */
	const bool *is_unusable;
	const bool *is_identical; /* the answer is the base model's, letter for letter */
	const bool *is_right;	  /* against the reference; means nothing where `reference` is NaN */
	const double *reference;  /* score of the answer against the reference, 0 to 1; NaN: no reference */
	const bool *is_short;	  /* for each question: its reference is short */
	const double *thumbs;	  /* share of the people who rated the question that liked it, 0 to 1; NaN: not rated */
	const double *length;	  /* of each answer, in any unit: to see whether the judge likes long ones; NULL: unknown */
	const uint32_t *conversation; /* for each question, below n_questions: turns of one are no independent questions; NULL: all are */
	const struct judged_pair *pairs; /* in any order */
	size_t n_pairs;
	bool has_judge;	   /* one was asked */
	bool judge_is_fit; /* it passed its exam; else `pairs` is not looked at */
};

/* Which answers of one question are better than which. */
struct duels {
	double score[EVIDENCE_CANDIDATES_MAX][EVIDENCE_CANDIDATES_MAX]; /* soft win of the row over the column; NaN: unknown */
	enum outcome outcome[EVIDENCE_CANDIDATES_MAX][EVIDENCE_CANDIDATES_MAX]; /* of the row */
	enum layer layer[EVIDENCE_CANDIDATES_MAX][EVIDENCE_CANDIDATES_MAX];
};

struct evidence_reader;

/* Sorts the judge's pairs by question.  `e` must live as long.  Never returns NULL. */
struct evidence_reader *evidence_reader_new(const struct evidence *e);
/* NULL is fine. */
void evidence_reader_free(struct evidence_reader *r);

/* The duels of a question. */
void evidence_duels(const struct evidence_reader *r, size_t question, struct duels *out);

/* The layers that may decide here. */
bool evidence_admits(const struct evidence_reader *r, enum layer layer);

/* Questions that have a reference, that somebody rated. */
size_t evidence_n_references(const struct evidence_reader *r);
size_t evidence_n_rated(const struct evidence_reader *r);

#endif
