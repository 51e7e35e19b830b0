/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/models_convert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/resolve.h"
#include "cli/show.h"
#include "convert/convert_speed.h"
#include "convert/hf_convert.h"
#include "convert/hf_keys.h"
#include "convert/python_convert.h"

#define INTERRUPT_LOOK_US 100000

static const struct arg_option convert_options[] = {
	{ "type", "NAME", "cli_opt_convert_type", false },
	{ "out", "FILE", "cli_opt_convert_out", false },
	{ "base", "PATH", "cli_opt_convert_base", false },
	{ "replace", NULL, "cli_opt_convert_replace", false },
	{ "with-python", NULL, "cli_opt_convert_with_python", false },
	{ "remove-python", NULL, "cli_opt_convert_remove_python", false },
	{ NULL, NULL, NULL, false },
};
const struct arg_option *const models_convert_tables[] = { convert_options, NULL };

struct conversion {
	struct cli *cli;
	char *dir, *out;
	struct progress *progress;
	atomic_bool stop, done; /* done: nobody looks for Ctrl-C any more */
};

/* "SmolLM2-135M-F16.gguf" in the current folder. */
static char *default_out(const char *dir, enum hf_type type)
{
	struct arena *a = arena_new();
	char *path = resolve_path(arena_printf(a, "%s-%s.gguf", hf_keys_folder_name(a, dir), hf_type_name(type)));
	arena_free(a);
	return path;
}

static void show_share(void *user, uint64_t done, uint64_t total)
{
	struct conversion *v = user;
	if (interrupt_seen())
		atomic_store(&v->stop, true);
	double share = total ? (double)done / (double)total : 1;
	char *text = cli_text(v->cli, "cli_convert_progress", "percent=%.0f|name=%s", 100 * share, fs_basename(v->out));
	progress_share(v->progress, share, text);
	mem_free(text);
}

static void tell_begin(const struct conversion *v, const struct hf_convert_facts *facts)
{
	char size[32];
	show_bytes((int64_t)facts->size_bytes, size);
	if (v->cli->json)
		return;
	cli_say(v->cli, stderr, "cli_convert_begin", "name=%s|type=%s|size=%s", v->out, hf_type_name(facts->type), size);
	convert_speed_sample(v->cli->data_dir, v->dir);
	int64_t s = (convert_speed_ms(convert_speed_read(v->cli->data_dir), facts->source_bytes) + 999) / 1000;
	if (s > 0)
		cli_say(v->cli, stderr, s < 120 ? "cli_convert_seconds" : "cli_convert_minutes", "n=%lld", (long long)(s < 120 ? s : (s + 59) / 60));
}

static void tell_end(const struct conversion *v, const struct hf_convert_facts *facts)
{
	if (!v->cli->json) {
		cli_say(v->cli, stdout, "cli_convert_done", "path=%s|n=%zu", v->out, facts->n_tensors);
		return;
	}
	json_t *made = json_pack("{s:o, s:s, s:s, s:I, s:I, s:I}", "path", json_text(str_of(v->out)), "architecture", facts->architecture,
				 "type", hf_type_name(facts->type), "size_bytes", (json_int_t)facts->size_bytes, "n_params",
				 (json_int_t)facts->n_values, "n_tensors", (json_int_t)facts->n_tensors);
	cli_print_json(made);
	json_decref(made);
}

/* --- by llama.cpp's converter --- */

static void show_python(void *user, enum python_phase phase, double share, struct str line)
{
	static const char *const keys[] = { "cli_convert_python_making", "cli_convert_python_installing", "cli_convert_python_converting" };
	struct conversion *v = user;
	if (interrupt_seen())
		atomic_store(&v->stop, true);
	char *text = share >= 0 ? cli_text(v->cli, "cli_convert_progress", "percent=%.0f|name=%s", 100 * share, fs_basename(v->out)) :
				  cli_text(v->cli, keys[phase], "line=%.*s", (int)(line.len < 100 ? line.len : 100), line.len ? line.ptr : "");
	progress_share(v->progress, share >= 0 ? share : 0, text);
	mem_free(text);
}

static void *watch_interrupt(void *user)
{
	struct conversion *v = user;
	while (!atomic_load(&v->done)) {
		if (interrupt_seen())
			atomic_store(&v->stop, true);
		usleep(INTERRUPT_LOOK_US);
	}
	return NULL;
}

