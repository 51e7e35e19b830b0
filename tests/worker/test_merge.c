/* SPDX-License-Identifier: Apache-2.0
 *
 * REQ_MERGE with the real worker, on the demo's epochs and on made-up models. */
#include "worker/job_test.h"

#include <math.h>

#include "base/clock.h"
#include "base/hash.h"
#include "model/gguf.h"

#define EPOCHS_DIR TEST_ROOT "/demo/checkpoints/"

static struct worker_client worker;

static int open_worker(void **state)
{
	int rc = open_folder(state);
	start_job_worker(&worker);
	return rc;
}

static int close_worker(void **state)
{
	assert_int_equal(worker_client_stop(&worker), 0);
	return close_folder(state);
}

/* --- reading results --- */

static struct gguf *open_result(const char *path)
{
	struct err err = { 0 };
	struct gguf *g = gguf_open_model(path, &err);
	assert_err(&err, "");
	return g;
}

static double f16(uint16_t h)
{
	int exponent = h >> 10 & 31, fraction = h & 1023;
	double v = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
	return h & 0x8000 ? -v : v;
}

static double value_at(const struct gguf *g, const char *tensor, uint64_t index)
{
	struct err err = { 0 };
	const struct gguf_tensor *t = gguf_tensor_find(g, tensor);
	assert_non_null(t);
	uint16_t half = 0;
	uint32_t bits = 0;
	float f;
	if (t->type == GGML_ID_F16) {
		assert_ok(gguf_read_data(g, t, index * 2, &half, 2, &err));
		return f16(half);
	}
	if (t->type == GGML_ID_BF16)
		assert_ok(gguf_read_data(g, t, index * 2, (char *)&bits + 2, 2, &err));
	else
		assert_ok(gguf_read_data(g, t, index * 4, &bits, 4, &err));
	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

static void file_hash(const char *path, uint8_t out[HASH_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct err err = { 0 };
	assert_ok(hash_file(fd, out, NULL, &err));
	close(fd);
}

static void assert_same_bytes(const char *a, const char *b)
{
	uint8_t x[HASH_SIZE], y[HASH_SIZE];
	file_hash(a, x);
	file_hash(b, y);
	assert_memory_equal(x, y, HASH_SIZE);
}

/* --- small models with values --- */

/* Exact in every type up to the product of two. */
static float made(uint64_t i, uint64_t seed)
{
	return (float)((int)((i * 7919 + seed * 104729) % 255) - 127) / 128;
}

static void write_tensor(struct gguf_writer *w, const struct gguf_tensor *t, uint64_t seed, float scale)
{
	uint64_t n = t->ne[0] * t->ne[1];
	struct err err = { 0 };
	float *values = mem_array(n, sizeof(values[0]));
	uint16_t *halves = mem_array(n, sizeof(halves[0]));
	for (uint64_t i = 0; i < n; i++) {
		values[i] = scale * made(i, seed);
		uint32_t bits;
		memcpy(&bits, &values[i], sizeof(bits));
		halves[i] = (uint16_t)(bits >> 16); /* 8 bits of fraction are enough for made() */
	}
	if (t->type == GGML_ID_BF16)
		assert_ok(gguf_writer_data(w, halves, n * 2, &err));
	else
		assert_ok(gguf_writer_data(w, values, n * 4, &err));
	mem_free(values);
	mem_free(halves);
}

/* Writes tensors [from, to) of a list as one GGUF of a llama, or of a part of it. */
static void write_some(const char *path, const struct gguf_tensor *list, size_t from, size_t to, int part, int n_parts)
{
	struct err err = { 0 };
	struct tiny_model m = { .untied = true };
	struct gguf_writer *w = gguf_writer_new();
	tiny_defaults(&m);
	tiny_keys(w, &m);
	if (n_parts > 1) {
		gguf_writer_u16(w, "split.no", (uint16_t)part);
		gguf_writer_u16(w, "split.count", (uint16_t)n_parts);
	}
	for (size_t i = from; i < to; i++)
		gguf_writer_tensor(w, list[i].name, list[i].type, list[i].n_dims, list[i].ne);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_ok(gguf_writer_begin(w, fd, &err));
	for (size_t i = from; i < to; i++)
		write_tensor(w, &list[i], i + 1, 1);
	gguf_writer_free(w);
	close(fd);
}

#define N_SMALL 4
static void small_tensors(struct gguf_tensor list[N_SMALL], uint32_t type)
{
	list[0] = (struct gguf_tensor){ "token_embd.weight", type, 2, { 32, 48, 1, 1 }, 0, 0, 0 };
	list[1] = (struct gguf_tensor){ "blk.0.attn_q.weight", type, 2, { 32, 64, 1, 1 }, 0, 0, 0 };
	list[2] = (struct gguf_tensor){ "blk.0.attn_norm.weight", GGML_ID_F32, 1, { 32, 1, 1, 1 }, 0, 0, 0 };
	list[3] = (struct gguf_tensor){ "output.weight", type, 2, { 32, 48, 1, 1 }, 0, 0, 0 };
}

static const char *small_model(const char *name, uint32_t type)
{
	struct gguf_tensor list[N_SMALL];
	const char *path = temp_path(&folder, name);
	small_tensors(list, type);
	write_some(path, list, 0, N_SMALL, 0, 1);
	return path;
}

/* An F32 adapter of rank 3 for one tensor. */
static const char *small_adapter(const char *name, const char *tensor, uint64_t row, uint64_t rows, float alpha, float scale)
{
	char a_name[64], b_name[64];
	const char *path = temp_path(&folder, name);
	bool embedding = strcmp(tensor, "token_embd.weight") == 0;
	struct err err = { 0 };
	struct gguf_writer *w = gguf_writer_new();
	gguf_writer_text(w, "general.architecture", "llama");
	gguf_writer_text(w, "general.type", "adapter");
	gguf_writer_text(w, "adapter.type", "lora");
	gguf_writer_f32(w, "adapter.lora.alpha", alpha);
	snprintf(a_name, sizeof(a_name), "%s.lora_a", tensor);
	snprintf(b_name, sizeof(b_name), "%s.lora_b", tensor);
	struct gguf_tensor a = { a_name, GGML_ID_F32, 2, { embedding ? 3 : row, embedding ? rows : 3, 1, 1 }, 0, 0, 0 };
	struct gguf_tensor b = { b_name, GGML_ID_F32, 2, { 3, embedding ? row : rows, 1, 1 }, 0, 0, 0 };
	gguf_writer_tensor(w, a.name, a.type, 2, a.ne);
	gguf_writer_tensor(w, b.name, b.type, 2, b.ne);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_ok(gguf_writer_begin(w, fd, &err));
	write_tensor(w, &a, 11, scale);
	write_tensor(w, &b, 12, 1);
	gguf_writer_free(w);
	close(fd);
	return path;
}

/* --- the demo --- */

static void assert_epoch(const json_t *epoch, const struct gguf *g)
{
	const char *tensor;
	json_t *expected;
	json_object_foreach((json_t *)(uintptr_t)epoch, tensor, expected) {
		const struct gguf_tensor *t = gguf_tensor_find(g, tensor);
		json_t *values = json_object_get(expected, "values");
		uint64_t n = t->ne[0] * t->ne[1];
		for (size_t k = 0; k < json_array_size(values); k++) {
			double wanted = json_real_value(json_array_get(values, k));
			double seen = value_at(g, tensor, (k * 7919 + 13) % n);
			/* Half a step of F16, and the rounding of float before it. */
			if (fabs(seen - wanted) > fabs(wanted) / 2048 * 1.001 + 4e-8)
				fail_msg("%s[%zu] is %.9g, PEFT has %.9g", tensor, k, seen, wanted);
		}
	}
	assert_int_equal(json_object_size(epoch), 210);
}

static void the_demo_epochs_merge_as_peft_merges_them(void **state)
{
	(void)state;
	static const char *const epochs[] = { "checkpoint-12", "checkpoint-24", "checkpoint-48", "checkpoint-96" };
	struct err err = { 0 };
	json_t *golden = json_load_file(TEST_ROOT "/tests/golden/merge_samples.json", 0, NULL);
	for (size_t i = 0; i < 4; i++) {
		char dir[256];
		const char *adapter = temp_path(&folder, "epoch.gguf");
		snprintf(dir, sizeof(dir), EPOCHS_DIR "%s", epochs[i]);
		assert_ok(adapter_convert(dir, model_path, adapter, NULL, &err));
		json_t *stats = job_stats(&worker, REQ_MERGE, merge_request(model_path, adapter, out_path("epoch.part")));
		assert_int_equal(number(stats, "n_changed"), 210);
		assert_int_equal(number(stats, "n_tensors"), 272);
		assert_string_equal(json_string_value(json_object_get(stats, "base_type")), "Q4_1");
		assert_true(json_is_true(json_object_get(stats, "base_quantized")));
		assert_in_range(number(stats, "peak_rss_bytes"), 1, 256 * MIB);
		struct gguf *g = open_result(out_path("epoch.part"));
		assert_int_equal(gguf_file_size(g), number(stats, "size_bytes"));
		assert_epoch(json_object_get(golden, epochs[i]), g);
		gguf_close(g);
		json_decref(stats);
	}
	json_decref(golden);
}

static void the_bytes_do_not_depend_on_the_threads(void **state)
{
	(void)state;
	json_t *one = merge_request(model_path, temp_path(&folder, "epoch.gguf"), out_path("one.part"));
	json_object_set_new(one, "n_threads", json_integer(1));
	json_decref(job_stats(&worker, REQ_MERGE, one));
	assert_same_bytes(out_path("one.part"), out_path("epoch.part"));
}

/* Every key is there with its value, but those that describe the file. */
static void the_metadata_is_kept(void **state)
{
	(void)state;
	json_t *request = merge_request(model_path, "", out_path("base.part"));
	json_object_set_new(request, "name", json_string("Kestrel 4"));
	json_object_set_new(request, "template_suffix", json_string("{# assay #}"));
	json_t *stats = job_stats(&worker, REQ_MERGE, request);
	assert_int_equal(number(stats, "n_changed"), 0);
	json_decref(stats);
	struct gguf *base = open_result(model_path), *g = open_result(out_path("base.part"));
	assert_int_equal(gguf_n_keys(base), gguf_n_keys(g));
	struct arena *a = arena_new();
	for (size_t i = 0; i < gguf_n_keys(base); i++) {
		const char *key = gguf_key_at(base, i);
		assert_int_equal(gguf_key_type(g, key), gguf_key_type(base, key));
		assert_int_equal(gguf_array_len(g, key), gguf_array_len(base, key));
		bool own = strcmp(key, "general.name") == 0 || strcmp(key, "tokenizer.chat_template") == 0;
		if (!own)
			assert_string_equal(gguf_get_label(g, key, a), gguf_get_label(base, key, a));
	}
	uint64_t file_type = 99;
	struct buf before = BUF_INIT(MIB), after = BUF_INIT(MIB);
	assert_true(gguf_get_u64(g, "general.file_type", &file_type));
	assert_int_equal(file_type, FILE_TYPE_F16);
	assert_string_equal(gguf_get_label(g, "general.name", a), "Kestrel 4");
	assert_true(gguf_get_text(base, "tokenizer.chat_template", &before) && gguf_get_text(g, "tokenizer.chat_template", &after));
	buf_add_text(&before, "{# assay #}");
	assert_string_equal(buf_text(&after), buf_text(&before));
	buf_release(&before);
	buf_release(&after);
	arena_free(a);
	gguf_close(base);
	gguf_close(g);
}

/* A template of the user's stands in the file, with the comment. */
static void another_template_is_written(void **state)
{
	(void)state;
	struct buf text = BUF_INIT(MIB);
	json_t *request = merge_request(model_path, "", out_path("template.part"));
	json_object_set_new(request, "template", json_string("{{ messages }}\n"));
	json_object_set_new(request, "template_suffix", json_string("{# assay #}"));
	json_decref(job_stats(&worker, REQ_MERGE, request));
	struct gguf *base = open_result(model_path), *g = open_result(out_path("template.part"));
	assert_int_equal(gguf_n_keys(base), gguf_n_keys(g));
	assert_true(gguf_get_text(g, "tokenizer.chat_template", &text));
	assert_string_equal(buf_text(&text), "{{ messages }}{# assay #}\n");
	buf_release(&text);
	gguf_close(base);
	gguf_close(g);
}

static void llama_cpp_loads_the_result(void **state)
{
	(void)state;
	struct worker_client w;
	assert_true(worker_client_start(&w, PROGRAM, NULL));
	struct worker_reply r = worker_client_load(&w, out_path("base.part"), 1);
	assert_int_equal(r.kind, MSG_LOADED);
	assert_int_equal(json_integer_value(json_object_get(r.body, "n_params")), 134515008);
	worker_reply_release(&r);
	worker_client_stop(&w);
}

/* --- made-up models --- */

static double made_change(uint64_t column, uint64_t row, uint64_t width, bool embedding)
{
	double sum = 0;
	for (uint64_t r = 0; r < 3; r++)
		sum += embedding ? (double)made(row * 3 + r, 11) * (double)made(column * 3 + r, 12)
				 : (double)made(row * 3 + r, 12) * (double)made(r * width + column, 11);
	return sum;
}

static void assert_made(const char *path, const char *tensor, uint64_t seed, uint64_t rows, double scale, bool embedding)
{
	struct gguf *g = open_result(path);
	for (uint64_t i = 0; i < 32 * rows; i++) {
		double wanted = (double)made(i, seed) + scale * made_change(i % 32, i / 32, 32, embedding);
		double seen = value_at(g, tensor, i), step = gguf_tensor_find(g, tensor)->type == GGML_ID_BF16 ? 256 : 2048;
		if (fabs(seen - wanted) > fabs(wanted) / step * 1.001 + 1e-6)
			fail_msg("%s[%llu] is %.9g, not %.9g", tensor, (unsigned long long)i, seen, wanted);
	}
	gguf_close(g);
}

static void every_kind_of_tensor_and_type_is_merged(void **state)
{
	(void)state;
	static const struct {
		uint32_t type;
		const char *out;
	} cases[] = { { GGML_ID_F32, "F16" }, { GGML_ID_BF16, "F16" }, { GGML_ID_BF16, "BF16" } };
	const char *q = small_adapter("q.gguf", "blk.0.attn_q.weight", 32, 64, 6, 1);
	const char *e = small_adapter("e.gguf", "token_embd.weight", 32, 48, 0, 1); /* alpha 0: scale 1 */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *base = small_model("small.gguf", cases[i].type);
		for (int k = 0; k < 2; k++) {
			json_t *request = merge_request(base, k ? e : q, out_path("small.part"));
			json_object_set_new(request, "type", json_string(cases[i].out));
			json_t *stats = job_stats(&worker, REQ_MERGE, request);
			assert_int_equal(number(stats, "n_changed"), 1);
			json_decref(stats);
			if (k)
				assert_made(out_path("small.part"), "token_embd.weight", 1, 48, 1, true);
			else
				assert_made(out_path("small.part"), "blk.0.attn_q.weight", 2, 64, 2, false);
			struct gguf *g = open_result(out_path("small.part"));
			assert_int_equal(gguf_tensor_find(g, "output.weight")->type, ggml_type_named(cases[i].out)->id);
			assert_int_equal(gguf_tensor_find(g, "blk.0.attn_norm.weight")->type, GGML_ID_F32);
			gguf_close(g);
		}
	}
}

static void a_split_base_gives_the_same_bytes_as_a_whole_one(void **state)
{
	(void)state;
	struct gguf_tensor list[N_SMALL];
	const char *adapter = small_adapter("q.gguf", "blk.0.attn_q.weight", 32, 64, 6, 1);
	small_tensors(list, GGML_ID_BF16);
	write_some(temp_path(&folder, "s-00001-of-00002.gguf"), list, 0, 1, 0, 2);
	write_some(temp_path(&folder, "s-00002-of-00002.gguf"), list, 1, N_SMALL, 1, 2);
	write_some(temp_path(&folder, "whole.gguf"), list, 0, N_SMALL, 0, 1);
	json_decref(job_stats(&worker, REQ_MERGE,
			      merge_request(temp_path(&folder, "s-00002-of-00002.gguf"), adapter, out_path("split.part"))));
	json_decref(job_stats(&worker, REQ_MERGE, merge_request(temp_path(&folder, "whole.gguf"), adapter, out_path("whole.part"))));
	assert_same_bytes(out_path("split.part"), out_path("whole.part"));
}

/* As a download cache keeps models: names that link to files of another folder.  One name is enough for all parts, and opens
 * nothing beside them. */
static void one_part_grants_a_split_model_behind_links(void **state)
{
	(void)state;
	struct gguf_tensor list[N_SMALL];
	struct worker_client w;
	const char *first = temp_path(&folder, "names/m-00001-of-00002.gguf"), *second = temp_path(&folder, "names/m-00002-of-00002.gguf");
	small_tensors(list, GGML_ID_BF16);
	assert_int_equal(mkdir(temp_path(&folder, "names"), 0700) | mkdir(temp_path(&folder, "blobs"), 0700), 0);
	write_some(temp_path(&folder, "blobs/1"), list, 0, 1, 0, 2);
	write_some(temp_path(&folder, "blobs/2"), list, 1, N_SMALL, 1, 2);
	write_some(temp_path(&folder, "blobs/other"), list, 0, N_SMALL, 0, 1);
	assert_int_equal(symlink("../blobs/1", first) | symlink("../blobs/2", second), 0);
	char *args[] = { (char *)"--read-dir", (char *)(uintptr_t)second, (char *)"--write-dir", (char *)(uintptr_t)out_path(""), NULL };
	assert_true(worker_client_start(&w, PROGRAM, args));
	json_decref(job_stats(&w, REQ_MERGE, merge_request(first, "", out_path("linked.part"))));
	if (strcmp(json_string_value(json_object_get(w.ready, "sandbox")), "full") == 0)
		assert_job_fails(&w, REQ_MERGE, merge_request(temp_path(&folder, "blobs/other"), "", out_path("x.part")), "err_fs_denied");
	worker_client_stop(&w);
}

static void values_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	const char *base = small_model("small.gguf", GGML_ID_BF16);
	const char *large = small_adapter("large.gguf", "blk.0.attn_q.weight", 32, 64, 3e5f, 1);
	const char *endless = small_adapter("endless.gguf", "blk.0.attn_q.weight", 32, 64, 6, INFINITY);
	json_t *bf16 = merge_request(base, large, out_path("large.part"));
	json_object_set_new(bf16, "type", json_string("BF16"));
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, large, out_path("large.part")), "err_merge_overflow");
	json_decref(job_stats(&worker, REQ_MERGE, bf16));
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, endless, out_path("x.part")), "err_merge_not_finite");
}

