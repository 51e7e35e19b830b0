/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/completion.h"

#include <string.h>

#include "cli/command.h"

struct script {
	struct buf *out;
	enum lang lang;
	bool described;
};

/* What may stand in the place of a value. */
enum kind { KIND_NONE, KIND_FILE, KIND_DIR, KIND_CHOICE };

static const char *text_of(const struct script *s, const char *key)
{
	const char *text = msg_text(s->lang, key);
	return text ? text : key;
}

/* `value` as the tables write it: "FILE", "N", "FILE|SPEC|ID"; words in small letters are meant literally: "true|false". */
static enum kind kind_of(struct str value)
{
	static const char *const files[] = { "FILE", "SPEC", "PATH", "QUESTIONS" };
	enum kind kind = KIND_NONE;
	while (value.ptr && value.len) {
		struct str word = str_split(&value, '|');
		for (size_t i = 0; i < word.len; i++)
			if (word.ptr[i] >= 'a' && word.ptr[i] <= 'z')
				return KIND_CHOICE;
		for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
			if (str_eq_text(word, files[i]))
				kind = KIND_FILE;
		if (str_eq_text(word, "DIR") && kind == KIND_NONE)
			kind = KIND_DIR;
	}
	return kind;
}

/* The first word of a command's usage: what its first argument is.  Empty where it takes none. */
static struct str first_word(const struct command *command)
{
	struct str rest = str_of(command->words);
	struct str word = str_split(&rest, ' ');
	if (command->max_words == 0)
		return (struct str){ 0 };
	if (word.len > 1 && word.ptr[0] == '[')
		word = (struct str){ word.ptr + 1, word.len - 2 };
	return word;
}

/* 'text' for a shell. */
static void add_quoted(struct buf *out, const char *text)
{
	buf_add_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buf_add_text(out, "'\\''");
		else
			buf_add_char(out, *text);
	}
	buf_add_char(out, '\'');
}

static void add_choices(struct buf *out, struct str value)
{
	for (bool first = true; value.ptr && value.len; first = false) {
		buf_add_text(out, first ? "" : " ");
		buf_add_str(out, str_split(&value, '|'));
	}
}

/* --- bash and zsh: the same `case` statements --- */

static void add_kind(struct buf *out, struct str value)
{
	static const char *const names[] = { "none", "file", "dir" };
	enum kind kind = kind_of(value);
	buf_add_text(out, "kind='");
	if (kind == KIND_CHOICE)
		add_choices(out, value);
	else
		buf_add_text(out, names[kind]);
	buf_add_text(out, "'");
}

static void add_known_path(void *user, const struct command *command, const char *full_name)
{
	struct script *s = user;
	(void)command;
	buf_add_text(s->out, s->out->ptr[s->out->len - 1] == '\t' ? "" : "|");
	add_quoted(s->out, full_name);
}

static void add_value_case(const struct script *s, const char *full_name, const struct arg_option *option)
{
	if (!option->value)
		return;
	if (full_name)
		buf_printf(s->out, "\t'%s --%s') ", full_name, option->name);
	else
		buf_printf(s->out, "\t*' --%s') ", option->name);
	add_kind(s->out, str_of(option->value));
	buf_add_text(s->out, " ;;\n");
}

static void add_value_cases(void *user, const struct command *command, const char *full_name)
{
	for (const struct arg_option *const *table = command->options; table && *table; table++)
		for (const struct arg_option *option = *table; option->name; option++)
			add_value_case(user, full_name, option);
}

/* One thing to choose: for zsh with its description, in which a colon would end the name. */
static void add_item(const struct script *s, const char *dashes, const char *name, const char *help)
{
	if (!s->described) {
		buf_printf(s->out, "%s%s ", dashes, name);
		return;
	}
	struct buf item = BUF_INIT(64 * 1024);
	buf_printf(&item, "%s%s:%s", dashes, name, text_of(s, help));
	add_quoted(s->out, buf_text(&item));
	buf_add_char(s->out, ' ');
	buf_release(&item);
}

static void add_option_items(const struct script *s, const struct command *command)
{
	for (const struct arg_option *const *table = command->options; table && *table; table++)
		for (const struct arg_option *option = *table; option->name; option++)
			add_item(s, "--", option->name, option->help);
	for (const struct arg_option *option = common_options; option->name; option++)
		add_item(s, "--", option->name, option->help);
}

static void open_list(const struct script *s, const char *full_name)
{
	buf_printf(s->out, "\t'%s') found=%s", full_name, s->described ? "(" : "'");
}

