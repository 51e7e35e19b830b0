/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a server on a thread of this test, which answers by the path it is asked for. */
#include "support/check.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

/* --- the server --- */

static int listener;
static int port;
static pthread_t server_thread;
static atomic_int n_requests;
static char last_head[8192];
static atomic_size_t last_body;
static char keys_sent[16]; /* whether the requests of a chain had the key, a letter each */
static char wanted_key[64]; /* what /keyed takes */
static pthread_mutex_t shared = PTHREAD_MUTEX_INITIALIZER; /* of these texts */

static bool head_has(const char *text)
{
	pthread_mutex_lock(&shared);
	bool found = strstr(last_head, text) != NULL;
	pthread_mutex_unlock(&shared);
	return found;
}

static void forget_keys_sent(void)
{
	pthread_mutex_lock(&shared);
	keys_sent[0] = 0;
	pthread_mutex_unlock(&shared);
}

static void want_key(const char *key)
{
	pthread_mutex_lock(&shared);
	snprintf(wanted_key, sizeof wanted_key, "%s", key);
	pthread_mutex_unlock(&shared);
}

static void note_head(const char *head, size_t len)
{
	pthread_mutex_lock(&shared);
	memcpy(last_head, head, len + 1);
	size_t n = strlen(keys_sent);
	if (n + 1 < sizeof keys_sent) {
		keys_sent[n + 1] = 0;
		keys_sent[n] = strstr(head, "Authorization: Bearer sk-") ? 'y' : 'n';
	}
	pthread_mutex_unlock(&shared);
}

static void assert_keys_sent(const char *wanted)
{
	char sent[sizeof keys_sent];
	pthread_mutex_lock(&shared);
	memcpy(sent, keys_sent, sizeof sent);
	pthread_mutex_unlock(&shared);
	assert_string_equal(sent, wanted);
}

