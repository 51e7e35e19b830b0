/* SPDX-License-Identifier: Apache-2.0
 *
 * conversion - a folder that assay cannot convert itself, on its way through llama.cpp's converter (python_convert.h); one at a time.
 *
 * The GGUF goes to DATA/models/converted/ and is added: unlike what assay converts itself it cannot be made again unasked, so it is
 * not evicted.  Thread: loop. */
#ifndef ASSAY_SERVER_CONVERSION_H
#define ASSAY_SERVER_CONVERSION_H

#include "base/buf.h"
#include "base/err.h"
#include "base/msg.h"

struct app;
struct conversion;

/* Never NULL. */
struct conversion *conversion_new(struct app *app);
/* Asks what is under way to end, and waits for its thread; drain the home queue afterwards, then free. */
void conversion_close(struct conversion *c);
/* NULL is fine. */
void conversion_free(struct conversion *c);

/* Begins with the folder `path`.  ERR_BUSY "err_python_busy" where one is under way. */
MUST_USE enum err_code conversion_start(struct conversion *c, const char *path, struct err *err);
/* It ends as cancelled; where none is under way, forgets the last one. */
void conversion_cancel(struct conversion *c);

/* How far it is, or how the last one ended, as members of an open object. */
void view_conversion(struct buf *b, enum lang lang, struct conversion *c);

#endif
