/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/acceptor.h"
#include "server/buckets.h"
#include "server/exchange.h"

#define FIRST_HEAD_MS 10000       /* for the first request of a connection */
#define BODY_BYTES_PER_MS 1       /* slower bodies are cut off after the grace */
#define STALL_S 30
#define SWEEP_MS 1000
#define OWN_CONNS 8 /* of the unix socket alone: whoever sits at the machine gets in */
#define DEFAULT_PORT 7878
#define PORTS_TRIED 10

static void sweep(void *user);

/* --- connections --- */

static void name_peer(struct conn *conn)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t size = sizeof peer;

	if (getpeername(conn->fd, (struct sockaddr *)&peer, &size) != 0)
		return;
	if (peer.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, conn->from, sizeof conn->from);
	else if (peer.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&peer)->sin6_addr, conn->from, sizeof conn->from);
	uint8_t digest[HASH_SIZE];
	hash_bytes(conn->from, strlen(conn->from), digest);
	memcpy(&conn->from_digest, digest, sizeof conn->from_digest);
}

static void on_connection(void *cls, struct MHD_Connection *c, void **slot, enum MHD_ConnectionNotificationCode code)
{
	struct listener *l = cls;
	struct conn *conn = *slot;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (!conn)
			return;
		struct conn **at = &l->http->conns;
		while (*at != conn)
			at = &(*at)->next;
		*at = conn->next;
		l->http->n_conns--;
		mem_free(conn);
		return;
	}
	conn = mem_alloc(sizeof *conn);
	conn->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	conn->deadline_ms = clock_mono_ms() + FIRST_HEAD_MS;
	conn->is_unix = l->is_unix;
	conn->is_lan = l->is_lan;
	if (!l->is_unix)
		name_peer(conn);
	if (l->is_unix) {
		struct ucred peer = { .uid = (uid_t)-1 };
		socklen_t size = sizeof peer;
		conn->is_stranger =
			getsockopt(conn->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != geteuid();
	}
	conn->next = l->http->conns;
	if (!conn->next)
		loop_timer_set(l->http->sweeper, SWEEP_MS);
	l->http->conns = conn;
	l->http->n_conns++;
	*slot = conn;
}

/* Connections are not all that wants descriptors: what comes after the last is closed, and workers and files find some. */
static enum MHD_Result admit(void *cls, const struct sockaddr *from, socklen_t size)
{
	(void)from, (void)size;
	const struct listener *l = cls;
	size_t most = l->http->max_conns;
	return l->http->n_conns < (l->is_unix ? most : most - OWN_CONNS) ? MHD_YES : MHD_NO;
}

static size_t choose_max_conns(void)
{
	struct rlimit files = { .rlim_cur = 1024 };
	size_t most = (size_t)LIMIT_CONNECTIONS * LISTENERS_MAX;
	(void)getrlimit(RLIMIT_NOFILE, &files);
	size_t n = files.rlim_cur > 1 << 20 ? 1 << 20 : (size_t)files.rlim_cur, own = n / 4 > LIMIT_OWN_FILES ? n / 4 : LIMIT_OWN_FILES;
	size_t room = n > own + 2 * OWN_CONNS ? n - own : 2 * OWN_CONNS;
	return room < most ? room : most;
}

/* Deadlines that the library does not have: total time of a head, and the rate of a body. */
static void sweep(void *user)
{
	struct http *h = user;
	int64_t now = clock_mono_ms();
	for (struct conn *c = h->conns; c; c = c->next)
		if (c->deadline_ms && now > c->deadline_ms + (int64_t)(c->body_bytes / BODY_BYTES_PER_MS))
			shutdown(c->fd, SHUT_RDWR);
	if (h->conns)
		loop_timer_set(h->sweeper, SWEEP_MS);
}

/* --- listeners --- */

static void no_log(void *cls, const char *fmt, va_list list)
{
	(void)cls;
	char line[256];
	vsnprintf(line, sizeof line, fmt, list);
	log_debug("http", "%s", line);
}

