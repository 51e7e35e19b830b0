/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/growing.h"
#include "cli/interrupt.h"
#include "cli/show.h"
#include "cli/term.h"

#define PATH_SIZE 96
#define LOOK_US 60000 /* between two looks at an answer */

static const struct arg_option chat_options[] = {
	{ "chat", "ID", "cli_opt_chat_id", false },
	{ NULL, NULL, NULL, false },
};

struct session {
	const struct cli *cli;
	struct client *client;
	int64_t workspace_id, chat_id; /* chat 0: the next question begins one */
	bool is_live;                  /* somebody types */
	bool is_over, has_failed;
};

/* --- workspaces --- */

static int list_workspaces(const struct cli *cli, struct client *c)
{
	static const char *const heads[] = { "cli_head_id", "cli_head_name", "cli_head_model", "cli_head_chats", "cli_head_documents", NULL };
	struct err err = { 0 };
	json_t *reply = NULL;
	const json_t *w;
	size_t i;
	if (client_call(c, "GET", "/workspaces", NULL, &reply, &err) != ERR_OK)
		return cli_fail(cli, &err);
	const json_t *all = json_object_get(reply, "workspaces");
	if (cli->json || json_array_size(all) == 0) {
		if (cli->json)
			cli_print_json(reply);
		else
			cli_say(cli, stderr, "cli_no_workspaces", NULL);
		json_decref(reply);
		return EXIT_DONE;
	}
	struct table *t = table_new("rllrr");
	show_heading(cli, t, heads);
	json_array_foreach(all, i, w) {
		table_cellf(t, "%lld", (long long)show_int(w, "id"));
		table_cell(t, show_text(w, "name"));
		table_cell(t, show_text(w, "model_name"));
		table_cellf(t, "%lld", (long long)show_int(w, "n_chats"));
		table_cellf(t, "%lld", (long long)show_int(w, "n_documents"));
	}
	show_table(t, stdout);
	json_decref(reply);
	return EXIT_DONE;
}

/* By its number, its name, or the beginning of one name. */
static enum err_code find_workspace(struct client *c, const char *wanted, int64_t *id, struct err *err)
{
	json_t *reply = NULL;
	const json_t *w;
	int64_t number = 0;
	size_t i, n_begin = 0;
	if (client_call(c, "GET", "/workspaces", NULL, &reply, err) != ERR_OK)
		return err->code;
	(void)str_to_i64(str_of(wanted), &number);
	*id = 0;
	int64_t begins = 0;
	json_array_foreach(json_object_get(reply, "workspaces"), i, w) {
		const char *name = show_text(w, "name");
		if (!strcmp(name, wanted) || (number && show_int(w, "id") == number && !*id))
			*id = show_int(w, "id");
		if (strncasecmp(name, wanted, strlen(wanted)) == 0) {
			begins = show_int(w, "id");
			n_begin++;
		}
	}
	json_decref(reply);
	if (!*id && n_begin == 1)
		*id = begins;
	return *id ? ERR_OK : err_set(err, ERR_NOT_FOUND, "err_cli_workspace", "name=%s", wanted);
}

/* --- one answer --- */

static void tell_phase(const struct session *s, const json_t *message, char last[32])
{
	static const char *const told[] = { "validation", "creation", "loading" };
	const char *phase = show_text(message, "phase");
	if (!strcmp(phase, last))
		return;
	(void)str_format(last, 32, "%s", phase);
	for (size_t i = 0; s->is_live && i < sizeof told / sizeof told[0]; i++) {
		char key[64];
		if (!strcmp(phase, told[i]) && str_format(key, sizeof key, "cli_chat_%s", phase))
			cli_say(s->cli, stderr, key, NULL);
	}
}

