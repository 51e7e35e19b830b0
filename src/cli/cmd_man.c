/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/limits.h"
#include "cli/command.h"
#include "cli/manual.h"

#define PAGE_MAX (1 * MIB)

/* The day that $SOURCE_DATE_EPOCH names, for pages that go into packages; without it the page has no date. */
static void page_date(char out[16])
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int64_t seconds;
	char iso[32];
	out[0] = 0;
	if (!epoch || !str_to_i64(str_of(epoch), &seconds))
		return;
	clock_format_utc(seconds * 1000, iso);
	(void)str_format(out, 16, "%.10s", iso);
}

static int exec_man(struct cli *cli)
{
	struct buf page = BUF_INIT(PAGE_MAX);
	char date[16];
	page_date(date);
	manual_page(&page, cli->lang, date);
	fwrite(buf_text(&page), 1, page.len, stdout);
	buf_release(&page);
	return EXIT_DONE;
}

const struct command cmd_man = { "man", "", "cli_man_summary", "cli_man_about", NULL, 0, 0, exec_man, NULL };
