/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/auto_show.h"
#include "cli/duration.h"
#include "cli/output.h"
#include "cli/question_file.h"
#include "cli/resolve.h"
#include "cli/settings.h"
#include "cli/show.h"
#include "cli/step_follow.h"
#include "cli/term.h"
#include "report/selection_gate.h"

#define SEED_MAX 4294967295LL

static const struct arg_option auto_options[] = {
	{ "model", "SPEC", "cli_opt_auto_model", true },
	{ "family", "NAME", "cli_opt_family", false },
	{ "run", "ID", "cli_opt_auto_run", false },
	{ "judge", "SPEC", "cli_opt_judge", false },
	{ "budget", "TIME", "cli_opt_budget", false },
	{ "training", "FILE", "cli_opt_training", false },
	{ "fail-below", "RULE", "cli_opt_fail_below", false },
	{ "seed", "N", "cli_opt_seed", false },
	{ "fresh", NULL, "cli_opt_fresh", false },
	{ "name", "NAME", "cli_opt_run_name", false },
	{ "resume", "ID", "cli_opt_auto_resume", false },
	{ "html", "FILE", "cli_opt_html", false },
	{ "junit", "FILE", "cli_opt_junit", false },
	{ "report-json", "FILE", "cli_opt_report_json", false },
	{ NULL, NULL, NULL, false },
};

/* The option's name and the API's of each file that can be written. */
static const char *const files[][2] = { { "html", "html" }, { "junit", "junit" }, { "report-json", "json" } };
#define N_FILES (sizeof files / sizeof *files)

struct wish {
	int64_t budget_s, run_id, resume_id;
	bool has_gate;
	struct selection_gate gate;
	json_t *body;
};

/* --- what can be wrong before anything begins --- */

static enum err_code check_sources(const struct cli *cli, struct err *err)
{
	static const char *const sources[] = { "family", "model", "run", "resume" };
	const struct args *args = cli->args;
	size_t n = 0;

	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		n += args_has(args, sources[i]);
	if (n != 1)
		return err_set(err, ERR_INVALID, "err_auto_source", NULL);
	bool has_own = args_has(args, "run") || args_has(args, "resume");
	if (has_own == (args_count(args) == 1))
		return err_set(err, ERR_INVALID, has_own ? "err_auto_questions" : "err_auto_no_questions", NULL);
	if (args_has(args, "model") && !args_nth(args, "model", 1))
		return err_set(err, ERR_INVALID, "err_auto_one_model", NULL);
	return args_has(args, "model") ? resolve_check(args, err) : ERR_OK;
}

static enum err_code check_files(const struct cli *cli, struct err *err)
{
	size_t n_stdout = cli->json;

	for (size_t i = 0; i < N_FILES; i++) {
		const char *path = args_text(cli->args, files[i][0], NULL);
		if (path && output_check_path(path, err) != ERR_OK)
			return err->code;
		n_stdout += path && strcmp(path, "-") == 0;
	}
	return n_stdout > 1 ? err_set(err, ERR_INVALID, "err_cli_stdout_twice", NULL) : ERR_OK;
}

static enum err_code read_options(const struct cli *cli, struct wish *w, struct err *err)
{
	const struct args *args = cli->args;
	const char *budget = args_text(args, "budget", NULL), *rule = args_text(args, "fail-below", NULL);
	const char *run = args_text(args, "run", NULL), *resume = args_text(args, "resume", NULL);

	if (check_sources(cli, err) != ERR_OK || check_files(cli, err) != ERR_OK)
		return err->code;
	if (budget && duration_parse(budget, &w->budget_s, err) != ERR_OK)
		return err->code;
	if ((run && args_id(run, "--run", &w->run_id, err) != ERR_OK) ||
	    (resume && args_id(resume, "--resume", &w->resume_id, err) != ERR_OK))
		return err->code;
	w->has_gate = rule != NULL;
	if (rule && selection_gate_parse(rule, "--fail-below", &w->gate, err) != ERR_OK)
		return err->code;
	json_t *params = settings_from_args(args, err);
	int64_t seed = args_int(args, "seed", 0, SEED_MAX, -1, err);
	(void)args_name(args, err);
	if (err->code == ERR_OK && !w->run_id && json_object_size(params))
		json_object_set(w->body, "params", params);
	json_decref(params);
	if (err->code == ERR_OK && seed >= 0)
		json_object_set_new(w->body, "seed", json_integer(seed));
	return err->code;
}

