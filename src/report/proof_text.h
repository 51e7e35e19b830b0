/* SPDX-License-Identifier: Apache-2.0
 *
 * proof_text - what the quality check of a file (artifact_row.proof) means, as a sentence.  Pure.  Thread: any. */
#ifndef ASSAY_REPORT_PROOF_TEXT_H
#define ASSAY_REPORT_PROOF_TEXT_H

#include "base/json.h"
#include "base/msg.h"

/* Appends what came out and what to do about it. */
void proof_advice(struct buf *out, enum lang lang, const json_t *proof);

/* Message key of a row's name ("proof_row_mean_kld") and of a verdict ("proof_verdict_same"), in `key`. */
#define PROOF_KEY_SIZE 64
void proof_row_key(const char *name, char key[PROOF_KEY_SIZE]);
void proof_verdict_key(const char *verdict, char key[PROOF_KEY_SIZE]);

#endif
