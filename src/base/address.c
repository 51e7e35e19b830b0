/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* What clouds answer their machines at outside the link-local range: Alibaba, Oracle's older images, and Amazon over IPv6. */
static bool is_link_local_v4(uint32_t address)
{
	return address >> 16 == 0xa9fe || address == 0x646464c8 || address == 0xc00000c0;
}

static const uint8_t amazon_v6[16] = { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 };
/* An IPv4 address in an IPv6 one, which the kernel or a gateway turns back: what stands before it. */
static const struct {
	uint8_t prefix[12];
	size_t prefix_len, at;
} carriers[] = {
	{ { [10] = 0xff, 0xff }, 12, 12 },       /* ::ffff:a.b.c.d */
	{ { 0 }, 12, 12 },                       /* ::a.b.c.d, out of use */
	{ { 0x00, 0x64, 0xff, 0x9b }, 12, 12 },  /* 64:ff9b::a.b.c.d of NAT64 */
	{ { 0x20, 0x02 }, 2, 2 },                /* 2002:ab:cd:: of 6to4 */
};

static bool is_link_local_v6(const struct in6_addr *a)
{
	for (size_t i = 0; i < sizeof carriers / sizeof carriers[0]; i++) {
		uint32_t v4;
		memcpy(&v4, a->s6_addr + carriers[i].at, sizeof v4);
		if (memcmp(a->s6_addr, carriers[i].prefix, carriers[i].prefix_len) == 0 && is_link_local_v4(ntohl(v4)))
			return true;
	}
	return IN6_IS_ADDR_LINKLOCAL(a) || memcmp(a->s6_addr, amazon_v6, sizeof amazon_v6) == 0;
}

bool address_is_link_local(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return is_link_local_v4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
	return address->sa_family == AF_INET6 && is_link_local_v6(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

bool address_names_link_local(const struct url_parts *url)
{
	struct in_addr v4;
	struct in6_addr v6;

	return (inet_pton(AF_INET, url->host, &v4) == 1 && is_link_local_v4(ntohl(v4.s_addr))) ||
	       (inet_pton(AF_INET6, url->host, &v6) == 1 && is_link_local_v6(&v6));
}

bool address_is_typed(const struct url_parts *url)
{
	unsigned char address[16];
	return inet_pton(AF_INET, url->host, address) == 1 || inet_pton(AF_INET6, url->host, address) == 1;
}
