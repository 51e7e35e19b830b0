/* SPDX-License-Identifier: Apache-2.0
 *
 * Not a test of right or wrong: prints how fast the worker answers the demo's questions, to be held against
 * llama-batched-bench on the same machine.
 *     ASSAY_BENCH_MODEL=base.gguf [ASSAY_BENCH_ADAPTER=lora.gguf] [ASSAY_BENCH_SLOTS=16] [ASSAY_BENCH_THREADS=2]
 * CPU seconds are those of the worker: with one thread they hardly depend on what else the machine does. */
#include "support/check.h"
#include "support/worker_client.h"

#include <sys/resource.h>

#include "base/clock.h"
#include "base/fs.h"

#define QUESTIONS 63
#define MAX_TOKENS 64

static int setting(const char *name, int fallback)
{
	uint64_t value;
	const char *text = getenv(name);
	return text && str_to_u64(str_of(text), &value) && value < 1024 ? (int)value : fallback;
}

static json_t *read_questions(void)
{
	struct buf file = BUF_INIT(MIB);
	struct err err = { 0 };
	json_t *cells = json_array();
	assert_ok(fs_read(TEST_ROOT "/demo/questions.jsonl", &file, &err));
	struct str rest = buf_str(&file);
	for (int i = 1; rest.len > 0 && i <= QUESTIONS; i++) {
		json_t *line = json_parse(str_split(&rest, '\n'), "questions.jsonl", &err);
		assert_non_null(line);
		json_array_append_new(cells, json_pack("{s:i, s:i, s:[{s:s, s:O}]}", "cell", i, "seed", i, "messages", "role",
						       "user", "content", json_object_get(line, "question")));
		json_decref(line);
	}
	buf_release(&file);
	return cells;
}

static int64_t number(const json_t *stats, const char *key)
{
	return json_integer_value(json_object_get(stats, key));
}

static void print_group(struct worker_client *w, const char *what, int adapter, int slots, json_t *cells)
{
	json_t *request = json_pack("{s:i, s:i, s:i, s:i, s:O}", "adapter", adapter, "slots", slots, "kv_tokens", 16384,
				    "max_tokens", MAX_TOKENS, "cells", cells);
	int64_t start = clock_mono_us();
	struct worker_reply r = worker_client_wait(w, worker_client_send(w, REQ_GROUP, request, -1), 0);
	double wall = (double)(clock_mono_us() - start) / 1e6;
	assert_int_equal(r.kind, MSG_OK);
	json_t *stats = json_object_get(r.body, "stats");
	double prompt = (double)number(stats, "prompt_us") / 1e6, decode = (double)number(stats, "decode_us") / 1e6;
	printf("%-10s %5lld prompt tokens %6.2f s %6.0f t/s   %5lld generated %6.2f s %6.0f t/s   wall %6.2f s\n", what,
	       (long long)number(stats, "prompt_tokens"), prompt, (double)number(stats, "prompt_tokens") / prompt,
	       (long long)number(stats, "generated_tokens"), decode,
	       (double)number(stats, "generated_tokens") / decode, wall);
	worker_reply_release(&r);
}

int main(void)
{
	struct worker_client w;
	struct rusage usage;
	const char *model = getenv("ASSAY_BENCH_MODEL"), *adapter = getenv("ASSAY_BENCH_ADAPTER");
	if (!model || !model[0]) {
		printf("skipped: set ASSAY_BENCH_MODEL to a GGUF to measure\n");
		return 0;
	}
	int slots = setting("ASSAY_BENCH_SLOTS", 16), threads = setting("ASSAY_BENCH_THREADS", 2);
	json_t *cells = read_questions();
	if (!worker_client_start(&w, TEST_BIN "/assay-worker", NULL))
		return 1;
	struct worker_reply r = worker_client_load(&w, model, threads);
	if (r.kind != MSG_LOADED)
		return 1;
	worker_reply_release(&r);
	print_group(&w, "base", 0, slots, cells);
	if (adapter && adapter[0]) {
		int fd = open(adapter, O_RDONLY | O_CLOEXEC);
		r = worker_client_wait(&w, worker_client_send(&w, REQ_ADAPTER, json_pack("{s:i}", "adapter", 1), fd), 0);
		worker_reply_release(&r);
		close(fd);
		print_group(&w, "adapter", 1, slots, cells);
	}
	worker_client_stop(&w);
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("%d threads, %d slots, worker CPU %.2f s\n", threads, slots,
	       (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6);
	json_decref(cells);
	return 0;
}
