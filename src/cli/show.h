/* SPDX-License-Identifier: Apache-2.0
 *
 * show - what the API's objects are called and look like on a terminal.  Thread: main. */
#ifndef ASSAY_CLI_SHOW_H
#define ASSAY_CLI_SHOW_H

#include <jansson.h>

#include "cli/command.h"
#include "cli/table.h"

/* Members of an object with "", 0 or false where absent; texts are borrowed. */
const char *show_text(const json_t *object, const char *key);
int64_t show_int(const json_t *object, const char *key);
double show_number(const json_t *object, const char *key);

/* What a Column is called (column_label()); free with mem_free(). */
char *show_column_title(const struct cli *cli, const json_t *column);

/* "Waiting", "Done", ... in the reader's language; borrowed. */
const char *show_state(const struct cli *cli, const char *state);

/* What kind of model an object with "kind" is: "LoRA adapter", "GGUF", ...; borrowed. */
const char *show_kind(const struct cli *cli, const json_t *object);

/* "2026-11-24 09:15" in local time. */
void show_time(int64_t wall_ms, char out[32]);

/* "85.6 MiB". */
void show_bytes(int64_t bytes, char out[32]);

/* Prints the message and hint of a Problem to stderr, led by `what` unless the message names it. */
void show_problem(const char *what, const json_t *problem);

/* Writes the table to `to` and frees it. */
void show_table(struct table *t, FILE *to);

/* Adds the cells of a heading row; the keys end with NULL. */
void show_heading(const struct cli *cli, struct table *t, const char *const *keys);

#endif
