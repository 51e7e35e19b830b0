/* SPDX-License-Identifier: Apache-2.0
 *
 * What an Ollama says of the memory it holds, and how that becomes a part of the sentence. */
#include "engine/held.h"

#include "support/check.h"

static void only_an_ollama_of_this_machine_is_meant(void **state)
{
	(void)state;
	static const struct {
		enum provider_kind kind;
		const char *url;
		bool is_here;
	} cases[] = {
		{ PROVIDER_OLLAMA, "http://127.0.0.1:11434", true }, { PROVIDER_OLLAMA, "http://localhost:11434", true },
		{ PROVIDER_OLLAMA, "http://[::1]:11434", true },     { PROVIDER_OLLAMA, "http://192.168.1.5:11434", false },
		{ PROVIDER_OLLAMA, "http://ollama:11434", false },   { PROVIDER_OPENAI, "http://127.0.0.1:8000/v1", false },
		{ PROVIDER_OLLAMA, "no address", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct provider_row row = { .kind = cases[i].kind, .url = cases[i].url };
		if (held_is_here(&row) != cases[i].is_here)
			fail_msg("%s", cases[i].url);
	}
}

static enum err_code read(struct arena *a, int status, const char *body, struct held *out, struct err *err)
{
	struct remote remote = { .row = { .kind = PROVIDER_OLLAMA, .url = "http://127.0.0.1:1", .name = "o" } };
	struct http_reply reply = { .status = status, .body = str_of(body) };

	*out = (struct held){ 0 };
	*err = (struct err){ 0 };
	return held_read(a, &remote, &reply, out, err);
}

static void what_it_holds_is_read_with_suspicion(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct held held;
	struct err err;

	assert_ok(read(a, 200, "{\"models\":[{\"name\":\"a:1\",\"size\":500,\"size_vram\":400},{\"name\":\"b:1\",\"size\":70,\"size_vram\":90},"
			       "{\"name\":\"\",\"size\":9},{\"size\":9},7,{\"name\":\"c\",\"size\":-5,\"size_vram\":\"x\"}]}",
		       &held, &err));
	assert_int_equal(held.n, 3);
	assert_string_equal(held.models[0].name, "a:1");
	assert_true(held.bytes == 570 && held.gpu_bytes == 470); /* never more on a GPU than there is */
	assert_ok(read(a, 200, "{\"models\":null}", &held, &err));
	assert_int_equal(held.n, 0);
	assert_int_equal(read(a, 200, "{}", &held, &err), ERR_DATA);
	assert_int_equal(read(a, 200, "[]", &held, &err), ERR_DATA);
	assert_int_equal(read(a, 401, "{\"error\":\"unauthorized\"}", &held, &err), ERR_DENIED);
	assert_string_equal(err.key, "err_provider_key_needed"); /* none is set */
	arena_free(a);
}

static struct err short_of(const char *key)
{
	struct err err;

	err_set(&err, ERR_LIMIT, key, "name=m|need=9.0|free=1.0");
	return err;
}

static void the_sentence_says_what_is_held_of_the_memory_that_is_short(void **state)
{
	(void)state;
	struct held held = { .bytes = 5000000000, .gpu_bytes = 3000000000 }, little = { .bytes = 1000000, .gpu_bytes = 1000000 };
	struct err err = short_of("err_memory");

	held_tell(&held, false, &err);
	assert_err(&err, "err_memory_held");
	assert_arg(&err, "held", "2.0"); /* what lies on a GPU helps nobody here */
	assert_arg(&err, "name", "m");
	assert_non_null(msg_text(LANG_EN, err.key));
	err = short_of("err_memory_format");
	held_tell(&held, true, &err);
	assert_err(&err, "err_memory_format_held");
	assert_arg(&err, "held", "5.0");
	err = short_of("err_memory_gpu");
	held_tell(&held, true, &err);
	assert_err(&err, "err_memory_gpu_held");
	assert_arg(&err, "held", "3.0");
	err = short_of("err_memory");
	held_tell(&little, true, &err);
	assert_err(&err, "err_memory");
	err = short_of("err_model_load");
	held_tell(&held, true, &err);
	assert_err(&err, "err_model_load");
}

static void every_sentence_of_short_memory_has_one_that_says_what_is_held(void **state)
{
	(void)state;
	static const char *const keys[] = { "err_memory", "err_memory_format", "err_memory_gpu", "err_memory_gpu_off" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct held held = { .bytes = 5000000000, .gpu_bytes = 3000000000 };
		struct err err = short_of(keys[i]);
		held_tell(&held, true, &err);
		for (int lang = 0; lang < LANG_COUNT; lang++) {
			char hint[80];
			str_format(hint, sizeof hint, "%s_hint", err.key);
			if (!msg_text((enum lang)lang, err.key) || !strstr(msg_text((enum lang)lang, err.key), "{held}") ||
			    !msg_text((enum lang)lang, hint))
				fail_msg("%s", err.key);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_an_ollama_of_this_machine_is_meant),
		cmocka_unit_test(what_it_holds_is_read_with_suspicion),
		cmocka_unit_test(the_sentence_says_what_is_held_of_the_memory_that_is_short),
		cmocka_unit_test(every_sentence_of_short_memory_has_one_that_says_what_is_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
