/* SPDX-License-Identifier: Apache-2.0
 *
 * What workers say of their devices, and whether a model fits on them: with made-up GPUs, so that no machine needs one. */
#include "engine/devices.h"

#include "base/limits.h"
#include "engine/memory.h"
#include "engine/worker_environment.h"
#include "store/model_store.h"
#include "support/check.h"
#include "support/model_files.h"

static struct temp temp;

static struct devices read_text(const char *text, struct err *err)
{
	struct devices d;
	json_t *list = json_parse(str_of(text), "devices", err);

	(void)!devices_read(list, &d, err);
	json_decref(list);
	return d;
}

#define GPU(id, free) "{\"id\":\"" id "\",\"name\":\"Card\",\"type\":\"gpu\",\"memory_total\":8589934592,\"memory_free\":" free "}"
#define IGPU "{\"id\":\"Vulkan1\",\"name\":\"Graphics\",\"type\":\"igpu\",\"memory_total\":5000,\"memory_free\":4000}"
#define CPU "{\"id\":\"CPU\",\"name\":\"Processor\",\"type\":\"cpu\",\"memory_total\":9000,\"memory_free\":9000}"

static void devices_are_read_and_those_that_are_meant_are_found(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct memory_place place;
	char label[64];
	struct devices d = read_text("[" GPU("CUDA0", "1000") "," GPU("CUDA1", "2000") "," IGPU "," CPU "]", &err);
	struct gpu_use all = { .layers = -1, .device = "" }, one = { .layers = 5, .device = "CUDA1" }, none = { .device = "" };
	struct gpu_use shared = { .layers = -1, .device = "Vulkan1" }, unknown = { .layers = -1, .device = "CUDA7" };
	struct gpu_use both = { .layers = -1, .device = "CUDA1,Vulkan1,CUDA10" };

	assert_err(&err, "");
	assert_int_equal(d.n, 4);
	assert_true(devices_have_gpu(&d));
	devices_place(&d, &all, &place); /* graphics units of the processor only where there is no card */
	assert_int_equal(place.n_gpus, 2);
	assert_int_equal(place.free[1], 2000);
	devices_label(&d, &all, label, sizeof label);
	assert_string_equal(label, "2 × Card");
	devices_place(&d, &one, &place);
	assert_true(place.n_gpus == 1 && place.free[0] == 2000 && place.layers == 5);
	devices_place(&d, &shared, &place);
	assert_true(place.n_gpus == 1 && place.free[0] == 4000);
	devices_place(&d, &both, &place);
	assert_true(place.n_gpus == 2 && place.free[0] == 2000 && place.free[1] == 4000);
	devices_place(&d, &none, &place);
	assert_int_equal(place.n_gpus, 0);
	devices_label(&d, &unknown, label, sizeof label);
	assert_string_equal(label, "");
	d = read_text("[" IGPU "," CPU "]", &err);
	devices_place(&d, &all, &place);
	assert_int_equal(place.n_gpus, 1);
	d = read_text("[" CPU "]", &err);
	assert_false(devices_have_gpu(&d));
}

static void a_model_uses_what_was_chosen_for_it_unless_the_command_line_says_otherwise(void **state)
{
	(void)state;
	struct gpu_use set = { .layers = -1, .device = "CUDA0" }, forced = { .layers = 2, .device = "CUDA0", .is_forced = true };
	struct model_row as_set = { .gpu_layers = 7, .gpu_device = "CUDA9" }, own = as_set;

	own.has_gpu = true;
	struct gpu_use use = gpu_use_of(&set, &as_set);
	assert_true(use.layers == -1 && strcmp(use.device, "CUDA0") == 0);
	use = gpu_use_of(&set, &own);
	assert_true(use.layers == 7 && strcmp(use.device, "CUDA9") == 0);
	use = gpu_use_of(&forced, &own);
	assert_true(use.layers == 2 && strcmp(use.device, "CUDA0") == 0);
}

static void devices_outside_the_protocol_are_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"{}", "[1]", "[{}]", "[{\"id\":\"\",\"type\":\"gpu\"}]", "[{\"id\":\"a\",\"type\":\"toaster\"}]",
		"[{\"id\":\"a\",\"type\":\"gpu\",\"memory_free\":-1}]", "[{\"id\":\"a\",\"type\":\"gpu\",\"memory_total\":\"8\"}]",
		"[{\"id\":\"0123456789012345678901234567890123\",\"type\":\"gpu\"}]",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct err err = { 0 };
		struct devices d = read_text(wrong[i], &err);
		assert_true(err.code != ERR_OK);
		assert_int_equal(d.n, 0);
	}
}

