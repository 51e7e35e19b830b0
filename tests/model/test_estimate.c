/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "model/estimate.h"
#include "model/found_gguf.h"
#include "support/model_files.h"

static struct temp temp;

/* The shapes of SmolLM2-135M in F16, as a hole. */
static const char *smol(void)
{
	struct tiny_file f = { .w = gguf_writer_new() };
	static const struct tiny_model m = { .architecture = "llama" };
	gguf_writer_text(f.w, "general.architecture", "llama");
	tiny_key(f.w, &m, "block_count", 30);
	tiny_key(f.w, &m, "embedding_length", 576);
	tiny_key(f.w, &m, "feed_forward_length", 1536);
	tiny_key(f.w, &m, "attention.head_count", 9);
	tiny_key(f.w, &m, "attention.head_count_kv", 3);
	tiny_tensor(&f, "token_embd.weight", GGML_ID_F16, 576, 49152);
	return tiny_finish(&f, temp_path(&temp, "smol.gguf"));
}

static void the_estimate_is_close_to_what_llama_cpp_reports(void **state)
{
	(void)state;
	static const struct {
		uint64_t cells;
		uint32_t ubatch;
		double kv_mib, compute_mib;
	} measured[] = {
		{ 2048, 512, 45, 102.5 },
		{ 8192, 512, 180, 98.3 },
		{ 2048, 128, 45, 25.6 },
	};
	const char *path = smol();
	for (size_t i = 0; i < 3; i++) {
		struct err err = { 0 };
		struct memory_estimate e;
		struct memory_use use = { measured[i].cells, measured[i].ubatch, measured[i].ubatch, 0 };
		assert_ok(estimate_memory(path, &use, &e, &err));
		assert_true(e.weights == 576ull * 49152 * 2);
		assert_true((double)e.kv == measured[i].kv_mib * 1048576);
		double host = 49152.0 * measured[i].ubatch * 4,
		       compute = ((double)e.compute - host) / 1048576;
		assert_true(compute > measured[i].compute_mib * 0.9 &&
			    compute < measured[i].compute_mib * 1.1);
		assert_true(e.total > e.weights + e.kv + e.compute);
	}
}

static void few_outputs_need_little_memory_and_adapters_count(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct memory_estimate one, all;
	struct memory_use use = { 100, 512, 1, 0 };
	assert_ok(estimate_memory(smol(), &use, &one, &err));
	assert_true(one.kv == 256ull * 30 * 3 * 128 * 2); /* rounded up to 256 cells */
	assert_true(one.compute < 20 * MIB);
	use.adapter_bytes = 1000;
	assert_ok(estimate_memory(smol(), &use, &all, &err));
	assert_int_equal(all.weights - one.weights, 1000);
}

static void absurd_numbers_saturate(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct memory_estimate e;
	struct memory_use use = { UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX };
	assert_ok(estimate_memory(smol(), &use, &e, &err));
	assert_true(e.kv == UINT64_MAX / 2 && e.total == UINT64_MAX / 2);
	struct tiny_file f = { .w = gguf_writer_new() };
	static const struct tiny_model m = { .architecture = "llama" };
	gguf_writer_text(f.w, "general.architecture", "llama");
	tiny_key(f.w, &m, "block_count", UINT32_MAX);
	tiny_key(f.w, &m, "attention.head_count", 0);
	tiny_tensor(&f, "a", GGML_ID_F16, 32, 1);
	assert_ok(estimate_memory(tiny_finish(&f, temp_path(&temp, "odd.gguf")), &use, &e, &err));
	assert_int_equal(e.kv, 0);
	assert_int_equal(estimate_memory(temp_path(&temp, "none.gguf"), &use, &e, &err), ERR_NOT_FOUND);
}

static void kv_bytes_follow_arrays_of_heads(void **state)
{
	(void)state;
	struct tiny_file f = { .w = gguf_writer_new() };
	static const struct tiny_model m = { .architecture = "x" };
	static const uint32_t kv_heads[] = { 4, 0, 2 };
	gguf_writer_text(f.w, "general.architecture", "x");
	tiny_key(f.w, &m, "block_count", 3);
	tiny_key(f.w, &m, "embedding_length", 64);
	tiny_key(f.w, &m, "attention.head_count", 4);
	gguf_writer_u32s(f.w, "x.attention.head_count_kv", kv_heads, 3);
	tiny_key(f.w, &m, "attention.key_length", 32);
	tiny_tensor(&f, "a", GGML_ID_F16, 32, 1);
	struct err err = { 0 };
	struct gguf *g = gguf_open(tiny_finish(&f, temp_path(&temp, "heads.gguf")), &err);
	assert_err(&err, "");
	assert_int_equal(gguf_kv_bytes_per_token(g), (4 + 0 + 2) * (32 + 16) * 2);
	gguf_close(g);
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_close(&temp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_estimate_is_close_to_what_llama_cpp_reports),
		cmocka_unit_test(few_outputs_need_little_memory_and_adapters_count),
		cmocka_unit_test(absurd_numbers_saturate),
		cmocka_unit_test(kv_bytes_follow_arrays_of_heads),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
