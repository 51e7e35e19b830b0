/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate - finds the number of slots that decodes fastest on this machine (REQ_CALIBRATE).  Thread: the main thread. */
#ifndef ASSAY_WORKER_CALIBRATE_H
#define ASSAY_WORKER_CALIBRATE_H

#include "worker/engine.h"

struct rate {
	int slots;
	double tokens_per_s; /* 0: not measured */
};

/* The smallest number of slots whose rate is within 8 % of the best.  1 where nothing was measured. */
int calibrate_choose(const struct rate *rates, size_t n);

/* `*reply` is the body of MSG_CALIBRATED (owned). */
MUST_USE enum err_code calibrate(struct engine *e, const json_t *request, json_t **reply, struct err *err);

#endif