/* 4 layers of 64 MiB each, an embedding of 64 MiB that is the output too; F16. */
static const char *model(void)
{
	struct tiny_file f = { .w = gguf_writer_new() };
	static const struct tiny_model m = { .architecture = "llama" };
	char name[32];

	gguf_writer_text(f.w, "general.architecture", "llama");
	tiny_key(f.w, &m, "block_count", 4);
	tiny_key(f.w, &m, "embedding_length", 1024);
	tiny_key(f.w, &m, "feed_forward_length", 1024);
	tiny_key(f.w, &m, "attention.head_count", 8);
	tiny_tensor(&f, "token_embd.weight", GGML_ID_F16, 1024, 32768);
	for (int i = 0; i < 4; i++) {
		str_format(name, sizeof name, "blk.%d.ffn_up.weight", i);
		tiny_tensor(&f, name, GGML_ID_F16, 1024, 32768);
	}
	return tiny_finish(&f, temp_path(&temp, "model.gguf"));
}

static enum err_code check(const struct devices *d, struct gpu_use gpu, int64_t available, bool is_idle, struct memory_answer *out,
			   struct err *err)
{
	struct memory_supply supply = { .available = available, .devices = d, .gpu = gpu, .has_idle_gpu = is_idle };

	*err = (struct err){ 0 };
	return memory_check(model(), &(struct memory_tokens){ 256, 256 }, &supply, out, err);
}

static void as_many_layers_as_fit_go_to_the_gpu_and_the_rest_must_fit_beside(void **state)
{
	(void)state;
	struct err err;
	struct memory_answer a, b;
	struct gpu_use automatic = { .layers = -1, .device = "" };
	struct devices large = read_text("[" GPU("CUDA0", "8000000000") "]", &err), small = large, none = { 0 };

	small.items[0].memory_free = 700 << 20;
	assert_ok(check(&none, automatic, (int64_t)GIB, false, &a, &err));
	assert_true(a.layers == 0 && a.gpu_need == 0 && a.need > (int64_t)(320 * MIB));
	assert_ok(check(&large, automatic, (int64_t)GIB, false, &b, &err));
	assert_int_equal(b.layers, 5);
	assert_int_equal(b.all_layers, 5);
	assert_true(b.gpu_need > (int64_t)(320 * MIB) && b.need < a.need - (int64_t)(250 * MIB));
	assert_ok(check(&small, automatic, (int64_t)GIB, false, &b, &err));
	assert_in_range(b.layers, 1, 4);
	assert_true(b.gpu_need < b.gpu_free && b.need < a.need);
	small.items[0].memory_free = 64 << 20;
	assert_ok(check(&small, automatic, (int64_t)GIB, false, &b, &err));
	assert_true(b.layers == 0 && b.need == a.need);
}

static void what_does_not_fit_says_what_would_help(void **state)
{
	(void)state;
	struct err err;
	struct memory_answer a;
	struct gpu_use five = { .layers = 5, .device = "" }, off = { .layers = 0, .device = "" };
	struct devices small = read_text("[" GPU("CUDA0", "734003200") "]", &err), none = { 0 };

	assert_int_equal(check(&small, five, (int64_t)GIB, false, &a, &err), ERR_LIMIT);
	assert_err(&err, "err_memory_gpu");
	assert_arg(&err, "layers", "5");
	assert_arg(&err, "gpus", "Card: 0.7 GB");
	assert_arg(&err, "name", "model.gguf");
	char most[16];
	assert_true(err_arg(&err, "most", most, sizeof most));
	assert_in_range(most[0], '1', '4');
	assert_ok(check(&none, off, (int64_t)GIB, false, &a, &err));
	assert_int_equal(check(&none, off, a.need - 1, false, &a, &err), ERR_LIMIT);
	assert_err(&err, "err_memory_q8");
	assert_arg(&err, "name", "model.gguf");
	memory_name(&err, "Kestrel");
	assert_err(&err, "err_memory_q8");
	assert_arg(&err, "name", "Kestrel");
	assert_int_equal(check(&none, off, a.need - (int64_t)(200 * MIB), false, &a, &err), ERR_LIMIT);
	assert_err(&err, "err_memory_format");
	assert_arg(&err, "format", "Q4_K_M");
	assert_int_equal(check(&none, off, (int64_t)MIB, false, &a, &err), ERR_LIMIT);
	assert_err(&err, "err_memory");
	assert_int_equal(check(&none, off, a.need - 1, true, &a, &err), ERR_LIMIT);
	assert_err(&err, "err_memory_gpu_off");
}