static void wrong_inputs_are_refused(void **state)
{
	(void)state;
	const char *base = small_model("small.gguf", GGML_ID_BF16), *out = out_path("wrong.part");
	const char *text = temp_text(&folder, "text.gguf", "GGUF is what this is not");
	assert_job_fails(&worker, REQ_MERGE, merge_request(text, "", out), "err_gguf_version");
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, text, out), "err_gguf_version");
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, base, out), "err_adapter_not_lora");
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, temp_path(&folder, "epoch.gguf"), out), "err_adapter_no_tensor");
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, small_adapter("w.gguf", "blk.0.attn_q.weight", 32, 65, 6, 1), out),
			 "err_adapter_shape");
	assert_job_fails(&worker, REQ_MERGE, merge_request(temp_path(&folder, "gone.gguf"), "", out), "err_fs_not_found");
	assert_job_fails(&worker, REQ_MERGE, merge_request("relative.gguf", "", out), "err_worker_request");
	json_t *type = merge_request(base, "", out);
	json_object_set_new(type, "type", json_string("Q8_0"));
	assert_job_fails(&worker, REQ_MERGE, type, "err_worker_request");
	assert_false(fs_exists(out));
}

/* A file cut anywhere is refused, and the worker lives on. */
static void a_cut_model_is_refused(void **state)
{
	(void)state;
	struct buf whole = BUF_INIT(MIB);
	struct err err = { 0 };
	assert_ok(fs_read(small_model("small.gguf", GGML_ID_BF16), &whole, &err));
	for (size_t len = 0; len < whole.len; len += len < 2000 ? 97 : 1499) {
		const char *cut = temp_file(&folder, "cut.gguf", whole.ptr, len);
		struct worker_reply r = job(&worker, REQ_MERGE, merge_request(cut, "", out_path("x.part")));
		assert_int_equal(r.kind, MSG_FAILED);
		worker_reply_release(&r);
	}
	buf_release(&whole);
}

