/* SPDX-License-Identifier: Apache-2.0
 *
 * REQ_QUANTIZE with the real worker. */
#include "worker/job_test.h"

#include <sys/mount.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "model/gguf.h"
#include "model/quant_types.h"

static struct worker_client worker;
static const char *f16_path; /* the demo base as F16 */

static int open_worker(void **state)
{
	int rc = open_folder(state);
	f16_path = temp_path(&folder, "f16.gguf");
	start_job_worker(&worker);
	json_decref(job_stats(&worker, REQ_MERGE, merge_request(model_path, "", out_path("f16.gguf"))));
	return rc || rename(out_path("f16.gguf"), f16_path) != 0;
}

static int close_worker(void **state)
{
	assert_int_equal(worker_client_stop(&worker), 0);
	return close_folder(state);
}

static json_t *dry_run(const char *type)
{
	json_t *request = quantize_request(f16_path, "", type);
	json_object_set_new(request, "dry_run", json_true());
	return job_stats(&worker, REQ_QUANTIZE, request);
}

static void assert_loads(const char *path)
{
	struct worker_client w;
	assert_true(worker_client_start(&w, PROGRAM, NULL));
	struct worker_reply r = worker_client_load(&w, path, 1);
	assert_int_equal(r.kind, MSG_LOADED);
	worker_reply_release(&r);
	worker_client_stop(&w);
}

static void a_dry_run_tells_what_the_real_one_writes(void **state)
{
	(void)state;
	static const char *const types[] = { "Q4_K_M", "Q8_0", "BF16" };
	for (size_t i = 0; i < 3; i++) {
		const char *out = out_path("q.part");
		json_t *planned = dry_run(types[i]), *stats = job_stats(&worker, REQ_QUANTIZE, quantize_request(f16_path, out, types[i]));
		static const char *const same[] = { "size_bytes", "tensors", "n_params", "n_fallback", "bits_per_weight" };
		for (size_t k = 0; k < sizeof(same) / sizeof(same[0]); k++) {
			if (!json_equal(json_object_get(planned, same[k]), json_object_get(stats, same[k])))
				fail_msg("%s: %s differs", types[i], same[k]);
		}
		struct stat st = { 0 };
		assert_int_equal(stat(out, &st), 0);
		assert_int_equal(st.st_size, number(stats, "size_bytes"));
		assert_int_equal(number(stats, "n_params"), 134515008);
		json_decref(planned);
		json_decref(stats);
		assert_loads(out);
	}
}

/* Shapes of 576 leave many matrices without the wanted type. */
static void fallbacks_are_counted(void **state)
{
	(void)state;
	json_t *q4 = dry_run("Q4_K_M"), *q8 = dry_run("Q8_0");
	assert_int_equal(number(q4, "n_fallback"), 180);
	assert_int_equal(number(q8, "n_fallback"), 0);
	assert_int_equal(number(json_object_get(q4, "tensors"), "F32"), 61);
	json_decref(q4);
	json_decref(q8);
}

static void the_estimate_is_near_every_dry_run(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct gguf *g = gguf_open(f16_path, &err);
	const struct quant_type *q;
	for (size_t i = 0; (q = quant_type_at(i)); i++) {
		if (strcmp(q->name, "Q1_0") == 0 || strcmp(q->name, "TQ1_0") == 0 || strcmp(q->name, "TQ2_0") == 0)
			continue; /* not for rows of 576: llama.cpp has no fallback that our rule knows */
		json_t *stats = dry_run(q->name);
		double ratio = (double)quant_estimate(g, q) / (double)number(stats, "size_bytes");
		if (ratio < 0.98 || ratio > 1.02)
			fail_msg("%s: estimated %.3f of the size", q->name, ratio);
		/* Where all rows fall back to larger types nothing needs a matrix any more. */
		if (json_is_true(json_object_get(stats, "needs_imatrix")))
			assert_true(q->needs_imatrix);
		json_decref(stats);
	}
	gguf_close(g);
}

