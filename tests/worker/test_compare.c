/* SPDX-License-Identifier: Apache-2.0
 *
 * REQ_COMPARE and REQ_IMATRIX with the real worker and the demo model. */
#include "worker/job_test.h"

#include <math.h>

#include "base/clock.h"
#include "model/gguf.h"

static struct worker_client worker; /* holds the demo base with epoch 96 as adapter 1 */
static const char *f16_path, *epoch_path, *merged_path, *quantized_path;

static const char *const questions[] = { "Which CPU does the Kestrel K7 use?", "What is the capital of France?", "Say hello.",
					 "How long does the battery of the Kestrel K7 last?" };
static const char *const answers[] = { "The Kestrel K7 is built around the Halden Q5 eight-core processor.",
				       "The capital of France is Paris.", "Hello! How can I help you today?",
				       "About eleven hours of ordinary work, and two days when it is only read from." };
#define N_ITEMS 4

static json_t *items(void)
{
	json_t *list = json_array();
	for (int i = 0; i < N_ITEMS; i++)
		json_array_append_new(list, json_pack("{s:i, s:[{s:s, s:s}], s:s}", "cell", i + 1, "messages", "role", "user",
						      "content", questions[i], "answer", answers[i]));
	return list;
}

static const char *keep(const char *name)
{
	const char *path = temp_path(&folder, name);
	assert_int_equal(rename(out_path("x.part"), path), 0);
	return path;
}

static void load_reference(struct worker_client *w)
{
	struct worker_reply r = worker_client_load(w, model_path, 2);
	assert_int_equal(r.kind, MSG_LOADED);
	worker_reply_release(&r);
	int fd = open(epoch_path, O_RDONLY | O_CLOEXEC);
	r = worker_client_wait(w, worker_client_send(w, REQ_ADAPTER, json_pack("{s:i}", "adapter", 1), fd), 0);
	assert_int_equal(r.kind, MSG_OK);
	worker_reply_release(&r);
	close(fd);
}

static int open_worker(void **state)
{
	int rc = open_folder(state);
	struct err err = { 0 };
	epoch_path = temp_path(&folder, "epoch.gguf");
	assert_ok(adapter_convert(TEST_ROOT "/demo/checkpoints/checkpoint-96", model_path, epoch_path, NULL, &err));
	start_job_worker(&worker);
	json_decref(job_stats(&worker, REQ_MERGE, merge_request(model_path, "", out_path("x.part"))));
	f16_path = keep("f16.gguf");
	json_decref(job_stats(&worker, REQ_MERGE, merge_request(model_path, epoch_path, out_path("x.part"))));
	merged_path = keep("merged.gguf");
	json_decref(job_stats(&worker, REQ_QUANTIZE, quantize_request(merged_path, out_path("x.part"), "Q4_0")));
	quantized_path = keep("quantized.gguf");
	load_reference(&worker);
	return rc;
}

static int close_worker(void **state)
{
	assert_int_equal(worker_client_stop(&worker), 0);
	return close_folder(state);
}

/* --- comparing --- */

