/* SPDX-License-Identifier: Apache-2.0
 *
 * http_client - requests to other servers, on our event loop (libcurl multi).
 *
 * Redirects are followed only where a request allows it: else a 3xx is an error that names its target.  A key goes to the
 * origin that it was given for and to no other, nor to any after one has been visited; from https nothing leads to http, and
 * from a public address nothing to a local one.  Certificates are checked, proxies of the environment are not asked for
 * loopback addresses, and a name that means a link-local address is refused unless that address was typed.  A key goes into
 * one header and into no log.
 * Thread: loop, everything. */
#ifndef ASSAY_BASE_HTTP_CLIENT_H
#define ASSAY_BASE_HTTP_CLIENT_H

#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include "base/tls_trust.h"

struct http_client;
struct http_call; /* one request under way; gone after its done() or after http_call_cancel() */

struct http_limits {
	int64_t connect_ms;    /* with the look-up of the name */
	int64_t first_byte_ms; /* from the end of the request to the reply's first byte */
	int64_t idle_ms;       /* without a byte in either direction once they flow */
	int64_t total_ms;      /* 0: none */
	uint64_t body_max;     /* bytes of the reply */
};

/* 10 s, 120 s, 60 s, none, 8 MiB. */
struct http_limits http_limits_default(void);

/* A file as the request's body: read from its start; stays the caller's, open until the call is over. */
struct http_upload {
	int fd;
	uint64_t size;
};

struct http_reply {
	int status;             /* 0: none came */
	struct str body;        /* what on_data was not given; dead after done() */
	struct str head;        /* its header lines; dead after done() */
	int64_t retry_after_ms; /* -1: not said */
};
/* The value of a header of the reply, cut to fit; false where there is none. */
bool http_reply_header(const struct http_reply *reply, const char *name, char *out, size_t out_size);

struct http_request {
	const char *method, *url; /* copied, like all texts here */
	const char *bearer;       /* NULL or "": no key */
	const char *key_command;  /* tells the key in place of bearer (base/key_command.h), again after a 401; NULL: none */
	struct tls_trust trust;   /* whose certificate is believed */
	const char *const *headers; /* more lines ("Range: bytes=5-"), ended by NULL, which all servers of a redirect get; may be NULL */
	int redirects;            /* how many are followed, with GET only */
	struct str json;          /* the body, len 0: none */
	const struct http_upload *upload; /* instead of json; NULL: none */
	struct http_limits limits;
	/* Before the first piece of the body of a 2xx reply (an empty one has none); may be NULL.  False breaks off, as below. */
	bool (*on_head)(void *user, const struct http_reply *reply);
	/* Pieces of the body of a 2xx reply as they come; NULL: gathered in reply->body.  False breaks off: done() gets
	 * ERR_CANCELLED unless the caller has cancelled the call itself. */
	bool (*on_data)(void *user, struct str data);
	/* Bytes of the upload that have left us.  May be NULL. */
	void (*on_upload)(void *user, uint64_t sent);
	/* Once, never inside http_client_start().  err->code ERR_OK: a whole reply of any status but 3xx came. */
	void (*done)(void *user, const struct http_reply *reply, const struct err *err);
	void *user;
};

/* Never NULL. */
struct http_client *http_client_new(struct loop *loop);
/* Ends every call with ERR_CANCELLED (their done() runs); later calls end so at once until the client is freed. */
void http_client_close(struct http_client *c);
/* Closes first.  NULL is fine. */
void http_client_free(struct http_client *c);

/* Starts a request; failures come through done() as well. */
struct http_call *http_client_start(struct http_client *c, const struct http_request *request);
/* Forgets it: no callback runs any more.  Safe in any callback of the call.  NULL is fine. */
void http_call_cancel(struct http_call *call);
/* Lets the server wait (true; what libcurl has read may still come) or go on.  No limit of time counts meanwhile. */
void http_call_hold(struct http_call *call, bool hold);

#endif
