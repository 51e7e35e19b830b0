/* SPDX-License-Identifier: Apache-2.0
 *
 * html_text - the readable text of an HTML page, for looking things up in it.
 *
 * Not a browser: tags are dropped, scripts, styles, comments and the like with what is in them, character references are
 * replaced, blocks become lines, and headings become "# heading" as in Markdown.  The result is text and is only ever shown as
 * text.  Pure; thread: any. */
#ifndef ASSAY_MODEL_HTML_TEXT_H
#define ASSAY_MODEL_HTML_TEXT_H

#include "base/buf.h"

/* Appends the text of `html` (valid UTF-8); what it appends is valid UTF-8 without control characters but line ends. */
void html_text(struct buf *out, struct str html);

#endif