static void what_cannot_be_quantized_is_refused(void **state)
{
	(void)state;
	const char *out = out_path("refused.part"), *text = temp_text(&folder, "text.gguf", "GGUF is what this is not");
	const char *tiny = tiny_model_write(temp_path(&folder, "tiny.gguf"), (struct tiny_model){ 0 });
	assert_job_fails(&worker, REQ_QUANTIZE, quantize_request(model_path, out, "Q4_K_M"), "err_quantize_again");
	assert_job_fails(&worker, REQ_QUANTIZE, quantize_request(f16_path, out, "Q4_X"), "err_quantize_type");
	assert_job_fails(&worker, REQ_QUANTIZE, quantize_request(f16_path, out, "IQ2_XXS"), "err_quantize_needs_imatrix");
	assert_job_fails(&worker, REQ_QUANTIZE, quantize_request(f16_path, f16_path, "Q8_0"), "err_job_same_file");
	assert_job_fails(&worker, REQ_QUANTIZE, quantize_request(text, out, "Q8_0"), "err_gguf_version");
	assert_job_fails(&worker, REQ_QUANTIZE, quantize_request(tiny, out, "Q8_0"), "err_quantize_failed");
	assert_job_fails(&worker, REQ_QUANTIZE, quantize_request("/etc/hostname", out, "Q8_0"), "err_fs_denied");
	assert_job_fails(&worker, REQ_QUANTIZE, quantize_request(f16_path, temp_path(&folder, "new"), "Q8_0"), "err_fs_denied");
	json_t *imatrix = quantize_request(f16_path, out, "Q8_0");
	json_object_set_new(imatrix, "imatrix", json_string(tiny));
	assert_job_fails(&worker, REQ_QUANTIZE, imatrix, "err_imatrix_file");
	assert_false(fs_exists(temp_path(&folder, "new")));
	assert_false(fs_exists(out));
}

static void a_quantized_model_is_quantized_again_only_when_asked(void **state)
{
	(void)state;
	json_t *request = quantize_request(model_path, out_path("again.part"), "Q8_0");
	json_object_set_new(request, "allow_requantize", json_true());
	json_decref(job_stats(&worker, REQ_QUANTIZE, request));
	assert_loads(out_path("again.part"));
}

/* --- hostile files --- */

#define CANARY "canary-2f8d1c77-of-a-secret-in-the-heap"