static void put(int fd, const char *text)
{
	size_t len = strlen(text);
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void nap(int ms)
{
	usleep((useconds_t)ms * 1000);
}

static void stream(int fd, int n, int pause_ms)
{
	put(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n");
	for (int i = 0; i < n; i++) {
		char line[32];
		snprintf(line, sizeof line, "line %d\n", i);
		put(fd, line);
		nap(pause_ms);
	}
}

/* As this server does after each reply: one that is asked on is a race, of which libcurl takes five for each request. */
#define BYE "Connection: close\r\n"

static void answer(int fd, const char *path)
{
	char text[512];

	if (!strcmp(path, "/ok"))
		put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	else if (!strcmp(path, "/missing"))
		put(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 16\r\n\r\n{\"error\":\"gone\"}");
	else if (!strcmp(path, "/busy"))
		put(fd, "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
	else if (!strcmp(path, "/stream"))
		stream(fd, 5, 1);
	else if (!strcmp(path, "/endless"))
		stream(fd, 2000, 0);
	else if (!strcmp(path, "/silent"))
		nap(1500);
	else if (!strcmp(path, "/stall")) {
		put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun");
		nap(1500);
	} else if (!strcmp(path, "/cut"))
		put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	else if (!strcmp(path, "/away")) {
		snprintf(text, sizeof text, "HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:%d/ok\r\n" BYE "Content-Length: 0\r\n\r\n", port);
		put(fd, text);
	} else if (!strcmp(path, "/loop")) {
		snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nLocation: /loop\r\n" BYE "Content-Length: 0\r\n\r\n");
		put(fd, text);
	} else if (!strcmp(path, "/other")) { /* the same server under another name */
		snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nLocation: http://localhost:%d/back?key=k\r\n" BYE "Content-Length: 0\r\n\r\n", port);
		put(fd, text);
	} else if (!strcmp(path, "/back?key=k")) {
		snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/ok\r\n" BYE "Content-Length: 0\r\n\r\n", port);
		put(fd, text);
	} else if (!strcmp(path, "/metadata"))
		put(fd, "HTTP/1.1 302 Found\r\nLocation: http://169.254.1.2/latest\r\nContent-Length: 0\r\n\r\n");
	else if (!strcmp(path, "/named")) {
		snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nLocation: http://inner.test:%d/ok\r\n" BYE "Content-Length: 0\r\n\r\n", port);
		put(fd, text);
	} else if (!strcmp(path, "/script"))
		put(fd, "HTTP/1.1 302 Found\r\nLocation: javascript:alert(1)\r\nContent-Length: 0\r\n\r\n");
	else if (!strcmp(path, "/part"))
		put(fd, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/5\r\nETag: \"e\"\r\nContent-Length: 3\r\n\r\nllo");
	else if (!strcmp(path, "/keyed")) {
		pthread_mutex_lock(&shared);
		snprintf(text, sizeof text, "Authorization: Bearer %s\r\n", wanted_key);
		pthread_mutex_unlock(&shared);
		put(fd, head_has(text) ? "HTTP/1.1 200 OK\r\n" BYE "Content-Length: 5\r\n\r\nhello"
						: "HTTP/1.1 401 No\r\n" BYE "Content-Length: 14\r\n\r\n{\"error\":\"no\"}");
	} else if (!strcmp(path, "/noise"))
		put(fd, "this is no HTTP at all\r\n\r\n");
	else
		put(fd, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
}

static void serve_one(int fd)
{
	char head[8192];
	size_t len = 0;
	char *end = NULL;

	while (!end && len < sizeof head - 1) {
		ssize_t n = recv(fd, head + len, sizeof head - 1 - len, 0);
		if (n <= 0)
			return;
		len += (size_t)n;
		head[len] = 0;
		end = strstr(head, "\r\n\r\n");
	}
	size_t body = len - (size_t)(end + 4 - head), wanted = 0;
	char *length = strstr(head, "Content-Length: ");
	if (length)
		sscanf(length, "Content-Length: %zu", &wanted);
	char path[256] = "";
	sscanf(head, "%*s %255s", path);
	char bytes[65536];
	while (body < wanted && strcmp(path, "/refuse")) {
		ssize_t n = recv(fd, bytes, sizeof bytes, 0);
		if (n <= 0)
			break;
		body += (size_t)n;
	}
	note_head(head, len);
	atomic_store(&last_body, body);
	atomic_fetch_add(&n_requests, 1);
	answer(fd, path);
}

static void *serve(void *unused)
{
	(void)unused;
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		serve_one(fd);
		close(fd);
	}
}

/* --- the client --- */

static struct loop *loop;
static struct http_client *client;
static struct buf got;
static uint64_t uploaded;
static int n_done, stop_after;
static struct err result;
static int status;
static int64_t retry_after;
static struct http_call *call;

static bool on_data(void *user, struct str data)
{
	(void)user;
	buf_add_str(&got, data);
	if (stop_after == -1) {
		http_call_cancel(call);
		loop_stop(loop);
	}
	return stop_after <= 0 || got.len < (size_t)stop_after;
}

static void on_upload(void *user, uint64_t sent)
{
	(void)user;
	uploaded = sent;
}

static void on_done(void *user, const struct http_reply *reply, const struct err *err)
{
	(void)user;
	n_done++;
	status = reply->status;
	result = *err;
	retry_after = reply->retry_after_ms;
	if (reply->body.len)
		buf_add_str(&got, reply->body);
	loop_stop(loop);
}

static struct http_request request_for(const char *method, const char *path)
{
	static char url[256];
	snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
	return (struct http_request){ .method = method, .url = url, .limits = http_limits_default(), .done = on_done };
}

static void run(const struct http_request *request)
{
	call = http_client_start(client, request);
	assert_int_equal(n_done, 0);
	loop_run(loop);
}

static int open_client(void **state)
{
	(void)state;
	loop = loop_new();
	client = http_client_new(loop);
	got = BUF_INIT(1 << 20);
	n_done = status = stop_after = 0;
	uploaded = 0;
	result = (struct err){ 0 };
	return 0;
}

static int close_client(void **state)
{
	(void)state;
	http_client_free(client);
	loop_free(loop);
	buf_release(&got);
	return 0;
}

static void a_reply_is_gathered_or_streamed(void **state)
{
	struct http_request r = request_for("GET", "/ok");
	(void)state;
	run(&r);
	assert_err(&result, "");
	assert_int_equal(status, 200);
	assert_string_equal(buf_text(&got), "hello");
	buf_clear(&got);
	n_done = 0;
	r = request_for("GET", "/stream");
	r.on_data = on_data;
	run(&r);
	assert_err(&result, "");
	assert_string_equal(buf_text(&got), "line 0\nline 1\nline 2\nline 3\nline 4\n");
}

static void a_status_is_a_reply_and_not_a_failure(void **state)
{
	struct http_request r = request_for("GET", "/missing");
	(void)state;
	r.on_data = on_data; /* is for success only */
	run(&r);
	assert_err(&result, "");
	assert_int_equal(status, 404);
	assert_string_equal(buf_text(&got), "{\"error\":\"gone\"}");
	n_done = 0;
	r = request_for("POST", "/busy");
	run(&r);
	assert_int_equal(status, 429);
	assert_int_equal(retry_after, 7000);
}

static void a_redirect_is_shown_and_not_followed(void **state)
{
	struct http_request r = request_for("GET", "/away");
	char target[64];
	(void)state;
	int before = atomic_load(&n_requests);
	r.bearer = "sk-planted-key-in-a-test";
	run(&r);
	assert_err(&result, "err_http_redirect");
	snprintf(target, sizeof target, "http://127.0.0.1:%d/ok", port);
	assert_arg(&result, "target", target);
	assert_int_equal(atomic_load(&n_requests), before + 1);
	assert_true(head_has("Authorization: Bearer sk-planted-key-in-a-test\r\n"));
}

static void redirects_are_followed_where_that_is_allowed_and_the_key_stays_behind(void **state)
{
	struct http_request r = request_for("GET", "/away");
	(void)state;
	r.bearer = "sk-planted-key-in-a-test";
	r.redirects = 5;
	forget_keys_sent();
	run(&r);
	assert_err(&result, "");
	assert_string_equal(buf_text(&got), "hello");
	assert_keys_sent("yy"); /* the same origin */
	static const struct {
		const char *path, *key, *keys;
	} cases[] = { { "/other", "", "ynn" },
		      { "/loop", "err_http_redirects", "yyyyyy" },
		      { "/metadata", "err_http_address", "y" },
		      { "/script", "err_http_redirect", "y" } };
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		r = request_for("GET", cases[i].path);
		r.bearer = "sk-planted-key-in-a-test";
		r.redirects = 5;
		forget_keys_sent();
		n_done = 0;
		run(&r);
		assert_err(&result, cases[i].key);
		assert_keys_sent(cases[i].keys);
	}
}

/* --- names: libcurl's look-up of what ends in .test finds what the test says, one after another --- */

static const char *const *lookups;
static atomic_int n_lookups;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result_list)
{
	typedef int (*getaddrinfo_fn)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	getaddrinfo_fn real;
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node && str_ends(str_of(node), ".test"))
		node = lookups[atomic_fetch_add(&n_lookups, 1)];
	return real(node, service, hints, result_list);
}

static struct http_request named(const char *host, const char *const *found)
{
	static char url[256];
	struct http_request r = request_for("GET", "/ok");
	snprintf(url, sizeof url, "http://%s:%d/ok", host, port);
	r.url = url;
	lookups = found;
	atomic_store(&n_lookups, 0);
	n_done = 0;
	return r;
}

static void a_name_that_leads_to_where_machines_keep_credentials_is_not_connected_to(void **state)
{
	static const char *const found[] = { "169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "100.100.100.200" };
	(void)state;
	for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
		struct http_request r = named("metadata.test", &found[i]);
		int before = atomic_load(&n_requests);
		r.limits.connect_ms = 3000;
		close_client(NULL); /* one that has looked nothing up yet */
		open_client(NULL);
		run(&r);
		assert_err(&result, "err_http_address");
		assert_int_equal(atomic_load(&n_lookups), 1);
		assert_int_equal(atomic_load(&n_requests), before);
	}
}

static void a_redirect_to_such_a_name_is_not_followed(void **state)
{
	static const char *const found[] = { "169.254.169.254" };
	struct http_request r = request_for("GET", "/named");
	(void)state;
	lookups = found;
	atomic_store(&n_lookups, 0);
	r.redirects = 5;
	run(&r);
	assert_err(&result, "err_http_address");
	assert_int_equal(atomic_load(&n_lookups), 1);
}

/* A name is not looked up to be judged and once more to be connected to: the address that is connected to is the one judged. */
static void a_name_that_leads_elsewhere_the_second_time_is_judged_again(void **state)
{
	static const char *const found[] = { "127.0.0.1", "169.254.169.254" };
	struct http_request r = named("rebind.test", found);
	(void)state;
	run(&r);
	assert_err(&result, "");
	assert_string_equal(buf_text(&got), "hello");
	assert_int_equal(atomic_load(&n_lookups), 1);
	close_client(NULL);
	open_client(NULL);
	run(&r);
	assert_err(&result, "err_http_address");
	assert_int_equal(atomic_load(&n_lookups), 2);
}

static char seen_etag[16];

static bool on_head(void *user, const struct http_reply *reply)
{
	(void)user;
	assert_int_equal(got.len, 0);
	assert_true(http_reply_header(reply, "etag", seen_etag, sizeof seen_etag));
	assert_false(http_reply_header(reply, "x-none", seen_etag + 8, 8));
	return reply->status == 206;
}

static void own_headers_are_sent_and_those_of_the_reply_can_be_read(void **state)
{
	static const char *const headers[] = { "Range: bytes=2-", "If-Range: \"e\"", NULL };
	struct http_request r = request_for("GET", "/part");
	(void)state;
	r.headers = headers;
	r.on_head = on_head;
	r.on_data = on_data;
	run(&r);
	assert_err(&result, "");
	assert_string_equal(buf_text(&got), "llo");
	assert_string_equal(seen_etag, "\"e\"");
	assert_true(head_has("\r\nRange: bytes=2-\r\n"));
	assert_true(head_has("\r\nIf-Range: \"e\"\r\n"));
}

static struct loop_timer *release_timer;
static size_t held_at;

static void release(void *user)
{
	(void)user;
	assert_int_equal(got.len, held_at); /* nothing came meanwhile */
	held_at = 0;
	http_call_hold(call, false);
}

static bool hold_once(void *user, struct str data)
{
	(void)user;
	buf_add_str(&got, data);
	if (!held_at && release_timer) {
		held_at = got.len;
		http_call_hold(call, true);
		loop_timer_set(release_timer, 300); /* longer than the server may be silent */
		release_timer = NULL;
	}
	return true;
}

static void a_call_that_is_held_waits_and_loses_nothing(void **state)
{
	struct http_request r = request_for("GET", "/endless");
	struct loop_timer *timer = release_timer = loop_timer_new(loop, release, NULL);
	(void)state;
	r.on_data = hold_once;
	r.limits.idle_ms = 100;
	run(&r);
	loop_timer_free(timer);
	assert_err(&result, "");
	assert_non_null(strstr(buf_text(&got), "line 1999\n"));
	assert_int_equal(held_at, 0);
}

static void a_body_is_sent_as_json_or_from_a_file(void **state)
{
	struct http_request r = request_for("POST", "/any");
	struct http_upload upload = { .fd = fileno(tmpfile()), .size = 3000000 };
	(void)state;
	r.json = STR("{\"a\":1}");
	run(&r);
	assert_int_equal(status, 201);
	assert_int_equal(atomic_load(&last_body), 7);
	assert_true(head_has("Content-Type: application/json\r\n"));
	assert_false(head_has("Expect:"));
	assert_int_equal(ftruncate(upload.fd, 3000000), 0);
	n_done = 0;
	r = request_for("POST", "/any");
	r.upload = &upload;
	r.on_upload = on_upload;
	run(&r);
	assert_err(&result, "");
	assert_int_equal(uploaded, 3000000);
	assert_int_equal(atomic_load(&last_body), 3000000);
	n_done = 0;
	upload.size = 4000000; /* the file became shorter */
	run(&r);
	assert_err(&result, "err_http_upload_file");
	close(upload.fd);
}

static void a_silent_server_ends_at_its_limit(void **state)
{
	struct http_request r = request_for("GET", "/silent");
	(void)state;
	r.limits.connect_ms = 50;
	r.limits.first_byte_ms = 50;
	run(&r);
	assert_err(&result, "err_http_timeout");
	n_done = 0;
	r = request_for("GET", "/stall");
	r.limits.idle_ms = 100;
	run(&r);
	assert_err(&result, "err_http_timeout");
	n_done = 0;
	r = request_for("GET", "/stall");
	r.limits.total_ms = 100;
	run(&r);
	assert_err(&result, "err_http_slow");
}

static void what_is_broken_or_too_big_fails_with_its_reason(void **state)
{
	struct http_request r = request_for("GET", "/cut");
	(void)state;
	run(&r);
	assert_err(&result, "err_http_broken");
	n_done = 0;
	r = request_for("GET", "/noise");
	run(&r);
	assert_true(result.code != ERR_OK);
	n_done = 0;
	r = request_for("GET", "/endless");
	r.limits.body_max = 1000;
	run(&r);
	assert_err(&result, "err_http_too_big");
	n_done = 0;
	r = request_for("GET", "/ok");
	r.url = "http://127.0.0.1:1/";
	run(&r);
	assert_err(&result, "err_http_connect");
	n_done = 0;
	r.url = "gopher://127.0.0.1/";
	run(&r);
	assert_err(&result, "err_url_scheme");
	n_done = 0;
	unsetenv("http_proxy");
	r.url = "http://name.invalid/";
	run(&r);
	assert_err(&result, "err_http_resolve");
}

static void a_call_that_is_cancelled_says_nothing_more(void **state)
{
	struct http_request r = request_for("GET", "/endless");
	(void)state;
	r.on_data = on_data;
	stop_after = 100;
	run(&r);
	assert_err(&result, "err_cancelled");
	n_done = 0;
	buf_clear(&got);
	stop_after = -1; /* cancels itself inside its own callback */
	run(&r);
	assert_int_equal(n_done, 0);
	call = http_client_start(client, &r);
	http_call_cancel(call);
	http_call_cancel(NULL);
	assert_int_equal(n_done, 0);
}

static void closing_ends_every_call_with_an_answer(void **state)
{
	struct http_request r = request_for("GET", "/silent");
	(void)state;
	http_client_start(client, &r);
	http_client_start(client, &r);
	http_client_close(client);
	assert_int_equal(n_done, 2);
	assert_err(&result, "err_cancelled");
	n_done = 0;
	run(&r);
	assert_err(&result, "err_cancelled");
}

/* Asks /keyed with the key that `command` tells. */
static void ask_keyed(const char *command)
{
	struct http_request r = request_for("POST", "/keyed");
	r.key_command = command;
	r.json = STR("{}");
	n_done = 0;
	buf_clear(&got);
	run(&r);
}

static void a_key_that_a_command_tells_is_asked_for_again_after_a_401(void **state)
{
	char path[] = "/tmp/assay-key-XXXXXX", command[64];
	int fd = mkstemp(path);
	(void)state;
	snprintf(command, sizeof command, "cat %s", path);
	want_key("key-one");
	assert_int_equal(write(fd, "key-one\n", 8), 8);
	ask_keyed(command);
	assert_err(&result, "");
	assert_int_equal(status, 200);
	/* Both change: the remembered key is refused once, and nobody notices. */
	want_key("key-two");
	assert_int_equal(pwrite(fd, "key-two\n", 8, 0), 8);
	int before = atomic_load(&n_requests);
	ask_keyed(command);
	assert_int_equal(status, 200);
	assert_string_equal(buf_text(&got), "hello");
	assert_int_equal(atomic_load(&n_requests), before + 2);
	/* The server's changes alone: its refusal stands, and the same key is not sent twice. */
	want_key("key-three");
	before = atomic_load(&n_requests);
	ask_keyed(command);
	assert_err(&result, "");
	assert_int_equal(status, 401);
	assert_string_equal(buf_text(&got), "{\"error\":\"no\"}");
	assert_int_equal(atomic_load(&n_requests), before + 1);
	/* Then it is asked for at once, and fails. */
	assert_int_equal(unlink(path), 0);
	ask_keyed(command);
	assert_err(&result, "err_key_command_failed");
	close(fd);
}

static void a_call_that_waits_for_its_key_can_be_cancelled_or_closed(void **state)
{
	struct http_request r = request_for("GET", "/keyed");
	(void)state;
	r.key_command = "sleep 100";
	http_call_cancel(http_client_start(client, &r));
	http_client_start(client, &r);
	http_client_close(client);
	assert_int_equal(n_done, 1);
	assert_err(&result, "err_cancelled");
}

static int open_server(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1); /* would break everything if loopback went through it */
	setenv("no_proxy", ".test", 1);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) != 0)
		return -1;
	port = ntohs(address.sin_port);
	return pthread_create(&server_thread, NULL, serve, NULL);
}

