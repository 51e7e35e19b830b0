/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tls_trust.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"

#define NAMES_SHOWN 3

/* --- fingerprints --- */

bool tls_pin_parse(const char *text, char pin[HASH_HEX_SIZE])
{
	static const char prefix[] = "sha256:";
	const char *equals = strrchr(text, '=');
	size_t n = 0;

	if (equals)
		text = equals + 1;
	else if (strncasecmp(text, prefix, sizeof prefix - 1) == 0)
		text += sizeof prefix - 1;
	for (; *text; text++) {
		if (*text == ':' || isspace((unsigned char)*text))
			continue;
		if (!isxdigit((unsigned char)*text) || n == HASH_HEX_SIZE - 1)
			return false;
		pin[n++] = (char)tolower((unsigned char)*text);
	}
	pin[n] = 0;
	return n == HASH_HEX_SIZE - 1;
}

void tls_pin_format(const char *pin, char out[TLS_FINGERPRINT_SIZE])
{
	size_t n = 0;

	for (size_t i = 0; pin[i] && n + 2 <= TLS_FINGERPRINT_SIZE; i++) {
		if (i > 0 && i % 2 == 0)
			out[n++] = ':';
		out[n++] = (char)toupper((unsigned char)pin[i]);
	}
	out[n] = 0;
}

/* --- a file of authorities --- */

static size_t count_certificates(struct str text)
{
	BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
	size_t n = 0;
	X509 *one;

	while (bio && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		X509_free(one);
		n++;
	}
	BIO_free(bio);
	ERR_clear_error();
	return n;
}

enum err_code tls_ca_check(const char *path, struct err *err)
{
	struct buf text = BUF_INIT(LIMIT_CA_FILE);
	enum err_code code;

	if (path[0] != '/')
		return err_set(err, ERR_INVALID, "err_tls_ca_path", "field=ca_file|path=%s", path);
	if (access(path, R_OK) != 0)
		return err_set(err, ERR_INVALID, "err_tls_ca_read", "field=ca_file|path=%s|reason=%s", path, strerror(errno));
	code = fs_read(path, &text, err);
	if (code == ERR_OK && (!text.len || count_certificates(buf_str(&text)) == 0))
		code = err_set(err, ERR_INVALID, "err_tls_ca_pem", "field=ca_file|path=%s", path);
	buf_release(&text);
	return code;
}

/* --- what a server shows --- */

static void add_name(struct tls_look *look, const char *name, size_t len)
{
	size_t at = strlen(look->names);

	(void)str_format(look->names + at, sizeof look->names - at, "%s%.*s", at ? ", " : "", (int)len, name);
}

static void note_names(struct tls_look *look, X509 *leaf)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	char text[128];

	look->names[0] = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < NAMES_SHOWN; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		int len = name->type == GEN_DNS || name->type == GEN_IPADD ? ASN1_STRING_length(name->d.ia5) : 0;
		const unsigned char *data = len ? ASN1_STRING_get0_data(name->d.ia5) : NULL;
		if (name->type == GEN_DNS && len > 0)
			add_name(look, (const char *)data, (size_t)len);
		else if ((len == 4 || len == 16) && inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text, sizeof text))
			add_name(look, text, strlen(text));
	}
	GENERAL_NAMES_free(names);
	if (!look->names[0] && X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, text, sizeof text) > 0)
		add_name(look, text, strlen(text));
}

static void note_date(struct tls_look *look, const ASN1_TIME *time)
{
	struct tm tm;

	if (time && ASN1_TIME_to_tm(time, &tm) == 1)
		(void)str_format(look->date, sizeof look->date, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static void note_fault(struct tls_look *look, X509_STORE_CTX *store)
{
	const X509 *current = X509_STORE_CTX_get_current_cert(store);

	look->reason = X509_STORE_CTX_get_error(store);
	switch (look->reason) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		look->fault = TLS_EXPIRED;
		note_date(look, current ? X509_get0_notAfter(current) : NULL);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		look->fault = TLS_EARLY;
		note_date(look, current ? X509_get0_notBefore(current) : NULL);
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		look->fault = TLS_SELF_SIGNED;
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		look->fault = TLS_ISSUER;
		break;
	default:
		look->fault = TLS_OTHER;
	}
}

static void note_digest(struct tls_look *look, const X509 *leaf)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (X509_digest(leaf, EVP_sha256(), digest, &len) == 1 && len == HASH_SIZE)
		hash_hex(digest, look->seen);
}

