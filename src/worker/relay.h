/* SPDX-License-Identifier: Apache-2.0
 *
 * relay - llama.cpp's log lines on their way to the supervisor, and the last complaint for failure sentences.
 *
 * Lines of level info and above go out as MSG_LOG, at most 200 a second (the rest is counted).  llama.cpp may log from its
 * own threads; such lines wait under a lock until the main thread sends.  Thread: relay_log() any, the rest main. */
#ifndef ASSAY_WORKER_RELAY_H
#define ASSAY_WORKER_RELAY_H

#include "llama.h"
#include "worker/link.h"

/* A ggml_log_callback; `user` is ignored. */
void relay_log(enum ggml_log_level level, const char *text, void *user);

/* Shows every piece of text of level info and above to `tap` as well, on the thread that logs it, one at a time; only errors
 * are then still relayed.  NULL: no more. */
typedef void (*relay_tap_fn)(void *user, const char *text);
void relay_tap(relay_tap_fn tap, void *user);

/* Sends what waits. */
void relay_send(struct link *l);

/* Forgets complaints, so that relay_complaint() speaks of what follows. */
void relay_reset(void);

/* The first error line since relay_reset() (it names the cause; later ones only say that loading failed), without the
 * function name in front; "" if none.  Valid until the next relay_reset(). */
const char *relay_complaint(void);

#endif
