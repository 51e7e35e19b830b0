/* SPDX-License-Identifier: Apache-2.0
 *
 * assay-worker - loads one model and answers what the supervisor asks over descriptor 3 (worker/protocol.h).
 *
 *     assay-worker [--read-dir PATH]... [--write-dir DIR] [--cpu] [--no-sandbox]    started by assay, not by hand
 *     assay-worker --self-test                        prints what the sandbox can do here, as JSON; exit 0 when it is full
 *     assay-worker --version                          exit 71 where it cannot compute on this processor */
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "ggml.h"
#include "worker/batch.h"
#include "worker/calibrate.h"
#include "worker/turn.h"
#include "worker/compare.h"
#include "worker/cpu.h"
#include "worker/guard.h"
#include "worker/imatrix.h"
#include "worker/judge_labels.h"
#include "worker/merge.h"
#include "worker/offload.h"
#include "worker/protocol.h"
#include "worker/quantize.h"
#include "worker/relay.h"
#include "worker/sandbox.h"
#include "worker/scoring.h"

#define DEVICES_MAX OFFLOAD_DEVICES_MAX

struct worker {
	struct link *link;
	struct loaded model;
	struct engine engine;
	struct sandbox_report sandbox;
	struct shim_device devices[DEVICES_MAX];
	size_t n_devices;
};

static struct worker worker;

/* --- requests --- */

static enum err_code serve_render(struct worker *w, struct request *r, json_t **reply, struct err *err)
{
	struct column *c;
	struct tokens tokens = { 0 };
	struct buf text = BUF_INIT(LIMIT_PROMPT_BYTES);
	if (column_get(&w->engine.columns, &w->model, r->stream, r->body, &c, err) == ERR_OK &&
	    column_prompt(c, &w->model, r->stream, json_object_get(r->body, "messages"), &tokens, &text, err) == ERR_OK)
		*reply = json_pack("{s:o, s:i, s:i}", "prompt", json_text(buf_str(&text)), "n_tokens", tokens.n,
				   "prefix_tokens", column_shared(c, &tokens));
	tokens_release(&tokens);
	buf_release(&text);
	return err->code;
}

static enum err_code serve(struct worker *w, struct request *r, uint8_t *kind, json_t **reply, struct err *err)
{
	struct engine *e = &w->engine;
	e->stream = r->stream;
	if (r->kind == REQ_RENDER && !w->model.model)
		return err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	*kind = MSG_OK;
	switch (r->kind) {
	case REQ_LOAD:
		*kind = MSG_LOADED;
		return load_model(&w->model, w->link, r, reply, err);
	case REQ_ADAPTER:
		return load_adapter(&w->model, r, err);
	case REQ_MERGE:
		return merge(w->link, r, reply, err);
	case REQ_QUANTIZE:
		return quantize(w->link, r, reply, err);
	case REQ_IMATRIX:
		return imatrix_collect(w->link, &w->model, &e->columns, r, reply, err);
	case REQ_COMPARE:
		return compare(e, r, reply, err);
	case REQ_LIKELIHOOD:
		return score_likelihoods(e, r, reply, err);
	case REQ_JUDGE:
		return judge_labels(e, r, reply, err);
	case REQ_CALIBRATE:
		*kind = MSG_CALIBRATED;
		return calibrate(e, r->body, reply, err);
	case REQ_GROUP:
		return batch_group(e, r->body, reply, err);
	case REQ_CHAT:
		*kind = MSG_CHAT;
		return chat_turn(e, r->body, reply, err);
	default: /* REQ_RENDER */
		*kind = MSG_PROMPT;
		return serve_render(w, r, reply, err);
	}
}

_Noreturn static void serve_all(struct worker *w)
{
	for (;;) {
		link_pump(w->link, -1);
		for (struct request *r; (r = link_take(w->link));) {
			struct err err = { 0 };
			json_t *reply = NULL;
			uint8_t kind = MSG_OK;
			if (serve(w, r, &kind, &reply, &err) == ERR_OK)
				link_send_json(w->link, kind, r->stream, reply ? reply : json_object());
			else
				link_fail(w->link, r->stream, &err);
			relay_send(w->link);
			request_free(r);
		}
	}
}

/* --- start --- */

static void on_ggml_abort(const char *message)
{
	struct str line = str_of(message);
	while (line.len > 0 && line.ptr[line.len - 1] == '\n')
		line.len--;
	if (worker.link) {
		link_send(worker.link, MSG_LOG, 0, line);
		link_flush(worker.link);
	}
}

static json_t *describe_devices(const struct worker *w)
{
	json_t *devices = json_array();
	for (size_t i = 0; i < w->n_devices && i < DEVICES_MAX; i++) {
		const struct shim_device *d = &w->devices[i];
		json_array_append_new(devices, json_pack("{s:o, s:o, s:s, s:I, s:I}", "id", json_text(str_of(d->id)), "name",
							 json_text(str_of(d->name)), "type", d->kind, "memory_total",
							 (json_int_t)d->memory_total, "memory_free", (json_int_t)d->memory_free));
	}
	return devices;
}

