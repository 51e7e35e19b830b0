/* SPDX-License-Identifier: Apache-2.0
 *
 * question_problems - what was wrong with single rows of a question file, and notes on what was done with it.
 *
 * The sentences name how many questions were read in spite of the problem, so they are made at the end.
 * Thread: one owner at a time. */
#ifndef ASSAY_MODEL_QUESTION_PROBLEMS_H
#define ASSAY_MODEL_QUESTION_PROBLEMS_H

#include "model/questions.h"

#define QUESTION_PROBLEMS_KEPT 100

enum question_problem_kind {
	QUESTION_FINE = 0,
	/* The row is not taken. */
	QUESTION_NOT_TEXT,
	QUESTION_NOT_OBJECT,
	QUESTION_WRONG_JSON,
	QUESTION_JSON_STOPPED,
	QUESTION_DEEP,
	QUESTION_AFTER_END,
	QUESTION_ROW_TOO_LONG,
	QUESTION_ROW_COMPLEX,
	QUESTION_EMPTY,
	QUESTION_TOO_LONG,
	QUESTION_SURROGATE,
	QUESTION_NUL,
	QUESTION_DUPLICATE_KEY,
	QUESTION_MISSING,
	QUESTION_NO_USER_TURN,
	QUESTION_RAGGED,
	QUESTION_CSV_QUOTE,
	QUESTION_ELSEWHERE,
	/* The row is taken. */
	QUESTION_NOTE_DUPLICATE,
	QUESTION_NOTE_DUPLICATE_ID,
	QUESTION_NOTE_TRAILING_COMMA,
	QUESTION_NOTE_MISSING_COMMA,
	QUESTION_NOTE_RAGGED,
	/* One for the whole file, with how many rows it concerns. */
	QUESTION_NOTE_TURNS,
	QUESTION_NOTE_TURN_ALONE,
	QUESTION_NOTE_ANSWERS,
	QUESTION_NOTE_CONTEXT,
	QUESTION_NOTE_CHECKS,
	QUESTION_NOTE_RATING,
	QUESTION_NOTE_AGAIN,
	QUESTION_NOTE_COMMENTS,
	QUESTION_NOTE_ENCODING,
	QUESTION_NOTE_RECORD,
	QUESTION_NOTE_AROUND,
	QUESTION_PROBLEM_KINDS
};

struct question_problems {
	struct {
		enum question_problem_kind kind;
		int64_t line;
		unsigned long long number;
		char found[96];
	} kept[QUESTION_PROBLEMS_KEPT];
	size_t n, n_refused; /* how many, and how many of them are no notes */
	bool by_item;        /* places are numbers of items, as all of the file stands in one line */
	struct {
		int64_t line; /* of the first such row */
		size_t count;
	} notes[QUESTION_PROBLEM_KINDS];
};

/* Adds one; `found` is cut to a short excerpt on one line.  What `number` is depends on the kind: a limit, another line,
 * a count of fields. */
void question_problems_add(struct question_problems *p, enum question_problem_kind kind, int64_t line,
			   struct str found, unsigned long long number);

/* Counts a note that is reported once for the whole file. */
void question_problems_note(struct question_problems *p, enum question_problem_kind kind, int64_t line, size_t count);

/* Adds the notes and fills problems and n_problems of `out`; its n_total must be final. */
void question_problems_finish(struct question_problems *p, struct arena *a, struct question_import *out);

#endif
