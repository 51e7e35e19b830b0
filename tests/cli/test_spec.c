/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "cli/spec.h"

/* The ModelList of a server with two fine-tuned models and two other models. */
static json_t *model_list(void)
{
	static const char text[] =
		"{\"models\":[{\"id\":1,\"name\":\"SmolLM2-135M\"},{\"id\":2,\"name\":\"Kestrel\"}],\"refusals\":[],\"families\":["
		"{\"id\":7,\"name\":\"Kestrel bot\",\"base_model_id\":1,\"checkpoints\":["
		"{\"id\":10,\"name\":\"checkpoint-12\",\"epoch\":1.0,\"step\":12},"
		"{\"id\":11,\"name\":\"checkpoint-24\",\"epoch\":1.96,\"step\":24},"
		"{\"id\":12,\"name\":\"checkpoint-30\",\"epoch\":null,\"step\":30}]},"
		"{\"id\":8,\"name\":\"Owl 一\",\"base_model_id\":null,\"checkpoints\":[{\"id\":20,\"name\":\"a\",\"epoch\":1,\"step\":5}]},"
		"{\"id\":9,\"name\":\"Owl 二\",\"base_model_id\":1,\"checkpoints\":[{\"id\":21,\"name\":\"b\",\"epoch\":1,\"step\":5}]},"
		"{\"id\":6,\"name\":\"wren\",\"base_model_id\":1,\"checkpoints\":[{\"id\":31,\"name\":\"c\",\"epoch\":0.5,\"step\":60},"
		"{\"id\":32,\"name\":\"d\",\"epoch\":3.98,\"step\":478},{\"id\":33,\"name\":\"e\",\"epoch\":4,\"step\":480}]}]}";
	json_t *list = json_loads(text, 0, NULL);
	assert_non_null(list);
	return list;
}

