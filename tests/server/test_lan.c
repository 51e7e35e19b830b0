/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <string.h>
#include <unistd.h>

#include "server/lan.h"

static void an_address_of_this_machine_gets_its_names_and_its_link(void **state)
{
	(void)state;
	struct lan lan = { 0 };
	struct err err = { 0 };
	char host[256];
	assert_int_equal(lan_open(&lan, "127.0.0.2", &err), ERR_OK);
	assert_string_equal(lan.names[0], "127.0.0.2");
	assert_int_equal(gethostname(host, sizeof host), 0);
	if (!strcmp(host, "localhost")) { /* no name that others could use */
		assert_null(lan.names[1]);
	} else {
		assert_string_equal(lan.names[1], host);
		assert_string_equal(lan.names[2] + strlen(host), ".local");
		assert_null(lan.names[3]);
	}
	lan_set_port(&lan, 7878);
	assert_string_equal(lan.url, "http://127.0.0.2:7878");
}

static void an_address_of_the_sixth_version_stands_in_brackets(void **state)
{
	(void)state;
	struct lan lan = { 0 };
	struct err err = { 0 };
	if (lan_open(&lan, "::1", &err) != ERR_OK)
		skip(); /* a machine without IPv6 */
	assert_string_equal(lan.names[0], "[::1]");
	lan_set_port(&lan, 80);
	assert_string_equal(lan.url, "http://[::1]:80");
	assert_int_equal(lan_open(&lan, "0:0:0:0::1", &err), ERR_OK);
	assert_string_equal(lan.names[0], "[::1]"); /* as browsers spell it */
}

static void what_is_no_address_of_this_machine_is_refused(void **state)
{
	(void)state;
	static const char *const others[] = { "192.0.2.1", "2001:db8::1", "tower.local", "", "127.0.0.1:80", "localhost", "1.2.3", "[::1]" };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		struct lan lan = { 0 };
		struct err err = { 0 };
		assert_int_equal(lan_open(&lan, others[i], &err), ERR_INVALID);
		assert_string_equal(err.key, "err_lan_address");
	}
}

static void an_address_that_stands_for_all_is_refused(void **state)
{
	(void)state;
	static const char *const all[] = { "0.0.0.0", "::" };
	for (size_t i = 0; i < 2; i++) {
		struct lan lan = { 0 };
		struct err err = { 0 };
		assert_int_equal(lan_open(&lan, all[i], &err), ERR_INVALID);
		assert_string_equal(err.key, "err_lan_all");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_of_this_machine_gets_its_names_and_its_link),
		cmocka_unit_test(an_address_of_the_sixth_version_stands_in_brackets),
		cmocka_unit_test(what_is_no_address_of_this_machine_is_refused),
		cmocka_unit_test(an_address_that_stands_for_all_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
