/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <math.h>
#include <unistd.h>

#include "model/catalogue.h"
#include "model/checkpoint_name.h"
#include "model/trainer_state.h"
#include "support/model_files.h"

static struct temp temp; /* a fresh folder for each test */
static struct arena *arena;

static struct catalogue scan(const char *path)
{
	struct catalogue c;
	struct err err = { 0 };
	assert_ok(catalogue_scan(arena, path, &c, NULL, &err));
	return c;
}

static struct catalogue scan_temp(const char *name)
{
	return scan(*name ? temp_path(&temp, name) : temp.dir);
}

static void write_state(const char *dir, double epoch, int step, const char *rows)
{
	char name[256], text[2048];
	snprintf(name, sizeof(name), "%s/trainer_state.json", dir);
	snprintf(text, sizeof(text),
		 "{\"epoch\": %.4f, \"global_step\": %d, \"num_train_epochs\": 8, \"log_history\": [%s]}",
		 epoch, step, rows);
	temp_text(&temp, name, text);
}

static void the_demo_folder_is_one_family_of_four_epochs(void **state)
{
	(void)state;
	struct catalogue c = scan(TEST_ROOT "/demo/checkpoints");
	assert_int_equal(c.n_families, 1);
	assert_int_equal(c.n_models, 0);
	assert_int_equal(c.n_refusals, 0);
	const struct found_family *f = &c.families[0];
	assert_string_equal(f->name, "demo"); /* "checkpoints" says nothing */
	assert_string_equal(f->base_name, "HuggingFaceTB/SmolLM2-135M-Instruct");
	assert_int_equal(f->n_checkpoints, 4);
	assert_int_equal(f->num_train_epochs, 8);
	static const int64_t steps[] = { 12, 24, 48, 96 };
	static const double epochs[] = { 1, 2, 4, 8 };
	for (size_t i = 0; i < 4; i++) {
		const struct found_model *m = &f->checkpoints[i];
		assert_int_equal(m->step, steps[i]);
		assert_true(m->epoch == epochs[i]);
		assert_int_equal(m->kind, MODEL_ADAPTER);
		assert_int_equal(m->adapter_format, ADAPTER_PEFT);
		assert_int_equal(m->rank, 4);
		assert_true(m->alpha == 8);
		assert_false(isnan(m->train_loss) || isnan(m->eval_loss));
		assert_int_equal(m->size_bytes, 2496216);
	}
	assert_string_equal(f->checkpoints[2].name, "checkpoint-48");
	assert_true(fabs(f->checkpoints[0].eval_loss - 0.8629238) < 1e-6);
	assert_true(f->n_losses > 20);
	assert_int_equal(f->losses[f->n_losses - 1].step, 96);
}

static void steps_sort_as_numbers(void **state)
{
	(void)state;
	tiny_adapter(&temp, "run/checkpoint-1000", "", 1);
	tiny_adapter(&temp, "run/checkpoint-200", "", 2);
	tiny_adapter(&temp, "run/checkpoint-30", "", 3);
	struct catalogue c = scan_temp("run");
	assert_int_equal(c.n_families, 1);
	assert_true(str_starts(str_of(c.families[0].name), "assay-test-")); /* "run" says nothing */
	assert_int_equal(c.families[0].checkpoints[0].step, 30);
	assert_int_equal(c.families[0].checkpoints[1].step, 200);
	assert_int_equal(c.families[0].checkpoints[2].step, 1000);
	assert_true(isnan(c.families[0].checkpoints[0].epoch));
}

static void a_final_adapter_equal_to_a_checkpoint_is_shown_once(void **state)
{
	(void)state;
	tiny_adapter(&temp, "kestrel/checkpoint-10", "", 1);
	tiny_adapter(&temp, "kestrel/checkpoint-20", "", 2);
	tiny_adapter(&temp, "kestrel", "", 2);
	write_state("kestrel/checkpoint-10", 1, 10, "");
	write_state("kestrel/checkpoint-20", 2.004, 20, "");
	struct catalogue c = scan_temp("kestrel");
	assert_int_equal(c.n_families, 1);
	assert_string_equal(c.families[0].name, "kestrel");
	assert_int_equal(c.families[0].n_checkpoints, 2);

	tiny_adapter(&temp, "kestrel", "", 3); /* another one: kept, last */
	c = scan_temp("kestrel");
	assert_int_equal(c.families[0].n_checkpoints, 3);
	assert_string_equal(c.families[0].checkpoints[2].name, "final");
}

static void nan_losses_and_a_byte_order_mark_are_read(void **state)
{
	(void)state;
	struct trainer_state s;
	struct err err = { 0 };
	static const char text[] =
		"\xEF\xBB\xBF{\"epoch\": 2.0, \"global_step\": 6, \"num_train_epochs\": 3, \"log_history\": ["
		"{\"epoch\": 1.0, \"step\": 3, \"loss\": NaN, \"grad_norm\": Infinity},"
		"{\"epoch\": 1.0, \"step\": 3, \"eval_loss\": 0.5},"
		"{\"epoch\": 2.0, \"step\": 6, \"loss\": 0.25, \"eval_loss\": -Infinity},"
		"{\"train_runtime\": 12.5, \"step\": 6}, 7, null]}";
	assert_ok(trainer_state_parse(arena, str_of(text), "trainer_state.json", &s, &err));
	assert_int_equal(s.n_points, 2);
	assert_int_equal(s.step, 6);
	assert_int_equal(s.num_train_epochs, 3);
	double train, eval;
	trainer_losses_at(s.points, s.n_points, 6, &train, &eval);
	assert_true(train == 0.25 && eval == 0.5);
	trainer_losses_at(s.points, s.n_points, 2, &train, &eval);
	assert_true(isnan(train) && isnan(eval));
	assert_int_not_equal(trainer_state_parse(arena, STR("{\"epoch\": 1"), "x", &s, &err), ERR_OK);
	assert_int_equal(err.code, ERR_DATA);
}

