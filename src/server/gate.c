/* SPDX-License-Identifier: Apache-2.0 */
#include "server/gate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>


bool gate_is_safe(const char *method)
{
	return !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

static int refuse(struct err *err, int status, const char *key)
{
	err_set(err, status == 401 || status == 403 ? ERR_DENIED : ERR_INVALID, key, NULL);
	return status;
}

/* --- 1. Host --- */

/* Cuts "name:port" (or "[v6]:port"); `*port` has no ptr where none is given. */
static bool split_host(struct str host, struct str *name, struct str *port)
{
	size_t end = 0;
	if (host.len && host.ptr[0] == '[') {
		const char *close = memchr(host.ptr, ']', host.len);
		if (!close)
			return false;
		end = (size_t)(close - host.ptr) + 1;
	} else {
		while (end < host.len && host.ptr[end] != ':')
			end++;
	}
	*name = (struct str){ host.ptr, end };
	*port = (struct str){ 0 };
	if (end == host.len)
		return true;
	*port = (struct str){ host.ptr + end + 1, host.len - end - 1 };
	return host.ptr[end] == ':';
}

static bool is_our_host(const struct gate_config *config, const char *const *names, const char *host)
{
	struct str name, port;
	uint64_t number;
	if (!split_host(str_of(host), &name, &port))
		return false;
	if (port.ptr && (!str_to_u64(port, &number) || (int64_t)number != config->port))
		return false;
	if (name.len > 1 && name.ptr[name.len - 1] == '.')
		name.len--;
	for (; names && *names; names++)
		if (str_eq_nocase(name, *names))
			return true;
	return false;
}

static int check_host(const struct gate_config *config, const struct gate_headers *h, struct err *err)
{
	static const char *const local[] = { "localhost", "127.0.0.1", "[::1]", NULL };
	if (h->n_host != 1 || !h->host || !*h->host)
		return refuse(err, 421, "err_gate_no_host");
	if (is_our_host(config, h->is_lan ? config->lan_hosts : local, h->host))
		return 0;
	if (h->is_lan) {
		err_set(err, ERR_INVALID, "err_gate_lan_host", "host=%s|address=%s|port=%d", h->host, *config->lan_hosts, config->port);
		return 421;
	}
	err_set(err, ERR_INVALID, "err_gate_host", "host=%s|port=%d", h->host, config->port);
	return 421;
}

/* --- 2. where the request comes from --- */

static bool is_page_visit(const struct gate_rule *rule, const struct gate_headers *h)
{
	if (!rule->is_page || !gate_is_safe(h->method))
		return false;
	if (!strcmp(h->fetch_site, "none"))
		return true;
	/* A link or a redirect file opens the shell as a top-level document: it is public, has no state and cannot be framed. */
	return h->fetch_mode && !strcmp(h->fetch_mode, "navigate") && h->fetch_dest && !strcmp(h->fetch_dest, "document");
}

static int check_source(const struct gate_rule *rule, const struct gate_headers *h, struct err *err)
{
	static const char scheme[] = "http://";
	if (h->n_origin > 1)
		return refuse(err, 403, "err_gate_origin");
	if (h->n_origin == 1 && (!h->origin || strncmp(h->origin, scheme, sizeof scheme - 1) != 0 ||
				 strcmp(h->origin + sizeof scheme - 1, h->host) != 0))
		return refuse(err, 403, "err_gate_origin");
	if (h->fetch_site && strcmp(h->fetch_site, "same-origin") != 0 && !is_page_visit(rule, h))
		return refuse(err, 403, "err_gate_origin");
	return 0;
}

/* --- 3. credentials --- */

static bool is_cookie(struct str name, const char *wanted)
{
	bool is_numbered = wanted[strlen(wanted) - 1] == '_';
	return is_numbered ? str_starts(name, wanted) : str_eq_text(name, wanted);
}

/* The next cookie of the wanted name in `*rest`; false at the end. */
static bool next_cookie(struct str *rest, const char *wanted, struct str *value)
{
	while (rest->ptr && rest->len) {
		struct str pair = str_split(rest, ';');
		struct str name = str_trim(str_split(&pair, '='));
		if (pair.ptr && is_cookie(name, wanted)) {
			*value = str_trim(pair);
			return true;
		}
	}
	return false;
}

static bool has_session(const struct gate_sessions *s, void *user, const struct gate_headers *h, int64_t *session)
{
	struct str rest = str_of(h->cookie), value;
	if (h->n_key != 1 || !h->key || !*h->key || !h->cookie)
		return false;
	for (int i = 0; i < s->n_tried && next_cookie(&rest, s->cookie, &value); i++)
		if (value.len && s->check(user, value, str_of(h->key), session))
			return true;
	return false;
}

/* Exactly one credential, and none that a browser adds by itself: a page cannot use a key that it should not have. */
static int check_key(const struct gate_config *config, const struct gate_headers *h, struct err *err)
{
	static const char scheme[] = "Bearer ";
	if (h->n_authorization && (h->cookie || h->n_key))
		return refuse(err, 403, "err_gate_two_credentials");
	if (h->n_origin)
		return refuse(err, 403, "err_gate_key_origin");
	if (h->n_authorization != 1 || !h->authorization || strncasecmp(h->authorization, scheme, sizeof scheme - 1) != 0)
		return refuse(err, 401, "err_gate_key");
	if (!config->api_key || !config->api_key(config->user, str_trim(str_of(h->authorization + sizeof scheme - 1))))
		return refuse(err, 401, "err_gate_key");
	return 0;
}

/* The sessions of a role that people have by a link; NULL: of another role. */
static const struct gate_sessions *sessions_by_link(const struct gate_config *config, enum gate_role role)
{
	return role == GATE_RATER ? &config->raters : role == GATE_VIEWER ? &config->viewers : NULL;
}

static int check_credentials(const struct gate_config *config, const struct gate_rule *rule, const struct gate_headers *h,
			     int64_t *session, struct err *err)
{
	const struct gate_sessions *by_link = sessions_by_link(config, rule->role), *sessions = by_link ? by_link : &config->owner;
	if (rule->role == GATE_PUBLIC || rule->role == GATE_LOCAL)
		return 0;
	if (rule->role == GATE_KEY)
		return check_key(config, h, err);
	if (h->n_authorization)
		return h->cookie || h->n_key ? refuse(err, 403, "err_gate_two_credentials") : refuse(err, 401, sessions->refusal);
	if (!has_session(sessions, config->user, h, session))
		return refuse(err, 401, sessions->refusal);
	return 0;
}

/* --- 4. content type --- */

static bool is_type(const char *header, const char *type)
{
	struct str rest = str_of(header);
	return str_eq_nocase(str_trim(str_split(&rest, ';')), type);
}

static int check_type(const struct gate_rule *rule, const struct gate_headers *h, struct err *err)
{
	if (gate_is_safe(h->method))
		return 0;
	bool bytes = rule->body == GATE_BYTES;
	const char *wanted = bytes ? "application/octet-stream" : "application/json";
	bool needed = rule->body == GATE_JSON || bytes || h->has_body;
	if (h->content_type ? is_type(h->content_type, wanted) : !needed)
		return 0;
	err_set(err, ERR_INVALID, "err_gate_type", "type=%s", wanted);
	return 415;
}

int gate_check(const struct gate_config *config, const struct gate_rule *rule, const struct gate_headers *h,
	       int64_t *session, struct err *err)
{
	const struct gate_sessions *by_link = sessions_by_link(config, rule->role);
	int status = 0;
	*session = 0;
	if (h->has_upgrade)
		return refuse(err, 400, "err_gate_upgrade");
	if (!h->is_unix && (status = check_host(config, h, err)))
		return status;
	if (!h->is_unix && (status = check_source(rule, h, err)))
		return status;
	if (!strcmp(h->method, "OPTIONS"))
		return refuse(err, 403, "err_gate_options");
	/* Without TLS anybody on the network may read along: what is said there must not be worth more than answers and votes. */
	if (h->is_lan && rule->role != GATE_PUBLIC && !by_link)
		return refuse(err, 403, "err_gate_lan");
	if (h->is_unix && by_link)
		return refuse(err, 403, by_link->refusal);
	if (!h->is_unix && (status = check_credentials(config, rule, h, session, err)))
		return status;
	if ((status = check_type(rule, h, err)))
		return status;
	if (rule->role == GATE_UNIX && !h->is_unix)
		return refuse(err, 403, "err_gate_unix");
	return 0;
}
