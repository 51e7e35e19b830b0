/* SPDX-License-Identifier: Apache-2.0
 *
 * job_test - a job worker for one folder, its requests in one line, and what it answered. */
#ifndef ASSAY_TESTS_WORKER_JOB_TEST_H
#define ASSAY_TESTS_WORKER_JOB_TEST_H

#include "model/catalogue.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/worker_client.h"

#define PROGRAM TEST_BIN "/assay-worker"

static struct temp folder; /* inputs and, in out/, outputs */
static const char *model_path;

static inline const char *out_path(const char *name)
{
	return arena_printf(folder.arena, "%s/out/%s", folder.dir, name);
}

/* May read the folder and the demo model, may write to out/. */
static inline void start_job_worker(struct worker_client *w)
{
	char *args[] = { (char *)"--read-dir", folder.dir, (char *)"--read-dir", (char *)(uintptr_t)model_path,
			 (char *)"--write-dir", (char *)(uintptr_t)out_path(""), NULL };
	if (!worker_client_start(w, PROGRAM, args))
		fail_msg("%s did not start", PROGRAM);
}

/* False where there is no demo model. */
static inline bool find_model(void)
{
	model_path = getenv("ASSAY_DEMO_MODEL");
	if (model_path && model_path[0])
		return true;
	printf("skipped: set ASSAY_DEMO_MODEL to the GGUF of script/demo-model, of SmolLM2-135M-Instruct\n");
	return false;
}

static inline int open_folder(void **state)
{
	(void)state;
	temp_open(&folder);
	return mkdir(out_path(""), 0700);
}

static inline int close_folder(void **state)
{
	(void)state;
	temp_close(&folder);
	return 0;
}

/* Sends a request (takes over `body`) and waits for its end. */
static inline struct worker_reply job(struct worker_client *w, uint8_t kind, json_t *body)
{
	return worker_client_wait(w, worker_client_send(w, kind, body, -1), 0);
}

/* The statistics of a job that must succeed (the caller's). */
static inline json_t *job_stats(struct worker_client *w, uint8_t kind, json_t *body)
{
	struct worker_reply r = job(w, kind, body);
	if (r.kind != MSG_OK)
		fail_msg("%s", r.body ? json_dumps(r.body, 0) : "the worker went away");
	json_t *stats = json_incref(json_object_get(r.body, "stats"));
	worker_reply_release(&r);
	return stats;
}

/* The job must fail with this key. */
static inline void assert_job_fails(struct worker_client *w, uint8_t kind, json_t *body, const char *key)
{
	struct worker_reply r = job(w, kind, body);
	if (r.kind != MSG_FAILED || strcmp(json_string_value(json_object_get(r.body, "key")), key) != 0)
		fail_msg("expected %s, got %s", key, r.body ? json_dumps(r.body, 0) : "nothing");
	worker_reply_release(&r);
}

/* A job in a worker of its own that must fail. */
static inline void assert_fails_alone(uint8_t kind, json_t *body, const char *key)
{
	struct worker_client w;
	start_job_worker(&w);
	assert_job_fails(&w, kind, body, key);
	assert_int_equal(worker_client_stop(&w), 0);
}

static inline int64_t number(const json_t *stats, const char *key)
{
	return json_integer_value(json_object_get(stats, key));
}

static inline json_t *merge_request(const char *base, const char *adapter, const char *output)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i}", "base", base, "adapter", adapter, "output", output, "type", "F16",
			 "n_threads", 2);
}

static inline json_t *quantize_request(const char *input, const char *output, const char *type)
{
	return json_pack("{s:s, s:s, s:s, s:i}", "input", input, "output", output, "type", type, "n_threads", 2);
}

#endif
