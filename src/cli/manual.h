/* SPDX-License-Identifier: Apache-2.0
 *
 * manual - the manual page assay(1), made from the tables of the commands.  Thread: main. */
#ifndef ASSAY_CLI_MANUAL_H
#define ASSAY_CLI_MANUAL_H

#include "base/buf.h"
#include "base/msg.h"

/* Appends the page as roff with the macros of man(7), in UTF-8.  `date` stands at its foot ("2026-11-27"; "" for none). */
void manual_page(struct buf *out, enum lang lang, const char *date);

#endif