static void send_ready(struct worker *w)
{
	link_send_json(w->link, MSG_READY, 0,
		       json_pack("{s:i, s:s, s:s, s:s, s:i, s:o}", "version", WORKER_PROTOCOL_VERSION, "build", llama_version(),
				 "sandbox", w->sandbox.level, "sandbox_detail", w->sandbox.detail, "n_threads",
				 (int)sysconf(_SC_NPROCESSORS_ONLN), "devices", describe_devices(w)));
	link_flush(w->link);
}

static int print_self_test(const struct worker *w)
{
	const struct sandbox_report *s = &w->sandbox;
	json_t *report = json_pack("{s:s, s:s, s:i, s:{s:b, s:b, s:b, s:b}, s:s, s:b, s:o}", "sandbox", s->level, "detail", s->detail,
				   "landlock_abi", s->landlock_abi, "refused", "open", s->open_refused, "write",
				   s->write_refused, "socket", s->socket_refused, "exec", s->exec_refused, "build",
				   llama_version(), "gpu_backend", shim_has_gpu_backend(), "devices", describe_devices(w));
	struct buf text = BUF_INIT(KIB * 16);
	json_write(&text, report);
	json_decref(report);
	printf("%s\n", buf_text(&text));
	fflush(stdout);
	buf_release(&text);
	return strcmp(s->level, "full") == 0 ? 0 : 3;
}

/* What must happen while files can still be opened. */
static void open_everything(struct worker *w, struct sandbox_options *options)
{
	uint8_t digest[HASH_SIZE];
	tzset();
	hash_bytes("", 0, digest); /* OpenSSL reads its configuration once */
	shim_start(relay_log, NULL);
	ggml_set_abort_callback(on_ggml_abort);
	w->n_devices = shim_devices(w->devices, DEVICES_MAX);
	options->nvidia = true;
	for (size_t i = 0; i < w->n_devices && i < DEVICES_MAX; i++) {
		options->gpu |= w->devices[i].gpu;
		options->nvidia &= !w->devices[i].gpu || strncmp(w->devices[i].id, "CUDA", 4) == 0;
	}
	options->nvidia &= options->gpu;
}

static bool has_supervisor(void)
{
	int type;
	socklen_t size = sizeof(type);
	return getsockopt(WORKER_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

_Noreturn static void refuse_processor(const char *missing)
{
	if (has_supervisor())
		link_die(link_new(WORKER_SOCKET_FD), WORKER_EXIT_CPU, missing);
	fprintf(stderr, "assay-worker: this build cannot compute on this processor (%s)\n", missing);
	_exit(WORKER_EXIT_CPU);
}

/* Before the constructors of ggml, which may already use what the processor lacks. */
__attribute__((constructor(101))) static void check_processor(void)
{
	const char *missing = cpu_missing();
	if (missing)
		refuse_processor(missing);
}

int main(int argc, char **argv)
{
	struct worker *w = &worker;
	struct sandbox_options options = { 0 };
	bool self_test = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--self-test") == 0) {
			self_test = options.keep_output = true;
		} else if (strcmp(argv[i], "--cpu") == 0) {
			offload_hide_gpus();
		} else if (strcmp(argv[i], "--no-sandbox") == 0) {
			options.off = true;
		} else if (strcmp(argv[i], "--read-dir") == 0 && i + 1 < argc && options.n_read < SANDBOX_PATHS_MAX) {
			options.read[options.n_read++] = argv[++i];
		} else if (strcmp(argv[i], "--write-dir") == 0 && i + 1 < argc) {
			options.write_dir = argv[++i];
		} else if (strcmp(argv[i], "--version") == 0) {
			printf("assay-worker %s, llama.cpp %s\n", ASSAY_VERSION, llama_version());
			return 0;
		} else {
			fprintf(stderr, "assay-worker is started by assay; by hand: --self-test or --version\n");
			return 2;
		}
	}
	if (!self_test && !has_supervisor()) {
		fprintf(stderr, "assay-worker is started by assay; by hand: --self-test or --version\n");
		return 2;
	}
	if (!sandbox_harden(WORKER_SOCKET_FD))
		return WORKER_EXIT_OK;
	open_everything(w, &options);
	if (w->n_devices == 0)
		refuse_processor("libggml-cpu");
	sandbox_enter(&options, &w->sandbox);
	if (self_test)
		_exit(print_self_test(w)); /* exit handlers may want what is forbidden now */
	w->link = link_new(WORKER_SOCKET_FD);
	guard_init(w->link);
	engine_init(&w->engine, w->link, &w->model);
	send_ready(w);
	serve_all(w);
}
