/* SPDX-License-Identifier: Apache-2.0 */
#include "server/provider_view.h"

#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/limits.h"
#include "server/json_view.h"
#include "store/secret_store.h"

/* --- who answers there --- */

void provider_health_read(const struct remote *remote, const struct http_reply *reply, const struct err *err,
			  struct provider_health *out)
{
	struct url_parts url;
	struct err ignored;
	json_t *json = NULL;

	*out = (struct provider_health){ .problem = *err };
	if (err->code == ERR_OK)
		json = remote_json(remote, reply, &out->problem);
	const char *version = json_string_value(json_object_get(json, "version"));
	if (json && remote->row.kind == PROVIDER_OLLAMA && (!version || !ollama_version_parse(version, &out->version)))
		remote_wrong(remote, "no version", &out->problem);
	if (json && remote->row.kind == PROVIDER_OPENAI && !json_is_array(json_object_get(json, "data")))
		remote_wrong(remote, "no list of models", &out->problem);
	if (out->problem.code == ERR_OK)
		out->state = PROVIDER_OK;
	else
		out->state = out->problem.code == ERR_IO && reply->status == 0 ? PROVIDER_UNREACHABLE : PROVIDER_REFUSED;
	if (remote->row.kind == PROVIDER_OLLAMA && out->state == PROVIDER_OK && url_parse(remote->row.url, &url, &ignored) == ERR_OK)
		out->is_open = url.is_loopback ? port_is_open(url.port) : !remote->row.key_source[0];
	json_decref(json);
}

/* The kernel's table: "sl local_address rem_address st ...", hexadecimal; state 0A listens, an address of zeros is every one. */
static bool table_has_open(const char *path, int port)
{
	struct buf text = BUF_INIT(4 * MIB);
	struct err ignored;
	char wanted[16];
	bool found = false;

	(void)str_format(wanted, sizeof wanted, ":%04X ", (unsigned)port);
	if (fs_read(path, &text, &ignored) == ERR_OK) {
		struct str rest = buf_str(&text);
		while (rest.ptr && !found) {
			struct str line = str_split(&rest, '\n');
			char copy[160];
			(void)str_format(copy, sizeof copy, "%.*s", (int)(line.len < 100 ? line.len : 100), line.ptr);
			char *at = strstr(copy, wanted), *space = at ? strchr(at + 6, ' ') : NULL;
			if (!at || !space || strncmp(space, " 0A", 3) != 0)
				continue;
			char *begin = at;
			while (begin > copy && begin[-1] == '0')
				begin--;
			found = begin > copy && begin[-1] == ' ' && at - begin >= 8;
		}
	}
	buf_release(&text);
	return found;
}

bool port_is_open(int port)
{
	return table_has_open("/proc/net/tcp", port) || table_has_open("/proc/net/tcp6", port);
}

/* --- JSON --- */

static void view_warning(struct buf *b, enum lang lang, const char *code, const char *key, const char *args)
{
	struct buf text = BUF_INIT(4 * KIB);
	char hint[80];

	json_open(b, NULL, '{');
	json_cstr(b, "code", code);
	msg_render(&text, lang, key, args);
	json_str(b, "message", buf_str(&text));
	buf_clear(&text);
	(void)str_format(hint, sizeof hint, "%s_hint", key);
	msg_render(&text, lang, hint, args);
	json_str(b, "hint", buf_str(&text));
	json_close(b, '}');
	buf_release(&text);
}

static void view_warnings(struct buf *b, enum lang lang, const struct provider_row *p, const struct provider_health *h)
{
	struct url_parts url;
	struct err ignored;
	char args[64];
	bool is_ollama = p->kind == PROVIDER_OLLAMA && h->state == PROVIDER_OK;

	(void)str_format(args, sizeof args, "version=%s", h->version.text);
	if (is_ollama && !ollama_version_at_least(&h->version, 0, 5, 5))
		view_warning(b, lang, "too_old", "core_provider_too_old", args);
	if (is_ollama && !ollama_version_at_least(&h->version, 0, 17, 1))
		view_warning(b, lang, "old", "core_provider_old", args);
	if (h->is_open)
		view_warning(b, lang, "open", "core_provider_open", "");
	if (url_parse(p->url, &url, &ignored) != ERR_OK || strcmp(url.scheme, "http") != 0)
		return;
	if (!url.is_private)
		view_warning(b, lang, "plain", "core_provider_plain", "");
	else if (!url.is_loopback && p->key_source[0])
		view_warning(b, lang, "plain_key", "core_provider_plain_key", "");
}

void view_provider(struct buf *b, enum lang lang, const struct provider_row *p, const struct provider_health *h, bool is_here)
{
	char pin[TLS_FINGERPRINT_SIZE], seen[TLS_FINGERPRINT_SIZE] = "";
	static const char *const states[] = { "unknown", "ok", "unreachable", "refused" };

	json_open(b, NULL, '{');
	json_int(b, "id", p->id);
	json_cstr(b, "kind", provider_kind_name(p->kind));
	json_cstr(b, "name", p->name);
	json_cstr(b, "url", p->url);
	json_flag(b, "is_default", p->is_default);
	json_cstr(b, "key_source", is_here || !secret_command(p->key_source) ? p->key_source : KEY_SOURCE_COMMAND);
	json_cstr(b, "key_last4", p->key_last4);
	json_int(b, "concurrency", p->concurrency);
	json_int(b, "timeout_s", p->timeout_s);
	json_int(b, "max_requests", p->max_requests);
	tls_pin_format(p->pin, pin);
	(void)err_arg(&h->problem, "fingerprint", seen, sizeof seen);
	json_cstr(b, "ca_file", p->ca_file);
	json_cstr(b, "pin_sha256", pin);
	json_cstr(b, "seen_sha256", seen);
	json_cstr(b, "state", states[h->state]);
	json_cstr(b, "version", h->version.text);
	if (h->problem.code != ERR_OK)
		view_problem(b, "problem", lang, &h->problem);
	json_open(b, "warnings", '[');
	view_warnings(b, lang, p, h);
	json_close(b, ']');
	json_close(b, '}');
}
