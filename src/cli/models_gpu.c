/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/models_gpu.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/resolve.h"
#include "cli/show.h"

#define LAYERS_MAX 100000

static const struct arg_option gpu_options[] = {
	{ "device", "ID,ID...", "cli_opt_gpu_ids", false },
	{ "num-ctx", "N", "cli_opt_memory_ctx", false },
	{ NULL, NULL, NULL, false },
};
const struct arg_option *const models_gpu_tables[] = { gpu_options, NULL };

/* What is to be chosen (a new reference), NULL: nothing is. */
static json_t *choice(const struct cli *cli, const json_t *model, struct err *err)
{
	const char *word = args_count(cli->args) > 1 ? args_word(cli->args, 1) : NULL, *device = args_text(cli->args, "device", NULL);
	const json_t *gpu = json_object_get(model, "gpu");
	int64_t layers = json_is_object(gpu) ? show_int(gpu, "layers") : -1;
	bool is_default = word && strcmp(word, "default") == 0;

	if (!word && !device)
		return NULL;
	if (word && strcmp(word, "auto") == 0)
		layers = -1;
	else if (word && strcmp(word, "none") == 0)
		layers = 0;
	else if (word && !is_default && (!str_to_i64(str_of(word), &layers) || layers < 0 || layers > LAYERS_MAX))
		err_set(err, ERR_INVALID, "err_cli_gpu_layers", "word=%s", word);
	if (is_default && device)
		err_set(err, ERR_INVALID, "err_cli_gpu_default", NULL);
	if (err->code != ERR_OK)
		return NULL;
	json_t *body = json_pack("{s:s}", "device", device ? device : show_text(gpu, "device"));
	json_object_set_new(body, "layers", is_default ? json_null() : json_integer(layers));
	if (is_default)
		json_object_set_new(body, "device", json_string(""));
	return body;
}

/* The base that computes what the word names. */
static enum err_code find_base(struct client *c, const char *word, json_t **model, char path[64], struct err *err)
{
	int64_t id = 0;
	enum err_code code = resolve_text(c, word, &id, err);

	for (int tries = 0; code == ERR_OK && tries < 2; tries++) {
		json_decref(*model);
		*model = NULL;
		(void)str_format(path, 64, "/models/%lld", (long long)id);
		code = client_call(c, "GET", path, NULL, model, err);
		id = show_int(*model, "base_model_id");
		if (strcmp(show_text(*model, "kind"), "adapter") != 0 || !id)
			break;
	}
	return code;
}

static void print_choice(const struct cli *cli, const json_t *model)
{
	const json_t *gpu = json_object_get(model, "gpu");
	const char *name = show_text(model, "name"), *device = show_text(gpu, "device");
	int64_t layers = show_int(gpu, "layers");

	if (!json_is_object(gpu))
		cli_say(cli, stdout, "cli_gpu_default", "name=%s", name);
	else
		cli_say(cli, stdout, layers < 0 ? "cli_gpu_auto" : layers == 0 ? "cli_gpu_none" : "cli_gpu_layers", "name=%s|n=%lld", name,
			(long long)layers);
	if (*device)
		cli_say(cli, stdout, "cli_gpu_ids", "device=%s", device);
}

static void print_memory(const struct cli *cli, const json_t *memory)
{
	const json_t *model = json_object_get(memory, "model"), *problem = json_object_get(model, "problem");
	const char *held = show_text(json_object_get(memory, "held"), "message");

	if (!model)
		return;
	cli_say(cli, stdout, "cli_memory_sentence", "sentence=%s", show_text(model, "message"));
	if (problem)
		show_problem("", problem);
	else if (*held)
		cli_say(cli, stdout, "cli_memory_sentence", "sentence=%s", held);
}

int models_exec_gpu(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *model = NULL, *body = NULL, *memory = NULL;
	char path[64] = "", put[80], query[96];
	int64_t num_ctx = args_int(cli->args, "num-ctx", 1, LIMIT_NUM_CTX, 0, &err);
	enum err_code code = err.code == ERR_OK ? cli_connect(cli, &c, &err) : err.code;

	if (code == ERR_OK)
		code = find_base(c, args_word(cli->args, 0), &model, path, &err);
	if (code == ERR_OK) {
		body = choice(cli, model, &err);
		code = err.code;
	}
	(void)str_format(put, sizeof put, "%s/gpu", path);
	if (body) {
		json_decref(model);
		model = NULL;
		code = client_call(c, "PUT", put, body, &model, &err);
	}
	(void)str_format(query, sizeof query, "/memory?model_id=%lld", (long long)show_int(model, "id"));
	if (num_ctx > 0)
		(void)str_format(query, sizeof query, "/memory?model_id=%lld&num_ctx=%lld", (long long)show_int(model, "id"), (long long)num_ctx);
	if (code == ERR_OK)
		code = client_call(c, "GET", query, NULL, &memory, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	if (code == ERR_OK && cli->json) {
		json_object_set(model, "memory", json_object_get(memory, "model"));
		cli_print_json(model);
	} else if (code == ERR_OK) {
		print_choice(cli, model);
		print_memory(cli, memory);
	}
	json_decref(memory);
	json_decref(body);
	json_decref(model);
	client_close(c);
	return result;
}

int memory_free(struct cli *cli, struct client *c)
{
	struct err err = { 0 };
	json_t *reply = NULL;
	const json_t *problem;
	size_t i;
	int result = EXIT_DONE;

	if (client_call(c, "POST", "/memory/free", NULL, &reply, &err) != ERR_OK)
		return cli_fail(cli, &err);
	int64_t freed = show_int(reply, "freed_bytes");
	if (cli->json)
		cli_print_json(reply);
	else
		cli_say(cli, stdout, freed > 0 ? "cli_freed" : "cli_freed_none", "freed=%.1f|free=%.1f", (double)freed / 1e9,
			(double)show_int(reply, "memory_available") / 1e9);
	json_array_foreach(json_object_get(json_object_get(reply, "held"), "problems"), i, problem) {
		show_problem("", problem);
		result = EXIT_ENVIRONMENT;
	}
	json_decref(reply);
	return result;
}
