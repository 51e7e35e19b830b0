/* SPDX-License-Identifier: Apache-2.0
 *
 * judge_choice - which model compares the answers where nobody chose one.  Pure.  Thread: any. */
#ifndef ASSAY_SERVER_JUDGE_CHOICE_H
#define ASSAY_SERVER_JUDGE_CHOICE_H

#include "store/model_store.h"

/* Smaller ones fail the exam, which costs time. */
#define JUDGE_PARAMS_MIN 1000000000ULL

/* The largest instruction-tuned model of the list that fits into `memory` bytes and is neither a candidate, nor what candidates
 * stand on in another quantization, nor a file that was made of one of them (`made`: models of artifacts).  NULL: there is
 * none.  Borrowed from `list`. */
const struct model_row *judge_choose(const struct model_list *list, const struct model_row *candidates, size_t n_candidates,
				     const int64_t *made, size_t n_made, uint64_t memory);

/* Whether candidates stand on it. */
bool judge_is_base(const struct model_row *judge, const struct model_row *candidates, size_t n);

#endif