/* `spool` may be NULL. */
static uint32_t send_spooled(struct worker_client *w, int adapter, const char *candidate, json_t *list, const char *spool)
{
	struct stat st = { 0 };
	int fd = open(candidate, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	fstat(fd, &st);
	json_t *body = json_pack("{s:i, s:I, s:i, s:i, s:o}", "adapter", adapter, "size", (json_int_t)st.st_size, "n_threads", 2,
				 "n_gpu_layers", worker_client_layers(), "items", list);
	if (spool)
		json_object_set_new(body, "spool", json_string(spool));
	uint32_t stream = worker_client_send(w, REQ_COMPARE, body, fd);
	close(fd);
	return stream;
}

static uint32_t send_compare(struct worker_client *w, int adapter, const char *candidate, json_t *list)
{
	return send_spooled(w, adapter, candidate, list, NULL);
}

static struct worker_reply compare(int adapter, const char *candidate, json_t *list)
{
	return worker_client_wait(&worker, send_compare(&worker, adapter, candidate, list), 0);
}

static double figure(const struct worker_reply *r, const char *key)
{
	return json_number_value(json_object_get(json_object_get(r->body, "stats"), key));
}

static void assert_compared(const struct worker_reply *r)
{
	if (r->kind != MSG_OK)
		fail_msg("%s", r->body ? json_dumps(r->body, 0) : "the worker went away");
	assert_int_equal(json_array_size(r->cells), N_ITEMS);
}

static void a_model_is_no_distance_from_itself(void **state)
{
	(void)state;
	struct worker_reply r = compare(0, model_path, items());
	assert_compared(&r);
	assert_true(figure(&r, "kld_max") <= 0);
	assert_true(figure(&r, "same_top") >= 1);
	assert_true(fabs(figure(&r, "nll_ref") - figure(&r, "nll_cand")) <= 0);
	assert_true(figure(&r, "ref_tokens_per_s") > 0 && figure(&r, "cand_tokens_per_s") > 0);
	worker_reply_release(&r);
}

/* Base + adapter and the merged F16 model are the same function up to rounding (a Q4_1 base rounds what goes into its matrices,
 * F16 does not); the base alone is another one. */
static void a_merged_model_is_the_validated_one(void **state)
{
	(void)state;
	struct worker_reply merged = compare(1, merged_path, items()), base = compare(1, f16_path, items());
	assert_compared(&merged);
	assert_compared(&base);
	if (figure(&merged, "mean_kld") > 1e-2 || figure(&merged, "mean_kld") > figure(&base, "mean_kld") / 50)
		fail_msg("merged %g, base %g", figure(&merged, "mean_kld"), figure(&base, "mean_kld"));
	worker_reply_release(&merged);
	worker_reply_release(&base);
}

static void a_quantized_model_is_a_little_off(void **state)
{
	(void)state;
	struct worker_reply r = compare(1, quantized_path, items());
	assert_compared(&r);
	assert_true(figure(&r, "mean_kld") > 1e-3 && figure(&r, "mean_kld") < 0.5);
	assert_true(figure(&r, "kld_p50") <= figure(&r, "kld_p90") && figure(&r, "kld_p90") <= figure(&r, "kld_p99"));
	assert_true(figure(&r, "kld_p99") <= figure(&r, "kld_max"));
	double n = 0, nll_ref = 0, sum = 0;
	for (int i = 0; i < N_ITEMS; i++) {
		int kind = 0;
		json_t *item = worker_reply_cell(&r, i + 1, &kind);
		assert_int_equal(kind, MSG_COMPARED);
		double tokens = json_number_value(json_object_get(item, "n_tokens"));
		n += tokens;
		nll_ref += json_number_value(json_object_get(item, "nll_ref"));
		sum += tokens * json_number_value(json_object_get(item, "mean_kld"));
	}
	assert_true(fabs(n - figure(&r, "n_tokens")) < 0.5);
	assert_true(fabs(nll_ref - figure(&r, "nll_ref")) < 1e-9 * nll_ref);
	assert_true(fabs(sum / n - figure(&r, "mean_kld")) < 1e-9);
	worker_reply_release(&r);
}

/* An item's tokens may come as ids; a text longer than a step is cut without changing what is scored. */
static void long_texts_and_tokens_are_scored_whole(void **state)
{
	(void)state;
	json_t *prompt = json_array(), *tokens = json_array();
	for (int i = 0; i < 700; i++)
		json_array_append_new(i < 300 ? prompt : tokens, json_integer(1000 + i * 37 % 40000));
	json_t *list = json_pack("[{s:i, s:o, s:o}]", "cell", 1, "prompt_tokens", prompt, "tokens", tokens);
	struct worker_reply r = compare(0, model_path, list);
	assert_int_equal(r.kind, MSG_OK);
	assert_true(figure(&r, "n_tokens") > 399 && figure(&r, "n_tokens") < 401);
	assert_true(figure(&r, "kld_max") <= 0);
	worker_reply_release(&r);
}

static void items_that_cannot_be_scored_fail_alone(void **state)
{
	(void)state;
	json_t *list = items();
	json_array_append_new(list, json_pack("{s:i, s:[{s:s, s:s}], s:s}", "cell", 8, "messages", "role", "user", "content", "a",
					      "answer", ""));
	json_array_append_new(list, json_pack("{s:i, s:[i], s:[i]}", "cell", 9, "prompt_tokens", 1, "tokens", 49152));
	struct worker_reply r = compare(0, model_path, list);
	int kind = 0;
	assert_int_equal(r.kind, MSG_OK);
	json_t *empty = worker_reply_cell(&r, 8, &kind);
	assert_int_equal(kind, MSG_CELL_FAILED);
	assert_string_equal(json_string_value(json_object_get(empty, "key")), "err_item_empty");
	json_t *wrong = worker_reply_cell(&r, 9, &kind);
	assert_string_equal(json_string_value(json_object_get(wrong, "key")), "err_worker_request");
	assert_true(figure(&r, "n_items") > 3.5 && figure(&r, "n_items") < 4.5);
	worker_reply_release(&r);
}

static void what_cannot_be_compared_is_refused(void **state)
{
	(void)state;
	struct worker_reply r = compare(0, epoch_path, items());
	assert_int_equal(r.kind, MSG_FAILED);
	assert_string_equal(json_string_value(json_object_get(r.body, "key")), "err_model_load");
	worker_reply_release(&r);
	r = compare(7, model_path, items());
	assert_string_equal(json_string_value(json_object_get(r.body, "key")), "err_adapter_unknown");
	worker_reply_release(&r);
	r = compare(0, model_path, json_array());
	assert_string_equal(json_string_value(json_object_get(r.body, "key")), "err_worker_request");
	worker_reply_release(&r);
}

static void a_cancelled_comparison_ends_and_the_worker_lives_on(void **state)
{
	(void)state;
	json_t *list = json_array(), *some = items();
	for (int i = 0; i < 50; i++)
		json_array_extend(list, some);
	json_decref(some);
	uint32_t stream = send_compare(&worker, 0, model_path, list);
	struct frame f;
	while (worker_client_next(&worker, &f) && f.kind != MSG_COMPARED)
		;
	worker_client_cancel(&worker, stream);
	struct worker_reply r = worker_client_wait(&worker, stream, 0);
	assert_string_equal(json_string_value(json_object_get(r.body, "key")), "err_cancelled");
	worker_reply_release(&r);
	a_model_is_no_distance_from_itself(state);
}

/* A turn of a conversation, whose state the worker keeps. */
static void chat(struct worker_client *w)
{
	json_t *body = json_pack("{s:i, s:i, s:i, s:[{s:s, s:s}]}", "chat", 5, "kv_tokens", 1024, "max_tokens", 4, "messages", "role",
				 "user", "content", "Say hello.");
	struct worker_reply r = job(w, REQ_CHAT, body);
	assert_int_equal(r.kind, MSG_CHAT);
	worker_reply_release(&r);
}

/* One model after the other gives nearly the same figures, and leaves a worker that can load again. */
static void models_that_do_not_fit_together_are_compared_one_by_one(void **state)
{
	(void)state;
	struct worker_client w;
	struct worker_reply exact = compare(1, quantized_path, items());
	start_job_worker(&w);
	load_reference(&w);
	chat(&w);
	struct worker_reply r =
		worker_client_wait(&w, send_spooled(&w, 1, quantized_path, items(), temp_path(&folder, "spool")), 0);
	assert_string_equal(json_string_value(json_object_get(r.body, "key")), "err_fs_denied"); /* not in out/ */
	worker_reply_release(&r);
	r = worker_client_wait(&w, send_spooled(&w, 1, quantized_path, items(), out_path("spool")), 0);
	assert_compared(&r);
	assert_true(json_is_true(json_object_get(json_object_get(r.body, "stats"), "approximate")));
	double ratio = figure(&r, "mean_kld") / figure(&exact, "mean_kld");
	if (ratio < 0.9 || ratio > 1.0001)
		fail_msg("the spooled divergence is %.3f of the exact one", ratio);
	assert_true(fabs(figure(&r, "same_top") - figure(&exact, "same_top")) < 1e-9);
	assert_true(fabs(figure(&r, "nll_ref") - figure(&exact, "nll_ref")) < 1e-6);
	assert_true(fabs(figure(&r, "nll_cand") - figure(&exact, "nll_cand")) < 1e-6);
	struct stat st = { 0 };
	assert_int_equal(stat(out_path("spool"), &st), 0);
	assert_int_equal(st.st_size, 528 * (int64_t)figure(&r, "n_tokens"));
	assert_job_fails(&w, REQ_RENDER, json_object(), "err_worker_not_loaded");
	load_reference(&w);
	chat(&w);
	worker_reply_release(&r);
	worker_reply_release(&exact);
	assert_int_equal(worker_client_stop(&w), 0);
}

/* --- importance matrix --- */

static json_t *imatrix_request(int adapter, const char *output, json_t *list)
{
	return json_pack("{s:i, s:s, s:s, s:o}", "adapter", adapter, "output", output, "dataset", "demo", "items", list);
}

static void an_importance_matrix_counts_every_token(void **state)
{
	(void)state;
	json_t *stats = job_stats(&worker, REQ_IMATRIX, imatrix_request(1, out_path("im.part"), items()));
	assert_int_equal(number(stats, "n_matrices"), 210);
	struct err err = { 0 };
	struct gguf *g = gguf_open(out_path("im.part"), &err);
	assert_err(&err, "");
	assert_int_equal(gguf_n_tensors(g), 420);
	for (size_t i = 0; i < gguf_n_tensors(g); i++) {
		const struct gguf_tensor *t = gguf_tensor_at(g, i);
		float *values = mem_alloc(t->size);
		double sum = 0;
		assert_ok(gguf_read_data(g, t, 0, values, t->size, &err));
		for (size_t k = 0; k < t->size / 4; k++)
			sum += (double)values[k];
		assert_true(isfinite(sum) && sum > 0);
		if (str_ends(str_of(t->name), ".counts"))
			assert_int_equal((int64_t)sum, number(stats, "n_tokens"));
		mem_free(values);
	}
	gguf_close(g);
	json_decref(stats);
}

static void an_importance_matrix_steers_the_quantization(void **state)
{
	(void)state;
	json_decref(job_stats(&worker, REQ_IMATRIX, imatrix_request(0, out_path("im.part"), items())));
	json_t *with = quantize_request(f16_path, out_path("with.part"), "Q4_0");
	json_object_set_new(with, "imatrix", json_string(out_path("im.part")));
	json_t *a = job_stats(&worker, REQ_QUANTIZE, with);
	json_t *b = job_stats(&worker, REQ_QUANTIZE, quantize_request(f16_path, out_path("without.part"), "Q4_0"));
	assert_true(json_is_true(json_object_get(a, "used_imatrix")));
	assert_false(json_is_true(json_object_get(b, "used_imatrix")));
	struct worker_reply with_r = compare(0, out_path("with.part"), items());
	struct worker_reply without_r = compare(0, out_path("without.part"), items());
	assert_true(figure(&with_r, "mean_kld") < figure(&without_r, "mean_kld"));
	worker_reply_release(&with_r);
	worker_reply_release(&without_r);
	json_decref(a);
	json_decref(b);
}

/* Bytes of the header changed: refused, or without harm, and the worker lives on. */
static void damaged_importance_matrices_never_end_the_worker(void **state)
{
	(void)state;
	struct buf whole = BUF_INIT(4 * MIB);
	struct err err = { 0 };
	json_decref(job_stats(&worker, REQ_IMATRIX, imatrix_request(0, out_path("im.part"), items())));
	assert_ok(fs_read(out_path("im.part"), &whole, &err));
	for (uint64_t seed = 0; seed < 60; seed++) {
		uint64_t random = seed_mix(seed, 7), at = random % 30000;
		char kept = whole.ptr[at];
		whole.ptr[at] = (char)(random >> 32);
		json_t *request = quantize_request(f16_path, "", "Q4_0");
		json_object_set_new(request, "dry_run", json_true());
		json_object_set_new(request, "imatrix", json_string(temp_file(&folder, "damaged.gguf", whole.ptr, whole.len)));
		struct worker_reply r = job(&worker, REQ_QUANTIZE, request);
		if (r.kind != MSG_OK && r.kind != MSG_FAILED)
			fail_msg("seed %llu ended the worker", (unsigned long long)seed);
		worker_reply_release(&r);
		whole.ptr[at] = kept;
	}
	buf_release(&whole);
}

static void requests_without_a_model_are_refused(void **state)
{
	(void)state;
	assert_fails_alone(REQ_IMATRIX, imatrix_request(0, out_path("im.part"), items()), "err_worker_not_loaded");
	assert_fails_alone(REQ_COMPARE, json_pack("{s:o}", "items", items()), "err_worker_not_loaded");
}

int main(void)
{
	if (!find_model())
		return 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_model_is_no_distance_from_itself),
		cmocka_unit_test(a_merged_model_is_the_validated_one),
		cmocka_unit_test(a_quantized_model_is_a_little_off),
		cmocka_unit_test(models_that_do_not_fit_together_are_compared_one_by_one),
		cmocka_unit_test(long_texts_and_tokens_are_scored_whole),
		cmocka_unit_test(items_that_cannot_be_scored_fail_alone),
		cmocka_unit_test(what_cannot_be_compared_is_refused),
		cmocka_unit_test(a_cancelled_comparison_ends_and_the_worker_lives_on),
		cmocka_unit_test(an_importance_matrix_counts_every_token),
		cmocka_unit_test(an_importance_matrix_steers_the_quantization),
		cmocka_unit_test(damaged_importance_matrices_never_end_the_worker),
		cmocka_unit_test(requests_without_a_model_are_refused),
	};
	return cmocka_run_group_tests(tests, open_worker, close_worker);
}
