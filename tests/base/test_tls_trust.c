/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a TLS server on a thread of this test, with certificates that are made here. */
#include "support/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/http_client.h"
#include "base/mem.h"
#include "support/temp.h"

#define DAY 86400L
#define KEY "sk-planted-key-in-a-test"

/* --- certificates --- */

struct identity {
	X509 *certificate;
	EVP_PKEY *key;
	char pin[HASH_HEX_SIZE];
};

static struct identity authority, good, expired, early, stranger, self_signed, elsewhere;

static void extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(certificate, e, -1), 1);
	X509_EXTENSION_free(e);
}

/* Signed by `issuer`, NULL: by itself; valid from day `from` to day `to`, today being 0. */
static struct identity identity_make(const char *name, const char *san, const struct identity *issuer, long from, long to)
{
	static long serial = 1;
	struct identity made = { .certificate = X509_new(), .key = EVP_EC_gen("P-256") };
	X509 *c = made.certificate;
	uint8_t digest[32];
	unsigned len;

	X509_set_version(c, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c), serial++);
	X509_gmtime_adj(X509_getm_notBefore(c), from * DAY);
	X509_gmtime_adj(X509_getm_notAfter(c), to * DAY);
	X509_set_pubkey(c, made.key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(c, X509_get_subject_name(issuer ? issuer->certificate : c));
	if (san)
		extend(c, NID_subject_alt_name, san);
	else
		extend(c, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(c, issuer ? issuer->key : made.key, EVP_sha256()) > 0);
	assert_int_equal(X509_digest(c, EVP_sha256(), digest, &len), 1);
	hash_hex(digest, made.pin);
	return made;
}

static void identity_free(struct identity *i)
{
	X509_free(i->certificate);
	EVP_PKEY_free(i->key);
}

/* --- the server --- */

static int listener, port;
static pthread_t server_thread;
static _Atomic(const struct identity *) shown;
static atomic_int n_requests;
static char last_head[4096];

static void serve_one(int fd)
{
	const struct identity *who = atomic_load(&shown);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(context, who->certificate);
	SSL_CTX_use_PrivateKey(context, who->key);
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		int n = SSL_read(ssl, last_head, sizeof last_head - 1);
		if (n > 0) {
			static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
			last_head[n] = 0;
			atomic_fetch_add(&n_requests, 1);
			SSL_write(ssl, reply, sizeof reply - 1);
			SSL_read(ssl, last_head + n, 1); /* the client closes, or asks again: then it gets nothing */
		}
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
}

static void *serve(void *unused)
{
	(void)unused;
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		serve_one(fd);
		close(fd);
	}
}

/* --- the client --- */

static struct temp temp;
static const char *ca_path;
static struct err result;
static struct str body;
static char text[64];
static struct loop *loop;

static void on_done(void *user, const struct http_reply *reply, const struct err *err)
{
	(void)user;
	result = *err;
	(void)str_format(text, sizeof text, "%.*s", (int)reply->body.len, reply->body.ptr);
	body = str_of(text);
	loop_stop(loop);
}

/* Asks `host` with the key while the server shows `who`; the error's key, "" for an answer. */
static const char *ask_with(struct http_client *client, const char *host, const struct identity *who, const char *ca_file, const char *pin)
{
	char url[128];
	snprintf(url, sizeof url, "https://%s:%d/ok", host, port);
	struct http_request r = { .method = "GET", .url = url, .bearer = KEY, .trust = { ca_file, pin },
				  .limits = http_limits_default(), .done = on_done };
	int before = atomic_load(&n_requests);
	atomic_store(&shown, who);
	body = (struct str){ 0 };
	http_client_start(client, &r);
	loop_run(loop);
	bool answered = result.code == ERR_OK && str_eq_text(body, "hello");
	assert_int_equal(answered, result.code == ERR_OK);
	assert_int_equal(atomic_load(&n_requests), before + (answered ? 1 : 0)); /* no key for who is not believed */
	return result.key;
}

