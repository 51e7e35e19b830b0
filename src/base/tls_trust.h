/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_trust - whose certificate is believed, for one server, and why another was not, as a sentence.
 *
 * Certificates are always checked: against this machine's authorities, or against those in a file, or the server's own
 * against its fingerprint, which stands in for its signature, its name and its dates.  Thread: any. */
#ifndef ASSAY_BASE_TLS_TRUST_H
#define ASSAY_BASE_TLS_TRUST_H

#include "base/err.h"
#include "base/hash.h"

#define TLS_FINGERPRINT_SIZE 96 /* "AB:CD:...", 32 pairs */

/* NULL or "" for both: the authorities of this machine. */
struct tls_trust {
	const char *ca_file; /* PEM; in place of this machine's authorities */
	const char *pin;     /* SHA-256 of the certificate as DER, as tls_pin_parse() writes it; goes before ca_file */
};

enum tls_fault {
	TLS_UNKNOWN, /* nothing was looked at, or all was well */
	TLS_EXPIRED,
	TLS_EARLY,   /* not valid yet */
	TLS_SELF_SIGNED,
	TLS_ISSUER,  /* signed by somebody whom nobody here knows */
	TLS_PIN,
	TLS_OTHER,
};

/* What a server showed in a handshake. */
struct tls_look {
	char pin[HASH_HEX_SIZE];  /* what is wanted; "": none */
	char seen[HASH_HEX_SIZE]; /* "": it showed none */
	enum tls_fault fault;
	char names[160];          /* whom the certificate belongs to: the first few */
	char date[16];            /* the day that TLS_EXPIRED and TLS_EARLY mean */
	long reason;              /* OpenSSL's */
};

/* Reads a fingerprint with or without colons, in any case, also after "sha256:" or "... Fingerprint=". */
bool tls_pin_parse(const char *text, char pin[HASH_HEX_SIZE]);
/* "AB:CD:..." of a pin; "" of "". */
void tls_pin_format(const char *pin, char out[TLS_FINGERPRINT_SIZE]);

/* Whether there are certificates at this absolute path: ERR_INVALID "err_tls_ca_path", "err_tls_ca_read", "err_tls_ca_pem". */
MUST_USE enum err_code tls_ca_check(const char *path, struct err *err);

/* Sets a transfer of libcurl (a CURL *) up; `look` must live as long as its connection is being made.  ERR_UNSUPPORTED "err_tls_library" where
 * this libcurl cannot check a pin. */
MUST_USE enum err_code tls_trust_apply(void *easy, const struct tls_trust *trust, struct tls_look *look, struct err *err);

/* The sentence for a transfer that libcurl ended with `result` (a CURLcode) because of a certificate; its argument "fingerprint" is what the
 * server showed, if it did. */
void tls_explain(const struct tls_look *look, const char *ca_file, int result, const char *url, const char *host,
		 struct err *err);

#endif
