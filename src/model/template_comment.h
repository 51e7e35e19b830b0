/* SPDX-License-Identifier: Apache-2.0
 *
 * template_comment - a comment in a chat template that changes no prompt.  Pure.  Thread: any. */
#ifndef ASSAY_MODEL_TEMPLATE_COMMENT_H
#define ASSAY_MODEL_TEMPLATE_COMMENT_H

#include "base/buf.h"

/* Adds `comment` ("{# ... #}") to the template in `text`, once.  It stands before a line break at the very end, which template
 * engines leave out only there. */
void template_add_comment(struct buf *text, const char *comment);

#endif
