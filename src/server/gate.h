/* SPDX-License-Identifier: Apache-2.0
 *
 * gate - decides whether a request may be looked at, before it is routed: a pure function over its headers.
 *
 * The order is part of the design: Host, Origin and Sec-Fetch-Site, credentials, content type, role.  A page of another
 * site, another server on this machine and another user of it all fail at one of the first three.
 * Thread: any. */
#ifndef ASSAY_SERVER_GATE_H
#define ASSAY_SERVER_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum gate_role {
	GATE_PUBLIC, /* the page itself, /healthz, the login */
	GATE_LOCAL,  /* nobody needs to be logged in, but only this machine may: the owner's login */
	GATE_OWNER,  /* a session with both halves, or the unix socket; not from the network */
	GATE_RATER,  /* a rater's session with both halves */
	GATE_VIEWER, /* a viewer's session with both halves */
	GATE_UNIX,   /* the unix socket only */
	GATE_KEY,    /* a program with an API key and nothing that a browser sends, or the unix socket */
};

enum gate_body {
	GATE_NO_BODY,
	GATE_JSON,
	GATE_MAYBE_JSON, /* JSON, or nothing at all */
	GATE_BYTES,      /* application/octet-stream */
};

/* Texts are NULL where the header is absent; the counts say how often a header came. */
struct gate_headers {
	bool is_unix;
	bool is_lan; /* came to the address of --lan */
	const char *method;
	int n_host, n_origin, n_key, n_authorization;
	const char *host, *origin, *key;
	const char *fetch_site, *fetch_mode, *fetch_dest;
	const char *cookie, *authorization;
	const char *content_type;
	bool has_upgrade;
	bool has_body;
};

struct gate_rule {
	bool is_page; /* shell and its files: may be opened from the address bar or a link */
	enum gate_role role;
	enum gate_body body;
};

/* True if both halves belong to a live session; then `*id` is its number. */
typedef bool (*gate_session_fn)(void *user, struct str cookie, struct str key, int64_t *id);

/* True if this is an API key. */
typedef bool (*gate_key_fn)(void *user, struct str key);

/* Sessions of one kind: the owner's, or those of people who were invited. */
struct gate_sessions {
	const char *cookie;      /* the name of its cookie; a number may follow where it ends in '_', one for each panel of a browser */
	int n_tried;             /* cookies of that name that are looked at */
	gate_session_fn check;
	const char *refusal;     /* message key for who has none */
};

struct gate_config {
	int port;                /* ours; 0: no port is right */
	struct gate_sessions owner, raters, viewers;
	void *user;
	gate_key_fn api_key;     /* NULL: no key is right */
	const char *const *lan_hosts; /* names of this machine on the network, ended by NULL; NULL: none */
};

/* Returns 0, or the HTTP status of the refusal with its reason in `err`.  `*session` is the session used, 0 without. */
int gate_check(const struct gate_config *config, const struct gate_rule *rule, const struct gate_headers *h,
	       int64_t *session, struct err *err);

/* True for methods that must not change anything. */
bool gate_is_safe(const char *method);

#endif