static const char *ask(const char *host, const struct identity *who, const char *ca_file, const char *pin)
{
	struct http_client *client = http_client_new(loop);
	const char *key = ask_with(client, host, who, ca_file, pin);
	http_client_free(client);
	return key;
}

static void assert_fingerprint(const struct identity *who)
{
	char wanted[TLS_FINGERPRINT_SIZE];
	tls_pin_format(who->pin, wanted);
	assert_arg(&result, "fingerprint", wanted);
}

static void a_certificate_is_believed_by_a_ca_file_or_its_pin_and_by_nothing_else(void **state)
{
	const char *self_path = temp_path(&temp, "self.pem");
	FILE *f = fopen(self_path, "w");
	(void)state;
	PEM_write_X509(f, self_signed.certificate);
	fclose(f);
	assert_string_equal(ask("localhost", &good, NULL, NULL), "err_tls_issuer");
	assert_fingerprint(&good);
	assert_string_equal(ask("localhost", &good, ca_path, NULL), "");
	assert_string_equal(ask("127.0.0.1", &good, ca_path, ""), "");
	assert_string_equal(ask("localhost", &good, "", good.pin), "");
	assert_string_equal(ask("localhost", &good, self_path, NULL), "err_tls_issuer"); /* the wrong authority */
	assert_string_equal(ask("localhost", &self_signed, NULL, NULL), "err_tls_self_signed");
	assert_fingerprint(&self_signed);
	assert_string_equal(ask("localhost", &self_signed, ca_path, NULL), "err_tls_self_signed");
	assert_string_equal(ask("localhost", &self_signed, self_path, NULL), "");
	assert_string_equal(ask("localhost", &self_signed, NULL, self_signed.pin), "");
	assert_string_equal(ask("localhost", &stranger, ca_path, NULL), "err_tls_issuer");
}

static void what_is_wrong_with_a_certificate_is_said(void **state)
{
	(void)state;
	assert_string_equal(ask("localhost", &expired, ca_path, NULL), "err_tls_expired");
	assert_fingerprint(&expired);
	char date[32] = "";
	assert_true(err_arg(&result, "date", date, sizeof date) && date[0] == '2' && strlen(date) == 10);
	assert_string_equal(ask("localhost", &early, ca_path, NULL), "err_tls_early");
	assert_string_equal(ask("localhost", &elsewhere, ca_path, NULL), "err_tls_host");
	assert_arg(&result, "names", "nas.example, 192.0.2.7");
	assert_arg(&result, "host", "localhost");
	assert_fingerprint(&elsewhere);
	assert_int_equal(result.code, ERR_DENIED);
}

static void a_pin_stands_for_one_certificate_whatever_it_says_of_itself(void **state)
{
	(void)state;
	assert_string_equal(ask("localhost", &elsewhere, NULL, elsewhere.pin), "");
	assert_string_equal(ask("localhost", &expired, NULL, expired.pin), "");
	assert_string_equal(ask("localhost", &good, NULL, elsewhere.pin), "err_tls_pin");
	assert_fingerprint(&good);
	assert_string_equal(ask("localhost", &good, ca_path, elsewhere.pin), "err_tls_pin"); /* a good one, and not that one */
}

static void a_connection_is_not_lent_to_who_believes_something_else(void **state)
{
	struct http_client *client = http_client_new(loop);
	(void)state;
	assert_string_equal(ask_with(client, "localhost", &good, NULL, good.pin), "");
	assert_string_equal(ask_with(client, "localhost", &good, NULL, elsewhere.pin), "err_tls_pin");
	assert_string_equal(ask_with(client, "localhost", &good, NULL, NULL), "err_tls_issuer");
	assert_string_equal(ask_with(client, "localhost", &good, NULL, good.pin), "");
	assert_string_equal(ask_with(client, "localhost", &self_signed, NULL, good.pin), "err_tls_pin");
	http_client_free(client);
}