static int close_server(void **state)
{
	(void)state;
	shutdown(listener, SHUT_RDWR);
	close(listener);
	return pthread_join(server_thread, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_client, close_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_reply_is_gathered_or_streamed),
		TEST(a_status_is_a_reply_and_not_a_failure),
		TEST(a_redirect_is_shown_and_not_followed),
		TEST(redirects_are_followed_where_that_is_allowed_and_the_key_stays_behind),
		TEST(a_name_that_leads_to_where_machines_keep_credentials_is_not_connected_to),
		TEST(a_redirect_to_such_a_name_is_not_followed),
		TEST(a_name_that_leads_elsewhere_the_second_time_is_judged_again),
		TEST(own_headers_are_sent_and_those_of_the_reply_can_be_read),
		TEST(a_call_that_is_held_waits_and_loses_nothing),
		TEST(a_body_is_sent_as_json_or_from_a_file),
		TEST(a_silent_server_ends_at_its_limit),
		TEST(what_is_broken_or_too_big_fails_with_its_reason),
		TEST(a_call_that_is_cancelled_says_nothing_more),
		TEST(closing_ends_every_call_with_an_answer),
		TEST(a_key_that_a_command_tells_is_asked_for_again_after_a_401),
		TEST(a_call_that_waits_for_its_key_can_be_cancelled_or_closed),
	};
	return cmocka_run_group_tests_name("http_client", tests, open_server, close_server);
}