static void tell_end(struct session *s, const json_t *message)
{
	const json_t *citation;
	size_t i;
	if (s->cli->json) {
		json_dumpf(message, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
		fputc('\n', stdout);
	}
	fflush(stdout);
	if (show_int(message, "n_left_out") && !s->cli->json)
		cli_say(s->cli, stderr, "cli_chat_left_out", "n=%lld", (long long)show_int(message, "n_left_out"));
	json_array_foreach(json_object_get(message, "citations"), i, citation) {
		if (!s->cli->json && json_is_true(json_object_get(citation, "used")))
			cli_say(s->cli, stderr, "cli_chat_source", "n=%lld|name=%s|heading=%s", (long long)show_int(citation, "rank"),
				show_text(citation, "document_name"), show_text(citation, "heading"));
	}
	if (!strcmp(show_text(message, "state"), "stopped") && s->is_live)
		cli_say(s->cli, stderr, "cli_chat_stopped", NULL);
	if (!strcmp(show_text(message, "state"), "failed")) {
		s->has_failed = true;
		show_problem("", json_object_get(message, "problem"));
	}
}

static void print_more(const struct session *s, struct growing *answer, const char *text)
{
	bool anew;
	const char *more = growing_next(answer, text, &anew);
	if (s->cli->json || !*more)
		return;
	if (anew)
		fputc('\n', stdout);
	term_print(stdout, str_of(more));
	fflush(stdout);
}

/* Shows the answer as it grows.  The first signal stops it; ERR_CANCELLED where it was not Ctrl-C. */
static enum err_code follow(struct session *s, int64_t id, struct err *err)
{
	struct growing answer = { 0 };
	char path[PATH_SIZE], stop[PATH_SIZE], phase[32] = "";
	bool is_over = false, ends = false;
	snprintf(path, sizeof path, "/messages/%lld", (long long)id);
	snprintf(stop, sizeof stop, "/messages/%lld/stop", (long long)id);
	while (!is_over && err->code == ERR_OK) {
		json_t *message = NULL;
		enum err_code code = client_call(s->client, "GET", path, NULL, &message, err);
		int signal = interrupt_take();
		if (signal) {
			*err = (struct err){ 0 };
			ends = signal != SIGINT;
			code = client_call(s->client, "POST", stop, NULL, NULL, err);
		}
		if (code == ERR_OK && message) {
			tell_phase(s, message, phase);
			print_more(s, &answer, show_text(message, "text"));
			is_over = strcmp(show_text(message, "state"), "streaming") != 0;
			if (is_over && answer.shown && !s->cli->json)
				fputc('\n', stdout);
			if (is_over)
				tell_end(s, message);
		}
		json_decref(message);
		if (!is_over && err->code == ERR_OK)
			usleep(LOOK_US);
	}
	growing_release(&answer);
	return ends && err->code == ERR_OK ? err_set(err, ERR_CANCELLED, "err_cancelled", NULL) : err->code;
}

static enum err_code begin_chat(struct session *s, struct err *err)
{
	char path[PATH_SIZE];
	json_t *chat = NULL;
	snprintf(path, sizeof path, "/workspaces/%lld/chats", (long long)s->workspace_id);
	if (!s->chat_id && client_call(s->client, "POST", path, NULL, &chat, err) == ERR_OK)
		s->chat_id = show_int(chat, "id");
	json_decref(chat);
	return err->code;
}

static enum err_code ask(struct session *s, struct str question, struct err *err)
{
	char path[PATH_SIZE];
	json_t *reply = NULL, *body = json_pack("{s:o}", "text", json_text(question));
	if (begin_chat(s, err) == ERR_OK) {
		snprintf(path, sizeof path, "/chats/%lld/messages", (long long)s->chat_id);
		(void)!client_call(s->client, "POST", path, body, &reply, err);
	}
	int64_t id = show_int(json_object_get(reply, "assistant"), "id");
	json_decref(body);
	json_decref(reply);
	return err->code == ERR_OK ? follow(s, id, err) : err->code;
}

/* --- commands --- */

static enum err_code list_documents(struct session *s, struct err *err)
{
	char path[PATH_SIZE];
	json_t *reply = NULL;
	const json_t *d;
	size_t i;
	snprintf(path, sizeof path, "/workspaces/%lld/documents", (long long)s->workspace_id);
	if (client_call(s->client, "GET", path, NULL, &reply, err) != ERR_OK)
		return err->code;
	const json_t *all = json_object_get(reply, "documents");
	if (json_array_size(all) == 0)
		cli_say(s->cli, stderr, "cli_chat_no_documents", NULL);
	json_array_foreach(all, i, d)
		cli_say(s->cli, stderr, "cli_chat_document", "name=%s|n=%lld", show_text(d, "name"), (long long)show_int(d, "n_passages"));
	json_decref(reply);
	return ERR_OK;
}

static enum err_code obey(struct session *s, struct str line, struct err *err)
{
	if (str_eq_text(line, "/quit") || str_eq_text(line, "/exit")) {
		s->is_over = true;
	} else if (str_eq_text(line, "/new")) {
		s->chat_id = 0;
		cli_say(s->cli, stderr, "cli_chat_new", NULL);
	} else if (str_eq_text(line, "/documents")) {
		return list_documents(s, err);
	} else {
		cli_say(s->cli, stderr, "cli_chat_commands", NULL);
	}
	return ERR_OK;
}

/* What is typed, or a line of the input that was piped in. */
static void talk(struct session *s, struct err *err)
{
	char *line = NULL;
	size_t room = 0;
	while (!s->is_over && err->code == ERR_OK) {
		if (s->is_live)
			fputs("> ", stderr);
		ssize_t n = getline(&line, &room, stdin);
		if (n < 0) {
			if (interrupt_take() && !s->is_live)
				err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
			break;
		}
		struct str text = str_trim((struct str){ line, (size_t)n });
		if (!text.len)
			continue;
		if (s->is_live && text.ptr[0] == '/')
			(void)obey(s, text, err);
		else
			(void)ask(s, text, err);
		if (s->is_live && err->code != ERR_OK && err->code != ERR_CANCELLED) {
			(void)cli_fail(s->cli, err); /* told; the next question may go better */
			*err = (struct err){ 0 };
		}
	}
	if (s->is_live)
		fputc('\n', stderr);
	free(line);
}

static int exec_chat(struct cli *cli)
{
	struct session s = { .cli = cli, .is_live = isatty(STDIN_FILENO) && !cli->json };
	struct err err = { 0 };
	int result = EXIT_DONE;
	if (args_has(cli->args, "chat"))
		(void)!args_id(args_text(cli->args, "chat", ""), "chat", &s.chat_id, &err);
	if (err.code == ERR_OK)
		(void)!cli_connect(cli, &s.client, &err);
	if (err.code == ERR_OK && args_count(cli->args) == 0) {
		result = list_workspaces(cli, s.client);
		client_close(s.client);
		return result;
	}
	if (err.code == ERR_OK && find_workspace(s.client, args_word(cli->args, 0), &s.workspace_id, &err) == ERR_OK) {
		if (s.is_live)
			cli_say(cli, stderr, "cli_chat_hello", NULL);
		talk(&s, &err);
	}
	if (err.code != ERR_OK)
		result = cli_fail(cli, &err);
	else if (s.has_failed)
		result = EXIT_DATA;
	client_close(s.client);
	return result;
}

static const struct arg_option *const tables[] = { chat_options, machine_options, NULL };

const struct command cmd_chat = { "chat", "[WORKSPACE] [OPTION...]", "cli_chat_summary", "cli_chat_about", tables, 0, 1, exec_chat, NULL };