static void llama_factory_logs_give_epochs_and_losses(void **state)
{
	(void)state;
	tiny_adapter(&temp, "saves/otter/lora/train_2026-05-01-10-00-00/checkpoint-5", "", 1);
	tiny_adapter(&temp, "saves/otter/lora/train_2026-05-01-10-00-00/checkpoint-10", "", 2);
	temp_text(&temp, "saves/otter/lora/train_2026-05-01-10-00-00/trainer_log.jsonl",
		  "{\"current_steps\": 5, \"total_steps\": 10, \"loss\": 1.5, \"epoch\": 1.0}\n"
		  "{\"current_steps\": 10, \"total_steps\": 10, \"eval_loss\": 0.75, \"epoch\": "
		  "2.0}\n{\"current_st");
	tiny_adapter(&temp, "saves/otter/lora/night/checkpoint-5", "", 3);
	temp_text(&temp, "saves/otter/lora/night/notes/loose.pt", "PK\x03\x04"); /* far below: nobody meant it */
	struct catalogue c = scan_temp("saves");
	assert_int_equal(c.n_families, 2);
	assert_int_equal(c.n_refusals, 0);
	c = scan_temp(""); /* the trainer's own folder */
	assert_int_equal(c.n_families, 2);
	c = scan_temp("saves/otter/lora/train_2026-05-01-10-00-00");
	assert_int_equal(c.n_families, 1);
	assert_string_equal(c.families[0].name, "otter");
	assert_true(c.families[0].checkpoints[0].epoch == 1 && c.families[0].checkpoints[1].epoch == 2);
	assert_true(c.families[0].checkpoints[0].train_loss == 1.5);
	assert_true(c.families[0].checkpoints[1].eval_loss == 0.75);
	assert_int_equal(c.families[0].n_losses, 2);
}

static void a_scan_ends_at_its_limits(void **state)
{
	(void)state;
	char name[64];
	tiny_adapter(&temp, "1/2/3/4/5/6/checkpoint-5", "", 1);
	struct catalogue c;
	struct err err = { 0 };
	assert_int_equal(catalogue_scan(arena, temp.dir, &c, NULL, &err), ERR_NOT_FOUND);
	assert_string_equal(err.key, "err_scan_nothing");
	for (int i = 0; i < 11; i++) {
		snprintf(name, sizeof(name), "many/%d/0", i);
		temp_text(&temp, name, "");
		snprintf(name, sizeof(name), "%s/many/%d", temp.dir, i);
		int dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (int k = 1; k < LIMIT_FOLDER_ENTRIES - 1; k++) {
			snprintf(name, sizeof(name), "%d", k);
			assert_int_equal(symlinkat("nowhere", dir, name), 0);
		}
		close(dir);
	}
	tiny_adapter(&temp, "many/a/checkpoint-5", "", 1);
	tiny_adapter(&temp, "many/z/checkpoint-5", "", 1);
	c = scan_temp("many");
	assert_int_equal(c.n_refusals, 1);
	assert_string_equal(c.refusals[0].err.key, "err_scan_large");
	assert_int_equal(c.n_families, 0); /* both come after the numbers */
}

static void link_to(const char *target, const char *name)
{
	assert_int_equal(symlink(target, temp_path(&temp, name)), 0);
}

static void a_link_to_a_folder_gives_nothing_twice(void **state)
{
	(void)state;
	tiny_adapter(&temp, "kestrel/checkpoint-48", "", 1);
	tiny_adapter(&temp, "kestrel/checkpoint-96", "", 2);
	link_to("checkpoint-96", "kestrel/best"); /* before and after the real name */
	link_to("checkpoint-96", "kestrel/latest");
	link_to(".", "kestrel/round");
	link_to("kestrel", "a-link");
	struct catalogue c = scan_temp("");
	assert_int_equal(c.n_families, 1);
	assert_int_equal(c.n_refusals, 0);
	assert_string_equal(c.families[0].path, temp_path(&temp, "kestrel"));
	assert_int_equal(c.families[0].n_checkpoints, 2);
	assert_string_equal(c.families[0].checkpoints[1].path, temp_path(&temp, "kestrel/checkpoint-96"));
}