/* Changes some bytes of a header, the same ones for the same seed. */
static const char *damaged(const char *path, const char *name, uint64_t seed)
{
	struct buf whole = BUF_INIT(MIB);
	struct err err = { 0 };
	assert_ok(fs_read(path, &whole, &err));
	size_t reach = whole.len < 1200 ? whole.len : 1200;
	for (uint64_t k = 0; k < 1 + seed % 3; k++) {
		uint64_t random = seed_mix(seed, k);
		whole.ptr[random % reach] = (char)(random >> 32);
	}
	const char *out = temp_file(&folder, name, whole.ptr, whole.len);
	buf_release(&whole);
	return out;
}

static void damaged_files_never_end_the_worker(void **state)
{
	(void)state;
	const char *base = small_model("small.gguf", GGML_ID_BF16);
	const char *lora = small_adapter("q.gguf", "blk.0.attn_q.weight", 32, 64, 6, 1);
	int n_merged = 0;
	for (uint64_t seed = 0; seed < 600; seed++) {
		const char *b = seed % 2 ? base : damaged(base, "bad-base.gguf", seed);
		const char *l = seed % 2 ? damaged(lora, "bad-lora.gguf", seed) : lora;
		struct worker_reply r = job(&worker, REQ_MERGE, merge_request(b, l, out_path("damaged.part")));
		if (r.kind != MSG_OK && r.kind != MSG_FAILED)
			fail_msg("seed %llu ended the worker", (unsigned long long)seed);
		n_merged += r.kind == MSG_OK;
		worker_reply_release(&r);
	}
	assert_in_range(n_merged, 1, 599); /* some changes do no harm */
}

