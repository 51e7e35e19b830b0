/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "engine/ollama.h"

static void versions_are_compared_by_number(void **state)
{
	struct ollama_version v;
	(void)state;
	assert_true(ollama_version_parse("0.33.0-rc2", &v));
	assert_int_equal(v.minor, 33);
	assert_string_equal(v.text, "0.33.0-rc2");
	assert_true(ollama_version_at_least(&v, 0, 33, 0));
	assert_true(ollama_version_at_least(&v, 0, 5, 5));
	assert_false(ollama_version_at_least(&v, 0, 33, 1));
	assert_false(ollama_version_at_least(&v, 1, 0, 0));
	assert_true(ollama_version_parse("0.0.0", &v));
	assert_true(ollama_version_at_least(&v, 99, 0, 0)); /* a build from source */
	assert_false(ollama_version_parse("", &v));
	assert_false(ollama_version_parse("0.5", &v));
	assert_false(ollama_version_parse("latest", &v));
	assert_false(ollama_version_at_least(&(struct ollama_version){ 0 }, 0, 5, 5)); /* unknown */
}

static void the_host_is_read_as_ollamas_own_client_reads_it(void **state)
{
	static const struct {
		const char *value, *url;
	} cases[] = {
		{ NULL, "http://127.0.0.1:11434" },
		{ "", "http://127.0.0.1:11434" },
		{ "1.2.3.4", "http://1.2.3.4:11434" },
		{ "1.2.3.4:5678", "http://1.2.3.4:5678" },
		{ ":5678", "http://127.0.0.1:5678" },
		{ "example.com", "http://example.com:11434" },
		{ "http://example.com", "http://example.com:80" },
		{ "https://example.com", "https://example.com:443" },
		{ "https://example.com:5678", "https://example.com:5678" },
		{ "https://example.com/ollama", "https://example.com:443/ollama" },
		{ "http://1.2.3.4:5678/a/b/", "http://1.2.3.4:5678/a/b" },
		{ "0.0.0.0", "http://127.0.0.1:11434" },
		{ "0.0.0.0:99", "http://127.0.0.1:99" },
		{ "[::]", "http://[::1]:11434" },
		{ "[::1]", "http://[::1]:11434" },
		{ "[::1]:9", "http://[::1]:9" },
		{ "::1", "http://[::1]:11434" },
		{ "1.2.3.4:99999", "http://1.2.3.4:11434" },
		{ "1.2.3.4:x", "http://1.2.3.4:11434" },
		{ " \"1.2.3.4\" ", "http://1.2.3.4:11434" },
		{ "'host'", "http://host:11434" },
		{ "a b", "http://127.0.0.1:11434" },
	};
	struct url_parts url;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ollama_host(cases[i].value, &url);
		if (strcmp(url.text, cases[i].url) != 0)
			fail_msg("%s: %s instead of %s", cases[i].value, url.text, cases[i].url);
	}
}

static void names_follow_ollamas_grammar(void **state)
{
	static const char *const good[] = { "a", "kestrel", "k:latest", "me/k:v1.2", "A_b-c.d", "_x", "kestrel-4:q4_k_m" };
	static const char *const bad[] = { "", ":", "a:", ":a", "a b", "-a", ".a", "a/b/c", "a.b/c", "\xe7\xac\xac", "a:b:c", "a/", "/a",
					   "12345678901234567890123456789012345678901234567890123456789012345678901234567890x" };
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!ollama_name_ok(good[i]))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (ollama_name_ok(bad[i]))
			fail_msg("%s", bad[i]);
}

static void a_name_is_made_of_what_people_call_a_model(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
		{ "AIR-8B - \xe7\xac\xac 4 \xe9\x80\xb1\xe6\x9c\x9f", "air-8b-4" },
		{ "meta-llama/Llama 3.1 (8B)", "meta-llama-llama-3.1-8b" },
		{ "caf\xc3\xa9 \xef\xbc\xa1\xef\xbc\xa2", "cafe-ab" },
		{ "\xe6\xa8\xa1\xe5\x9e\x8b", "model" },
		{ "", "model" },
		{ "...", "model" },
		{ "kestrel:Epoch 4/Q4_K_M", "kestrel:epoch-4-q4_k_m" },
		{ "x:\xe4\xb8\xad", "x" },
		{ "\xff\xfe", "model" },
	};
	char name[200], long_text[400];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ollama_name_make(cases[i].text, name, sizeof name);
		assert_string_equal(name, cases[i].name);
		assert_true(ollama_name_ok(name));
	}
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = 0;
	ollama_name_make(long_text, name, sizeof name);
	assert_int_equal(strlen(name), 80);
	assert_true(ollama_name_ok(name));
}

static void names_are_compared_without_case_and_default_tag(void **state)
{
	(void)state;
	assert_true(ollama_name_equal("Kestrel", "kestrel:latest"));
	assert_true(ollama_name_equal("registry.ollama.ai/library/k:v1", "K:V1"));
	assert_false(ollama_name_equal("k:v1", "k:v2"));
	assert_false(ollama_name_equal("me/k", "k"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_compared_by_number),
		cmocka_unit_test(the_host_is_read_as_ollamas_own_client_reads_it),
		cmocka_unit_test(names_follow_ollamas_grammar),
		cmocka_unit_test(a_name_is_made_of_what_people_call_a_model),
		cmocka_unit_test(names_are_compared_without_case_and_default_tag),
	};
	return cmocka_run_group_tests_name("ollama", tests, NULL, NULL);
}