static void close_list(const struct script *s)
{
	buf_printf(s->out, "%s ;;\n", s->described ? ")" : "'");
}

static void add_option_case(void *user, const struct command *command, const char *full_name)
{
	open_list(user, full_name);
	add_option_items(user, command);
	close_list(user);
}

static void add_commands(const struct script *s, const struct command *list)
{
	for (; list->name; list++)
		add_item(s, "", list->name, list->summary);
}

static void add_word_case(void *user, const struct command *command, const char *full_name)
{
	const struct script *s = user;
	if (command->subs) {
		open_list(s, full_name);
		add_commands(s, command->subs);
		close_list(s);
	} else if (first_word(command).len) {
		buf_printf(s->out, "\t'%s') ", full_name);
		add_kind(s->out, first_word(command));
		buf_add_text(s->out, " ;;\n");
	}
}

/* The words before the cursor are followed down to a command; what follows --data or --lang is none. */
static void add_walk(struct script *s)
{
	buf_add_text(s->out, "\t\tcase $word in\n\t\t");
	for (const struct arg_option *option = common_options; option->name; option++)
		if (option->value)
			buf_printf(s->out, "%s--%s", s->out->ptr[s->out->len - 1] == '\t' ? "" : "|", option->name);
	buf_add_text(s->out, ") i=$((i + 1)) ;;\n\t\t-*) ;;\n\t\t*) case ${at:+$at }$word in\n\t\t\t");
	command_each(add_known_path, s);
	buf_add_text(s->out, ") at=${at:+$at }$word ;;\n\t\t\tesac ;;\n\t\tesac\n\tdone\n");
}

static void add_cases(struct script *s, const char *before, const char *typed)
{
	static const struct command nothing = { 0 };
	buf_printf(s->out, "\tcase \"$at %s\" in\n", before);
	command_each(add_value_cases, s);
	for (const struct arg_option *option = common_options; option->name; option++)
		add_value_case(s, NULL, option);
	buf_printf(s->out, "\tesac\n\tif [ -z \"$kind\" ]; then\n\tcase \"%s\" in\n\t-*) case $at in\n", typed);
	add_option_case(s, &nothing, "");
	command_each(add_option_case, s);
	buf_add_text(s->out, "\tesac ;;\n\t*) case $at in\n");
	open_list(s, "");
	add_commands(s, command_list());
	close_list(s);
	command_each(add_word_case, s);
	buf_add_text(s->out, "\tesac ;;\n\tesac\n\tfi\n");
}

static void bash_script(struct script *s)
{
	buf_add_text(s->out, "# bash completion for assay, made by: assay completion bash\n"
			     "_assay() {\n"
			     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} word i at= kind= found= IFS=$' \\n'\n"
			     "\tCOMPREPLY=()\n"
			     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			     "\t\tword=${COMP_WORDS[i]}\n");
	add_walk(s);
	add_cases(s, "${COMP_WORDS[COMP_CWORD-1]}", "$cur");
	buf_add_text(s->out, "\tcase $kind in\n"
			     "\tfile) IFS=$'\\n'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
			     "\tdir) IFS=$'\\n'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- \"$cur\")) ;;\n"
			     "\tnone) ;;\n"
			     "\t*) COMPREPLY=($(compgen -W \"$kind $found\" -- \"$cur\")) ;;\n"
			     "\tesac\n"
			     "}\n"
			     "complete -F _assay assay\n");
}

static void zsh_script(struct script *s)
{
	s->described = true;
	buf_add_text(s->out, "#compdef assay\n# zsh completion for assay, made by: assay completion zsh\n"
			     "_assay() {\n"
			     "\tlocal word at= kind=\n"
			     "\tlocal -i i\n"
			     "\tlocal -a found\n"
			     "\tfor ((i = 2; i < CURRENT; i++)); do\n"
			     "\t\tword=$words[i]\n");
	add_walk(s);
	add_cases(s, "$words[CURRENT-1]", "$words[CURRENT]");
	buf_add_text(s->out, "\tcase $kind in\n"
			     "\tfile) _files ;;\n"
			     "\tdir) _files -/ ;;\n"
			     "\tnone) return 1 ;;\n"
			     "\t'') _describe assay found ;;\n"
			     "\t*) compadd -- ${=kind} ;;\n"
			     "\tesac\n"
			     "}\n"
			     "if [ \"$funcstack[1]\" = _assay ]; then _assay \"$@\"; else compdef _assay assay; fi\n");
}

