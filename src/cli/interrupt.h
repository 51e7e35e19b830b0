/* SPDX-License-Identifier: Apache-2.0
 *
 * interrupt - Ctrl-C, SIGTERM and a terminal that was closed (SIGHUP, unless it is ignored as nohup does): the first one asks for a
 * clean end, a second Ctrl-C or SIGTERM ends at once with exit code 5. */
#ifndef ASSAY_CLI_INTERRUPT_H
#define ASSAY_CLI_INTERRUPT_H

#include <stdbool.h>

struct app;

/* Installs the handlers.  `app` (may be NULL) is told to stop by the first signal; it must outlive the program's use. */
void interrupt_install(struct app *app);

/* Whether a signal has come.  Thread: any. */
bool interrupt_seen(void);

/* The signal that has come, 0: none; it is dealt with then, and the next one is the first again.  Thread: main. */
int interrupt_take(void);

/* Keeps these signals (true) from the calling thread and those it starts, or lets them come again. */
void interrupt_block(bool block);

#endif