static void every_form_is_told_apart(void **state)
{
	static const struct {
		const char *text;
		enum spec_kind kind;
		const char *name, *adapter;
	} cases[] = {
		{ "model.gguf", SPEC_FILE, "model.gguf", NULL },
		{ "MODEL.GGUF", SPEC_FILE, "MODEL.GGUF", NULL },
		{ "./out", SPEC_FILE, "./out", NULL },
		{ "~/m@2/x.gguf", SPEC_FILE, "~/m@2/x.gguf", NULL },
		{ "/a@b/checkpoint-4", SPEC_FILE, "/a@b/checkpoint-4", NULL },
		{ "base.gguf+out/checkpoint-4", SPEC_PAIR, "base.gguf", "out/checkpoint-4" },
		{ "a+b.gguf+c+d.gguf", SPEC_PAIR, "a+b.gguf", "c+d.gguf" },
		{ "a+b.gguf", SPEC_FILE, "a+b.gguf", NULL },
		{ "kestrel@base", SPEC_BASE, "kestrel", NULL },
		{ "kestrel@BASE", SPEC_BASE, "kestrel", NULL },
		{ "Kestrel bot@4", SPEC_EPOCH, "Kestrel bot", NULL },
		{ "a@b@4", SPEC_EPOCH, "a@b", NULL },
		{ "微調@0.5", SPEC_EPOCH, "微調", NULL },
		{ "kestrel@step:48", SPEC_STEP, "kestrel", NULL },
		{ "SmolLM2", SPEC_NAME, "SmolLM2", NULL },
		{ "id:7", SPEC_ID, "", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct spec s;
		struct err err = { 0 };
		assert_ok(spec_parse(cases[i].text, &s, &err));
		assert_int_equal(s.kind, cases[i].kind);
		assert_string_equal(s.name, cases[i].name);
		if (cases[i].adapter)
			assert_string_equal(s.adapter, cases[i].adapter);
		else
			assert_null(s.adapter);
		assert_int_equal(json_object_size(s.params), 0);
		spec_release(&s);
	}
}

static void settings_follow_after_commas(void **state)
{
	struct spec s;
	struct err err = { 0 };
	(void)state;
	assert_ok(spec_parse("kestrel@4,temperature=0.7,max_tokens=64", &s, &err));
	assert_int_equal(s.kind, SPEC_EPOCH);
	assert_true(s.epoch == 4);
	json_t *expected = json_pack("{s:f, s:i}", "temperature", 0.7, "max_tokens", 64);
	assert_true(json_equal(s.params, expected));
	json_decref(expected);
	spec_release(&s);
}

static void a_text_setting_may_hold_commas_and_equals_signs(void **state)
{
	struct spec s;
	struct err err = { 0 };
	(void)state;
	assert_ok(spec_parse("m.gguf,system=Be short, x=1, please,top_k=5", &s, &err));
	assert_string_equal(json_string_value(json_object_get(s.params, "system")), "Be short, x=1, please");
	assert_int_equal(json_integer_value(json_object_get(s.params, "top_k")), 5);
	spec_release(&s);
}

static void a_comma_in_a_file_name_is_kept(void **state)
{
	struct spec s;
	struct err err = { 0 };
	(void)state;
	assert_ok(spec_parse("a,b.gguf,top_k=5", &s, &err));
	assert_string_equal(s.name, "a,b.gguf");
	spec_release(&s);
}

static void what_cannot_be_read_is_refused_with_its_reason(void **state)
{
	static const char *const wrong[][2] = {
		{ "", "err_spec_empty" },
		{ "   ", "err_spec_empty" },
		{ ",temperature=1", "err_spec_empty" },
		{ "@4", "err_spec_no_family" },
		{ "kestrel@four", "err_spec_epoch" },
		{ "kestrel@", "err_spec_epoch" },
		{ "kestrel@-1", "err_spec_epoch" },
		{ "kestrel@step:x", "err_spec_step" },
		{ "kestrel@step:", "err_spec_step" },
		{ "id:0", "err_spec_id" },
		{ "id:x", "err_spec_id" },
		{ "kestrel@4,temperature=hot", "err_setting_number" },
		{ "kestrel@4,temprature=1", "err_setting_unknown_near" },
		{ "kestrel@4,temperature=1,xyzzyxyzzy=1", "err_setting_unknown" },
		{ "kestrel@4,temperature=1,hm", "err_spec_setting" },
		{ "kestrel@4,top_k=1,top_k=2", "err_spec_twice" },
		{ "kes\xfftrel@4", "err_spec_utf8" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct spec s;
		struct err err = { 0 };
		assert_int_equal(spec_parse(wrong[i][0], &s, &err), ERR_INVALID);
		assert_err(&err, wrong[i][1]);
		spec_release(&s);
	}
}

static enum err_code match(const char *text, int64_t *id, struct err *err)
{
	struct spec s;
	json_t *list = model_list();
	*err = (struct err){ 0 };
	enum err_code code = spec_parse(text, &s, err);
	if (code == ERR_OK)
		code = spec_match(&s, list, id, err);
	spec_release(&s);
	json_decref(list);
	return code;
}

static void names_are_found_without_case_and_by_their_beginning(void **state)
{
	static const struct {
		const char *text;
		int64_t id;
	} cases[] = { { "KESTREL BOT@1", 10 }, { "kestrel@2", 11 },  { "kestrel@step:30", 12 }, { "kestrel@base", 1 },
		      { "kestrel", 2 },        { "smol", 1 },        { "owl 二@1", 21 },        { "id:20", 20 },
		      { "id:1", 1 },           { "wren@3.98", 32 },  { "wren@4", 33 },           { "wren@step:478", 32 } };
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err;
		int64_t id = 0;
		assert_ok(match(cases[i].text, &id, &err));
		assert_int_equal(id, cases[i].id);
	}
}

static void what_is_not_there_lists_what_is(void **state)
{
	struct err err;
	int64_t id;
	(void)state;
	assert_int_equal(match("nobody@1", &id, &err), ERR_NOT_FOUND);
	assert_err(&err, "err_spec_no_model");
	assert_arg(&err, "names", "Kestrel bot, Owl 一, Owl 二, wren");
	assert_int_equal(match("owl@1", &id, &err), ERR_NOT_FOUND);
	assert_err(&err, "err_spec_ambiguous");
	assert_arg(&err, "names", "Owl 一, Owl 二");
	assert_int_equal(match("kestrel@3", &id, &err), ERR_NOT_FOUND);
	assert_err(&err, "err_spec_no_epoch");
	assert_arg(&err, "names", "@base, @1, @2, @step:30");
	assert_arg(&err, "wanted", "@3");
	assert_int_equal(match("wren@2", &id, &err), ERR_NOT_FOUND);
	assert_arg(&err, "names", "@base, @0.5, @step:478, @step:480"); /* both are epoch 4 */
	assert_int_equal(match("Owl 一@base", &id, &err), ERR_NOT_FOUND);
	assert_err(&err, "err_spec_no_base");
	assert_int_equal(match("kestrel bot", &id, &err), ERR_NOT_FOUND);
	assert_err(&err, "err_spec_family");
	assert_int_equal(match("id:99", &id, &err), ERR_NOT_FOUND);
	assert_err(&err, "err_model_not_found");
}

static void an_empty_server_says_so(void **state)
{
	struct spec s;
	struct err err = { 0 };
	int64_t id;
	json_t *list = json_pack("{s:[], s:[]}", "models", "families");
	(void)state;
	assert_ok(spec_parse("kestrel@1", &s, &err));
	assert_int_equal(spec_match(&s, list, &id, &err), ERR_NOT_FOUND);
	assert_err(&err, "err_spec_no_models");
	spec_release(&s);
	json_decref(list);
}

static void a_family_is_told_from_a_model_of_nearly_the_same_name(void **state)
{
	json_t *list = model_list();
	(void)state;
	assert_int_equal(spec_match_family("kestrel bot", list), 7);
	assert_int_equal(spec_match_family("kestrel b", list), 7);
	assert_int_equal(spec_match_family("kestrel", list), -1);
	assert_int_equal(spec_match_family("owl", list), -1);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_told_apart),
		cmocka_unit_test(settings_follow_after_commas),
		cmocka_unit_test(a_text_setting_may_hold_commas_and_equals_signs),
		cmocka_unit_test(a_comma_in_a_file_name_is_kept),
		cmocka_unit_test(what_cannot_be_read_is_refused_with_its_reason),
		cmocka_unit_test(names_are_found_without_case_and_by_their_beginning),
		cmocka_unit_test(what_is_not_there_lists_what_is),
		cmocka_unit_test(an_empty_server_says_so),
		cmocka_unit_test(a_family_is_told_from_a_model_of_nearly_the_same_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
