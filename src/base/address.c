/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static bool is_link_local_v4(const struct in_addr *a)
{
	return ntohl(a->s_addr) >> 16 == 0xa9fe;
}

static bool is_link_local_v6(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LINKLOCAL(a) ||
	       (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 0xa9 && a->s6_addr[13] == 0xfe);
}

bool address_is_link_local(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return is_link_local_v4(&((const struct sockaddr_in *)address)->sin_addr);
	return address->sa_family == AF_INET6 && is_link_local_v6(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

bool address_names_link_local(const struct url_parts *url)
{
	struct in_addr v4;
	struct in6_addr v6;

	return (inet_pton(AF_INET, url->host, &v4) == 1 && is_link_local_v4(&v4)) ||
	       (inet_pton(AF_INET6, url->host, &v6) == 1 && is_link_local_v6(&v6));
}

bool address_is_typed(const struct url_parts *url)
{
	unsigned char address[16];
	return inet_pton(AF_INET, url->host, address) == 1 || inet_pton(AF_INET6, url->host, address) == 1;
}
