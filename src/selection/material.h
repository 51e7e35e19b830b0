/* SPDX-License-Identifier: Apache-2.0
 *
 * material - what is known of the answers of a run before anybody judges them: who the candidates are, which questions all of
 * them answered, and for each answer what guards, references and people say.  Thread: one at a time. */
#ifndef ASSAY_SELECTION_MATERIAL_H
#define ASSAY_SELECTION_MATERIAL_H

#include "judge/evidence.h"
#include "metric/guard.h"
#include "store/model_store.h"
#include "store/selection_store.h"

/* These make an answer unusable; a length far from the reference's is a matter of taste. */
#define MATERIAL_UNUSABLE (GUARD_EMPTY | GUARD_LOOP | GUARD_SCRIPT | GUARD_LANGUAGE)

struct material {
	struct arena *arena;
	struct run_row run;
	struct column_row *columns; /* the candidates */
	struct model_row *models;   /* of the columns, */
	struct model_row *bases;    /* and what they stand on: itself for full weights */
	size_t n_columns;
	size_t base;		    /* the column of the base model, or EVIDENCE_NO_BASE */
	bool is_out[LIMIT_COLUMNS]; /* gave no answer at all, or racing dropped it */
	struct run_question *questions; /* of the run, with a cell for each column */
	size_t n_questions;
	size_t *answered; /* those that every candidate that is not out answered, ascending */
	size_t n_answered;
	struct selection_cell *cells; /* [question * n_columns + column] */
	struct str *references;	      /* NFC, of all questions together; question q has [starts[q], starts[q + 1]) */
	size_t *starts;
	bool *is_short;	  /* of each question: its reference */
	double *thumbs;	  /* [question * n_columns + column]: share of its raters, 0 to 1; NAN: not rated, or not all there then */
	size_t *lengths;  /* [question * n_columns + column]: characters */
	unsigned char *groups; /* of each question: enum leak_group; NULL: no training file was given */
	size_t n_examples;     /* in the training file */
	struct likelihood_row *likelihoods; /* [question * n_columns + column]; n_tokens 0: unknown */
	size_t n_references, n_rated; /* of the answered ones */
};

/* Reads a run; `dropped` are ids of columns that racing has left behind.  ERR_LIMIT "err_selection_questions" above LIMIT_SELECTION_QUESTIONS; ERR_INVALID "err_selection_candidates"
 * for fewer than two columns. */
MUST_USE enum err_code material_read(struct db *db, int64_t run_id, const int64_t *dropped, size_t n_dropped, struct material **out,
				     const atomic_bool *cancel, struct err *err);

/* Guards and metrics of every answer, and what is known from the training file ("": none); once only.  ERR_CANCELLED; what
 * leak_read() says of the file. */
MUST_USE enum err_code material_score(struct material *m, const char *training_path, const atomic_bool *cancel, struct err *err);

/* Pairs count the questions that `old` has answered; afterwards those of `now`, a later state of the same run.  Pairs of questions
 * that are no longer answered go.  Returns how many are left. */
size_t material_follow(const struct material *old, const struct material *now, struct judged_pair *pairs, size_t n);

/* NULL is fine. */
void material_free(struct material *m);

/* Arrays over the answered questions, as judge/evidence.h wants them; they belong to the material's arena. */
struct evidence material_evidence(struct material *m);

/* The model with full weights that most of the others stand on, else the only one; EVIDENCE_NO_BASE. */
size_t material_find_base(const struct model_row *models, size_t n);

#endif
