/* SPDX-License-Identifier: Apache-2.0
 *
 * term - text for a terminal: its width there, and nothing in it that could steer the terminal.  Thread: any. */
#ifndef ASSAY_CLI_TERM_H
#define ASSAY_CLI_TERM_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/str.h"

/* Columns that `text` takes: 2 for wide East Asian characters and emoji, 0 for combining marks (Unicode UAX #11). */
int term_width(struct str text);

/* Appends what of `text` fits into `columns`, with "…" at its end where something was left out. */
void term_cut(struct buf *out, struct str text, int columns);

/* Writes text of unknown origin: line ends and tabs stay, other control characters, escape sequences' first byte,
 * bidirectional overrides and wrong UTF-8 do not. */
void term_print(FILE *to, struct str text);

/* True where `f` is a terminal that can redraw a line. */
bool term_is_live(FILE *f);

/* Columns of the terminal behind `f`, 80 where unknown. */
int term_columns(FILE *f);

/* Appends `text` broken at spaces (and between wide characters) into lines of `columns`, each led by `indent` spaces; the
 * first line is expected to be indented already.  Ends with a line end. */
void term_wrap(struct buf *out, const char *text, int indent, int columns);

#endif
