/* SPDX-License-Identifier: Apache-2.0
 *
 * auto_show - what came out of an automatic validation, as text for a terminal.  Thread: main. */
#ifndef ASSAY_CLI_AUTO_SHOW_H
#define ASSAY_CLI_AUTO_SHOW_H

#include "cli/command.h"

#define AUTO_BAR_WIDTH 20

/* "[      --#-         ]": the value is #, its interval -; all shares from 0 to 1.  `out` has AUTO_BAR_WIDTH + 3 bytes. */
void auto_bar(double value, double low, double high, char *out);

/* What the answers will be checked by, and what to know before (a SelectionPreview). */
void auto_show_preview(const struct cli *cli, const json_t *preview, FILE *to);

/* Sentence, how sure, candidates, reasons and next steps of a Selection. */
void auto_show(const struct cli *cli, const json_t *selection, FILE *to);

#endif