/* Checkpoints that lie on another disk: of two links the one that says more is taken. */
static void a_checkpoint_may_be_a_link_to_elsewhere(void **state)
{
	(void)state;
	tiny_adapter(&temp, "disk/one", "", 1);
	tiny_adapter(&temp, "disk/two", "", 2);
	tiny_adapter(&temp, "kestrel/checkpoint-24", "", 3);
	link_to("../disk/two", "kestrel/best");
	link_to("../disk/one", "kestrel/checkpoint-48");
	link_to("../disk/two", "kestrel/checkpoint-96");
	struct catalogue c = scan_temp("kestrel");
	assert_int_equal(c.n_families, 1);
	assert_int_equal(c.families[0].n_checkpoints, 3);
	assert_int_equal(c.families[0].checkpoints[1].step, 48);
	assert_int_equal(c.families[0].checkpoints[2].step, 96);
}

static void folders_of_the_running_system_are_passed_over(void **state)
{
	(void)state;
	static const char *const places[] = { "/proc", "/proc/self", "/sys", "/dev", "/dev/null", "/run" };
	char here[512];
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct catalogue c;
		struct err err = { 0 };
		if (!fs_exists(places[i]))
			continue;
		assert_int_equal(catalogue_scan(arena, places[i], &c, NULL, &err), ERR_INVALID);
		assert_string_equal(err.key, "err_scan_system");
	}
	tiny_adapter(&temp, "owl/checkpoint-5", "", 1);
	link_to("/proc", "owl/proc");
	link_to("/proc/self", "owl/self"); /* its cwd is the folder below */
	tiny_adapter(&temp, "hidden/checkpoint-5", "", 1);
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(temp_path(&temp, "hidden")), 0);
	struct catalogue c = scan_temp("owl");
	assert_int_equal(chdir(here), 0);
	assert_int_equal(c.n_families, 1);
	assert_int_equal(c.n_models, 0);
	assert_int_equal(c.n_refusals, 0);
	assert_string_equal(c.families[0].path, temp_path(&temp, "owl"));
}

static void a_path_that_cannot_be_looked_at_says_why(void **state)
{
	(void)state;
	char name[400];
	struct catalogue c;
	struct err err = { 0 };
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = 0;
	assert_int_equal(catalogue_scan(arena, temp_path(&temp, name), &c, NULL, &err), ERR_INVALID);
	assert_string_equal(err.key, "err_fs_name_long");
	link_to("circle", "circle");
	assert_int_equal(catalogue_scan(arena, temp_path(&temp, "circle/x"), &c, NULL, &err), ERR_DATA);
	assert_string_equal(err.key, "err_fs_loop");
}

static void a_broken_config_is_named_where_no_model_is_found(void **state)
{
	(void)state;
	char text[256];
	temp_text(&temp, "hf/config.json", "{\n \"architectures\": [\"LlamaForCausalLM\",");
	struct catalogue c = scan_temp("hf");
	assert_int_equal(c.n_refusals, 1);
	assert_string_equal(c.refusals[0].path, temp_path(&temp, "hf"));
	assert_true(err_arg(&c.refusals[0].err, "line", text, sizeof(text)));
	assert_string_equal(text, "2");
	/* Below what was chosen only where it is a model's. */
	tiny_adapter(&temp, "all/run/checkpoint-5", "", 1);
	temp_text(&temp, "all/tool/config.json", "// not JSON");
	c = scan_temp("all");
	assert_int_equal(c.n_refusals, 0);
	temp_text(&temp, "all/tool/tokenizer.json", "{}");
	c = scan_temp("all");
	assert_int_equal(c.n_refusals, 1);
	assert_int_equal(c.n_families, 1);
	temp_text(&temp, "plain/config.json", "{}"); /* it is JSON, but of no model */
	struct err err = { 0 };
	assert_int_equal(catalogue_scan(arena, temp_path(&temp, "plain"), &c, NULL, &err), ERR_NOT_FOUND);
}

static void torchtune_counts_epochs_from_zero(void **state)
{
	(void)state;
	tiny_adapter(&temp, "tune/epoch_0", "", 1);
	tiny_adapter(&temp, "tune/epoch_1", "", 2);
	temp_text(&temp, "tune/epoch_0/adapter_model.pt", "PK\x03\x04");
	struct catalogue c = scan_temp("tune");
	assert_int_equal(c.n_families, 1);
	assert_int_equal(c.n_refusals, 0);
	assert_true(c.families[0].checkpoints[0].epoch == 1);
	assert_true(c.families[0].checkpoints[1].epoch == 2);
	tiny_adapter(&temp, "ours/epoch-1", "", 1);
	tiny_adapter(&temp, "ours/epoch-2", "", 2);
	c = scan_temp("ours");
	assert_true(c.families[0].checkpoints[0].epoch == 1); /* counted as people do */
}

static void a_folder_of_runs_gives_one_family_for_each(void **state)
{
	(void)state;
	tiny_adapter(&temp, "all/wren/checkpoint-3", "", 1);
	tiny_adapter(&temp, "all/wren", "", 1);
	tiny_adapter(&temp, "all/heron/checkpoint-3", "", 2);
	tiny_adapter(&temp, "all/heron/checkpoint-6", "", 4);
	tiny_adapter(&temp, "all/ibis", "", 3);
	struct catalogue c = scan_temp("all");
	assert_int_equal(c.n_families, 3);
	assert_string_equal(c.families[0].name, "heron");
	assert_int_equal(c.families[0].n_checkpoints, 2);
	assert_string_equal(c.families[1].name, "ibis");
	assert_string_equal(c.families[2].name, "wren");
	assert_int_equal(c.families[2].n_checkpoints, 1);
}

