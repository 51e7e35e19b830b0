/* SPDX-License-Identifier: Apache-2.0
 *
 * template_look - chat templates of models that were added before assay looked for them.  Thread: loop. */
#ifndef ASSAY_SERVER_TEMPLATE_LOOK_H
#define ASSAY_SERVER_TEMPLATE_LOOK_H

#include "server/app_private.h"

/* Reads what lies beside those models, on the work thread, and stores it.  Once after the start. */
void template_look(struct app *app);

#endif