/* --- fish: one line for each thing to choose --- */

static void fish_line(const struct script *s, const char *full_name, const char *what, const char *help)
{
	buf_printf(s->out, "complete -c assay -n \"__assay_at '%s'\" %s", full_name, what);
	if (help) {
		buf_add_text(s->out, " -d ");
		add_quoted(s->out, text_of(s, help));
	}
	buf_add_char(s->out, '\n');
}

static void fish_option(const struct script *s, const char *full_name, const struct arg_option *option)
{
	static const char *const takes[] = { " -x", " -r -F", " -x -a '(__fish_complete_directories)'" };
	struct buf what = BUF_INIT(4096);
	buf_printf(&what, "-l %s", option->name);
	if (option->value && kind_of(str_of(option->value)) == KIND_CHOICE) {
		buf_add_text(&what, " -x -a '");
		add_choices(&what, str_of(option->value));
		buf_add_char(&what, '\'');
	} else if (option->value) {
		buf_add_text(&what, takes[kind_of(str_of(option->value))]);
	}
	fish_line(s, full_name, buf_text(&what), option->help);
	buf_release(&what);
}

static void fish_commands(const struct script *s, const char *full_name, const struct command *list)
{
	for (; list->name; list++) {
		char what[128];
		(void)str_format(what, sizeof what, "-a %s", list->name);
		fish_line(s, full_name, what, list->summary);
	}
}

static void fish_command(void *user, const struct command *command, const char *full_name)
{
	const struct script *s = user;
	struct str word = first_word(command);
	if (command->subs) {
		fish_commands(s, full_name, command->subs);
	} else if (word.len && kind_of(word) == KIND_CHOICE) {
		struct buf what = BUF_INIT(4096);
		buf_add_text(&what, "-a '");
		add_choices(&what, word);
		buf_add_char(&what, '\'');
		fish_line(s, full_name, buf_text(&what), NULL);
		buf_release(&what);
	} else if (word.len && kind_of(word) != KIND_NONE) {
		fish_line(s, full_name, "-F", NULL);
	}
	for (const struct arg_option *const *table = command->options; table && *table; table++)
		for (const struct arg_option *option = *table; option->name; option++)
			fish_option(s, full_name, option);
	for (const struct arg_option *option = common_options; option->name; option++)
		fish_option(s, full_name, option);
}

static void fish_path(void *user, const struct command *command, const char *full_name)
{
	const struct script *s = user;
	(void)command;
	buf_printf(s->out, " '%s'", full_name);
}

static void fish_script(struct script *s)
{
	buf_add_text(s->out, "# fish completion for assay, made by: assay completion fish\n"
			     "function __assay_at\n"
			     "\tset -l at ''\n"
			     "\tset -l skip 0\n"
			     "\tset -l before (commandline -opc)\n"
			     "\tset -e before[1]\n"
			     "\tfor word in $before\n"
			     "\t\tif test $skip = 1\n"
			     "\t\t\tset skip 0\n"
			     "\t\t\tcontinue\n"
			     "\t\tend\n"
			     "\t\tset -l next (string trim -- \"$at $word\")\n"
			     "\t\tif contains -- $word");
	for (const struct arg_option *option = common_options; option->name; option++)
		if (option->value)
			buf_printf(s->out, " --%s", option->name);
	buf_add_text(s->out, "\n\t\t\tset skip 1\n\t\telse if contains -- $next");
	command_each(fish_path, s);
	buf_add_text(s->out, "\n\t\t\tset at $next\n\t\tend\n\tend\n\ttest \"$at\" = \"$argv[1]\"\nend\ncomplete -c assay -f\n");
	fish_commands(s, "", command_list());
	for (const struct arg_option *option = common_options; option->name; option++)
		fish_option(s, "", option);
	command_each(fish_command, s);
}

/* --- all of them --- */

static const struct {
	const char *name;
	void (*write)(struct script *s);
} shells[SHELL_COUNT] = { [SHELL_BASH] = { "bash", bash_script }, [SHELL_ZSH] = { "zsh", zsh_script },
			  [SHELL_FISH] = { "fish", fish_script } };

enum shell shell_named(const char *name)
{
	size_t i = 0;
	while (i < SHELL_COUNT && strcmp(shells[i].name, name) != 0)
		i++;
	return (enum shell)i;
}

void completion_script(struct buf *out, enum shell shell, enum lang lang)
{
	struct script s = { .out = out, .lang = lang };
	shells[shell].write(&s);
}
