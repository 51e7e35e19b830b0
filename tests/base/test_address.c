/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/address.h"

static bool judged(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return address_is_link_local((struct sockaddr *)&v4);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return address_is_link_local((struct sockaddr *)&v6);
}

static bool named(const char *host)
{
	struct url_parts url = { 0 };
	str_format(url.host, sizeof url.host, "%s", host);
	assert_true(address_is_typed(&url));
	return address_names_link_local(&url);
}

static void where_machines_keep_credentials_is_known_in_every_spelling(void **state)
{
	static const char *const guarded[] = {
		"169.254.169.254", "169.254.0.0",	"169.254.255.255",	   "169.254.170.2", /* Amazon's containers */
		"100.100.100.200", "192.0.0.192",	"fe80::1",		   "febf:ffff::1",
		"fd00:ec2::254",   "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",   "::169.254.169.254",
		"64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "2002:a9fe:a9fe:1:2:3:4:5", "::ffff:100.100.100.200",
	};
	(void)state;
	for (size_t i = 0; i < sizeof guarded / sizeof guarded[0]; i++) {
		if (!judged(guarded[i]) || !named(guarded[i]))
			fail_msg("%s would be connected to", guarded[i]);
	}
}

static void addresses_where_providers_live_are_none_of_them(void **state)
{
	static const char *const open[] = {
		"127.0.0.1", "0.0.0.0", "10.0.0.1", "192.168.1.20", "172.16.5.4", "169.253.255.255", "169.255.0.0", "100.100.100.201",
		"100.64.0.1", "192.0.0.170", "8.8.8.8", "::1", "::", "fd00:ec2::253", "fd00::254", "fec0::1", "fc00::1", "2001:4860:4860::8888",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::808:808", "64:ff9b:1::a9fe:a9fe", "2002:a9fd:a9fe::", "2001:db8:a9fe:a9fe::",
	};
	(void)state;
	for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
		if (judged(open[i]) || named(open[i]))
			fail_msg("%s would be refused", open[i]);
	}
}

static void a_name_is_not_written_in_numbers(void **state)
{
	struct url_parts url = { .host = "metadata.google.internal" };
	(void)state;
	assert_false(address_is_typed(&url));
	assert_false(address_names_link_local(&url)); /* what it leads to is judged when it has been looked up */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_machines_keep_credentials_is_known_in_every_spelling),
		cmocka_unit_test(addresses_where_providers_live_are_none_of_them),
		cmocka_unit_test(a_name_is_not_written_in_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
