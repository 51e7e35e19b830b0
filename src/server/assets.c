/* SPDX-License-Identifier: Apache-2.0 */
#include "server/assets.h"

#include <ctype.h>
#include <string.h>

/* The layout of tools/assets.py. */
struct asset {
	const char *name, *type, *tag, *data;
	uint64_t size;
};
extern const struct asset asset_table[];
extern const uint64_t asset_count;

#define HASH_MIN 8

static const struct asset *find(const char *path)
{
	for (uint64_t i = 0; i < asset_count; i++)
		if (!strcmp(asset_table[i].name, path))
			return &asset_table[i];
	return NULL;
}

bool asset_is_hashed(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
	const char *dash = slash ? strrchr(slash, '-') : NULL;
	if (!dot || !dash || dash > dot || strncmp(path, "/assets/", 8) != 0)
		return false;
	for (const char *c = dash + 1; c < dot; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			return false;
	return dot - dash - 1 >= HASH_MIN;
}

bool asset_gzip_ok(const char *accept)
{
	struct str rest = str_of(accept);
	while (rest.ptr && rest.len) {
		struct str item = str_split(&rest, ',');
		struct str coding = str_trim(str_split(&item, ';'));
		struct str weight = str_trim(item);
		if (!str_eq_nocase(coding, "gzip") && !str_eq_text(coding, "*"))
			continue;
		double q = 1;
		if (str_starts(weight, "q=") && !str_to_double((struct str){ weight.ptr + 2, weight.len - 2 }, &q))
			q = 0;
		return q > 0;
	}
	return false;
}

static void reply_error(struct exchange *x, int status, const char *key, const char *path, enum lang lang)
{
	struct buf text = BUF_INIT(8192);
	msg_format(&text, lang, key, "path=%s", path);
	buf_add_char(&text, '\n');
	http_reply(x, status, "text/plain; charset=utf-8", buf_str(&text));
	buf_release(&text);
}

void assets_reply(struct exchange *x, const char *path, bool is_lan, enum lang lang)
{
	const char *last = strrchr(path, '/');
	bool is_shell = (last && !strchr(last, '.')) || !strcmp(path, "/index.html");
	bool is_by_link = is_lan || !strncmp(path, "/rate/", 6) || !strncmp(path, "/view/", 6);
	const char *shell = is_by_link ? "/rate.html" : "/index.html";
	const struct asset *asset = find(is_shell ? shell : path);
	if (!asset && !asset_count)
		reply_error(x, 503, "err_page_not_built", path, lang);
	else if (!asset)
		reply_error(x, 404, "err_http_not_found", path, lang);
	else if (!asset_gzip_ok(http_header(x, "Accept-Encoding")))
		reply_error(x, 406, "err_http_gzip", path, lang);
	else
		http_reply_asset(x, asset->type, (struct str){ asset->data, asset->size }, asset->tag,
				 asset_is_hashed(path) ? "public, max-age=31536000, immutable" : "no-cache");
}