static const char *write_lora(const char *name)
{
	struct tiny_file f = { .w = gguf_writer_new() };
	gguf_writer_text(f.w, "general.architecture", "llama");
	gguf_writer_text(f.w, "general.type", "adapter");
	gguf_writer_text(f.w, "adapter.type", "lora");
	gguf_writer_text(f.w, "general.base_model.0.name", "Tiny Test");
	gguf_writer_f32(f.w, "adapter.lora.alpha", 4);
	tiny_tensor(&f, "blk.0.attn_q.weight.lora_a", GGML_ID_F16, 32, 2);
	tiny_tensor(&f, "blk.0.attn_q.weight.lora_b", GGML_ID_F16, 2, 32);
	return tiny_finish(&f, temp_path(&temp, name));
}

static void gguf_files_become_bases_epochs_and_side_files(void **state)
{
	(void)state;
	tiny_model_write(temp_path(&temp, "Tiny-Test.F16.gguf"), (struct tiny_model){ 0 });
	tiny_model_write(temp_path(&temp, "mmproj-tiny.gguf"), (struct tiny_model){ .type = "mmproj" });
	tiny_model_write(temp_path(&temp, "plover-full.epoch-2.gguf"), (struct tiny_model){ 0 });
	tiny_model_write(temp_path(&temp, "plover-full.epoch-1.gguf"),
			 (struct tiny_model){ .no_template = true });
	write_lora("plover-epoch-10.gguf");
	write_lora("plover-epoch-9.gguf");
	write_lora("stint.gguf");
	struct catalogue c = scan_temp("");
	assert_int_equal(c.n_refusals, 0);
	assert_int_equal(c.n_models, 1);
	const struct found_model *m = &c.models[0];
	assert_string_equal(m->name, "Tiny-Test.F16");
	assert_string_equal(m->architecture, "llama");
	assert_string_equal(m->file_type, "F16");
	assert_int_equal(m->n_layer, 2);
	assert_int_equal(m->n_ctx_train, 128);
	assert_int_equal(m->kv_bytes_per_token, 2 * 2 * (8 + 8) * 2);
	assert_int_equal(m->n_params, 48 * 32 + 2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64));
	assert_true(m->has_template);
	assert_int_equal(c.n_families, 3);
	assert_string_equal(c.families[0].name, "plover");
	assert_int_equal(c.families[0].checkpoints[0].adapter_format, ADAPTER_GGUF);
	assert_true(c.families[0].checkpoints[0].epoch == 9 && c.families[0].checkpoints[1].epoch == 10);
	assert_int_equal(c.families[0].checkpoints[0].rank, 2);
	assert_true(c.families[0].checkpoints[0].alpha == 4);
	assert_string_equal(c.families[0].base_name, "Tiny Test");
	assert_string_equal(c.families[1].name, "plover-full");
	assert_int_equal(c.families[1].checkpoints[0].kind, MODEL_FULL);
	assert_false(c.families[1].checkpoints[0].has_template);
	assert_string_equal(c.families[2].name, "stint");
	/* One folder, three fine-tunes: the store tells families apart by their path. */
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(c.families[i].path, c.families[k].path);
	assert_string_equal(c.path, temp.dir);
}

static void one_run_on_two_bases_is_two_families(void **state)
{
	(void)state;
	tiny_adapter(&temp, "runs/checkpoint-1", "", 1);
	tiny_adapter(&temp, "runs/checkpoint-2", "", 2);
	temp_text(&temp, "runs/checkpoint-2/adapter_config.json",
		  "{\"peft_type\":\"LORA\",\"base_model_name_or_path\":\"acme/Other\",\"r\":2,\"lora_alpha\":4}");
	struct catalogue c = scan_temp("runs");
	assert_int_equal(c.n_families, 2);
	assert_string_not_equal(c.families[0].path, c.families[1].path);
}

static void a_converted_adapter_still_names_its_base(void **state)
{
	(void)state;
	struct err err = { 0 };
	tiny_adapter(&temp, "wren/checkpoint-3", "", 1);
	const char *base = tiny_model_write(temp_path(&temp, "Tiny-Test.F16.gguf"), (struct tiny_model){ 0 });
	const char *out = temp_path(&temp, "wren-checkpoint-3.gguf");
	assert_ok(adapter_convert(temp_path(&temp, "wren/checkpoint-3"), base, out, NULL, &err));
	struct catalogue c = scan(out);
	assert_int_equal(c.n_families, 1);
	assert_string_equal(c.families[0].name, "wren");
	assert_string_equal(c.families[0].base_name, "acme/Tiny-Test");
	assert_int_equal(catalogue_base_match(c.families[0].base_name, "", base), 2);
	assert_int_equal(c.families[0].checkpoints[0].step, 3);
}

static void a_single_file_can_be_chosen(void **state)
{
	(void)state;
	struct catalogue c = scan(tiny_model_write(temp_path(&temp, "one.gguf"), (struct tiny_model){ 0 }));
	assert_int_equal(c.n_models, 1);
	tiny_adapter(&temp, "run/checkpoint-7", "", 1);
	c = scan_temp("run/checkpoint-7/adapter_model.safetensors");
	assert_int_equal(c.n_families, 1);
	assert_int_equal(c.families[0].checkpoints[0].step, 7);
	c = scan_temp("run/checkpoint-7");
	assert_int_equal(c.n_families, 1);
}

