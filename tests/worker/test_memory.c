/* SPDX-License-Identifier: Apache-2.0
 *
 * The real worker with less private memory than it needs: whatever it is that fails, it is said that memory is the reason. */
#include "support/check.h"
#include "support/worker_client.h"

#define PROGRAM TEST_BIN "/assay-worker"
#define N_CELLS 8

static const char *model_path;

static struct worker_reply load(struct worker_client *w, int64_t limit)
{
	struct stat st;
	int fd = open(model_path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	uint32_t stream = worker_client_send(w, REQ_LOAD,
					     json_pack("{s:I, s:i, s:i, s:b, s:I}", "size", (json_int_t)st.st_size, "n_threads", 2,
						       "n_gpu_layers", 0, "use_mmap", 1, "memory_limit", (json_int_t)limit),
					     fd);
	close(fd);
	return worker_client_wait(w, stream, 0);
}

static struct worker_reply ask(struct worker_client *w, int max_tokens)
{
	json_t *cells = json_array();
	for (int i = 1; i <= N_CELLS; i++)
		json_array_append_new(cells, json_pack("{s:i, s:i, s:[{s:s, s:s}]}", "cell", i, "seed", 1, "messages", "role", "user",
						       "content", "Tell me a long story of a king and of his castle."));
	return worker_client_wait(w,
				  worker_client_send(w, REQ_GROUP,
						     json_pack("{s:i, s:i, s:i, s:s, s:s, s:b, s:i, s:f, s:o}", "adapter", 0, "slots",
							       N_CELLS, "kv_tokens", 32768, "system", "", "template", "", "thinking", 0,
							       "max_tokens", max_tokens, "temperature", 0.0, "cells", cells),
						     -1),
				  1); /* one piece of text is enough */
}

/* True where it worked.  Fails the test where it ended without a word of memory. */
static bool told(const struct worker_client *w, const struct worker_reply *r, uint8_t wanted, int64_t limit)
{
	const char *key = r->body ? json_string_value(json_object_get(r->body, "key")) : NULL;
	const char *args = r->body ? json_string_value(json_object_get(r->body, "args")) : NULL;
	if (r->kind == wanted || (key && strcmp(key, "err_cancelled") == 0))
		return true;
	if (r->kind == 0) {
		if (!WIFEXITED(w->exit_status) || WEXITSTATUS(w->exit_status) != WORKER_EXIT_MEMORY)
			fail_msg("with %lld MiB it ended with status %x: %s", (long long)(limit >> 20), w->exit_status, buf_text(&w->log));
	} else if (!strstr(key, "_memory") && !strstr(args, "memory")) {
		fail_msg("with %lld MiB: %s %s", (long long)(limit >> 20), key, args);
	}
	return false;
}

static void too_little_memory_is_named_wherever_it_runs_out(void **state)
{
	int n_loaded = 0, n_answered = 0, n_long = 0, n_not = 0;
	(void)state;
	for (int mib = 20; mib <= 440; mib += mib < 200 ? 15 : 40) {
		int64_t limit = (int64_t)mib << 20;
		struct worker_client w;
		assert_true(worker_client_start(&w, PROGRAM, NULL));
		struct worker_reply loaded = load(&w, limit), few = { 0 }, many = { 0 };
		bool works = told(&w, &loaded, MSG_LOADED, limit);
		n_loaded += works;
		if (works) {
			few = ask(&w, 8);
			works = told(&w, &few, MSG_OK, limit);
			n_answered += works;
		}
		if (works) {
			many = ask(&w, 1000);
			works = told(&w, &many, MSG_OK, limit);
			n_long += works;
		}
		n_not += !works;
		worker_client_stop(&w);
		worker_reply_release(&loaded);
		worker_reply_release(&few);
		worker_reply_release(&many);
	}
	print_message("loaded %d times, answered %d, at length %d; %d times there was too little\n", n_loaded, n_answered, n_long, n_not);
	assert_true(n_loaded > n_answered && n_answered > n_long && n_long > 0);
}

/* Sanitizers map more than any limit allows, so there is none under them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITED false
#else
#define LIMITED true
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_little_memory_is_named_wherever_it_runs_out),
	};
	model_path = getenv("ASSAY_TEST_MODEL");
	if (!LIMITED || !model_path || !*model_path) {
		fprintf(stderr, LIMITED ? "ASSAY_TEST_MODEL names no model: skipped\n" : "no limit under a sanitizer: skipped\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