/* In the place of OpenSSL's own check, which it calls. */
static int on_verify(X509_STORE_CTX *store, void *user)
{
	struct tls_look *look = user;
	X509 *leaf = X509_STORE_CTX_get0_cert(store);

	look->fault = TLS_UNKNOWN;
	look->seen[0] = 0;
	if (leaf) {
		note_digest(look, leaf);
		note_names(look, leaf);
	}
	if (look->pin[0]) {
		bool is_right = strcmp(look->seen, look->pin) == 0;
		look->fault = is_right ? TLS_UNKNOWN : TLS_PIN;
		X509_STORE_CTX_set_error(store, is_right ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
		return is_right;
	}
	if (X509_verify_cert(store) > 0)
		return 1;
	note_fault(look, store);
	return 0;
}

static CURLcode on_context(CURL *easy, void *context, void *user)
{
	(void)easy;
	/* A later handshake of the same connection would come when `look` is gone. */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_cert_verify_callback(context, on_verify, user);
	return CURLE_OK;
}

enum err_code tls_trust_apply(void *easy, const struct tls_trust *trust, struct tls_look *look, struct err *err)
{
	bool is_pinned = trust->pin && trust->pin[0];

	*look = (struct tls_look){ 0 };
	(void)str_format(look->pin, sizeof look->pin, "%s", is_pinned ? trust->pin : "");
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, is_pinned ? 0L : 2L);
	bool can_look = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, look) == CURLE_OK;
	if (is_pinned && !can_look)
		return err_set(err, ERR_UNSUPPORTED, "err_tls_library", "library=%s", curl_version_info(CURLVERSION_NOW)->ssl_version);
	if (!is_pinned && !(trust->ca_file && trust->ca_file[0]))
		return ERR_OK;
	/* libcurl lends connections and sessions by what it knows of their trust: neither a pin nor what a file held. */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	if (!is_pinned) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, trust->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* nobody else */
#if LIBCURL_VERSION_NUM >= 0x075700
		curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
	}
	return ERR_OK;
}

/* --- why not --- */

void tls_explain(const struct tls_look *look, const char *ca_file, int result, const char *url, const char *host,
		 struct err *err)
{
	static const char *const keys[] = {
		[TLS_EXPIRED] = "err_tls_expired", [TLS_EARLY] = "err_tls_early", [TLS_SELF_SIGNED] = "err_tls_self_signed",
		[TLS_ISSUER] = "err_tls_issuer",   [TLS_PIN] = "err_tls_pin",
	};
	bool is_known = look->fault > TLS_UNKNOWN && look->fault < TLS_OTHER;
	const char *reason = curl_easy_strerror((CURLcode)result), *key = is_known ? keys[look->fault] : "err_http_tls";
	char fingerprint[TLS_FINGERPRINT_SIZE];

	if (result == CURLE_SSL_CACERT_BADFILE && ca_file && tls_ca_check(ca_file, err) != ERR_OK) {
		if (err)
			err->code = ERR_DENIED;
		return;
	}
	tls_pin_format(look->seen, fingerprint);
	/* All was well but what libcurl checks itself: the name. */
	if (result == CURLE_PEER_FAILED_VERIFICATION && look->fault == TLS_UNKNOWN && look->seen[0])
		key = "err_tls_host";
	if (look->fault == TLS_OTHER)
		reason = X509_verify_cert_error_string(look->reason);
	err_set(err, ERR_DENIED, key, "url=%s|fingerprint=%s|host=%.100s|names=%s|date=%s|reason=%s", url, fingerprint, host, look->names,
		look->date, reason);
}
