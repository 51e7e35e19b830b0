/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ollama.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_PORT 11434
#define PART_MAX 80

/* --- version --- */

bool ollama_version_parse(const char *text, struct ollama_version *out)
{
	int *const fields[] = { &out->major, &out->minor, &out->patch };
	struct str rest = str_trim(str_of(text));

	*out = (struct ollama_version){ 0 };
	(void)str_format(out->text, sizeof out->text, "%.*s", (int)rest.len, rest.ptr);
	if (rest.len > 0 && rest.ptr[0] == 'v')
		rest = (struct str){ rest.ptr + 1, rest.len - 1 };
	for (size_t i = 0; i < 3; i++) {
		struct str part = str_split(&rest, '.');
		uint64_t number;
		size_t digits = 0;
		while (digits < part.len && isdigit((unsigned char)part.ptr[digits]))
			digits++;
		part.len = digits;
		if (!str_to_u64(part, &number) || number > 100000)
			return false;
		*fields[i] = (int)number;
	}
	return true;
}

bool ollama_version_at_least(const struct ollama_version *v, int major, int minor, int patch)
{
	if (!v->major && !v->minor && !v->patch)
		return v->text[0] != 0;
	if (v->major != major)
		return v->major > major;
	return v->minor != minor ? v->minor > minor : v->patch >= patch;
}

/* --- OLLAMA_HOST --- */

static struct str trim_quotes(struct str s)
{
	s = str_trim(s);
	while (s.len > 0 && (s.ptr[0] == '"' || s.ptr[0] == '\''))
		s = (struct str){ s.ptr + 1, s.len - 1 };
	while (s.len > 0 && (s.ptr[s.len - 1] == '"' || s.ptr[s.len - 1] == '\''))
		s.len--;
	return s;
}

static bool is_address(int family, const char *text)
{
	unsigned char bytes[16];
	return inet_pton(family, text, bytes) == 1;
}

/* host and port of "host:port", "[::1]:port", "host", "::1"; the port stays as it is where there is none, or a wrong one */
static void split_host(struct str text, char *host, size_t host_size, int *port)
{
	char whole[300];
	uint64_t number;

	(void)str_format(whole, sizeof whole, "%.*s", (int)text.len, text.ptr);
	char *colon = strrchr(whole, ':'), *bracket = strrchr(whole, ']');
	bool bare_v6 = is_address(AF_INET6, whole);
	if (colon && !bare_v6 && (!bracket || colon > bracket)) {
		*colon = 0;
		if (str_to_u64(str_of(colon + 1), &number) && number <= 65535)
			*port = (int)number;
	}
	size_t len = strlen(whole);
	if (len > 1 && whole[0] == '[' && whole[len - 1] == ']') {
		whole[len - 1] = 0;
		(void)str_format(host, host_size, "%s", whole + 1);
	} else {
		(void)str_format(host, host_size, "%s", whole);
	}
}

void ollama_host(const char *value, struct url_parts *out)
{
	struct err ignored;
	struct str rest = trim_quotes(str_of(value));
	char host[256] = "", url[URL_TEXT_MAX];
	const char *scheme = "http";
	int port = DEFAULT_PORT;

	if (str_starts(rest, "http://")) {
		rest = (struct str){ rest.ptr + 7, rest.len - 7 };
		port = 80;
	} else if (str_starts(rest, "https://")) {
		rest = (struct str){ rest.ptr + 8, rest.len - 8 };
		scheme = "https";
		port = 443;
	} else if (str_eq_text(rest, "ollama.com")) {
		scheme = "https";
		port = 443;
	}
	split_host(str_split(&rest, '/'), host, sizeof host, &port);
	if (!host[0] || strcmp(host, "0.0.0.0") == 0)
		(void)str_format(host, sizeof host, "127.0.0.1");
	else if (strcmp(host, "::") == 0)
		(void)str_format(host, sizeof host, "::1");
	bool v6 = is_address(AF_INET6, host);
	(void)str_format(url, sizeof url, "%s://%s%s%s:%d%s%.*s", scheme, v6 ? "[" : "", host, v6 ? "]" : "", port ? port : DEFAULT_PORT,
			 rest.len ? "/" : "", (int)rest.len, rest.len ? rest.ptr : "");
	if (url_parse(url, out, &ignored) != ERR_OK && url_parse("http://127.0.0.1:11434", out, &ignored) != ERR_OK)
		BUG("the default address is none");
}