/* --- what must not be touched --- */

static void an_input_is_never_the_output(void **state)
{
	(void)state;
	const char *base = small_model("out/both.gguf", GGML_ID_BF16), *link_path = out_path("link.gguf");
	uint8_t before[HASH_SIZE], after[HASH_SIZE];
	file_hash(base, before);
	assert_int_equal(link(base, link_path), 0);
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, "", base), "err_job_same_file");
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, "", link_path), "err_job_same_file");
	file_hash(base, after);
	assert_memory_equal(before, after, HASH_SIZE);
}

static void nothing_else_can_be_written_or_read(void **state)
{
	(void)state;
	const char *base = small_model("small.gguf", GGML_ID_BF16), *canary = temp_text(&folder, "canary", "sings");
	if (strcmp(json_string_value(json_object_get(worker.ready, "sandbox")), "full") != 0)
		skip();
	assert_int_equal(symlink(canary, out_path("way-out")), 0);
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, "", temp_path(&folder, "new")), "err_fs_denied");
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, "", canary), "err_fs_denied");
	assert_job_fails(&worker, REQ_MERGE, merge_request(base, "", out_path("../new")), "err_fs_denied");
	struct worker_reply r = job(&worker, REQ_MERGE, merge_request(base, "", out_path("way-out")));
	assert_int_equal(r.kind, MSG_FAILED);
	worker_reply_release(&r);
	assert_job_fails(&worker, REQ_MERGE, merge_request("/etc/hostname", "", out_path("x.part")), "err_fs_denied");
	assert_false(fs_exists(temp_path(&folder, "new")));
	struct buf text = BUF_INIT(KIB);
	struct err err = { 0 };
	assert_ok(fs_read(canary, &text, &err));
	assert_string_equal(buf_text(&text), "sings");
	buf_release(&text);
}

