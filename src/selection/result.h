/* SPDX-License-Identifier: Apache-2.0
 *
 * result - what came out of an automatic validation, as it is stored in selection_row.result: numbers and message keys, no
 * language.  The server, the command line and the reports read it from there.
 *
 *   {"n_questions","n_answered","n_references","n_rated",
 *    "judge": null | {"model_id","name","state":"waiting|asked|passed|failed","exam": null | EXAM,
 *             "problem": null | SENTENCE},     why it could not be asked
 *    "candidates": [CANDIDATE...],           in the order of the run's columns
 *    "decision": null | {"kind","level","recommended_column_id"|null,"best_column_id"|null,"runner_up_column_id"|null,
 *                        "sentence": SENTENCE,"level_note": SENTENCE,"reasons": [SENTENCE...],
 *                        "next_steps": [{"action", "key", "args"}...],"n_decided","more_questions","win_rate"|null},
 *    "curves": [CURVE...], "leak": null | LEAK}
 *   SENTENCE  {"key","args": "name=value\x1f..."}    as msg_render() takes them
 *   EXAM      {"is_fit","found","asked","findings": [{"key","args","is_failure"}...],"kinds": [{"kind","found","asked"}...],
 *              "flip_rate"|null,"slot_bias"|null,"longer_rate"|null,"people"|null}
 *   CANDIDATE, CURVE, LEAK as SelectionCandidate, SelectionCurve and SelectionLeak of docs/openapi.yaml
 *
 * Thread: any. */
#ifndef ASSAY_SELECTION_RESULT_H
#define ASSAY_SELECTION_RESULT_H

#include "base/json.h"
#include "base/msg.h"

/* The same with sentences in words: each {"key","args"} becomes {"key","text"}, as docs/openapi.yaml has it (a new reference;
 * an empty object for text that is none of ours). */
json_t *result_in_words(const char *result, enum lang lang);

#endif
