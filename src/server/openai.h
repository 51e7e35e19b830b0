/* SPDX-License-Identifier: Apache-2.0
 *
 * openai - /v1/chat/completions: one turn for a program that sends the whole conversation each time.  Thread: loop. */
#ifndef ASSAY_SERVER_OPENAI_H
#define ASSAY_SERVER_OPENAI_H

#include "server/app_private.h"

/* Ends the answers of clients that have left: a sleeping connection does not notice. */
void openai_check(struct app *app);
/* Ends all of them: the server does. */
void openai_cancel(struct app *app);

#endif
