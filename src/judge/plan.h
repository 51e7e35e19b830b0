/* SPDX-License-Identifier: Apache-2.0
 *
 * plan - how many questions and judge calls fit into the time that somebody gives, from measured speeds; and which candidates
 * racing may leave behind.
 *
 * Never fewer than PLAN_QUESTIONS_MIN questions where the set has so many.  Questions go before pairs: first all candidates
 * are compared with each other, then, where the time is short, only PLAN_FINALISTS of them (and the base model) after the first
 * PLAN_QUESTIONS_MIN questions, then fewer questions.  Thread: any. */
#ifndef ASSAY_JUDGE_PLAN_H
#define ASSAY_JUDGE_PLAN_H

#include "judge/contrast.h"

#define PLAN_QUESTIONS_MIN 40
#define PLAN_FINALISTS 4

struct plan_speeds {
	double answer_s;     /* seconds for one answer, with as many in parallel as there will be */
	double load_s;	     /* to load all models, judge included, once */
	double judge_call_s; /* for one order of one pair; 0: no judge */
};

struct plan_request {
	size_t n_questions, n_candidates; /* the base model included */
	size_t n_stored;		  /* answers that are there already */
	size_t n_exam_calls;		  /* left to make; two for each probe */
	double budget_s;		  /* 0: no limit */
	struct plan_speeds speeds;
};

struct plan_result {
	size_t n_questions;
	size_t n_raced;	   /* the first questions, with all candidates; n_questions without racing */
	size_t n_finalists; /* compared in the questions after those; n_candidates without racing */
	size_t n_answers, n_judge_calls; /* that are still to make */
	double seconds;	   /* for all of it */
	bool fits;	   /* in the budget; false: even the least takes longer */
};

/* Judge calls for one question: each two candidates in both orders. */
size_t plan_calls(size_t n_candidates);

struct plan_result plan_make(const struct plan_request *request);

/* Racing: is_dropped[c] becomes true for each candidate that the leader is known to beat, at any time it is asked.  By an
 * e-process for each two candidates over their question differences in the order of the questions: among equals anybody is ever
 * dropped with at most DECISION_ALPHA, however often one looks.  Does nothing before PLAN_QUESTIONS_MIN questions; the base
 * model stays, and so do at least two others.  Returns how many it dropped.  Those that are dropped already are not looked at. */
size_t plan_race(const struct evidence *e, bool is_dropped[EVIDENCE_CANDIDATES_MAX]);

/* More questions would not change the result: the leader, which may be the base model, is known to beat each other candidate
 * that is left, by the e-processes of plan_race(), at any time it is asked.  Of the questions the last DECISION_FRESH_MIN are not
 * looked at, so that the win rate can be read from them; never before PLAN_QUESTIONS_MIN others. */
bool plan_is_settled(const struct evidence *e, const bool is_dropped[EVIDENCE_CANDIDATES_MAX]);

/* Questions of the next round, of at most `n`: with half as many again as there are, at least DECISION_FRESH_MIN, little is asked in
 * vain where they settle it. */
size_t plan_round(size_t n_asked, size_t n);

#endif