/* As the library's own, but %00 stays as it is: a path must not end early. */
static size_t unescape(void *cls, struct MHD_Connection *c, char *text)
{
	(void)cls, (void)c;
	static const char digits[] = "0123456789abcdef";
	char *out = text;
	for (const char *in = text; *in; in++, out++) {
		const char *high = *in == '%' && in[1] ? strchr(digits, in[1] | 0x20) : NULL;
		const char *low = high && in[2] ? strchr(digits, in[2] | 0x20) : NULL;
		int value = high && low ? (int)((high - digits) * 16 + (low - digits)) : 0;
		*out = value ? (char)value : *in;
		in += value ? 2 : 0;
	}
	*out = 0;
	return (size_t)(out - text);
}

static bool start_daemon(struct http *h, int fd, bool is_unix)
{
	struct listener *l = &h->listeners[h->n_listeners];
	*l = (struct listener){ .http = h, .is_unix = is_unix, .fd = fd };
	/* We accept ourselves: where the library finds no descriptor, it tries for ever or listens no more. */
	unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	l->daemon = MHD_start_daemon(
		flags, 0, admit, l, exchange_on_request, l, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)LIMIT_CONNECTIONS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)LIMIT_HEAD_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)STALL_S,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)(is_unix ? 0 : LIMIT_ADDRESS_CONNECTIONS), MHD_OPTION_NOTIFY_COMPLETED,
		exchange_on_completed, l, MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_UNESCAPE_CALLBACK, unescape,
		NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
	if (!l->daemon) {
		close(fd);
		return false;
	}
	h->n_listeners++;
	return true;
}

static int listen_on(const struct sockaddr *address, socklen_t size)
{
	const int one = 1;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (address->sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (address->sa_family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, address, size) == 0 && listen(fd, 128) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

/* On an address that was asked for: one of this machine, or 0.0.0.0 and :: for all. */
static int listen_at(const char *address, int port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		return listen_on((struct sockaddr *)&v4, sizeof v4);
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
		return listen_on((struct sockaddr *)&v6, sizeof v6);
	errno = EINVAL;
	return -1;
}

/* Without an address: both loopback addresses on one port, and one of them on a machine without IPv6.  -1 with errno. */
static int listen_tcp(const char *address, int port, int fds[2])
{
	fds[1] = -1;
	if (address)
		return (fds[0] = listen_at(address, port)) < 0 ? -1 : 0;
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = in6addr_loopback };
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[0] = listen_on((struct sockaddr *)&v4, sizeof v4);
	if (fds[0] < 0)
		return -1;
	fds[1] = listen_on((struct sockaddr *)&v6, sizeof v6);
	if (fds[1] >= 0 || errno != EADDRINUSE)
		return 0;
	close(fds[0]);
	errno = EADDRINUSE;
	return -1;
}

static enum err_code open_tcp(struct http *h, const struct app_options *o, struct err *err)
{
	int fds[2], first = o->port ? o->port : DEFAULT_PORT, tries = o->port ? 1 : PORTS_TRIED;
	for (int i = 0; i < tries; i++) {
		if (listen_tcp(o->listen, first + i, fds) != 0)
			continue;
		h->port = first + i;
		bool ok = start_daemon(h, fds[0], false);
		if (fds[1] >= 0)
			(void)start_daemon(h, fds[1], false);
		return ok ? ERR_OK : err_set(err, ERR_IO, "err_http_start", NULL);
	}
	if (o->listen && errno == EINVAL)
		return err_set(err, ERR_INVALID, "err_listen_address", "address=%s", o->listen);
	if (errno != EADDRINUSE)
		return err_set_errno(err, errno, "err_port_open", "port=%d", first);
	return err_set(err, ERR_IO, tries > 1 ? "err_ports_in_use" : "err_port_in_use", "port=%d|last=%d", first,
		       first + tries - 1);
}

/* For raters and viewers on the network, on the port that this machine uses. */
static enum err_code open_lan(struct http *h, const char *address, struct err *err)
{
	int fd = listen_at(address, h->port);
	if (fd < 0)
		return err_set_errno(err, errno, "err_lan_open", "address=%s|port=%d", address, h->port);
	if (!start_daemon(h, fd, false))
		return err_set(err, ERR_IO, "err_http_start", NULL);
	h->listeners[h->n_listeners - 1].is_lan = true;
	return ERR_OK;
}

static enum err_code open_unix(struct http *h, const char *path, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (!str_format(address.sun_path, sizeof address.sun_path, "%s", path))
		return err_set(err, ERR_INVALID, "err_socket_path", "path=%s|limit=%zu|found=%zu", path, sizeof address.sun_path - 1,
			       strlen(path));
	(void)unlink(path); /* of a server that died: we hold the lock of the data directory */
	mode_t before = umask(0177);
	int fd = listen_on((struct sockaddr *)&address, sizeof address);
	int why = errno;
	umask(before);
	if (fd < 0)
		return err_set_errno(err, why, "err_socket_open", "path=%s", path);
	return start_daemon(h, fd, true) ? ERR_OK : err_set(err, ERR_IO, "err_http_start", NULL);
}

static bool has_room(void *user)
{
	struct listener *l = user;
	return MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections < LIMIT_CONNECTIONS;
}

static void take_connection(void *user, int fd, const struct sockaddr *from, socklen_t size)
{
	struct listener *l = user;
	if (MHD_add_connection(l->daemon, fd, from, size) != MHD_YES) /* which closes it */
		log_debug("http", "a connection was refused");
}

static void on_epoll(void *user, int events)
{
	struct listener *l = user;
	(void)events;
	MHD_run(l->daemon);
}

enum err_code http_open(struct app *app, const struct app_options *options, const char *socket_path, struct http **out,
			struct err *err)
{
	struct http *h = mem_alloc(sizeof *h);
	h->app = app;
	h->sweeper = loop_timer_new(app->loop, sweep, h);
	h->max_conns = choose_max_conns();
	h->guests = buckets_new(LIMIT_GUEST_REQUESTS, 10 * LIMIT_GUEST_REQUESTS);
	h->addresses = buckets_new(LIMIT_ADDRESS_REQUESTS, 10 * LIMIT_ADDRESS_REQUESTS);
	enum err_code code = open_unix(h, socket_path, err);
	if (code == ERR_OK && options->tcp)
		code = open_tcp(h, options, err);
	if (code == ERR_OK && options->tcp && options->lan)
		code = open_lan(h, options->lan, err);
	for (size_t i = 0; code == ERR_OK && i < h->n_listeners; i++) {
		struct listener *l = &h->listeners[i];
		const struct acceptor_owner owner = { has_room, take_connection, l };
		int fd = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD)->listen_fd;
		l->watch = loop_add_fd(app->loop, fd, LOOP_READ, on_epoll, l);
		l->acceptor = acceptor_new(app->loop, l->fd, &owner);
		l->fd = -1;
	}
	*out = h;
	return code;
}

