/* SPDX-License-Identifier: Apache-2.0
 *
 * question_file - the QUESTIONS that a command is given: a file, or standard input.  Thread: main. */
#ifndef ASSAY_CLI_QUESTION_FILE_H
#define ASSAY_CLI_QUESTION_FILE_H

#include "cli/client.h"
#include "cli/command.h"

/* --question-field, --reference-field. */
extern const struct arg_option question_options[];

/* Reads the file, or with "-" standard input. */
MUST_USE enum err_code question_file_read(const char *file, struct buf *out, struct err *err);

/* Uploads what was read and makes a question set of it; says how many there are and what was not taken. */
MUST_USE enum err_code question_file_store(const struct cli *cli, struct client *c, const char *file, const struct buf *data,
					   int64_t *set_id, struct err *err);

#endif
