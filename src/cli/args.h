/* SPDX-License-Identifier: Apache-2.0
 *
 * args - the words after a command, read strictly against the tables of options that it takes.
 *
 * `--name value`, `--name=value`, `--flag`; what follows `--` is never an option.  A name must be written in full.
 * Errors are ERR_INVALID with a key err_args_*.  Thread: any. */
#ifndef ASSAY_CLI_ARGS_H
#define ASSAY_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct arg_option {
	const char *name;  /* without the dashes; NULL ends a table */
	const char *value; /* what stands for its value in the help ("N"); NULL: a flag */
	const char *help;  /* message key */
	bool many;         /* may be given several times */
};

struct args;

/* Reads `argv[0 .. n)` (borrowed: it must live as long as the result).  `tables` is a list of option tables that ends
 * with NULL.  The caller frees `*out` with args_free(). */
MUST_USE enum err_code args_parse(char *const *argv, size_t n, const struct arg_option *const *tables,
				  struct args **out, struct err *err);
/* NULL is fine. */
void args_free(struct args *a);

/* Words that are not options, in order.  Borrowed. */
size_t args_count(const struct args *a);
const char *args_word(const struct args *a, size_t i);

/* Whether the option was given. */
bool args_has(const struct args *a, const char *name);
/* Its (first) value, or `fallback`.  Borrowed. */
const char *args_text(const struct args *a, const char *name, const char *fallback);
/* The `i`th value of an option that may be given several times; NULL after the last. */
const char *args_nth(const struct args *a, const char *name, size_t i);
/* A whole number; where it is wrong, sets `err` (once, not NULL, zeroed before) and returns `fallback`. */
int64_t args_int(const struct args *a, const char *name, int64_t min, int64_t max, int64_t fallback, struct err *err);
/* The value of --name, NULL without; where it is longer than names may be, sets `err` as args_int() does. */
const char *args_name(const struct args *a, struct err *err);

/* Reads a positive number, such as the id of a run, from the word `text`; `what` names it in err_args_id. */
MUST_USE enum err_code args_id(const char *text, const char *what, int64_t *out, struct err *err);

/* Where the first word that is neither one of these options nor the value of one stands, or `n`. */
size_t args_first_word(char *const *argv, size_t n, const struct arg_option *table);

#endif
