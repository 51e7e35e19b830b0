/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_id.h"

#include <ctype.h>
#include <string.h>

#define NAME_MAX_BYTES 96
#define REVISION_MAX_BYTES 200
#define PATH_MAX_BYTES 512
#define PATH_PARTS 8
#define PART_MAX_BYTES 200

static bool is_plain(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

/* One half of a model's name.  Nothing that a file system reads in its own way. */
static bool is_name(struct str s)
{
	if (s.len == 0 || s.len > NAME_MAX_BYTES || s.ptr[0] == '.' || s.ptr[0] == '-' || s.ptr[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_plain(s.ptr[i]) || (i > 0 && s.ptr[i] == '.' && s.ptr[i - 1] == '.'))
			return false;
	return true;
}

bool hub_is_revision(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n > REVISION_MAX_BYTES || text[0] == '/' || text[0] == '-' || text[0] == '.' || text[n - 1] == '/' ||
	    strstr(text, "..") || strstr(text, "//"))
		return false;
	for (const char *c = text; *c; c++)
		if (!is_plain(*c) && *c != '/' && *c != '+')
			return false;
	return true;
}

static bool is_part(struct str part)
{
	if (part.len == 0 || part.len > PART_MAX_BYTES || str_eq_text(part, ".") || str_eq_text(part, ".."))
		return false;
	for (size_t i = 0; i < part.len; i++)
		if ((unsigned char)part.ptr[i] < 0x20 || part.ptr[i] == 0x7f || part.ptr[i] == '\\')
			return false;
	return true;
}

bool hub_is_path(struct str path)
{
	int n = 0;

	if (path.len == 0 || path.len > PATH_MAX_BYTES || !utf8_valid(path, NULL))
		return false;
	while (path.ptr)
		if (++n > PATH_PARTS || !is_part(str_split(&path, '/')))
			return false;
	return true;
}

char *hub_escape(struct arena *a, const char *text, bool slashes)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(a, 3 * strlen(text) + 1), *to = out;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (is_plain((char)c) || c == '~' || (slashes && c == '/')) {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	*to = 0;
	return out;
}

/* --- the address of a page --- */

/* "https://HOST/org/name/blob/REV/FILE?x" -> "org/name" and its rest; false where it is the page of another server. */
static bool strip_endpoint(struct arena *a, const char **text, const char *endpoint)
{
	size_t n = strlen(endpoint);

	if (!strstr(*text, "://"))
		return true;
	if (strncmp(*text, endpoint, n) != 0 || (*text)[n] != '/')
		return false;
	*text += n + 1;
	*text = arena_strndup(a, *text, strcspn(*text, "?#"));
	return true;
}

/* What follows org/name in the address of a page: tree/REV, blob/REV/FILE, resolve/REV/FILE. */
static bool read_page(struct arena *a, struct str rest, struct hub_id *out)
{
	struct str kind = str_split(&rest, '/');

	if (kind.len == 0 && !rest.ptr)
		return true; /* a slash at the end */
	if (!str_eq_text(kind, "tree") && !str_eq_text(kind, "blob") && !str_eq_text(kind, "resolve"))
		return false;
	struct str revision = str_split(&rest, '/');
	out->revision = arena_strndup(a, revision.ptr ? revision.ptr : "", revision.len);
	while (rest.len > 0 && rest.ptr[rest.len - 1] == '/')
		rest.len--;
	out->file = rest.len ? arena_strndup(a, rest.ptr, rest.len) : "";
	return true;
}

static bool read_id(struct arena *a, struct str text, bool is_page, struct hub_id *out)
{
	struct str rest = text, org = str_split(&rest, '/'), name = rest;
	size_t at = 0;

	if (!rest.ptr)
		return false;
	if (is_page) {
		name = str_split(&rest, '/');
		if (rest.ptr && !read_page(a, rest, out))
			return false;
	} else {
		while (at < rest.len && rest.ptr[at] != '@' && rest.ptr[at] != ':')
			at++;
		name.len = at;
		rest.ptr += at;
		rest.len -= at;
		if (rest.len && rest.ptr[0] == '@') {
			rest = (struct str){ rest.ptr + 1, rest.len - 1 };
			struct str revision = str_split(&rest, ':');
			out->revision = arena_strndup(a, revision.ptr, revision.len);
			out->file = rest.ptr ? arena_strndup(a, rest.ptr, rest.len) : "";
			if (!revision.len)
				return false;
		} else if (rest.len) {
			out->file = arena_strndup(a, rest.ptr + 1, rest.len - 1);
		}
	}
	if (!is_name(org) || !is_name(name))
		return false;
	out->org = arena_strndup(a, org.ptr, org.len);
	out->name = arena_strndup(a, name.ptr, name.len);
	out->repo = arena_printf(a, "%s/%s", out->org, out->name);
	return true;
}

enum err_code hub_id_parse(struct arena *a, const char *text, const char *endpoint, struct hub_id *out, struct err *err)
{
	struct str trimmed = str_trim(str_of(text));
	const char *clean = arena_strndup(a, trimmed.ptr ? trimmed.ptr : "", trimmed.len), *inner = clean;

	*out = (struct hub_id){ .org = "", .name = "", .repo = "", .revision = "", .file = "" };
	if (!strip_endpoint(a, &inner, endpoint))
		return err_set(err, ERR_INVALID, "err_hub_other", "field=model|url=%s|endpoint=%s", clean, endpoint);
	if (!read_id(a, str_of(inner), inner != clean, out))
		return err_set(err, ERR_INVALID, "err_hub_id", "field=model|text=%s", clean);
	if (*out->revision && !hub_is_revision(out->revision))
		return err_set(err, ERR_INVALID, "err_hub_revision_form", "field=model|revision=%s", out->revision);
	if (*out->file && strcmp(out->file, ".") != 0 && !hub_is_path(str_of(out->file)))
		return err_set(err, ERR_INVALID, "err_hub_file_form", "field=model|file=%s", out->file);
	return ERR_OK;
}
