/* SPDX-License-Identifier: Apache-2.0
 *
 * duration - times as people write them: "90s", "5m", "1h", "1h30m".  Pure.  Thread: any. */
#ifndef ASSAY_CLI_DURATION_H
#define ASSAY_CLI_DURATION_H

#include <stdint.h>

#include "base/err.h"

#define DURATION_MAX_S 604800 /* a week */

/* Seconds, 1 to DURATION_MAX_S.  ERR_INVALID "err_cli_duration". */
MUST_USE enum err_code duration_parse(const char *text, int64_t *seconds, struct err *err);

#endif
