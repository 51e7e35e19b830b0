/* SPDX-License-Identifier: Apache-2.0
 *
 * What a hub may say of a model, what it must not, and what of it is chosen. */
#include "support/check.h"

#include "base/buf.h"
#include "base/limits.h"
#include "hub/hub_choice.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct arena *arena;
static struct hub_list list;
static struct err err;

static int open_arena(void **state)
{
	(void)state;
	arena = arena_new();
	err = (struct err){ 0 };
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static const char *read_text(struct str text)
{
	err = (struct err){ 0 };
	(void)!hub_list_read(arena, text, "the hub", &list, &err);
	return err.key;
}

/* A whole reply around `rest`. */
static const char *read_rest(const char *rest)
{
	return read_text(str_of(arena_printf(arena, "{\"id\":\"org/name\",\"sha\":\"" COMMIT "\"%s}", rest)));
}

static const char *read_siblings(const char *siblings)
{
	return read_rest(arena_printf(arena, ",\"siblings\":[%s]", siblings));
}

/* A list of files of 10 bytes, large ones with a digest. */
static void list_of(const char *const *paths, size_t n)
{
	struct buf text = BUF_INIT(4 * MIB);

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s{\"rfilename\":\"%s\",\"size\":10,\"lfs\":{\"sha256\":\"" DIGEST "\"}}", i ? "," : "", paths[i]);
	assert_string_equal(read_siblings(buf_text(&text)), "");
	buf_release(&text);
}

static void a_model_is_read_with_its_licence_and_its_gate(void **state)
{
	(void)state;
	assert_string_equal(read_rest(",\"gated\":\"manual\",\"cardData\":{\"license\":\"llama3.1\"},\"siblings\":["
				      "{\"rfilename\":\"a.gguf\",\"size\":7,\"lfs\":{\"oid\":\"" DIGEST "\",\"size\":7}},"
				      "{\"rfilename\":\"b/c.json\",\"size\":0,\"blobId\":\"" COMMIT "\",\"lfs\":null}]"), "");
	assert_string_equal(list.repo, "org/name");
	assert_string_equal(list.license, "llama3.1");
	assert_true(list.is_gated && list.is_manual);
	assert_int_equal(list.n_files, 2);
	assert_string_equal(list.files[0].sha256, DIGEST);
	assert_string_equal(list.files[0].git, "");
	assert_int_equal(list.files[0].size, 7);
	assert_string_equal(list.files[1].git, COMMIT);
	assert_string_equal(read_rest(",\"gated\":false,\"tags\":[1,\"license:mit\"],\"siblings\":[]"), "");
	assert_string_equal(list.license, "mit");
	assert_false(list.is_gated);
	assert_string_equal(read_rest(",\"cardData\":{\"license\":\"other\",\"license_name\":\"own\\u202e\\n terms\"},\"siblings\":[]"), "");
	assert_string_equal(list.license, "own  terms");
	assert_string_equal(read_rest(",\"cardData\":{\"license\":[\"mit\"]},\"siblings\":[]"), "");
	assert_string_equal(list.license, "");
}

static void a_name_that_leads_out_of_its_folder_is_refused_with_all_the_list(void **state)
{
	(void)state;
	static const char *const names[] = { "../../.bashrc", "/etc/passwd", "a/../b.gguf", "a//b.gguf", "", "./a.gguf", "a/.",
					     "a\\\\b.gguf", "a\\nb.gguf", "a\\u007fb", "a/b/c/d/e/f/g/h/i.gguf", "a/" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *key = read_siblings(arena_printf(arena, "{\"rfilename\":\"%s\",\"size\":1}", names[i]));
		if (strcmp(key, "err_hub_path") != 0)
			fail_msg("%s: \"%s\"", names[i], key);
	}
	assert_string_equal(read_siblings("{\"rfilename\":\"a\\u0000.gguf\",\"size\":1}"), "err_json_syntax");
}

static void numbers_and_digests_must_be_what_they_claim(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"{\"rfilename\":\"a\"}",
		"{\"rfilename\":\"a\",\"size\":-1}",
		"{\"rfilename\":\"a\",\"size\":1.5}",
		"{\"rfilename\":\"a\",\"size\":\"1\"}",
		"{\"rfilename\":\"a\",\"size\":1e300}",
		"{\"rfilename\":\"a\",\"size\":9223372036854775807}",
		"{\"rfilename\":7,\"size\":1}",
		"7",
		"{\"rfilename\":\"a\",\"size\":1,\"lfs\":{}}",
		"{\"rfilename\":\"a\",\"size\":1,\"lfs\":{\"sha256\":\"abc\"}}",
		"{\"rfilename\":\"a\",\"size\":1,\"lfs\":{\"sha256\":\"" DIGEST "\",\"size\":2}}",
		"{\"rfilename\":\"a\",\"size\":1,\"blobId\":\"../../x\"}",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const char *key = read_siblings(wrong[i]);
		if (strcmp(key, "err_hub_reply") != 0)
			fail_msg("%s: \"%s\"", wrong[i], key);
	}
	assert_string_equal(read_siblings("{\"rfilename\":\"a\",\"size\":99999999999999999999}"), "err_json_syntax");
	assert_string_equal(read_rest(""), "err_hub_reply");
	assert_string_equal(read_rest(",\"siblings\":{}"), "err_hub_reply");
	assert_string_equal(read_rest(",\"siblings\":[],\"gated\":[]"), "err_hub_reply");
	assert_string_equal(read_text(STR("[]")), "err_hub_reply");
	assert_string_equal(read_text(STR("<html>")), "err_json_syntax");
	assert_string_equal(read_text(STR("{\"id\":\"../..\",\"sha\":\"" COMMIT "\",\"siblings\":[]}")), "err_hub_reply");
	assert_string_equal(read_text(STR("{\"id\":\"org/name:x\",\"sha\":\"" COMMIT "\",\"siblings\":[]}")), "err_hub_reply");
	assert_string_equal(read_text(STR("{\"id\":\"org/name\",\"sha\":\"../../../../etc\",\"siblings\":[]}")), "err_hub_reply");
}

