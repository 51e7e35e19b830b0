/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/manual.h"

#include <string.h>
#include <unicode/uchar.h>

#include "cli/command.h"

struct page {
	struct buf *out;
	enum lang lang;
};

/* --- text --- */

static const char *text_of(const struct page *p, const char *key)
{
	const char *text = msg_text(p->lang, key);
	return text ? text : key;
}

static bool is_wide(uint32_t c)
{
	int width = u_getIntPropertyValue((UChar32)c, UCHAR_EAST_ASIAN_WIDTH);
	return width == U_EA_WIDE || width == U_EA_FULLWIDTH;
}

/* Chinese has no spaces, so roff is told where a line may end: not before closing punctuation, not after opening one. */
static bool may_break(uint32_t before, uint32_t after)
{
	int8_t left = u_charType((UChar32)before), right = u_charType((UChar32)after);
	if (!before || before == ' ' || after == ' ' || (!is_wide(before) && !is_wide(after)))
		return false;
	return left != U_START_PUNCTUATION && left != U_INITIAL_PUNCTUATION && right != U_END_PUNCTUATION &&
	       right != U_FINAL_PUNCTUATION && right != U_OTHER_PUNCTUATION;
}

/* What roff would read as its own is written by name; quotes too, so that all of it can be the argument of a macro. */
static void add_roff(struct buf *out, struct str text)
{
	static const struct {
		char c;
		const char *name;
	} names[] = { { '\\', "\\(rs" }, { '-', "\\-" },   { '"', "\\(dq" }, { '\'', "\\(aq" },
		      { '`', "\\(ga" },  { '^', "\\(ha" }, { '~', "\\(ti" } };
	uint32_t before = 0;
	if (text.len && text.ptr[0] == '.')
		buf_add_text(out, "\\&");
	for (size_t i = 0; i < text.len;) {
		size_t start = i, n = 0;
		uint32_t c = utf8_next(text, &i);
		if (may_break(before, c))
			buf_add_text(out, "\\:");
		while (n < sizeof names / sizeof names[0] && (uint32_t)names[n].c != c)
			n++;
		if (n < sizeof names / sizeof names[0])
			buf_add_text(out, names[n].name);
		else
			buf_add(out, text.ptr + start, i - start);
		before = c;
	}
}

static void add_line(struct buf *out, const char *macro, const char *text)
{
	buf_printf(out, "%s \"", macro);
	add_roff(out, str_of(text));
	buf_add_text(out, "\"\n");
}

/* Paragraphs; a line that begins with a space belongs to a table and stays as it is. */
static void add_text(struct buf *out, const char *text)
{
	struct str rest = str_of(text);
	bool in_table = false, first = true;
	while (rest.ptr && rest.len) {
		struct str line = str_split(&rest, '\n');
		bool table_line = line.len && line.ptr[0] == ' ';
		if (table_line != in_table)
			buf_add_text(out, table_line ? ".PP\n.nf\n" : ".fi\n.PP\n");
		else if (!line.len)
			buf_add_text(out, ".PP\n");
		else if (!first && !table_line && out->len > 4 && memcmp(out->ptr + out->len - 4, ".PP\n", 4) != 0)
			buf_add_text(out, ".br\n");
		in_table = table_line;
		first = false;
		add_roff(out, line);
		if (line.len)
			buf_add_char(out, '\n');
	}
	if (in_table)
		buf_add_text(out, ".fi\n");
}

/* Other programs look for these words too, so there are no break points in them. */
static void add_heading(const struct page *p, const char *key)
{
	buf_printf(p->out, ".SH \"%s\"\n", text_of(p, key));
}

static void add_paragraph(const struct page *p, const char *key)
{
	buf_add_text(p->out, ".PP\n");
	add_text(p->out, text_of(p, key));
}

/* --- parts --- */

static void add_options(const struct page *p, const struct arg_option *table)
{
	for (; table->name; table++) {
		buf_add_text(p->out, ".TP\n.BI \"");
		add_roff(p->out, STR("--"));
		add_roff(p->out, str_of(table->name));
		buf_add_text(p->out, table->value ? " \" \"" : "");
		add_roff(p->out, str_of(table->value ? table->value : ""));
		buf_printf(p->out, "\"%s\n", table->many ? " \" ...\"" : "");
		add_text(p->out, text_of(p, table->help));
	}
}

static void add_command(void *user, const struct command *command, const char *full_name)
{
	const struct page *p = user;
	char title[160];
	if (command->subs)
		return; /* each of them has its own part */
	(void)str_format(title, sizeof title, "assay %s", full_name);
	add_line(p->out, ".SS", title);
	add_line(p->out, ".B", title);
	add_roff(p->out, str_of(command->words));
	buf_add_text(p->out, *command->words ? "\n" : "");
	add_paragraph(p, command->summary);
	if (command->about)
		add_paragraph(p, command->about);
	for (const struct arg_option *const *table = command->options; table && *table; table++)
		add_options(p, *table);
}

static void add_list(const struct page *p, const char *heading, const char *const (*list)[2], size_t n)
{
	add_heading(p, heading);
	for (size_t i = 0; i < n; i++) {
		buf_add_text(p->out, ".TP\n");
		add_line(p->out, ".B", list[i][0]);
		add_text(p->out, text_of(p, list[i][1]));
	}
}

void manual_page(struct buf *out, enum lang lang, const char *date)
{
	static const char *const variables[][2] = { { "ASSAY_LOG", "cli_man_env_log" },
						    { "XDG_DATA_HOME", "cli_man_env_data" },
						    { "OLLAMA_HOST", "cli_man_env_ollama" },
						    { "HF_ENDPOINT, HF_TOKEN", "cli_man_env_hub" },
						    { "LC_ALL, LC_MESSAGES, LANG", "cli_man_env_lang" } };
	static const char *const files[][2] = { { "~/.local/share/assay", "cli_man_file_data" },
						{ "~/.local/share/assay/secrets", "cli_man_file_secrets" } };
	struct page p = { out, lang };
	buf_printf(out, ".TH ASSAY 1 \"%s\" \"assay %s\"\n.ad l\n", date, ASSAY_VERSION);
	add_heading(&p, "cli_man_name");
	buf_add_text(out, "assay \\- ");
	buf_printf(out, "%s\n", text_of(&p, "cli_man_what")); /* without break points: other programs read this line */
	add_heading(&p, "cli_man_synopsis");
	buf_add_text(out, ".B assay\n");
	add_text(out, text_of(&p, "cli_usage_words"));
	add_heading(&p, "cli_man_description");
	add_text(out, text_of(&p, "cli_about"));
	add_paragraph(&p, "cli_help_more");
	add_heading(&p, "cli_man_options");
	add_options(&p, common_options);
	add_heading(&p, "cli_man_commands");
	command_each(add_command, &p);
	add_heading(&p, "cli_man_exit");
	add_text(out, text_of(&p, "cli_help_exit_codes"));
	add_list(&p, "cli_man_environment", variables, sizeof variables / sizeof variables[0]);
	add_list(&p, "cli_man_files", files, sizeof files / sizeof files[0]);
}
