/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_place.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/limits.h"

#define PUBLIC_HUB "https://huggingface.co"
#define TOKEN_MAX (4 * KIB)

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

/* Where the hub's own client keeps the token. */
static const char *token_path(struct arena *a)
{
	const char *path = variable("HF_TOKEN_PATH"), *home = variable("HF_HOME"), *cache = variable("XDG_CACHE_HOME");

	if (path)
		return arena_strdup(a, path);
	if (home)
		return arena_printf(a, "%s/token", home);
	if (cache)
		return arena_printf(a, "%s/huggingface/token", cache);
	return arena_printf(a, "%s/.cache/huggingface/token", variable("HOME") ? variable("HOME") : "");
}

/* One line of visible characters, or "". */
static const char *clean(struct arena *a, struct str text)
{
	text = str_trim(text);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
			return "";
	return text.len ? arena_strndup(a, text.ptr, text.len) : "";
}

static void read_token(struct arena *a, struct hub_place *out)
{
	static const char *const names[] = { "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN" };

	for (size_t i = 0; i < sizeof names / sizeof names[0] && !*out->token; i++) {
		const char *value = variable(names[i]);
		out->token = value ? clean(a, str_of(value)) : "";
		out->token_source = *out->token ? names[i] : "";
	}
	if (*out->token)
		return;
	struct buf text = BUF_INIT(TOKEN_MAX);
	if (fs_read(out->token_path, &text, NULL) == ERR_OK)
		out->token = clean(a, buf_str(&text));
	out->token_source = *out->token ? out->token_path : "";
	if (text.ptr)
		explicit_bzero(text.ptr, text.len);
	buf_release(&text);
}

enum err_code hub_place_read(struct arena *a, struct hub_place *out, struct err *err)
{
	const char *given = variable("HF_ENDPOINT");
	struct err why = { 0 };
	struct url_parts url;

	*out = (struct hub_place){ .endpoint = "", .token = "", .token_source = "", .token_path = token_path(a) };
	if (url_parse(given ? given : PUBLIC_HUB, &url, &why) != ERR_OK)
		return err_set(err, ERR_INVALID, "err_hub_endpoint", "url=%s", given);
	/* As it was written: the canonical form names a port that nobody would recognize. */
	char *shown = arena_strdup(a, given ? given : PUBLIC_HUB);
	for (size_t n = strlen(shown); n > 0 && shown[n - 1] == '/'; n--)
		shown[n - 1] = 0;
	out->endpoint = shown;
	read_token(a, out);
	if (*out->token && !strcmp(url.scheme, "http") && !url.is_private)
		return err_set(err, ERR_DENIED, "err_hub_plain", "url=%s|source=%s", shown, out->token_source);
	return ERR_OK;
}