static void a_ca_file_that_is_none_is_named(void **state)
{
	const char *junk = temp_file(&temp, "junk.pem", "no certificate", 14);
	struct err err = { 0 };
	(void)state;
	assert_string_equal(ask("localhost", &good, junk, NULL), "err_tls_ca_pem");
	assert_int_equal(result.code, ERR_DENIED);
	assert_string_equal(ask("localhost", &good, "/nowhere/ca.pem", NULL), "err_tls_ca_read");
	assert_arg(&result, "path", "/nowhere/ca.pem");
	assert_int_equal(tls_ca_check("ca.pem", &err), ERR_INVALID);
	assert_err(&err, "err_tls_ca_path");
	assert_int_not_equal(tls_ca_check(temp.dir, &err), ERR_OK);
	assert_ok(tls_ca_check(ca_path, &err));
}

static void a_fingerprint_is_read_as_tools_print_it(void **state)
{
	char pin[HASH_HEX_SIZE], shown_as[TLS_FINGERPRINT_SIZE], line[160];
	(void)state;
	tls_pin_format(good.pin, shown_as);
	assert_int_equal(strlen(shown_as), 95);
	assert_true(tls_pin_parse(shown_as, pin));
	assert_string_equal(pin, good.pin);
	assert_true(tls_pin_parse(good.pin, pin));
	snprintf(line, sizeof line, "sha256 Fingerprint=%s\n", shown_as);
	assert_true(tls_pin_parse(line, pin));
	assert_string_equal(pin, good.pin);
	snprintf(line, sizeof line, "SHA256:%s", good.pin);
	assert_true(tls_pin_parse(line, pin));
	snprintf(line, sizeof line, "%s0", good.pin);
	assert_false(tls_pin_parse(line, pin));
	assert_false(tls_pin_parse("", pin));
	assert_false(tls_pin_parse("AB:CD", pin));
	good.pin[0] ^= 0x40; /* no digit any more */
	assert_false(tls_pin_parse(good.pin, pin));
	good.pin[0] ^= 0x40;
}

static int open_all(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	(void)state;
	temp_open(&temp);
	authority = identity_make("test authority", NULL, NULL, -1, 9);
	good = identity_make("good", "DNS:localhost,IP:127.0.0.1", &authority, -1, 9);
	expired = identity_make("expired", "DNS:localhost", &authority, -9, -1);
	early = identity_make("early", "DNS:localhost", &authority, 5, 9);
	elsewhere = identity_make("elsewhere", "DNS:nas.example,IP:192.0.2.7", &authority, -1, 9);
	self_signed = identity_make("self", "DNS:localhost", NULL, -1, 9);
	struct identity other = identity_make("another authority", NULL, NULL, -1, 9);
	stranger = identity_make("stranger", "DNS:localhost", &other, -1, 9);
	identity_free(&other);
	ca_path = temp_path(&temp, "ca.pem");
	FILE *f = fopen(ca_path, "w");
	PEM_write_X509(f, authority.certificate);
	fclose(f);
	loop = loop_new();
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) != 0)
		return -1;
	port = ntohs(address.sin_port);
	return pthread_create(&server_thread, NULL, serve, NULL);
}

static int close_all(void **state)
{
	struct identity *const each[] = { &authority, &good, &expired, &early, &stranger, &self_signed, &elsewhere };
	(void)state;
	shutdown(listener, SHUT_RDWR);
	close(listener);
	pthread_join(server_thread, NULL);
	loop_free(loop);
	for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
		identity_free(each[i]);
	temp_close(&temp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_is_believed_by_a_ca_file_or_its_pin_and_by_nothing_else),
		cmocka_unit_test(what_is_wrong_with_a_certificate_is_said),
		cmocka_unit_test(a_pin_stands_for_one_certificate_whatever_it_says_of_itself),
		cmocka_unit_test(a_connection_is_not_lent_to_who_believes_something_else),
		cmocka_unit_test(a_ca_file_that_is_none_is_named),
		cmocka_unit_test(a_fingerprint_is_read_as_tools_print_it),
	};
	return cmocka_run_group_tests_name("tls_trust", tests, open_all, close_all);
}
