/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#include "cli/term.h"

#define INDENT 2
#define NAME_WIDTH 28 /* of the left column, with its indent */

static const char *text_of(enum lang lang, const char *key)
{
	const char *text = msg_text(lang, key);
	return text ? text : key;
}

static void add_heading(struct buf *out, enum lang lang, const char *key)
{
	buf_printf(out, "\n%s\n", text_of(lang, key));
}

/* "  --name VALUE            what it does", wrapped. */
static void add_entry(struct buf *out, const char *name, const char *text, int columns)
{
	int width = INDENT + term_width(str_of(name));
	buf_printf(out, "%*s%s", INDENT, "", name);
	if (width > NAME_WIDTH - 2)
		buf_printf(out, "\n%*s", NAME_WIDTH, "");
	else
		buf_printf(out, "%*s", NAME_WIDTH - width, "");
	term_wrap(out, text, NAME_WIDTH, columns);
}

static void add_commands(struct buf *out, enum lang lang, const struct command *list, int columns)
{
	for (; list->name; list++)
		add_entry(out, list->name, text_of(lang, list->summary), columns);
}

static void add_options(struct buf *out, enum lang lang, const struct arg_option *table, int columns)
{
	for (; table->name; table++) {
		struct buf name = BUF_INIT(256);
		buf_printf(&name, "--%s%s%s%s", table->name, table->value ? " " : "", table->value ? table->value : "",
			   table->many ? " ..." : "");
		add_entry(out, buf_text(&name), text_of(lang, table->help), columns);
		buf_release(&name);
	}
}

void help_program(struct buf *out, enum lang lang, int columns)
{
	term_wrap(out, text_of(lang, "cli_about"), 0, columns);
	add_heading(out, lang, "cli_help_usage");
	buf_printf(out, "%*sassay %s\n", INDENT, "", text_of(lang, "cli_usage_words"));
	add_heading(out, lang, "cli_help_commands");
	add_commands(out, lang, command_list(), columns);
	add_heading(out, lang, "cli_help_common");
	add_options(out, lang, common_options, columns);
	add_heading(out, lang, "cli_help_exit");
	buf_printf(out, "%*s", INDENT, "");
	term_wrap(out, text_of(lang, "cli_help_exit_codes"), INDENT, columns);
	buf_add_char(out, '\n');
	term_wrap(out, text_of(lang, "cli_help_more"), 0, columns);
}

void help_command(struct buf *out, enum lang lang, const struct command *command, const char *full_name, int columns)
{
	term_wrap(out, text_of(lang, command->summary), 0, columns);
	add_heading(out, lang, "cli_help_usage");
	const char *words = command->subs ? text_of(lang, "cli_word_command") : command->words;
	buf_printf(out, "%*sassay %s%s%s\n", INDENT, "", full_name, *words ? " " : "", words);
	if (command->about) {
		buf_add_char(out, '\n');
		term_wrap(out, text_of(lang, command->about), 0, columns);
	}
	if (command->subs) {
		add_heading(out, lang, "cli_help_commands");
		add_commands(out, lang, command->subs, columns);
	}
	if (command->options) {
		add_heading(out, lang, "cli_help_options");
		for (const struct arg_option *const *table = command->options; *table; table++)
			add_options(out, lang, *table, columns);
	}
	add_heading(out, lang, "cli_help_common");
	add_options(out, lang, common_options, columns);
}
