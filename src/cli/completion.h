/* SPDX-License-Identifier: Apache-2.0
 *
 * completion - what a shell needs to complete the words of `assay`, made from the tables of the commands.  Thread: main. */
#ifndef ASSAY_CLI_COMPLETION_H
#define ASSAY_CLI_COMPLETION_H

#include "base/buf.h"
#include "base/msg.h"

enum shell { SHELL_BASH, SHELL_ZSH, SHELL_FISH, SHELL_COUNT };

/* "bash", "zsh", "fish"; SHELL_COUNT for another name. */
enum shell shell_named(const char *name);

/* Appends the script that the shell reads; descriptions (zsh, fish) are in `lang`. */
void completion_script(struct buf *out, enum shell shell, enum lang lang);

#endif
