/* SPDX-License-Identifier: Apache-2.0 */
#include "server/lan.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

/* An address of an interface in numbers; "" for what is no address of the internet, or belongs to one link alone. */
static void interface_text(const struct sockaddr *address, char out[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	out[0] = 0;
	if (address && address->sa_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
	else if (address && address->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
		inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
}

/* Every address of this machine that others could reach, with commas between them. */
static void list_addresses(char *out, size_t size)
{
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN];
	out[0] = 0;
	if (getifaddrs(&all) != 0)
		return;
	for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
		interface_text(at->ifa_addr, text);
		if (!text[0] || !strncmp(text, "127.", 4) || !strcmp(text, "::1"))
			continue;
		size_t len = strlen(out);
		(void)str_format(out + len, size - len, "%s%s", len ? ", " : "", text);
	}
	freeifaddrs(all);
}

/* Whether an address can be bound here is what decides, whatever the interfaces are called. */
static bool is_ours(const struct sockaddr *address, socklen_t size)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool ours = bind(fd, address, size) == 0;
	close(fd);
	return ours;
}

static void name_host(struct lan *lan)
{
	size_t n = 0;
	lan->names[n++] = lan->address;
	if (gethostname(lan->host, sizeof lan->host) == 0 && memchr(lan->host, 0, sizeof lan->host) && lan->host[0] && strcmp(lan->host, "localhost") != 0) {
		lan->names[n++] = lan->host;
		if (str_format(lan->local, sizeof lan->local, "%s.local", lan->host))
			lan->names[n++] = lan->local;
	}
	lan->names[n] = NULL;
}

enum err_code lan_open(struct lan *lan, const char *address, struct err *err)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	char all[512];
	bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1, is_v6 = inet_pton(AF_INET6, address, &v6.sin6_addr) == 1;
	list_addresses(all, sizeof all);
	if ((is_v4 && v4.sin_addr.s_addr == htonl(INADDR_ANY)) || (is_v6 && IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr)))
		return err_set(err, ERR_INVALID, "err_lan_all", "address=%s|all=%s", address, all);
	if (!(is_v4 && is_ours((struct sockaddr *)&v4, sizeof v4)) && !(is_v6 && is_ours((struct sockaddr *)&v6, sizeof v6)))
		return err_set(err, ERR_INVALID, "err_lan_address", "address=%s|all=%s", address, all);
	char text[INET6_ADDRSTRLEN] = ""; /* as browsers spell it */
	inet_ntop(is_v6 ? AF_INET6 : AF_INET, is_v6 ? (const void *)&v6.sin6_addr : (const void *)&v4.sin_addr, text, sizeof text);
	(void)str_format(lan->address, sizeof lan->address, "%s%s%s", is_v6 ? "[" : "", text, is_v6 ? "]" : "");
	name_host(lan);
	return ERR_OK;
}

void lan_set_port(struct lan *lan, int port)
{
	(void)str_format(lan->url, sizeof lan->url, "http://%s:%d", lan->address, port);
}