static void a_worker_without_a_folder_writes_nowhere(void **state)
{
	(void)state;
	struct worker_client w;
	char *args[] = { (char *)"--read-dir", folder.dir, NULL };
	assert_true(worker_client_start(&w, PROGRAM, args));
	struct worker_reply r =
		job(&w, REQ_MERGE, merge_request(small_model("small.gguf", GGML_ID_BF16), "", out_path("nowhere.part")));
	assert_int_equal(r.kind, MSG_FAILED);
	worker_reply_release(&r);
	worker_client_stop(&w);
	assert_false(fs_exists(out_path("nowhere.part")));
}

/* --- ends --- */

static void a_cancelled_merge_ends_and_the_worker_lives_on(void **state)
{
	(void)state;
	uint32_t stream = worker_client_send(&worker, REQ_MERGE, merge_request(model_path, "", out_path("cancelled.part")), -1);
	worker_client_cancel(&worker, stream);
	struct worker_reply r = worker_client_wait(&worker, stream, 0);
	assert_int_equal(r.kind, MSG_FAILED);
	assert_string_equal(json_string_value(json_object_get(r.body, "key")), "err_cancelled");
	worker_reply_release(&r);
	json_decref(job_stats(&worker, REQ_MERGE, merge_request(small_model("small.gguf", GGML_ID_BF16), "", out_path("x.part"))));
}

