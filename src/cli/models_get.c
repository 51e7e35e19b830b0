/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/models_get.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/show.h"
#include "cli/term.h"
#include "hub/hub_id.h"

#define POLL_US 100000
#define PLAIN_EVERY_MS 10000
#define LINE_BYTES (4 * KIB)

const struct arg_option models_get_options[] = {
	{ "revision", "REV", "cli_opt_get_revision", false },
	{ "list", NULL, "cli_opt_get_list", false },
	{ NULL, NULL, NULL, false },
};

/* --- before anything is asked --- */

/* What is no name, and no revision, is asked for nowhere. */
static enum err_code check_name(const struct cli *cli, const char *endpoint, struct err *err)
{
	struct arena *a = arena_new();
	struct hub_id id;
	const char *revision = args_text(cli->args, "revision", NULL);
	enum err_code code = hub_id_parse(a, args_word(cli->args, 0), endpoint, &id, err);

	if (code == ERR_OK && revision && *revision && !hub_is_revision(revision))
		code = err_set(err, ERR_INVALID, "err_hub_revision_form", "field=revision|revision=%s", revision);
	arena_free(a);
	return code;
}

/* Which hub that will be; and that this terminal's variables are not those of a server that runs already. */
static enum err_code tell_place(const struct cli *cli, struct client *c, struct err *err)
{
	json_t *hub = NULL;
	const char *own = getenv("HF_ENDPOINT");
	bool differs;

	if (client_call(c, "GET", "/hub", NULL, &hub, err) != ERR_OK)
		return err->code;
	if (check_name(cli, show_text(hub, "endpoint"), err) != ERR_OK) {
		json_decref(hub);
		return err->code;
	}
	differs = (own && *own && strcmp(own, show_text(hub, "endpoint")) != 0) ||
		  (getenv("HF_TOKEN") && *getenv("HF_TOKEN") && !json_is_true(json_object_get(hub, "has_token")));
	if (!client_is_own(c) && differs)
		cli_say(cli, stderr, "cli_get_server_variables", NULL);
	if (!cli->json)
		cli_say(cli, stderr, "cli_get_asking", "endpoint=%s|id=%s", show_text(hub, "endpoint"), args_word(cli->args, 0));
	json_decref(hub);
	return ERR_OK;
}

static json_t *question(const struct cli *cli)
{
	const char *revision = args_text(cli->args, "revision", NULL);
	json_t *body = json_pack("{s:o}", "model", json_text(str_of(args_word(cli->args, 0))));

	if (revision)
		json_object_set_new(body, "revision", json_text(str_of(revision)));
	return body;
}

/* --- --list --- */

static void print_choices(const struct cli *cli, const json_t *found)
{
	static const char *const heads[] = { "cli_head_file", "cli_head_format", "cli_head_size", "cli_head_kind", NULL };
	const char *license = show_text(found, "license");
	const json_t *choice;
	size_t i;

	if (*license)
		cli_say(cli, stderr, "cli_get_license", "license=%s", license);
	else
		cli_say(cli, stderr, "cli_get_license_unknown", NULL);
	if (json_is_true(json_object_get(found, "is_gated")))
		cli_say(cli, stderr, "cli_get_gated", NULL);
	struct table *t = table_new("llrll");
	show_heading(cli, t, heads);
	table_cell(t, ""); /* above what marks the default */
	json_array_foreach(json_object_get(found, "choices"), i, choice) {
		char size[32];
		const char *file = show_text(choice, "file");
		bool chosen = json_is_true(json_object_get(choice, "is_default")), whole = strcmp(file, ".") == 0;
		show_bytes(show_int(choice, "size_bytes"), size);
		table_cell(t, file);
		table_cell(t, show_text(choice, "format"));
		table_cell(t, size);
		table_cell(t, show_kind(cli, choice));
		table_cell(t, chosen ? msg_text(cli->lang, "cli_get_default") : whole ? msg_text(cli->lang, "cli_get_whole") : "");
	}
	show_table(t, stdout);
}

static int list(const struct cli *cli, struct client *c, const json_t *body)
{
	json_t *found = NULL;
	struct err err = { 0 };

	if (client_call(c, "POST", "/hub/look", body, &found, &err) != ERR_OK)
		return cli_fail(cli, &err);
	if (cli->json)
		cli_print_json(found);
	else
		print_choices(cli, found);
	json_decref(found);
	return EXIT_DONE;
}

/* --- following --- */

struct follow_line {
	const struct cli *cli;
	bool live, drawn;
	int64_t told_ms;
};

static void clear_line(struct follow_line *l)
{
	if (l->drawn)
		fputs("\r\033[K", stderr);
	l->drawn = false;
}

/* "1.2 GiB of 4.6 GiB  26 %  model.gguf  85.0 MiB/s  about 40 s left" */
static void describe(const struct follow_line *l, const json_t *d, struct buf *out)
{
	enum lang lang = l->cli->lang;
	int64_t have = show_int(d, "have_bytes"), size = show_int(d, "size_bytes"), speed = show_int(d, "bytes_per_s");
	char a[32], b[32];

	if (strcmp(show_text(d, "state"), "adding") == 0) {
		msg_format(out, lang, "cli_get_adding", NULL);
		return;
	}
	show_bytes(have, a);
	show_bytes(size, b);
	msg_format(out, lang, "cli_get_progress", "have=%s|size=%s|percent=%.0f|file=%s", a, b,
		   size ? 100 * (double)have / (double)size : 100, show_text(d, "current"));
	const json_t *pause = json_object_get(d, "pause"), *left = json_object_get(d, "remaining_ms");
	if (pause) {
		buf_add_text(out, "  ");
		msg_format(out, lang, "cli_get_pause", "reason=%s", show_text(pause, "message"));
	} else if (speed > 0 && json_is_integer(left)) {
		long long seconds = (json_integer_value(left) + 999) / 1000;
		show_bytes(speed, a);
		buf_add_text(out, "  ");
		msg_format(out, lang, "cli_get_speed", "speed=%s", a);
		buf_add_text(out, "  ");
		msg_format(out, lang, seconds < 120 ? "cli_progress_seconds" : "cli_progress_minutes", "n=%lld",
			   seconds < 120 ? seconds : (seconds + 59) / 60);
	}
}

