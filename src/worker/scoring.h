/* SPDX-License-Identifier: Apache-2.0
 *
 * scoring - REQ_LIKELIHOOD and REQ_JUDGE: what the loaded model thinks of given texts, without writing any.
 *
 * Both feed prompts with what follows them (teacher forcing, forced.h) and read log-probabilities: of each token of a reference
 * answer, or of the two labels that a judge may write next.  Thread: the main thread. */
#ifndef ASSAY_WORKER_SCORING_H
#define ASSAY_WORKER_SCORING_H

#include "worker/engine.h"

/* `*reply` is the body of MSG_OK (owned). */
MUST_USE enum err_code score_likelihoods(struct engine *e, struct request *r, json_t **reply, struct err *err);
MUST_USE enum err_code score_labels(struct engine *e, struct request *r, json_t **reply, struct err *err);

#endif
