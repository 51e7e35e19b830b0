/* SPDX-License-Identifier: Apache-2.0
 *
 * help - what --help prints, made from the tables of the commands.  Thread: main. */
#ifndef ASSAY_CLI_HELP_H
#define ASSAY_CLI_HELP_H

#include "cli/command.h"

/* Appends the page of the program: what it is, its commands, how to go on. */
void help_program(struct buf *out, enum lang lang, int columns);

/* Appends the page of one command; `full_name` is "runs list". */
void help_command(struct buf *out, enum lang lang, const struct command *command, const char *full_name, int columns);

#endif
