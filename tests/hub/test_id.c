/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <string.h>

#include "hub/hub_id.h"

static struct arena *arena;

static int open_arena(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void reads(const char *text, const char *repo, const char *revision, const char *file)
{
	struct hub_id id;
	struct err err = { 0 };

	if (hub_id_parse(arena, text, "https://hub.example", &id, &err) != ERR_OK)
		fail_msg("%s: %s", text, err.key);
	assert_string_equal(id.repo, repo);
	assert_string_equal(id.revision, revision);
	assert_string_equal(id.file, file);
}

static void refuses(const char *text, const char *key)
{
	struct hub_id id;
	struct err err = { 0 };

	(void)!hub_id_parse(arena, text, "https://hub.example", &id, &err);
	if (strcmp(err.key, key) != 0)
		fail_msg("%s: \"%s\" instead of \"%s\"", text, err.key, key);
}

static void a_name_may_have_a_revision_and_a_file(void **state)
{
	(void)state;
	reads("org/name", "org/name", "", "");
	reads("  org/name\n", "org/name", "", "");
	reads("O-r_g.1/Name-7B.v2", "O-r_g.1/Name-7B.v2", "", "");
	reads("org/name:Q4_K_M", "org/name", "", "Q4_K_M");
	reads("org/name:sub/model.gguf", "org/name", "", "sub/model.gguf");
	reads("org/name@v1.0", "org/name", "v1.0", "");
	reads("org/name@refs/pr/1:a b.gguf", "org/name", "refs/pr/1", "a b.gguf");
	reads("org/name:模型.gguf", "org/name", "", "模型.gguf");
	reads("org/name:a@b.gguf", "org/name", "", "a@b.gguf");
	reads("org/name:.", "org/name", "", ".");
}

static void the_address_of_a_page_is_a_name_too(void **state)
{
	(void)state;
	reads("https://hub.example/org/name", "org/name", "", "");
	reads("https://hub.example/org/name/", "org/name", "", "");
	reads("https://hub.example/org/name/tree/main", "org/name", "main", "");
	reads("https://hub.example/org/name/tree/main/sub/", "org/name", "main", "sub");
	reads("https://hub.example/org/name/blob/v1/sub/m.gguf?show=1#top", "org/name", "v1", "sub/m.gguf");
	reads("https://hub.example/org/name/resolve/main/m.gguf", "org/name", "main", "m.gguf");
	refuses("https://hub.example.evil/org/name", "err_hub_other");
	refuses("https://other.example/org/name", "err_hub_other");
	refuses("http://hub.example/org/name", "err_hub_other");
	refuses("https://hub.example/org/name/discussions/1", "err_hub_id");
	refuses("https://hub.example/org", "err_hub_id");
}

static void what_could_lead_elsewhere_is_no_name(void **state)
{
	(void)state;
	static const char *const wrong[] = { "",	"org",	     "org/",	  "/name",	 "org/name/more", "../name",  "org/..",
					     "org/.git", "-o/name",   "org/na me", "org/na\tme", "o?g/name",	  "org/na%2f", "org/name@",
					     "org/a..b", "org/name.", "./name",	   "org\\x/name" };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		refuses(wrong[i], "err_hub_id");
	char long_name[140];
	memset(long_name, 'a', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = 0;
	long_name[1] = '/';
	refuses(long_name, "err_hub_id");
	refuses("org/name@../x", "err_hub_revision_form");
	refuses("org/name@a b", "err_hub_revision_form");
	refuses("org/name@-x", "err_hub_revision_form");
	refuses("org/name@/x", "err_hub_revision_form");
	refuses("org/name@a//b", "err_hub_revision_form");
	refuses("org/name:../m.gguf", "err_hub_file_form");
	refuses("org/name:/etc/passwd", "err_hub_file_form");
	refuses("org/name:a//b", "err_hub_file_form");
	refuses("org/name:a\\b", "err_hub_file_form");
	refuses("org/name:a/b/c/d/e/f/g/h/i", "err_hub_file_form");
	refuses("org/name:\xff.gguf", "err_hub_file_form");
}

static void paths_are_escaped_byte_by_byte(void **state)
{
	(void)state;
	assert_string_equal(hub_escape(arena, "refs/pr/1", false), "refs%2Fpr%2F1");
	assert_string_equal(hub_escape(arena, "a b/ü?#%.gguf", true), "a%20b/%C3%BC%3F%23%25.gguf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_may_have_a_revision_and_a_file),
		cmocka_unit_test(the_address_of_a_page_is_a_name_too),
		cmocka_unit_test(what_could_lead_elsewhere_is_no_name),
		cmocka_unit_test(paths_are_escaped_byte_by_byte),
	};
	return cmocka_run_group_tests_name("hub_id", tests, open_arena, close_arena);
}
