/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/url.h"

static void an_address_is_taken_apart_and_written_in_one_way(void **state)
{
	static const struct {
		const char *text, *canonical, *origin;
		bool loopback, private;
	} cases[] = {
		{ "http://LocalHost", "http://localhost:80", "http://localhost:80", true, true },
		{ "https://api.example.com/v1/", "https://api.example.com:443/v1", "https://api.example.com:443", false, false },
		{ "http://[::1]:8000/", "http://[::1]:8000", "http://[::1]:8000", true, true },
		{ "http://192.168.1.9:11434", "http://192.168.1.9:11434", "http://192.168.1.9:11434", false, true },
		{ "http://127.9.9.9/a/b", "http://127.9.9.9:80/a/b", "http://127.9.9.9:80", true, true },
		{ "http://gpu-box:1/", "http://gpu-box:1", "http://gpu-box:1", false, true },
		{ "http://[fd00::1]/", "http://[fd00::1]:80", "http://[fd00::1]:80", false, true },
		{ "http://1.2.3.4/", "http://1.2.3.4:80", "http://1.2.3.4:80", false, false },
	};
	struct url_parts url;
	struct err err = { 0 };
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_ok(url_parse(cases[i].text, &url, &err));
		assert_string_equal(url.text, cases[i].canonical);
		assert_string_equal(url.origin, cases[i].origin);
		assert_int_equal(url.is_loopback, cases[i].loopback);
		assert_int_equal(url.is_private, cases[i].private);
	}
}

static void what_is_no_address_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *text, *key;
	} cases[] = {
		{ "", "err_url_wrong" },
		{ "localhost:11434", "err_url_scheme" },
		{ "ftp://x/", "err_url_scheme" },
		{ "file:///etc/passwd", "err_url_scheme" },
		{ "http://", "err_url_wrong" },
		{ "http://a b/", "err_url_wrong" },
		{ "http://x:0/", "err_url_wrong" },
		{ "http://x:70000/", "err_url_wrong" },
		{ "http://user@x/", "err_url_user" },
		{ "http://u:p@x/", "err_url_user" },
		{ "http://x/?key=1", "err_url_query" },
		{ "http://x/#a", "err_url_query" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct url_parts url;
		struct err err = { 0 };
		assert_int_equal(url_parse(cases[i].text, &url, &err), ERR_INVALID);
		if (strcmp(cases[i].text, "localhost:11434") != 0) /* a scheme to some versions of libcurl */
			assert_err(&err, cases[i].key);
		assert_string_equal(url.text, "");
	}
}

static void where_a_long_address_leads_is_read_without_the_rest(void **state)
{
	char text[2000];
	struct url_parts url;
	struct err err = { 0 };
	(void)state;
	memset(text, 'a', sizeof text);
	memcpy(text, "https://Files.Example:8443/", 27);
	memcpy(text + 1000, "?Signature=#x", 13);
	text[sizeof text - 1] = 0;
	assert_ok(url_origin(text, &url, &err));
	assert_string_equal(url.origin, "https://files.example:8443");
	assert_string_equal(url.text, "");
	assert_false(url.is_private);
	assert_int_equal(url_origin("https://user:pw@files.example/x", &url, &err), ERR_INVALID);
	assert_err(&err, "err_url_user");
	assert_int_equal(url_origin("javascript:alert(1)", &url, NULL), ERR_INVALID);
	assert_string_equal(url.origin, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_taken_apart_and_written_in_one_way),
		cmocka_unit_test(what_is_no_address_is_refused_with_its_reason),
		cmocka_unit_test(where_a_long_address_leads_is_read_without_the_rest),
	};
	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
