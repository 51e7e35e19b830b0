/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/term.h"
#include "server/app.h"

#define SENTENCE_MAX (64 * KIB)

const struct arg_option common_options[] = {
	{ "data", "DIR", "cli_opt_data", false },
	{ "lang", "zh-TW|en", "cli_opt_lang", false },
	{ "json", NULL, "cli_opt_json", false },
	{ "help", NULL, "cli_opt_help", false },
	{ NULL, NULL, NULL, false },
};

const struct arg_option machine_options[] = {
	{ "threads", "N", "cli_opt_threads", false },
	{ "gpu-layers", "N", "cli_opt_gpu_layers", false },
	{ "gpu-device", "ID", "cli_opt_gpu_device", false },
	{ "allow-unsandboxed", NULL, "cli_opt_allow_unsandboxed", false },
	{ NULL, NULL, NULL, false },
};

enum exit_code cli_exit_code(enum err_code code)
{
	switch (code) {
	case ERR_OK:
		return EXIT_DONE;
	case ERR_INVALID:
		return EXIT_USAGE;
	case ERR_DATA:
	case ERR_NOT_FOUND:
	case ERR_CONFLICT:
	case ERR_LIMIT:
	case ERR_UNSUPPORTED:
		return EXIT_DATA;
	case ERR_CANCELLED:
		return EXIT_INTERRUPTED;
	case ERR_DENIED:
	case ERR_BUSY:
	case ERR_IO:
	case ERR_INTERNAL:
		break;
	}
	return EXIT_ENVIRONMENT;
}

static void print_json_error(const struct err *err, const char *message, const char *hint)
{
	json_t *problem = json_pack("{s:s, s:s, s:o}", "code", err_code_name(err->code), "key", err->key, "message",
				    json_text(str_of(message)));
	if (hint[0])
		json_object_set_new(problem, "hint", json_text(str_of(hint)));
	json_t *body = json_pack("{s:o}", "error", problem);
	cli_print_json(body);
	json_decref(body);
}

int cli_fail(const struct cli *cli, const struct err *err)
{
	struct buf message = BUF_INIT(SENTENCE_MAX), hint = BUF_INIT(SENTENCE_MAX);
	err_message(&message, cli->lang, err);
	err_hint(&hint, cli->lang, err);
	fputs("assay: ", stderr);
	term_print(stderr, buf_str(&message));
	fputc('\n', stderr);
	if (hint.len) {
		fputs("  ", stderr);
		term_print(stderr, buf_str(&hint));
		fputc('\n', stderr);
	}
	if (cli->json)
		print_json_error(err, buf_text(&message), buf_text(&hint));
	buf_release(&message);
	buf_release(&hint);
	return cli_exit_code(err->code);
}

static char *render(const struct cli *cli, const char *key, const char *args, va_list list)
{
	struct buf text = BUF_INIT(SENTENCE_MAX);
	char rendered[sizeof(((struct err *)NULL)->args)] = "";
	if (args)
		err_args_format(rendered, sizeof rendered, args, list);
	msg_render(&text, cli->lang, key, rendered);
	return buf_take(&text);
}

char *cli_text(const struct cli *cli, const char *key, const char *args, ...)
{
	va_list list;
	va_start(list, args);
	char *text = render(cli, key, args, list);
	va_end(list);
	return text;
}

void cli_say(const struct cli *cli, FILE *to, const char *key, const char *args, ...)
{
	va_list list;
	va_start(list, args);
	char *text = render(cli, key, args, list);
	va_end(list);
	term_print(to, str_of(text));
	fputc('\n', to);
	mem_free(text);
}

void cli_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY);
	fputc('\n', stdout);
}

void cli_app_options(const struct cli *cli, struct app_options *out, struct err *err)
{
	*out = app_options_default();
	out->data_dir = cli->data_dir;
	out->lang = cli->lang;
	out->n_threads = (int)args_int(cli->args, "threads", 0, 1024, out->n_threads, err);
	out->n_gpu_layers = (int)args_int(cli->args, "gpu-layers", -1, 100000, out->n_gpu_layers, err);
	out->gpu_device = args_text(cli->args, "gpu-device", NULL);
	out->allow_unsandboxed = args_has(cli->args, "allow-unsandboxed");
}

void cli_log_level(bool quiet)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = { { "error", LOG_ERROR }, { "warn", LOG_WARN }, { "info", LOG_INFO }, { "debug", LOG_DEBUG } };
	const char *wanted = getenv("ASSAY_LOG");
	bool found = false;
	log_set_level(LOG_WARN);
	for (size_t i = 0; wanted && i < sizeof levels / sizeof levels[0]; i++) {
		if (strcmp(wanted, levels[i].name) == 0) {
			log_set_level(levels[i].level);
			found = true;
		}
	}
	log_set_quiet(quiet && !found);
}

enum err_code cli_connect(struct cli *cli, struct client **out, struct err *err)
{
	struct app_options own;
	cli_app_options(cli, &own, err);
	if (err->code != ERR_OK)
		return err->code;
	cli_log_level(true);
	interrupt_install(NULL);
	return client_open(cli->data_dir, cli->lang, &own, out, err);
}
