/* SPDX-License-Identifier: Apache-2.0 */
#include "base/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

#include "base/str.h"

/* A part of the address, "" where there is none; false where it does not fit. */
static bool part(CURLU *url, CURLUPart what, unsigned flags, char *out, size_t out_size)
{
	char *text = NULL;
	bool fits = true;

	out[0] = 0;
	if (curl_url_get(url, what, &text, flags) == CURLUE_OK)
		fits = str_format(out, out_size, "%s", text);
	curl_free(text);
	return fits;
}

static bool has(CURLU *url, CURLUPart what)
{
	char *text = NULL;
	bool there = curl_url_get(url, what, &text, 0) == CURLUE_OK;

	curl_free(text);
	return there;
}

static void classify(struct url_parts *u)
{
	struct in_addr v4;
	struct in6_addr v6;
	struct str host = str_of(u->host);

	if (inet_pton(AF_INET, u->host, &v4) == 1) {
		uint32_t a = ntohl(v4.s_addr);
		u->is_loopback = a >> 24 == 127;
		u->is_private = a >> 24 == 127 || a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8;
	} else if (inet_pton(AF_INET6, u->host, &v6) == 1) {
		u->is_loopback = IN6_IS_ADDR_LOOPBACK(&v6);
		u->is_private = u->is_loopback || (v6.s6_addr[0] & 0xfe) == 0xfc;
	} else {
		u->is_loopback = str_eq_text(host, "localhost") || str_ends(host, ".localhost");
		u->is_private = u->is_loopback || !strchr(u->host, '.') || str_ends(host, ".local") ||
				str_ends(host, ".internal") || str_ends(host, ".lan");
	}
}

static bool take_host(CURLU *url, struct url_parts *u)
{
	char host[sizeof u->host];

	if (!part(url, CURLUPART_HOST, 0, host, sizeof host) || !host[0])
		return false;
	size_t len = strlen(host);
	bool bracketed = host[0] == '[' && host[len - 1] == ']';
	size_t n = bracketed ? len - 2 : len;
	memcpy(u->host, host + (bracketed ? 1 : 0), n);
	u->host[n] = 0;
	for (char *c = u->host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return true;
}

static enum err_code take_origin(CURLU *url, const char *text, struct url_parts *u, struct err *err)
{
	char port[16];
	uint64_t number = 0;

	if (has(url, CURLUPART_USER) || has(url, CURLUPART_PASSWORD))
		return err_set(err, ERR_INVALID, "err_url_user", "field=url");
	if (!part(url, CURLUPART_SCHEME, 0, u->scheme, sizeof u->scheme) ||
	    (strcmp(u->scheme, "http") != 0 && strcmp(u->scheme, "https") != 0))
		return err_set(err, ERR_INVALID, "err_url_scheme", "field=url|url=%s", text);
	if (!take_host(url, u) || !part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port) ||
	    !str_to_u64(str_of(port), &number) || number < 1 || number > 65535)
		return err_set(err, ERR_INVALID, "err_url_wrong", "field=url|url=%s", text);
	u->port = (int)number;
	bool is_v6 = strchr(u->host, ':');
	if (!str_format(u->origin, sizeof u->origin, "%s://%s%s%s:%d", u->scheme, is_v6 ? "[" : "", u->host, is_v6 ? "]" : "",
			u->port))
		return err_set(err, ERR_INVALID, "err_url_wrong", "field=url|url=%s", text);
	classify(u);
	return ERR_OK;
}

static enum err_code take_parts(CURLU *url, const char *text, struct url_parts *u, struct err *err)
{
	if (take_origin(url, text, u, err) != ERR_OK)
		return err->code;
	if (has(url, CURLUPART_QUERY) || has(url, CURLUPART_FRAGMENT))
		return err_set(err, ERR_INVALID, "err_url_query", "field=url|url=%s", text);
	if (!part(url, CURLUPART_PATH, 0, u->path, sizeof u->path))
		return err_set(err, ERR_INVALID, "err_url_wrong", "field=url|url=%s", text);
	for (size_t n = strlen(u->path); n > 0 && u->path[n - 1] == '/'; n--)
		u->path[n - 1] = 0;
	if (!str_format(u->text, sizeof u->text, "%s%s", u->origin, u->path))
		return err_set(err, ERR_INVALID, "err_url_wrong", "field=url|url=%s", text);
	return ERR_OK;
}

typedef enum err_code (*take_fn)(CURLU *url, const char *text, struct url_parts *u, struct err *err);

static enum err_code take(const char *text, take_fn fn, struct url_parts *out, struct err *err)
{
	CURLU *url = curl_url();
	struct err why = { 0 };

	*out = (struct url_parts){ 0 };
	if (!url || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
		err_set(&why, ERR_INVALID, "err_url_wrong", "field=url|url=%s", text);
	else
		(void)fn(url, text, out, &why);
	if (why.code != ERR_OK)
		*out = (struct url_parts){ 0 };
	if (err && why.code != ERR_OK)
		*err = why;
	curl_url_cleanup(url);
	return why.code;
}

enum err_code url_parse(const char *text, struct url_parts *out, struct err *err)
{
	return take(text, take_parts, out, err);
}

enum err_code url_origin(const char *text, struct url_parts *out, struct err *err)
{
	return take(text, take_origin, out, err);
}