int http_port(const struct http *h)
{
	return h->port;
}

int64_t http_prepare(struct http *h)
{
	int64_t wait = -1;
	bool must_run = h->must_run;
	h->must_run = false;
	for (size_t i = 0; i < h->n_listeners; i++) {
		MHD_UNSIGNED_LONG_LONG ms = 0;
		struct MHD_Daemon *d = h->listeners[i].daemon;
		bool has = MHD_get_timeout(d, &ms) == MHD_YES;
		if (must_run || (has && ms == 0)) {
			MHD_run(d);
			has = MHD_get_timeout(d, &ms) == MHD_YES;
		}
		if (has && (wait < 0 || (int64_t)ms < wait))
			wait = (int64_t)ms;
	}
	return wait;
}

void http_quiesce(struct http *h)
{
	for (size_t i = 0; i < h->n_listeners; i++) {
		acceptor_free(h->listeners[i].acceptor);
		h->listeners[i].acceptor = NULL;
	}
}

void http_close(struct http *h)
{
	if (!h)
		return;
	http_quiesce(h);
	for (size_t i = 0; i < h->n_listeners; i++) {
		struct listener *l = &h->listeners[i];
		loop_remove_fd(l->watch);
		if (l->fd >= 0)
			close(l->fd);
		exchange_resume_all(h, l->daemon);
		MHD_stop_daemon(l->daemon);
	}
	buckets_free(h->guests);
	buckets_free(h->addresses);
	loop_timer_free(h->sweeper);
	mem_free(h);
}