/* A llama of two layers that llama.cpp quantizes, and then the same with changed bytes. */
static const char *hostile_model(const char *name, uint64_t seed)
{
	struct tiny_file f = { .w = gguf_writer_new() };
	struct tiny_model m = { .n_embd = 64 };
	struct buf whole = BUF_INIT(MIB);
	struct err err = { 0 };
	tiny_defaults(&m);
	tiny_keys(f.w, &m);
	gguf_writer_f32(f.w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
	tiny_tensor(&f, "token_embd.weight", GGML_ID_F16, m.n_embd, 48);
	tiny_layers(&f, &m);
	const char *path = tiny_finish(&f, temp_path(&folder, name));
	if (seed == 0)
		return path;
	assert_ok(fs_read(path, &whole, &err));
	for (uint64_t k = 0; k < 1 + seed % 4; k++) {
		uint64_t random = seed_mix(seed, k);
		whole.ptr[24 + random % 2000] = (char)(random >> 32);
	}
	path = temp_file(&folder, name, whole.ptr, whole.len);
	buf_release(&whole);
	return path;
}

static void assert_holds_no_canary(const char *path)
{
	struct buf whole = BUF_INIT(64 * MIB);
	struct err err = { 0 };
	if (!fs_exists(path))
		return;
	assert_ok(fs_read(path, &whole, &err));
	assert_null(memmem(whole.ptr, whole.len, CANARY, strlen(CANARY)));
	buf_release(&whole);
}

/* A file that lies about its tensors gets no bytes of the process into its output: our reader stands before llama.cpp. */
static void hostile_models_get_nothing_of_the_heap(void **state)
{
	(void)state;
	struct worker_client w;
	const char *out = out_path("hostile.part");
	int n_done = 0, n_gone = 0;
	start_job_worker(&w);
	json_decref(job_stats(&w, REQ_QUANTIZE, quantize_request(hostile_model("h.gguf", 0), out, "Q8_0")));
	for (uint64_t seed = 1; seed <= 300; seed++) {
		json_t *request = quantize_request(hostile_model("h.gguf", seed), out, "Q8_0");
		json_object_set_new(request, "note", json_string(CANARY)); /* lies in the heap while the file is read */
		struct worker_reply r = job(&w, REQ_QUANTIZE, request);
		n_done += r.kind == MSG_OK;
		assert_holds_no_canary(out);
		if (r.kind == 0) { /* llama.cpp aborted, which is what the process is for */
			n_gone++;
			worker_client_stop(&w);
			start_job_worker(&w);
		}
		worker_reply_release(&r);
	}
	worker_client_stop(&w);
	assert_in_range(n_done, 1, 299);
	printf("%d of 300 changed models were quantized, %d ended their worker\n", n_done, n_gone);
}

/* --- ends --- */

/* Starts a quantization and waits until it runs. */
static uint32_t start_one(struct worker_client *w, const char *out)
{
	struct frame f;
	start_job_worker(w);
	uint32_t stream = worker_client_send(w, REQ_QUANTIZE, quantize_request(f16_path, out, "Q4_K_M"), -1);
	while (worker_client_next(w, &f) && f.kind != MSG_PROGRESS)
		;
	return stream;
}

static void a_cancelled_one_says_so_and_ends_its_worker(void **state)
{
	(void)state;
	struct worker_client w;
	uint32_t stream = start_one(&w, out_path("cancelled.part"));
	worker_client_cancel(&w, stream);
	struct worker_reply r = worker_client_wait(&w, stream, 0);
	assert_int_equal(r.kind, MSG_FAILED);
	assert_string_equal(json_string_value(json_object_get(r.body, "key")), "err_cancelled");
	worker_reply_release(&r);
	int status = worker_client_stop(&w);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_killed_one_leaves_only_its_part(void **state)
{
	(void)state;
	struct worker_client w;
	struct err err = { 0 };
	start_one(&w, out_path("killed.part"));
	kill(w.pid, SIGKILL);
	worker_client_stop(&w);
	assert_true(fs_exists(out_path("killed.part")));
	assert_int_equal(unlink(out_path("killed.part")), 0);
	struct gguf *g = gguf_open(f16_path, &err);
	assert_err(&err, "");
	gguf_close(g);
}

/* Files of this process and its children may have `bytes` at most. */
static void limit_files(rlim_t bytes)
{
	struct rlimit r;
	getrlimit(RLIMIT_FSIZE, &r);
	r.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &r);
}

/* llama.cpp only says that its stream failed; the sentence must name the reason. */
static void a_write_that_fails_half_way_is_named(void **state)
{
	(void)state;
	struct worker_client w;
	limit_files(40 * MIB);
	start_job_worker(&w);
	limit_files(RLIM_INFINITY);
	assert_job_fails(&w, REQ_QUANTIZE, quantize_request(f16_path, out_path("short.part"), "Q8_0"), "err_fs_write");
	assert_job_fails(&w, REQ_MERGE, merge_request(model_path, "", out_path("short.part")), "err_fs_write");
	assert_int_equal(worker_client_stop(&w), 0);
}

static void a_full_disk_is_refused_with_its_sentence(void **state)
{
	(void)state;
	const char *disk = out_path("disk");
	assert_int_equal(mkdir(disk, 0700), 0);
	if (mount("tmpfs", disk, "tmpfs", 0, "size=1m") != 0)
		skip(); /* needs the right to mount */
	assert_job_fails(&worker, REQ_QUANTIZE, quantize_request(f16_path, out_path("disk/q.part"), "Q8_0"), "err_quantize_space");
	assert_job_fails(&worker, REQ_MERGE, merge_request(model_path, "", out_path("disk/m.part")), "err_disk_full");
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
}

int main(void)
{
	if (!find_model())
		return 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dry_run_tells_what_the_real_one_writes),
		cmocka_unit_test(fallbacks_are_counted),
		cmocka_unit_test(the_estimate_is_near_every_dry_run),
		cmocka_unit_test(what_cannot_be_quantized_is_refused),
		cmocka_unit_test(a_quantized_model_is_quantized_again_only_when_asked),
		cmocka_unit_test(hostile_models_get_nothing_of_the_heap),
		cmocka_unit_test(a_cancelled_one_says_so_and_ends_its_worker),
		cmocka_unit_test(a_killed_one_leaves_only_its_part),
		cmocka_unit_test(a_write_that_fails_half_way_is_named),
		cmocka_unit_test(a_full_disk_is_refused_with_its_sentence),
	};
	return cmocka_run_group_tests(tests, open_worker, close_worker);
}