static enum err_code convert_with_python(struct conversion *v, const struct hf_convert_options *o, struct err *err)
{
	const char *out = args_text(v->cli->args, "out", NULL);
	struct python_convert_options p = { .data_dir = v->cli->data_dir, .type = o->type, .base = o->base, .replace = o->replace,
					    .watch = { show_python, v, &v->stop } };
	struct hf_convert_facts facts;
	pthread_t watcher;
	v->out = out ? resolve_path(out) : default_out(v->dir, o->type);
	if (!v->cli->json && !python_env_ready(v->cli->data_dir))
		cli_say(v->cli, stderr, "cli_convert_python_first", "download=%d|disk=%d|path=%s/cache/python", PYTHON_DOWNLOAD_MIB,
			PYTHON_DISK_MIB, v->cli->data_dir);
	bool watched = pthread_create(&watcher, NULL, watch_interrupt, v) == 0;
	v->progress = progress_new(v->cli);
	enum err_code code = python_convert(v->dir, v->out, &p, &facts, err);
	progress_free(v->progress);
	atomic_store(&v->done, true);
	if (watched)
		pthread_join(watcher, NULL);
	if (code == ERR_OK)
		tell_end(v, &facts);
	return code;
}

static int remove_python(struct cli *cli)
{
	struct err err = { 0 };
	uint64_t bytes = 0;
	char size[32];
	if (python_env_remove(cli->data_dir, &bytes, &err) != ERR_OK)
		return cli_fail(cli, &err);
	show_bytes((int64_t)bytes, size);
	if (cli->json) {
		json_t *done = json_pack("{s:I}", "freed_bytes", (json_int_t)bytes);
		cli_print_json(done);
		json_decref(done);
	} else {
		cli_say(cli, stdout, bytes ? "cli_convert_python_removed" : "cli_convert_python_none", "size=%s", size);
	}
	return EXIT_DONE;
}

/* --- by assay --- */

static enum err_code convert(struct conversion *v, struct hf_convert_options *o, struct err *err)
{
	struct hf_convert_facts facts;
	const char *out = args_text(v->cli->args, "out", NULL);
	/* What is wrong with the folder is said at once, and how big the result will be. */
	enum err_code code = hf_convert_size(v->dir, o, &facts, err);
	if (code != ERR_OK && args_has(v->cli->args, "with-python") && python_convert_may_help(err)) {
		*err = (struct err){ 0 };
		return convert_with_python(v, o, err);
	}
	if (code != ERR_OK)
		return code;
	o->type = facts.type;
	v->out = out ? resolve_path(out) : default_out(v->dir, facts.type);
	tell_begin(v, &facts);
	v->progress = progress_new(v->cli);
	int64_t began = clock_mono_ms();
	code = hf_convert(v->dir, v->out, o, &facts, err);
	progress_free(v->progress);
	if (code == ERR_OK)
		convert_speed_note(v->cli->data_dir, facts.source_bytes, clock_mono_ms() - began);
	if (code == ERR_OK)
		tell_end(v, &facts);
	return code;
}

int models_convert_exec(struct cli *cli)
{
	struct err err = { 0 };
	if (args_has(cli->args, "remove-python"))
		return remove_python(cli);
	if (args_count(cli->args) == 0) {
		err_set(&err, ERR_INVALID, "err_convert_no_folder", NULL);
		return cli_fail(cli, &err);
	}
	struct conversion v = { .cli = cli, .dir = resolve_path(args_word(cli->args, 0)) };
	const char *type = args_text(cli->args, "type", "auto"), *base = args_text(cli->args, "base", NULL);
	char *base_path = base ? resolve_path(base) : hf_convert_tokenizer_from(v.dir, NULL);
	struct hf_convert_options o = { .base = base_path,
					.replace = args_has(cli->args, "replace"),
					.progress = show_share,
					.user = &v,
					.cancel = &v.stop };
	enum err_code code = ERR_OK;
	interrupt_install(NULL);
	if (!hf_type_named(type, &o.type))
		code = err_set(&err, ERR_INVALID, "err_convert_type", "type=%.60s", type);
	if (code == ERR_OK)
		code = convert(&v, &o, &err);
	mem_free(base_path);
	mem_free(v.dir);
	mem_free(v.out);
	return code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
}