/* The file behind the name of a part has a name that says nothing, in a folder of its own. */
static void a_split_model_of_links_keeps_its_names(void **state)
{
	(void)state;
	temp_text(&temp, "cache/names/keep", "");
	temp_text(&temp, "cache/blobs/keep", "");
	for (uint16_t i = 0; i < 2; i++) {
		char name[64], link_name[64], target[64];
		struct tiny_file f = { .w = gguf_writer_new() };
		struct tiny_model m = { 0 };
		tiny_defaults(&m);
		tiny_keys(f.w, &m);
		gguf_writer_u16(f.w, "split.no", i);
		gguf_writer_u16(f.w, "split.count", 2);
		tiny_tensor(&f, i ? "output.weight" : "token_embd.weight", GGML_ID_F16, 32, 48);
		snprintf(name, sizeof(name), "cache/blobs/%d", i);
		snprintf(link_name, sizeof(link_name), "cache/names/big-%05d-of-00002.gguf", i + 1);
		snprintf(target, sizeof(target), "../blobs/%d", i);
		tiny_finish(&f, temp_path(&temp, name));
		assert_int_equal(symlink(target, temp_path(&temp, link_name)), 0);
	}
	struct catalogue c = scan_temp("cache/names/big-00001-of-00002.gguf");
	assert_int_equal(c.n_models, 1);
	assert_true(str_ends(str_of(c.models[0].path), "/cache/names/big-00001-of-00002.gguf"));
	assert_int_equal(c.n_refusals, 0);
}

static void a_split_model_is_one_model_and_a_missing_part_is_named(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 2; i++) {
		struct tiny_file f = { .w = gguf_writer_new() };
		char name[64];
		if (i == 0)
			gguf_writer_text(f.w, "general.architecture", "llama");
		gguf_writer_u16(f.w, "split.no", i);
		gguf_writer_u16(f.w, "split.count", 2);
		tiny_tensor(&f, i ? "b" : "a", GGML_ID_F16, 32, 2);
		snprintf(name, sizeof(name), "big-%05d-of-00002.gguf", i + 1);
		tiny_finish(&f, temp_path(&temp, name));
	}
	struct catalogue c = scan_temp("");
	assert_int_equal(c.n_models, 1);
	assert_int_equal(c.n_refusals, 0);
	assert_string_equal(c.models[0].name, "big");
	unlink(temp_path(&temp, "big-00001-of-00002.gguf"));
	c = scan_temp("");
	assert_int_equal(c.n_models, 0);
	assert_int_equal(c.n_refusals, 1);
	assert_err(&c.refusals[0].err, "err_gguf_part_missing");
}