static void a_hundred_thousand_files_are_too_many(void **state)
{
	struct buf text = BUF_INIT(LIMIT_HUB_REPLY);
	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, "%s{\"rfilename\":\"%d.gguf\",\"size\":1}", i ? "," : "", i);
	assert_string_equal(read_siblings(buf_text(&text)), "err_hub_files");
	buf_clear(&text);
	for (int i = 0; i < LIMIT_HUB_FILES; i++)
		buf_printf(&text, "%s{\"rfilename\":\"%d/config.json\",\"size\":1}", i ? "," : "", i);
	assert_string_equal(read_siblings(buf_text(&text)), "");
	const struct hub_choice *choices;
	size_t n;
	assert_int_equal(hub_choices(arena, &list, &choices, &n, &err), ERR_LIMIT);
	assert_err(&err, "err_hub_many");
	buf_release(&text);
}

/* --- choosing --- */

static const struct hub_choice *choices;
static size_t n_choices;

static const char *choose(const char *wanted)
{
	const struct hub_choice *choice = NULL;
	err = (struct err){ 0 };
	if (hub_choose(&list, choices, n_choices, wanted, &choice, &err) != ERR_OK)
		return err.key;
	return choice->name;
}

static void offer(const char *const *paths, size_t n)
{
	list_of(paths, n);
	assert_ok(hub_choices(arena, &list, &choices, &n_choices, &err));
}

#define OFFER(...)                                                                        \
	do {                                                                              \
		static const char *const paths_[] = { __VA_ARGS__ };                      \
		offer(paths_, sizeof paths_ / sizeof paths_[0]);                          \
	} while (0)

static void a_format_finds_the_gguf_whose_name_ends_so(void **state)
{
	(void)state;
	OFFER("README.md", "M-7B.Q4_0.gguf", "M-7B.Q4_K_M.gguf", "M-7B.Q4_K_S.gguf", "M-7B-IQ4_XS.gguf", "M-7B-F16.gguf",
	      "mmproj-M-7B-F16.gguf", "Q8_0/M-00001-of-00002.gguf", "Q8_0/M-00002-of-00002.gguf");
	assert_string_equal(choose(""), "M-7B.Q4_K_M.gguf");
	assert_string_equal(choose("Q4_K_M"), "M-7B.Q4_K_M.gguf");
	assert_string_equal(choose("q4_k_s"), "M-7B.Q4_K_S.gguf");
	assert_string_equal(choose("f16"), "M-7B-F16.gguf");
	assert_string_equal(choose("Q8_0"), "Q8_0/M-00001-of-00002.gguf");
	assert_string_equal(choose("Q8_0/M-00002-of-00002.gguf"), "Q8_0/M-00001-of-00002.gguf");
	assert_string_equal(choose("mmproj-M-7B-F16.gguf"), "mmproj-M-7B-F16.gguf");
	assert_string_equal(choose("K_M"), "M-7B.Q4_K_M.gguf");
	assert_string_equal(choose("Q5_K_M"), "err_hub_no_file");
	assert_string_equal(choose("4_K_M"), "err_hub_no_file");
	assert_string_equal(choose("README.md"), "err_hub_file_kind");
	assert_string_equal(choices[0].format, "Q4_0");
	assert_string_equal(choices[3].format, "IQ4_XS");
	const struct hub_choice *last = &choices[n_choices - 1];
	assert_int_equal(last->n_files, 2);
	assert_int_equal(last->size, 20);
	assert_string_equal(list.files[last->files[1]].path, "Q8_0/M-00002-of-00002.gguf");
}

