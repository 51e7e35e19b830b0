/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_gate - a condition on the result of an automatic validation, for build servers: `--fail-below RULE`.
 *
 *     0.55, 55%   the recommended candidate (without one: the last) wins at least so many of the questions on which it and the base
 *                 model differ
 *     base        the best candidate is proven better than the base model
 *     regress     the last candidate is not proven worse than the base model
 *
 * Pure.  Thread: any. */
#ifndef ASSAY_REPORT_SELECTION_GATE_H
#define ASSAY_REPORT_SELECTION_GATE_H

#include "base/json.h"
#include "base/msg.h"

enum gate_kind { GATE_RATE, GATE_BASE, GATE_REGRESS };

struct selection_gate {
	enum gate_kind kind;
	double least; /* GATE_RATE: 0 to 1 */
};

/* ERR_INVALID "err_gate_rule"; `field` is what it was given as. */
MUST_USE enum err_code selection_gate_parse(const char *text, const char *field, struct selection_gate *out, struct err *err);

/* Does it hold?  `result`: a Selection or a stored result.  Appends the sentence that says why.  Where nothing was compared it
 * does not hold. */
bool selection_gate_check(const struct selection_gate *gate, const json_t *result, enum lang lang, struct buf *why);

/* "Kestrel bot · epoch 4", or the label alone; plain text. */
void candidate_title(const json_t *candidate, enum lang lang, struct buf *out);

#endif
