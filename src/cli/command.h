/* SPDX-License-Identifier: Apache-2.0
 *
 * command - what a command of `assay` is: a table that describes itself, and what its code needs.
 *
 * Data goes to stdout, everything else to stderr.  Thread: main. */
#ifndef ASSAY_CLI_COMMAND_H
#define ASSAY_CLI_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/msg.h"
#include "cli/args.h"
#include "cli/client.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_GATE = 1,        /* a condition that was asked for does not hold */
	EXIT_USAGE = 2,
	EXIT_ENVIRONMENT = 3, /* port, disk, another program */
	EXIT_DATA = 4,        /* a file, a format, a name that does not exist */
	EXIT_INTERRUPTED = 5,
};

struct cli {
	enum lang lang;
	bool json;
	char *data_dir;
	const struct args *args;
	const struct command *command;
	const char *name; /* "runs list" */
};

struct command {
	const char *name;
	const char *words;      /* of the usage line, after the name: "QUESTIONS --model SPEC..." */
	const char *summary;    /* message key, one line */
	const char *about;      /* message key of the text below the usage; NULL: none */
	const struct arg_option *const *options; /* tables that it takes besides the common ones; NULL: none */
	size_t min_words, max_words;
	int (*exec)(struct cli *cli);
	const struct command *subs; /* commands below this one, ended by a NULL name; then exec is NULL */
};

/* All commands, ended by a NULL name.  Borrowed for ever.  Thread: main. */
const struct command *command_list(void);

/* Told of a command with its full name ("runs list"). */
typedef void (*command_fn)(void *user, const struct command *command, const char *full_name);
/* Calls `each` for every command in the order of the help, one that has others below it before them. */
void command_each(command_fn each, void *user);
/* --help, --json, --data, --lang. */
extern const struct arg_option common_options[];
/* --threads, --gpu-layers, --allow-unsandboxed. */
extern const struct arg_option machine_options[];

extern const struct command cmd_serve, cmd_open, cmd_doctor, cmd_version, cmd_models, cmd_run, cmd_auto, cmd_ask, cmd_runs, cmd_create, cmd_chat,
	cmd_man, cmd_completion, cmd_providers, cmd_audit;

/* Tells what went wrong and what to do (and, with --json, the same as JSON on stdout); returns the exit code for it. */
int cli_fail(const struct cli *cli, const struct err *err);
/* The exit code that belongs to an error. */
enum exit_code cli_exit_code(enum err_code code);

/* Writes a sentence of messages/ to `to`, with a line end; `args` as in err_set(). */
void cli_say(const struct cli *cli, FILE *to, const char *key, const char *args, ...) PRINTF_LIKE(4, 5);
/* The sentence alone; free with mem_free(). */
char *cli_text(const struct cli *cli, const char *key, const char *args, ...) PRINTF_LIKE(3, 4);

/* Writes a value to stdout as indented JSON. */
void cli_print_json(const json_t *value);

/* client_open() for this command: on its data directory, with its machine options. */
MUST_USE enum err_code cli_connect(struct cli *cli, struct client **out, struct err *err);

/* Logs to stderr what $ASSAY_LOG (error, warn, info, debug) asks for; without it warnings, or nothing where `quiet`. */
void cli_log_level(bool quiet);

/* The supervisor's options as this command's line says; `err` as in args_int(). */
struct app_options;
void cli_app_options(const struct cli *cli, struct app_options *out, struct err *err);

#endif