static void what_cannot_be_used_says_why(void **state)
{
	(void)state;
	static const struct {
		const char *file, *text;
		size_t len;
		const char *key;
	} cases[] = {
		{ "mlx/adapters.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "err_adapter_mlx" },
		{ "hf/model-00001-of-00002.safetensors", "x", 1, "err_hf_shard_missing" },
		{ "hfbin/pytorch_model.bin", "PK\x03\x04", 4, "err_pickle_weights" },
		{ "hfcut/model.safetensors", "<html>", 6, "err_file_html" },
		{ "hfother/model.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "err_hf_architecture" },
		{ "hfgptq/model.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "err_hf_quantized" },
		{ "hfnone/model.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "err_hf_config_field" },
		{ "hfout/model.safetensors.index.json", "{\"weight_map\": {\"a\": \"../b.safetensors\"}}", 41, "err_hf_index" },
		{ "hfshard/model.safetensors.index.json", "{\"weight_map\": {\"a\": \"model-1.safetensors\"}}", 44, "err_hf_shard_missing" },
		{ "bnb/model.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "err_hf_bitsandbytes" },
		{ "hfawq/model.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "err_hf_quantized" },
		{ "hfshards/pytorch_model-00001-of-00002.bin", "PK\x03\x04", 4, "err_pickle_weights" },
		{ "bnb8/model.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "err_hf_bitsandbytes" },
		{ "mlx4bit/model.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "err_hf_quantized" },
		{ "mlxpeft/adapters.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "err_adapter_mlx" },
		{ "zero/zero_pp_rank_0_mp_rank_00_optim_states.pt", "PK\x03\x04", 4, "err_sharded_state" },
		{ "dcp/__0_0.distcp", "x", 1, "err_sharded_fsdp" },
		{ "tune1/hf_model_0001_0.pt", "PK\x03\x04", 4, "err_pickle_torchtune" },
		{ "tune2/meta_model_2.pt", "PK\x03\x04", 4, "err_pickle_torchtune" },
		{ "tune3/adapter_2.pt", "PK\x03\x04", 4, "err_pickle_torchtune" },
		{ "tune4/epoch_0/adapter_model.pt", "PK\x03\x04", 4, "err_pickle_torchtune" },
		{ "loosebin/pytorch_model.bin", "\x80\x02\x8a", 3, "err_pickle_weights" },
		{ "looseadapter/adapter_model.bin", "PK\x03\x04", 4, "err_pickle_adapter" },
		{ "ds/checkpoint-5/global_step5/mp_rank_00_model_states.pt", "PK\x03\x04", 4,
		  "err_sharded_state" },
		{ "fsdp/checkpoint-5/pytorch_model_fsdp_0/__0_0.distcp", "x", 1, "err_sharded_fsdp" },
		{ "pt/model.pt", "PK\x03\x04", 4, "err_file_pickle" },
		{ "renamed/weights.safetensors", "\x80\x02\x8a", 3, "err_file_pickle" },
		{ "zipgguf/model.gguf", "PK\x03\x04", 4, "err_file_pickle" },
		{ "ckpt/model.ckpt", "\x80\x02\x8a", 3, "err_file_pickle" },
		{ "pth/model.pth", "\x80\x04\x95", 3, "err_file_pickle" },
		{ "binst/whatever.bin", "PK\x03\x04", 4, "err_file_pickle" },
		{ "zippeft/adapter_model.safetensors", "PK\x03\x04", 4, "err_file_pickle" },
		{ "lfs/adapter.gguf", "version https://git-lfs.github.com/spec/v1\n", 43,
		  "err_file_lfs_pointer" },
		{ "html/base.gguf", "<!DOCTYPE html>", 15, "err_file_html" },
		{ "empty/base.gguf", "", 0, "err_file_empty" },
		{ "oldpeft/adapter_model.bin", "PK\x03\x04", 4, "err_pickle_adapter" },
		{ "noweights/README.md", "x", 1, "err_adapter_no_weights" },
		{ "badpeft/adapter_model.safetensors", "<html>", 6, "err_file_html" },
	};
	temp_text(&temp, "hf/config.json", "{\"architectures\": [\"LlamaForCausalLM\"]}");
	temp_text(&temp, "hfbin/config.json", "{}");
	temp_text(&temp, "hfcut/config.json", "{\"architectures\": [\"LlamaForCausalLM\"]}");
	temp_text(&temp, "hfother/config.json", "{\"architectures\": [\"MambaForCausalLM\"]}");
	temp_text(&temp, "hfgptq/config.json", "{\"quantization_config\": {\"quant_method\": \"gptq\"}}");
	temp_text(&temp, "hfnone/config.json", "{\"architectures\": 3}");
	temp_text(&temp, "hfout/config.json", "{\"architectures\": [\"LlamaForCausalLM\"]}");
	temp_text(&temp, "hfshard/config.json", "{\"architectures\": [\"LlamaForCausalLM\"]}");
	temp_text(&temp, "bnb/config.json",
		  "{\"quantization_config\": {\"quant_method\": \"bitsandbytes\"}}");
	temp_text(&temp, "hfshards/config.json", "{}");
	temp_text(&temp, "bnb8/config.json", "{\"quantization_config\": {\"load_in_8bit\": true}}");
	temp_text(&temp, "hfawq/config.json", "{\"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4}}");
	temp_text(&temp, "mlx4bit/config.json", "{\"quantization\": {\"group_size\": 64, \"bits\": 4}}");
	temp_text(&temp, "mlxpeft/adapter_config.json", "{\"fine_tune_type\": \"lora\", \"lora_parameters\": {\"rank\": 8}}");
	temp_text(&temp, "tune4/epoch_0/adapter_config.json", "{\"peft_type\": \"LORA\"}");
	temp_text(&temp, "oldpeft/adapter_config.json", "{\"peft_type\": \"LORA\"}");
	temp_text(&temp, "noweights/adapter_config.json", "{\"peft_type\": \"LORA\"}");
	temp_text(&temp, "badpeft/adapter_config.json", "{\"peft_type\": \"LORA\"}");
	temp_text(&temp, "zippeft/adapter_config.json", "{\"peft_type\": \"LORA\"}");
	temp_text(&temp, "pt/modeling_custom.py", "import os"); /* never looked at */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char folder[64];
		temp_file(&temp, cases[i].file, cases[i].text, cases[i].len);
		snprintf(folder, sizeof(folder), "%.*s", (int)strcspn(cases[i].file, "/"), cases[i].file);
		struct catalogue c = scan_temp(folder);
		if (c.n_refusals != 1 || strcmp(c.refusals[0].err.key, cases[i].key) != 0)
			fail_msg("%s: %zu refusals, first %s instead of %s", folder, c.n_refusals,
				 c.n_refusals ? c.refusals[0].err.key : "-", cases[i].key);
		assert_int_equal(c.n_models + c.n_families, 0);
		struct buf text = BUF_INIT(4096);
		err_message(&text, LANG_ZH_TW, &c.refusals[0].err);
		assert_null(strchr(buf_text(&text), '{'));
		buf_clear(&text);
		err_hint(&text, LANG_EN, &c.refusals[0].err); /* and what to do */
		assert_true(text.len > 0);
		buf_release(&text);
	}
}

/* What another program's format needs is a command, not advice. */
static void a_refusal_of_another_format_has_the_command_that_helps(void **state)
{
	(void)state;
	static const struct {
		const char *key, *command;
	} cases[] = {
		{ "err_adapter_mlx", "`mlx_lm.fuse --model" },
		{ "err_sharded_state", "`python zero_to_fp32.py" },
		{ "err_sharded_fsdp", "`accelerate merge-weights" },
		{ "err_hf_bitsandbytes", "`hf download" },
		{ "err_hf_quantized", "`hf download OWNER/NAME`" },
		{ "err_pickle_adapter", "weights_only=True" },
		{ "err_pickle_weights", "save_pretrained('.')" },
		{ "err_pickle_torchtune", "safe_serialization=True" },
		{ "err_file_pickle", "safe_serialization=True" },
		{ "err_adapter_feature", "save_pretrained" },
		{ "err_adapter_tensor", "save_pretrained" },
		{ "err_merge_tensor", "save_pretrained" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int lang = 0; lang < 2; lang++) {
			struct err err = { 0 };
			struct buf text = BUF_INIT(4096);
			err_set(&err, ERR_UNSUPPORTED, cases[i].key, "path=/m|method=GPTQ");
			err_hint(&text, lang ? LANG_ZH_TW : LANG_EN, &err);
			const char *command = strchr(cases[i].command, '`');
			if (!strstr(buf_text(&text), lang && command ? command : cases[i].command) ||
			    strstr(buf_text(&text), "convert_hf_to_gguf")) /* assay does that itself */
				fail_msg("%s: %s", cases[i].key, buf_text(&text));
			buf_release(&text);
		}
	}
}

static void one_bad_checkpoint_does_not_hide_the_others(void **state)
{
	(void)state;
	tiny_adapter(&temp, "run/checkpoint-1", "", 1);
	tiny_adapter(&temp, "run/checkpoint-2", ",\"use_dora\":true", 2);
	tiny_adapter(&temp, "run/checkpoint-3", "", 3);
	temp_text(&temp, "run/checkpoint-3/trainer_state.json", "{broken");
	temp_text(&temp, "run/checkpoint-3/optimizer.pt", "PK\x03\x04");
	struct catalogue c = scan_temp("run");
	assert_int_equal(c.n_families, 1);
	assert_int_equal(c.families[0].n_checkpoints, 2);
	assert_int_equal(c.n_refusals, 2);
	assert_err(&c.refusals[0].err, "err_adapter_feature");
	assert_arg(&c.refusals[0].err, "feature", "use_dora");
}

static void nothing_found_is_said(void **state)
{
	(void)state;
	struct catalogue c;
	struct err err = { 0 };
	temp_text(&temp, "notes.txt", "hello");
	assert_int_equal(catalogue_scan(arena, temp.dir, &c, NULL, &err), ERR_NOT_FOUND);
	assert_err(&err, "err_scan_nothing");
	assert_int_equal(catalogue_scan(arena, temp_path(&temp, "no-such"), &c, NULL, &err), ERR_NOT_FOUND);
	assert_err(&err, "err_fs_not_found");
	atomic_bool cancel = true;
	assert_int_equal(catalogue_scan(arena, TEST_ROOT "/demo/checkpoints", &c, &cancel, &err),
			 ERR_CANCELLED);
}

static void base_names_match_across_owners_and_quantizations(void **state)
{
	(void)state;
	static const struct {
		const char *wanted, *name, *path;
		int match;
	} cases[] = {
		{ "HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct.Q4_1",
		  "/m/SmolLM2-135M-Instruct.Q4_1.gguf", 2 },
		{ "HuggingFaceTB/SmolLM2-135M-Instruct", "Smollm2 135M 8k Lc100K",
		  "/m/SmolLM2-135M-Instruct.Q4_1.gguf", 2 },
		{ "Qwen/Qwen2.5-0.5B-Instruct", "qwen2.5-0.5b-instruct-q4_k_m",
		  "/m/qwen2.5-0.5b-instruct-q4_k_m.gguf", 1 },
		{ "Qwen/Qwen2.5-0.5B-Instruct", "", "/m/Qwen2.5-0.5B-Instruct-UD-Q4_K_XL.gguf", 2 },
		{ "unsloth/Llama-3.2-1B-Instruct-bnb-4bit", "", "/m/Llama-3.2-1B-Instruct-Q8_0.gguf", 1 },
		{ "unsloth/llama-3.2-1b-instruct-unsloth-bnb-4bit", "Llama 3.2 1B Instruct", "/m/x.gguf", 1 },
		{ "/data/models/SmolLM2-135M", "", "/m/SmolLM2-135M-f16.gguf", 2 },
		{ "/m/base.gguf", "other", "/m/base.gguf", 3 },
		{ "meta-llama/Llama-3.2-1B-Instruct", "",
		  "/m/Llama-3.2-1B-Instruct-Q4_K_M-00001-of-00002.gguf", 2 },
		{ "Qwen/Qwen2.5-0.5B-Instruct", "", "/m/Qwen2.5-1.5B-Instruct-Q4_K_M.gguf", 0 },
		{ "Qwen/Qwen2.5-0.5B", "", "/m/Qwen2.5-0.5B-Instruct-Q4_K_M.gguf", 0 },
		{ "Qwen/Qwen2.5-0.5B-Instruct", "bartowski/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M", "/c/blobs/aa11", 1 },
		{ "Qwen/Qwen2.5-0.5B-Instruct", "hf.co/x/qwen2.5-0.5b-instruct-GGUF:UD-Q4_K_XL", "/c/blobs/aa11", 1 },
		{ "Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-0.5B-Instruct", "/c/snapshots/r", 2 },
		{ "acme/owl", "acme/mixed-GGUF:owl-Q8_0", "/c/blobs/aa11", 2 },
		{ "acme/mixed", "acme/mixed-GGUF:owl", "/c/blobs/aa11", 0 },
		{ "", "a", "/m/a.gguf", 0 },
		{ NULL, "a", "/m/a.gguf", 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int match = catalogue_base_match(cases[i].wanted, cases[i].name, cases[i].path);
		if (match != cases[i].match)
			fail_msg("case %zu: %d instead of %d", i, match, cases[i].match);
	}
}

/* saves/MODEL/lora/train_..., runs/NAME/checkpoints, output: the last part that says something is the name. */
static void generic_folder_names_are_skipped_when_naming(void **state)
{
	(void)state;
	static const struct {
		const char *path, *name;
	} cases[] = {
		{ "/data/kestrel", "kestrel" },
		{ "/data/kestrel/output", "kestrel" },
		{ "/data/kestrel/Outputs/checkpoints", "kestrel" },
		{ "/data/saves/otter/lora/train_2026-05-01-10-00-00", "otter" },
		{ "/data/saves/otter/lora/sft", "otter" },
		{ "/data/saves/otter/full/sft/results", "otter" },
		{ "/data/wren/dpo/merged/final", "wren" },
		{ "/data/heron/lora-out", "heron" },
		{ "/data/heron/outputs/run_1", "run_1" }, /* tells it from run_2 */
		{ "/data/lora-kestrel/saves", "lora-kestrel" },
		{ "/output", "output" }, /* nothing better to say */
		{ "/", "/" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(checkpoint_family_name(arena, cases[i].path), cases[i].name);
}

static void names_give_epoch_step_and_stem(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool marked;
		int64_t epoch, step;
		const char *stem;
		bool loop;
	} cases[] = {
		{ "checkpoint-48", true, -1, 48, "", false },
		{ "epoch_0", true, 0, -1, "", true },
		{ "kestrel-epoch-2", true, 2, -1, "kestrel", false },
		{ "kestrel.ep4.lora", true, 4, -1, "kestrel.lora", false },
		{ "Epoch 3", true, 3, -1, "", false },
		{ "step_100", true, -1, 100, "", false },
		{ "epoch2-kestrel", true, 2, -1, "kestrel", false },
		{ "deep3", false, -1, -1, "deep3", false },
		{ "epoch", false, -1, -1, "epoch", false },
		{ "epoch-3b", false, -1, -1, "epoch-3b", false },
		{ "Tiny-Test.F16", false, -1, -1, "Tiny-Test.F16", false },
		{ "", false, -1, -1, "", false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct checkpoint_name n;
		bool marked = checkpoint_name_parse(arena, cases[i].name, &n);
		if (marked != cases[i].marked || n.epoch != cases[i].epoch || n.step != cases[i].step ||
		    strcmp(n.stem, cases[i].stem) != 0 || n.loop_index != cases[i].loop)
			fail_msg("%s: %d %lld %lld \"%s\"", cases[i].name, marked, (long long)n.epoch,
				 (long long)n.step, n.stem);
	}
	static const struct {
		double epoch;
		const char *label;
	} labels[] = {
		{ 4, "4" },	{ 3.96, "4" },	 { 4.05, "4" }, { 4.06, "4.1" },
		{ 2.5, "2.5" }, { 0.33, "0.3" }, { NAN, "" },
	};
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		char out[32];
		epoch_label(labels[i].epoch, out);
		assert_string_equal(out, labels[i].label);
	}
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_close(&temp);
	arena_free(arena);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_demo_folder_is_one_family_of_four_epochs),
		TEST(steps_sort_as_numbers),
		TEST(a_final_adapter_equal_to_a_checkpoint_is_shown_once),
		TEST(nan_losses_and_a_byte_order_mark_are_read),
		TEST(llama_factory_logs_give_epochs_and_losses),
		TEST(a_scan_ends_at_its_limits),
		TEST(a_link_to_a_folder_gives_nothing_twice),
		TEST(a_checkpoint_may_be_a_link_to_elsewhere),
		TEST(folders_of_the_running_system_are_passed_over),
		TEST(a_path_that_cannot_be_looked_at_says_why),
		TEST(a_broken_config_is_named_where_no_model_is_found),
		TEST(torchtune_counts_epochs_from_zero),
		TEST(a_folder_of_runs_gives_one_family_for_each),
		TEST(gguf_files_become_bases_epochs_and_side_files),
		TEST(one_run_on_two_bases_is_two_families),
		TEST(a_converted_adapter_still_names_its_base),
		TEST(a_single_file_can_be_chosen),
		TEST(a_split_model_is_one_model_and_a_missing_part_is_named),
		TEST(a_split_model_of_links_keeps_its_names),
		TEST(what_cannot_be_used_says_why),
		TEST(a_refusal_of_another_format_has_the_command_that_helps),
		TEST(one_bad_checkpoint_does_not_hide_the_others),
		TEST(nothing_found_is_said),
		TEST(base_names_match_across_owners_and_quantizations),
		TEST(names_give_epoch_step_and_stem),
		TEST(generic_folder_names_are_skipped_when_naming),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