/* --- names --- */

static bool is_part(struct str part, bool dots)
{
	if (part.len < 1 || part.len > PART_MAX)
		return false;
	for (size_t i = 0; i < part.len; i++) {
		unsigned char c = (unsigned char)part.ptr[i];
		bool first_ok = (isalnum(c) && c < 128) || c == '_';
		if (!first_ok && (i == 0 || (c != '-' && (c != '.' || !dots))))
			return false;
	}
	return true;
}

bool ollama_name_ok(const char *name)
{
	struct str rest = str_of(name);
	const char *colon = strchr(name, ':');

	if (colon && !is_part(str_of(colon + 1), true))
		return false;
	if (colon)
		rest.len = (size_t)(colon - name);
	const char *slash = memchr(rest.ptr, '/', rest.len);
	if (slash) {
		struct str space = { rest.ptr, (size_t)(slash - rest.ptr) };
		if (!is_part(space, false))
			return false;
		rest = (struct str){ slash + 1, rest.len - space.len - 1 };
	}
	return is_part(rest, true);
}

/* Latin letters with accents without them; 0 for what has no counterpart. */
static char plain_letter(uint32_t c)
{
	static const struct {
		uint32_t from, to;
		char letter;
	} ranges[] = {
		{ 0xc0, 0xc6, 'a' }, { 0xc7, 0xc7, 'c' }, { 0xc8, 0xcb, 'e' }, { 0xcc, 0xcf, 'i' }, { 0xd1, 0xd1, 'n' },
		{ 0xd2, 0xd6, 'o' }, { 0xd9, 0xdc, 'u' }, { 0xdd, 0xdd, 'y' }, { 0xdf, 0xdf, 's' }, { 0xe0, 0xe6, 'a' },
		{ 0xe7, 0xe7, 'c' }, { 0xe8, 0xeb, 'e' }, { 0xec, 0xef, 'i' }, { 0xf1, 0xf1, 'n' }, { 0xf2, 0xf6, 'o' },
		{ 0xf9, 0xfc, 'u' }, { 0xfd, 0xff, 'y' },
	};

	if (c >= 0xff01 && c <= 0xff5e) /* full-width forms */
		c -= 0xfee0;
	if (c < 128)
		return (char)tolower((int)c);
	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
		if (c >= ranges[i].from && c <= ranges[i].to)
			return ranges[i].letter;
	return 0;
}

/* Appends one name part made of `text`; separators are never doubled and stand neither first nor last. */
static size_t make_part(struct str text, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len && n < PART_MAX;) {
		char c = plain_letter(utf8_next(text, &i));
		if (isalnum((unsigned char)c))
			out[n++] = c;
		else if (n > 0 && !strchr("-._", out[n - 1]))
			out[n++] = c == '.' || c == '_' ? c : '-';
	}
	while (n > 0 && strchr("-._", out[n - 1]))
		n--;
	out[n] = 0;
	return n;
}

void ollama_name_make(const char *text, char *out, size_t out_size)
{
	char name[PART_MAX + 1], tag[PART_MAX + 1];
	struct str rest = str_of(text), first = str_split(&rest, ':');

	if (make_part(first, name) == 0)
		(void)str_format(name, sizeof name, "model");
	if (rest.ptr && make_part(rest, tag) > 0)
		(void)str_format(out, out_size, "%s:%s", name, tag);
	else
		(void)str_format(out, out_size, "%s", name);
}

void ollama_name_whole(const char *name, char *out, size_t out_size)
{
	static const char library[] = "library/", registry[] = "registry.ollama.ai/";

	if (strncasecmp(name, registry, sizeof registry - 1) == 0)
		name += sizeof registry - 1;
	if (strncasecmp(name, library, sizeof library - 1) == 0)
		name += sizeof library - 1;
	const char *slash = strrchr(name, '/');
	bool has_tag = strchr(slash ? slash : name, ':') != NULL;
	(void)str_format(out, out_size, "%s%s", name, has_tag ? "" : ":latest");
}

bool ollama_name_equal(const char *a, const char *b)
{
	char whole_a[400], whole_b[400];

	ollama_name_whole(a, whole_a, sizeof whole_a);
	ollama_name_whole(b, whole_b, sizeof whole_b);
	return strcasecmp(whole_a, whole_b) == 0;
}
