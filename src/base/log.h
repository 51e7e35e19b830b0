/* SPDX-License-Identifier: Apache-2.0
 *
 * log - one line an event: time, level, part, sentence with key=value fields; to stderr and to a ring the page can read.
 *
 *     log_info("worker", "loaded model=%s ms=%lld", name, ms);
 *
 * Registered secrets and anything that looks like a bearer token or an sk- key are replaced before a line leaves.
 * Questions, answers and secrets are never logged above debug.  Thread: any (one lock, held for a memcpy). */
#ifndef ASSAY_BASE_LOG_H
#define ASSAY_BASE_LOG_H

#include "base/buf.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* LOG_INFO until it is called. */
void log_set_level(enum log_level level);
/* Lines below the level still go nowhere; `quiet` stops stderr but keeps the ring. */
void log_set_quiet(bool quiet);
/* Replaces this text in every later line (copied; shorter than 4 bytes: ignored). */
void log_add_secret(const char *secret);

/* Behind log_info() and its like; cut at 2 KiB, one line whatever the values hold. */
void log_write(enum log_level level, const char *part, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define log_error(part, ...) log_write(LOG_ERROR, part, __VA_ARGS__)
#define log_warn(part, ...) log_write(LOG_WARN, part, __VA_ARGS__)
#define log_info(part, ...) log_write(LOG_INFO, part, __VA_ARGS__)
#define log_debug(part, ...) log_write(LOG_DEBUG, part, __VA_ARGS__)

/* Appends the newest lines (at most 500 are kept), oldest first. */
void log_recent(struct buf *out);

#endif
