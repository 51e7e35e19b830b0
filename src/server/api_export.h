/* SPDX-License-Identifier: Apache-2.0
 *
 * api_export - see api_export.c.  Thread: loop. */
#ifndef ASSAY_SERVER_API_EXPORT_H
#define ASSAY_SERVER_API_EXPORT_H

#include "server/app_private.h"

/* Makes every export end soon. */
void exports_cancel(struct app *app);

#endif