/* --- what is asked for --- */

static enum err_code add_models(const struct cli *cli, struct client *c, json_t *body, struct err *err)
{
	json_t *ids = json_array();
	const char *text;
	enum err_code code = ERR_OK;

	for (size_t i = 0; code == ERR_OK && (text = args_nth(cli->args, "model", i)); i++) {
		int64_t id;
		code = resolve_text(c, text, &id, err);
		if (code == ERR_OK)
			json_array_append_new(ids, json_integer(id));
	}
	json_object_set_new(body, "model_ids", ids);
	return code;
}

static enum err_code add_candidates(const struct cli *cli, struct client *c, struct wish *w, struct err *err)
{
	const char *family = args_text(cli->args, "family", NULL);
	int64_t id;

	if (w->run_id) {
		json_object_set_new(w->body, "run_id", json_integer(w->run_id));
		return ERR_OK;
	}
	if (!family)
		return add_models(cli, c, w->body, err);
	if (resolve_family(c, family, &id, err) != ERR_OK)
		return err->code;
	json_object_set_new(w->body, "family_id", json_integer(id));
	return ERR_OK;
}

static enum err_code add_judge(const struct cli *cli, struct client *c, json_t *body, struct err *err)
{
	const char *judge = args_text(cli->args, "judge", "auto");
	int64_t id;

	if (strcmp(judge, "auto") == 0 || strcmp(judge, "none") == 0) {
		json_object_set_new(body, "judge", json_string(judge));
		return ERR_OK;
	}
	if (resolve_text(c, judge, &id, err) != ERR_OK)
		return err->code;
	json_object_set_new(body, "judge", json_string("model"));
	json_object_set_new(body, "judge_model_id", json_integer(id));
	return ERR_OK;
}

static enum err_code fill_body(const struct cli *cli, struct client *c, struct wish *w, const struct buf *data, struct err *err)
{
	const char *name = args_text(cli->args, "name", NULL), *training = args_text(cli->args, "training", NULL);
	int64_t set_id = 0;

	if (add_candidates(cli, c, w, err) != ERR_OK || add_judge(cli, c, w->body, err) != ERR_OK)
		return err->code;
	if (!w->run_id && question_file_store(cli, c, args_word(cli->args, 0), data, &set_id, err) != ERR_OK)
		return err->code;
	if (set_id)
		json_object_set_new(w->body, "question_set_id", json_integer(set_id));
	if (name)
		json_object_set_new(w->body, "name", json_text(str_of(name)));
	if (training) {
		char *path = resolve_path(training);
		json_object_set_new(w->body, "training_path", json_text(str_of(path)));
		mem_free(path);
	}
	json_object_set_new(w->body, "budget_s", json_integer(w->budget_s));
	json_object_set_new(w->body, "fresh", json_boolean(args_has(cli->args, "fresh")));
	return ERR_OK;
}

/* Begins it, or goes on with one that there is; `*id` is its number. */
static enum err_code begin(const struct cli *cli, struct client *c, struct wish *w, const struct buf *data, int64_t *id,
			   struct err *err)
{
	json_t *reply = NULL;
	char path[64];
	enum err_code code;

	if (w->resume_id) {
		json_t *body = args_has(cli->args, "budget") ? json_pack("{s:I}", "budget_s", (json_int_t)w->budget_s) : NULL;
		snprintf(path, sizeof path, "/selections/%lld/resume", (long long)w->resume_id);
		code = client_call(c, "POST", path, body, &reply, err);
		json_decref(body);
	} else {
		code = fill_body(cli, c, w, data, err);
		if (code == ERR_OK)
			code = client_call(c, "POST", "/selections/preview", w->body, &reply, err);
		if (code == ERR_OK && !cli->json)
			auto_show_preview(cli, reply, stderr);
		json_decref(reply);
		reply = NULL;
		if (code == ERR_OK)
			code = client_call(c, "POST", "/selections", w->body, &reply, err);
	}
	*id = show_int(reply, "id");
	json_decref(reply);
	if (code == ERR_OK && !cli->json)
		cli_say(cli, stderr, "cli_auto_started", "id=%lld", (long long)*id);
	return code;
}