static void several_that_fit_are_asked_about_and_one_is_taken(void **state)
{
	(void)state;
	OFFER("a.Q8_0.gguf", "b.Q8_0.gguf");
	assert_string_equal(choose(""), "err_hub_which");
	assert_string_equal(choose("Q8_0"), "err_hub_which");
	assert_arg(&err, "choices", "a.Q8_0.gguf, b.Q8_0.gguf");
	OFFER("only.gguf", "mmproj-x.gguf");
	assert_string_equal(choose(""), "only.gguf");
	OFFER("m-00001-of-00003.gguf", "m-00003-of-00003.gguf", "n.gguf");
	assert_int_equal(n_choices, 1);
	assert_string_equal(choose("m-00001-of-00003.gguf"), "err_hub_parts");
	assert_string_equal(choose("m-00003-of-00003.gguf"), "err_hub_parts");
}

/* "config.json, model.safetensors" of the choice at `i`. */
static const char *files_of(size_t i)
{
	struct buf text = BUF_INIT(4 * KIB);
	for (size_t k = 0; k < choices[i].n_files; k++)
		buf_printf(&text, "%s%s", k ? " " : "", list.files[choices[i].files[k]].path);
	const char *copy = arena_strdup(arena, buf_text(&text));
	buf_release(&text);
	return copy;
}

static void a_folder_is_its_weights_once_and_what_describes_them(void **state)
{
	(void)state;
	OFFER("README.md", "config.json", "consolidated.safetensors", "generation_config.json", "model-00001-of-00002.safetensors",
	      "model-00002-of-00002.safetensors", "model.safetensors.index.json", "original/consolidated.00.pth", "onnx/model.onnx",
	      "onnx/config.json", "pytorch_model.bin", "tokenizer.json", "tokenizer_config.json", "training_args.bin", "optimizer.pt");
	assert_int_equal(n_choices, 1);
	assert_int_equal(choices[0].kind, HUB_FOLDER);
	assert_string_equal(choose(""), "");
	assert_string_equal(files_of(0), "config.json generation_config.json model-00001-of-00002.safetensors "
					 "model-00002-of-00002.safetensors model.safetensors.index.json tokenizer.json tokenizer_config.json");
	assert_string_equal(choose("."), "");
	assert_string_equal(choose("pytorch_model.bin"), "err_hub_pickle");
	OFFER("config.json", "model.safetensors", "model-00001-of-00002.safetensors", "tokenizer.model", "chat_template.jinja");
	assert_string_equal(files_of(0), "config.json model.safetensors tokenizer.model chat_template.jinja");
	OFFER("checkpoint-8/adapter_config.json", "checkpoint-8/adapter_model.safetensors", "checkpoint-8/trainer_state.json",
	      "checkpoint-8/optimizer.pt", "checkpoint-16/adapter_config.json", "checkpoint-16/adapter_model.safetensors");
	assert_int_equal(n_choices, 2);
	assert_int_equal(choices[0].kind, HUB_ADAPTER);
	assert_string_equal(files_of(0), "checkpoint-8/adapter_config.json checkpoint-8/adapter_model.safetensors checkpoint-8/trainer_state.json");
	assert_string_equal(choose("checkpoint-16"), "checkpoint-16");
	assert_string_equal(choose(""), "err_hub_which");
}

static void what_cannot_be_used_is_said_so(void **state)
{
	(void)state;
	static const char *const pickles[] = { "config.json", "pytorch_model.bin" }, *const none[] = { "README.md", "data.csv" };
	list_of(pickles, 2);
	assert_int_equal(hub_choices(arena, &list, &choices, &n_choices, &err), ERR_UNSUPPORTED);
	assert_err(&err, "err_hub_only_pickles");
	list_of(none, 2);
	assert_int_equal(hub_choices(arena, &list, &choices, &n_choices, &err), ERR_UNSUPPORTED);
	assert_err(&err, "err_hub_nothing");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_model_is_read_with_its_licence_and_its_gate),
		TEST(a_name_that_leads_out_of_its_folder_is_refused_with_all_the_list),
		TEST(numbers_and_digests_must_be_what_they_claim),
		TEST(a_hundred_thousand_files_are_too_many),
		TEST(a_format_finds_the_gguf_whose_name_ends_so),
		TEST(several_that_fit_are_asked_about_and_one_is_taken),
		TEST(a_folder_is_its_weights_once_and_what_describes_them),
		TEST(what_cannot_be_used_is_said_so),
	};
	return cmocka_run_group_tests_name("hub_list", tests, NULL, NULL);
}
