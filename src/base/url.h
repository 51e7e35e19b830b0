/* SPDX-License-Identifier: Apache-2.0
 *
 * url - takes the address of a server apart, with the parser that also connects (libcurl), so that what is checked is what
 * is used.  Thread: any. */
#ifndef ASSAY_BASE_URL_H
#define ASSAY_BASE_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define URL_TEXT_MAX 512

struct url_parts {
	char scheme[8];           /* "http" or "https" */
	char host[256];           /* lower case, without brackets */
	int port;                 /* always set */
	char path[256];           /* without the slash at its end; "" for none */
	char origin[320];         /* "http://[::1]:11434": scheme, host and port */
	char text[URL_TEXT_MAX];  /* origin and path: the canonical form */
	bool is_loopback;         /* localhost, 127.0.0.0/8, ::1 */
	bool is_private;          /* loopback, or an address or name of a local network */
};

/* Takes http and https only; user names, passwords, queries and fragments are refused (ERR_INVALID "err_url_*").
 * `out` is left empty on failure. */
MUST_USE enum err_code url_parse(const char *text, struct url_parts *out, struct err *err);

/* As url_parse(), for what only leads there: `text` may be long and have a query and a fragment; `path` and `text` of `out` stay
 * empty. */
MUST_USE enum err_code url_origin(const char *text, struct url_parts *out, struct err *err);

#endif
