/* SPDX-License-Identifier: Apache-2.0
 *
 * assay - compares epochs of a fine-tuned model on your own questions.  This file chooses the command. */
#include <signal.h>
#include <string.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/nearest.h"
#include "cli/term.h"

#define COMMANDS_MAX 32
#define TABLES_MAX 12
#define HELP_MAX (256 * KIB)
#define HELP_COLUMNS_MAX 100

/* The language of --lang wherever it stands (so that wrong arguments are explained in it too), or of the environment. */
static enum lang choose_lang(int argc, char **argv)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
			return lang_from_tag(argv[i + 1], LANG_EN);
		if (strncmp(argv[i], "--lang=", 7) == 0)
			return lang_from_tag(argv[i] + 7, LANG_EN);
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			return lang_from_tag(value, LANG_EN);
	}
	return LANG_EN;
}

static bool has_flag(size_t n, char *const *argv, const char *flag)
{
	for (size_t i = 0; i < n && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], flag) == 0)
			return true;
	return false;
}

static const struct command *find_command(const struct command *list, const char *name)
{
	for (; list->name; list++)
		if (strcmp(list->name, name) == 0)
			return list;
	return NULL;
}

static int unknown_command(const struct cli *cli, const struct command *list, const char *name)
{
	struct err err = { 0 };
	const char *names[COMMANDS_MAX];
	size_t n = 0;
	for (; list->name && n < COMMANDS_MAX; list++)
		names[n++] = list->name;
	const char *near = nearest_name(name, names, n);
	const char *before = cli->name[0] ? " " : "";
	if (near)
		err_set(&err, ERR_INVALID, "err_cli_command_near", "name=%s%s%s|near=%s%s%s", cli->name, before, name,
			cli->name, before, near);
	else
		err_set(&err, ERR_INVALID, "err_cli_command", "name=%s%s%s|parent=%s%s", cli->name, before, name, before,
			cli->name);
	return cli_fail(cli, &err);
}

static int show_help(const struct cli *cli, FILE *to, int exit_code)
{
	struct buf page = BUF_INIT(HELP_MAX);
	int columns = term_columns(to);
	columns = columns > HELP_COLUMNS_MAX ? HELP_COLUMNS_MAX : columns;
	if (cli->command)
		help_command(&page, cli->lang, cli->command, cli->name, columns);
	else
		help_program(&page, cli->lang, columns);
	fwrite(buf_text(&page), 1, page.len, to);
	buf_release(&page);
	return exit_code;
}

static enum err_code check_words(const struct cli *cli, struct err *err)
{
	size_t n = args_count(cli->args);
	const char *words = cli->command->words, *blank = *words ? " " : "";
	const char *lang = args_text(cli->args, "lang", "en");
	if (lang_from_tag(lang, LANG_COUNT) == LANG_COUNT)
		return err_set(err, ERR_INVALID, "err_cli_lang", "found=%s", lang);
	if (n < cli->command->min_words)
		return err_set(err, ERR_INVALID, "err_cli_words_missing", "name=%s|words=%s%s", cli->name, blank, words);
	if (n > cli->command->max_words)
		return err_set(err, ERR_INVALID, "err_cli_words_many", "name=%s|found=%s|words=%s%s", cli->name,
			       args_word(cli->args, cli->command->max_words), blank, words);
	return ERR_OK;
}

/* Reads the arguments of the command and runs it. */
static int run_command(struct cli *cli, size_t n, char *const *argv)
{
	const struct arg_option *tables[TABLES_MAX] = { common_options };
	for (size_t i = 0; cli->command->options && cli->command->options[i]; i++)
		tables[i + 1] = cli->command->options[i];
	struct err err = { 0 };
	struct args *args = NULL;
	if (has_flag(n, argv, "--help"))
		return show_help(cli, stdout, EXIT_DONE);
	if (args_parse(argv, n, tables, &args, &err) != ERR_OK)
		return cli_fail(cli, &err);
	cli->args = args;
	int result;
	if (check_words(cli, &err) != ERR_OK) {
		result = cli_fail(cli, &err);
	} else {
		cli->data_dir = fs_data_dir(args_text(args, "data", NULL));
		result = cli->command->exec(cli);
	}
	args_free(args);
	return result;
}

/* Follows the command names in `argv` down to a command that runs; takes them out of `argv`. */
static int dispatch(struct cli *cli, size_t n, char **argv)
{
	static char help[] = "--help";
	const struct command *list = command_list();
	char full_name[128] = "";
	cli->name = full_name;
	for (;;) {
		size_t at = args_first_word(argv, n, common_options);
		if (at == n && has_flag(n, argv, "--help"))
			return show_help(cli, stdout, EXIT_DONE);
		if (at == n)
			return show_help(cli, stderr, EXIT_USAGE);
		const struct command *found = find_command(list, argv[at]);
		if (!found && cli->command == NULL && strcmp(argv[at], "help") == 0) {
			memmove(argv + at, argv + at + 1, (--n - at) * sizeof *argv);
			argv[n++] = help;
			continue;
		}
		if (!found)
			return unknown_command(cli, list, argv[at]);
		size_t len = strlen(full_name);
		(void)str_format(full_name + len, sizeof full_name - len, "%s%s", len ? " " : "", found->name);
		memmove(argv + at, argv + at + 1, (--n - at) * sizeof *argv);
		cli->command = found;
		if (!found->subs)
			return run_command(cli, n, argv);
		list = found->subs;
	}
}

int main(int argc, char **argv)
{
	static char version[] = "version";
	struct cli cli = { .lang = choose_lang(argc, argv) };
	char **words = mem_array((size_t)argc + 2, sizeof *words);
	size_t n = argc > 0 ? (size_t)argc - 1 : 0;
	memcpy(words, argv + 1, n * sizeof *words);
	if (n == 1 && strcmp(words[0], "--version") == 0)
		words[0] = version;
	cli.json = has_flag(n, words, "--json");
	signal(SIGPIPE, SIG_IGN);
	int result = dispatch(&cli, n, words);
	mem_free(words);
	mem_free(cli.data_dir);
	if (fflush(stdout) != 0 && result == EXIT_DONE)
		result = EXIT_ENVIRONMENT;
	return result;
}