/* --- how it ended --- */

static enum err_code write_files(const struct cli *cli, struct client *c, int64_t id, struct err *err)
{
	const char *rule = args_text(cli->args, "fail-below", NULL);
	char *escaped = rule ? client_escape(rule) : NULL;
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < N_FILES && code == ERR_OK; i++) {
		const char *path = args_text(cli->args, files[i][0], NULL);
		if (!path)
			continue;
		char *api_path = mem_printf("/selections/%lld/report?format=%s&lang=%s%s%s", (long long)id, files[i][1], lang_name(cli->lang),
					    escaped ? "&fail_below=" : "", escaped ? escaped : "");
		code = output_write_file(c, api_path, path, err);
		if (code == ERR_OK && strcmp(path, "-") != 0 && !cli->json)
			cli_say(cli, stderr, "cli_written", "path=%s", path);
		mem_free(api_path);
	}
	mem_free(escaped);
	return code;
}

static bool goes_to_stdout(const struct cli *cli)
{
	for (size_t i = 0; i < N_FILES; i++)
		if (strcmp(args_text(cli->args, files[i][0], ""), "-") == 0)
			return true;
	return false;
}

static int check_gate(const struct cli *cli, const struct wish *w, const json_t *selection)
{
	struct buf why = BUF_INIT(64 * KIB);

	if (!w->has_gate)
		return EXIT_DONE;
	bool holds = selection_gate_check(&w->gate, selection, cli->lang, &why);
	term_print(stderr, buf_str(&why));
	fputc('\n', stderr);
	buf_release(&why);
	return holds ? EXIT_DONE : EXIT_GATE;
}

static int finish(const struct cli *cli, struct client *c, const struct wish *w, const json_t *selection)
{
	const char *state = show_text(selection, "state");
	const json_t *problem = json_object_get(selection, "problem");
	struct err err = { 0 };
	int64_t id = show_int(selection, "id");
	bool is_done = strcmp(state, "done") == 0;

	client_finish(c);
	if (is_done && write_files(cli, c, id, &err) != ERR_OK)
		return cli_fail(cli, &err);
	if (cli->json)
		cli_print_json(selection);
	if (is_done) {
		if (!cli->json)
			auto_show(cli, selection, goes_to_stdout(cli) ? stderr : stdout);
		return check_gate(cli, w, selection);
	}
	show_problem("", problem);
	cli_say(cli, stderr, "cli_auto_how_to_resume", "id=%lld|data=%s", (long long)id, cli->data_dir);
	if (strcmp(state, "failed") == 0)
		return cli_exit_code(err_code_from_name(show_text(problem, "code")));
	return EXIT_INTERRUPTED;
}

static int exec_auto(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	struct buf data = BUF_INIT(LIMIT_UPLOAD);
	struct wish w = { .body = json_object() };
	json_t *selection = NULL;
	int64_t id = 0;
	enum err_code code = read_options(cli, &w, &err);

	if (code == ERR_OK && args_count(cli->args))
		code = question_file_read(args_word(cli->args, 0), &data, &err);
	if (code == ERR_OK)
		code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = begin(cli, c, &w, &data, &id, &err);
	if (code == ERR_OK)
		code = step_follow(cli, c, &(struct step_job){ "/selections", id, "stop", "report_step_" }, &selection, &err);
	int result = code == ERR_OK ? finish(cli, c, &w, selection) : cli_fail(cli, &err);
	json_decref(selection);
	json_decref(w.body);
	client_close(c);
	buf_release(&data);
	return result;
}

static const struct arg_option *const tables[] = { auto_options, setting_options, question_options, machine_options, NULL };

const struct command cmd_auto = { "auto", "QUESTIONS --family NAME | --model SPEC --model SPEC ... [OPTION...]", "cli_auto_summary",
				  "cli_auto_about", tables, 0, 1, exec_auto, NULL };