static void where_room_is_short_a_shorter_context_will_do(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct devices none = { 0 };
	struct memory_answer a, b;
	const struct memory_tokens one = { 65536, 65536 }, less = { 65536, 1024 }, least = { 1024, 1024 };
	struct memory_supply supply = { .available = 1LL << 40, .devices = &none, .gpu = { .layers = -1 } };

	assert_ok(memory_check(model(), &less, &supply, &a, &err));
	assert_int_equal(a.kv_tokens, 65536);
	supply.available = a.need - 1;
	assert_int_equal(memory_check(model(), &one, &supply, &b, &err), ERR_LIMIT);
	err = (struct err){ 0 };
	assert_ok(memory_check(model(), &less, &supply, &b, &err));
	assert_true(b.kv_tokens >= 65536 - 512 && b.kv_tokens < 65536); /* as long as there is room */
	assert_true(b.need < a.need);
	supply.available = b.need - 1;
	assert_ok(memory_check(model(), &less, &supply, &b, &err));
	assert_true(b.need <= supply.available && b.kv_tokens % 256 == 0);
	supply.available = a.need / 2;
	assert_ok(memory_check(model(), &less, &supply, &b, &err));
	assert_true(b.need <= supply.available && b.kv_tokens > 1024 && b.kv_tokens < 65536);
	assert_ok(memory_check(model(), &least, &supply, &a, &err));
	supply.available = a.need;
	assert_ok(memory_check(model(), &less, &supply, &b, &err));
	assert_int_equal(b.kv_tokens, 1024);
	supply.available = a.need - 1;
	assert_int_equal(memory_check(model(), &less, &supply, &b, &err), ERR_LIMIT);
}

static void beside_another_model_only_what_that_one_leaves_counts(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct devices none = { 0 }, gpu = read_text("[" GPU("CUDA0", "1100000000") "]", &err);
	const struct memory_tokens tokens = { 256, 256 };
	struct memory_supply supply = { .available = 1LL << 40, .devices = &none, .gpu = { .layers = -1 } };
	struct memory_answer a, b;

	assert_ok(memory_check(model(), &tokens, &supply, &a, &err));
	supply.available = 2 * a.need;
	assert_ok(memory_check_beside(model(), &tokens, &supply, &a, &err));
	assert_true(a.together && !a.is_beside);
	supply.available = 2 * a.need - 1;
	assert_ok(memory_check_beside(model(), &tokens, &supply, &a, &err));
	assert_true(!a.together && !a.is_beside);
	supply.available = a.need - 1;
	assert_int_equal(memory_check_beside(model(), &tokens, &supply, &a, &err), ERR_LIMIT);
	assert_true(a.is_beside);
	/* The GPU holds one of them: the other one is for the processor. */
	err = (struct err){ 0 };
	supply = (struct memory_supply){ .available = 1LL << 40, .devices = &gpu, .gpu = { .layers = -1 } };
	assert_ok(memory_check(model(), &tokens, &supply, &b, &err));
	assert_true(b.layers == 5 && b.need < a.need);
	supply.available = 2 * b.need;
	assert_ok(memory_check_beside(model(), &tokens, &supply, &b, &err));
	assert_false(b.together);
	supply.available = b.need + a.need;
	assert_ok(memory_check_beside(model(), &tokens, &supply, &b, &err));
	assert_true(b.together);
}

static void where_the_weights_are_given_no_others_are_suggested(void **state)
{
	(void)state;
	static const char *const keys[][2] = { { "err_memory_q8", "err_memory" },	       { "err_memory_q8_held", "err_memory_held" },
					       { "err_memory_format_held", "err_memory_held" }, { "err_memory_gpu", "err_memory_gpu" },
					       { "err_fs_read", "err_fs_read" } };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct err err;
		err_set(&err, ERR_LIMIT, keys[i][0], "need=%.1f|free=%.1f", 3.0, 2.0);
		memory_keeps_weights(&err);
		assert_err(&err, keys[i][1]);
		assert_arg(&err, "need", "3.0");
	}
}

static void only_what_gpu_drivers_read_reaches_a_worker(void **state)
{
	(void)state;
	char *env[WORKER_ENV_MAX + 1];
	bool has_gpu = false;

	assert_int_equal(setenv("CUDA_VISIBLE_DEVICES", "0", 1), 0);
	assert_int_equal(setenv("HF_TOKEN", "secret", 1), 0);
	worker_environment(env);
	for (int i = 0; env[i]; i++) {
		has_gpu |= strcmp(env[i], "CUDA_VISIBLE_DEVICES=0") == 0;
		assert_null(strstr(env[i], "secret"));
		assert_null(strstr(env[i], "HOME="));
	}
	assert_true(has_gpu);
	unsetenv("CUDA_VISIBLE_DEVICES");
	unsetenv("HF_TOKEN");
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
		cmocka_unit_test(devices_are_read_and_those_that_are_meant_are_found),
		cmocka_unit_test(a_model_uses_what_was_chosen_for_it_unless_the_command_line_says_otherwise),
		cmocka_unit_test(devices_outside_the_protocol_are_refused),
		cmocka_unit_test(as_many_layers_as_fit_go_to_the_gpu_and_the_rest_must_fit_beside),
		cmocka_unit_test(what_does_not_fit_says_what_would_help),
		cmocka_unit_test(where_room_is_short_a_shorter_context_will_do),
		cmocka_unit_test(beside_another_model_only_what_that_one_leaves_counts),
		cmocka_unit_test(where_the_weights_are_given_no_others_are_suggested),
		cmocka_unit_test(only_what_gpu_drivers_read_reaches_a_worker),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