static void a_killed_merge_leaves_its_part_alone(void **state)
{
	(void)state;
	struct worker_client w;
	struct frame f;
	uint8_t before[HASH_SIZE], after[HASH_SIZE];
	file_hash(model_path, before);
	start_job_worker(&w);
	worker_client_send(&w, REQ_MERGE, merge_request(model_path, "", out_path("killed.part")), -1);
	while (worker_client_next(&w, &f) && f.kind != MSG_PROGRESS)
		;
	kill(w.pid, SIGKILL);
	worker_client_stop(&w);
	assert_true(fs_exists(out_path("killed.part")));
	file_hash(model_path, after);
	assert_memory_equal(before, after, HASH_SIZE);
	/* The next one over the same part is whole. */
	json_decref(job_stats(&worker, REQ_MERGE, merge_request(model_path, "", out_path("killed.part"))));
	struct gguf *g = open_result(out_path("killed.part"));
	gguf_close(g);
}

int main(void)
{
	if (!find_model())
		return 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_demo_epochs_merge_as_peft_merges_them),
		cmocka_unit_test(the_bytes_do_not_depend_on_the_threads),
		cmocka_unit_test(the_metadata_is_kept),
		cmocka_unit_test(another_template_is_written),
		cmocka_unit_test(llama_cpp_loads_the_result),
		cmocka_unit_test(every_kind_of_tensor_and_type_is_merged),
		cmocka_unit_test(a_split_base_gives_the_same_bytes_as_a_whole_one),
		cmocka_unit_test(one_part_grants_a_split_model_behind_links),
		cmocka_unit_test(values_that_do_not_fit_are_refused),
		cmocka_unit_test(wrong_inputs_are_refused),
		cmocka_unit_test(a_cut_model_is_refused),
		cmocka_unit_test(damaged_files_never_end_the_worker),
		cmocka_unit_test(an_input_is_never_the_output),
		cmocka_unit_test(nothing_else_can_be_written_or_read),
		cmocka_unit_test(a_worker_without_a_folder_writes_nowhere),
		cmocka_unit_test(a_cancelled_merge_ends_and_the_worker_lives_on),
		cmocka_unit_test(a_killed_merge_leaves_its_part_alone),
	};
	return cmocka_run_group_tests(tests, open_worker, close_worker);
}