static void draw(struct follow_line *l, const json_t *d)
{
	int64_t now = clock_mono_ms();
	struct buf text = BUF_INIT(LINE_BYTES), line = BUF_INIT(LINE_BYTES);

	if (l->cli->json || (!l->live && now - l->told_ms < PLAIN_EVERY_MS))
		return;
	clear_line(l);
	describe(l, d, &text);
	char *clean = buf_take(&text);
	utf8_clean(clean, strlen(clean), 0);
	term_cut(&line, str_of(clean), l->live ? term_columns(stderr) - 1 : 1000);
	fprintf(stderr, "%s%s", buf_text(&line), l->live ? "" : "\n");
	fflush(stderr);
	l->drawn = l->live;
	l->told_ms = now;
	mem_free(clean);
	buf_release(&line);
}

static bool is_over(const char *state)
{
	return strcmp(state, "waiting") != 0 && strcmp(state, "running") != 0 && strcmp(state, "adding") != 0;
}

/* Until it is over; the first signal asks it to end.  `*d`: as it ended. */
static enum err_code follow(struct cli *cli, struct client *c, json_t **d, struct err *err)
{
	struct follow_line l = { .cli = cli, .live = term_is_live(stderr), .told_ms = clock_mono_ms() };
	enum err_code code = ERR_OK;
	bool cancelled = false;
	char path[64], cancel[80];

	snprintf(path, sizeof path, "/downloads/%lld", (long long)show_int(*d, "id"));
	snprintf(cancel, sizeof cancel, "%s/cancel", path);
	while (code == ERR_OK && !is_over(show_text(*d, "state"))) {
		if (interrupt_seen() && !cancelled) {
			struct err ignored = { 0 };
			cancelled = true;
			client_finish(c);
			(void)!client_call(c, "POST", cancel, NULL, NULL, &ignored);
		}
		draw(&l, *d);
		usleep(POLL_US);
		json_t *next = NULL;
		code = client_call(c, "GET", path, NULL, &next, err);
		if (code == ERR_OK) {
			json_decref(*d);
			*d = next;
		} else if (code == ERR_CANCELLED && !cancelled) {
			code = ERR_OK; /* the signal came during the call */
		}
	}
	clear_line(&l);
	return code;
}

/* --- the download --- */

static void tell_begin(const struct cli *cli, const json_t *d)
{
	const char *license = show_text(d, "license"), *file = show_text(d, "file");
	char size[32], *name = *file ? mem_printf("%s:%s", show_text(d, "model"), file) : mem_strdup(show_text(d, "model"));

	show_bytes(show_int(d, "size_bytes"), size);
	if (*license)
		cli_say(cli, stderr, "cli_get_license", "license=%s", license);
	cli_say(cli, stderr, "cli_get_begin", "name=%s|size=%s|path=%s", name, size, show_text(d, "path"));
	mem_free(name);
}

static int tell_end(const struct cli *cli, const json_t *d)
{
	const char *state = show_text(d, "state"), *word = args_word(cli->args, 0);
	const json_t *problem = json_object_get(d, "problem"), *refusal;
	const char *revision = args_text(cli->args, "revision", "");
	size_t i;

	if (strcmp(state, "done") != 0 && problem) {
		show_problem("", problem);
		return (int)cli_exit_code(err_code_from_name(show_text(problem, "code")));
	}
	if (strcmp(state, "done") != 0) {
		char *command = mem_printf("assay models get %s%s%s", word, *revision ? " --revision " : "", revision);
		cli_say(cli, stderr, "cli_get_kept", "command=%s", command);
		mem_free(command);
		return EXIT_INTERRUPTED;
	}
	json_array_foreach(json_object_get(d, "refusals"), i, refusal)
		show_problem(show_text(refusal, "path"), json_object_get(refusal, "problem"));
	if (cli->json)
		return EXIT_DONE;
	cli_say(cli, stdout, "cli_get_done", "path=%s", show_text(d, "path"));
	cli_say(cli, stdout, "cli_added", "models=%zu|families=%zu", json_array_size(json_object_get(d, "model_ids")),
		json_array_size(json_object_get(d, "family_ids")));
	return EXIT_DONE;
}

static int fetch(struct cli *cli, struct client *c, const json_t *body)
{
	json_t *d = NULL;
	struct err err = { 0 };
	int result;

	if (client_call(c, "POST", "/downloads", body, &d, &err) != ERR_OK)
		return cli_fail(cli, &err);
	if (!cli->json)
		tell_begin(cli, d);
	if (follow(cli, c, &d, &err) != ERR_OK) {
		result = cli_fail(cli, &err);
	} else {
		result = tell_end(cli, d);
		if (cli->json)
			cli_print_json(d);
	}
	json_decref(d);
	return result;
}

int models_get(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *body = question(cli);
	enum err_code code = cli_connect(cli, &c, &err);
	int result;

	if (code == ERR_OK)
		code = tell_place(cli, c, &err);
	if (code != ERR_OK)
		result = cli_fail(cli, &err);
	else if (args_has(cli->args, "list"))
		result = list(cli, c, body);
	else
		result = fetch(cli, c, body);
	json_decref(body);
	client_close(c);
	return result;
}
