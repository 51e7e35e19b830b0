/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define FORMAT_MAX 1024
#define EXPANDED_MAX 4096
#define ELLIPSIS "\xE2\x80\xA6"
#define ELLIPSIS_LEN (sizeof ELLIPSIS - 1)
#define SHARE_MIN 16

static const char *const code_names[] = {
	[ERR_OK] = "ok",
	[ERR_INVALID] = "invalid",
	[ERR_DATA] = "data",
	[ERR_NOT_FOUND] = "not_found",
	[ERR_CONFLICT] = "conflict",
	[ERR_LIMIT] = "limit",
	[ERR_DENIED] = "denied",
	[ERR_BUSY] = "busy",
	[ERR_IO] = "io",
	[ERR_CANCELLED] = "cancelled",
	[ERR_UNSUPPORTED] = "unsupported",
	[ERR_INTERNAL] = "internal",
};
#define CODE_COUNT (sizeof code_names / sizeof code_names[0])

static size_t count_pairs(struct str all)
{
	size_t pairs = 1;
	for (size_t i = 0; i < all.len; i++)
		pairs += all.ptr[i] == ERR_ARG_SEP;
	return pairs;
}

/* Copies `all` to `out`.  Where it is too long every pair gets the same share, so that a long path cannot push
 * out what stands behind it. */
static void fit_pairs(char *out, size_t out_size, struct str all)
{
	size_t pairs = count_pairs(all);
	size_t share = (out_size - 1) / pairs;
	if (all.len < out_size || share < SHARE_MIN) {
		struct str head = { all.ptr, all.len < out_size ? all.len : out_size - 1 };
		head.len = utf8_whole(head);
		memcpy(out, head.ptr, head.len);
		out[head.len] = '\0';
		return;
	}
	share--; /* the separator */
	size_t len = 0;
	for (size_t i = 0; i < pairs; i++) {
		struct str pair = str_split(&all, ERR_ARG_SEP);
		bool cut = pair.len > share;
		if (cut)
			pair.len = utf8_whole((struct str){ pair.ptr, share - ELLIPSIS_LEN });
		if (i)
			out[len++] = ERR_ARG_SEP;
		if (pair.len)
			memcpy(out + len, pair.ptr, pair.len);
		len += pair.len;
		if (cut) {
			memcpy(out + len, ELLIPSIS, ELLIPSIS_LEN);
			len += ELLIPSIS_LEN;
		}
	}
	out[len] = '\0';
}

/* Expands `args` into `out` (EXPANDED_MAX bytes) and returns the length. */
static size_t expand(char *out, const char *args, va_list list)
{
	char format[FORMAT_MAX];
	out[0] = '\0';
	if (!args)
		return 0;
	size_t len = strlen(args);
	if (len >= sizeof format)
		BUG("argument list of %zu bytes", len);
	for (size_t i = 0; i <= len; i++)
		format[i] = args[i] == '|' ? ERR_ARG_SEP : args[i];
	int expanded = vsnprintf(out, EXPANDED_MAX, format, list);
	if (expanded < 0)
		return 0;
	return expanded < EXPANDED_MAX ? (size_t)expanded : EXPANDED_MAX - 1;
}

void err_args_format(char *out, size_t out_size, const char *args, va_list list)
{
	char text[EXPANDED_MAX];
	size_t len = expand(text, args, list);
	len = utf8_clean(text, len, ERR_ARG_SEP);
	fit_pairs(out, out_size, (struct str){ text, len });
}

static void set_key(struct err *err, const char *key)
{
	size_t len = 0;
	for (; *key && len < sizeof err->key - 1; key++)
		if ((*key >= 'a' && *key <= 'z') || (*key >= '0' && *key <= '9') || *key == '_')
			err->key[len++] = *key;
	err->key[len] = '\0';
}

enum err_code err_set(struct err *err, enum err_code code, const char *key, const char *args, ...)
{
	if (!err)
		return code;
	err->code = code;
	set_key(err, key);
	va_list list;
	va_start(list, args);
	err_args_format(err->args, sizeof err->args, args, list);
	va_end(list);
	return code;
}

enum err_code err_set_errno(struct err *err, int errno_value, const char *key, const char *args, ...)
{
	if (!err)
		return ERR_IO;
	err->code = ERR_IO;
	set_key(err, key);
	char text[EXPANDED_MAX + 128];
	va_list list;
	va_start(list, args);
	size_t len = expand(text, args, list);
	va_end(list);
	const char *reason = strerrordesc_np(errno_value);
	if (len)
		text[len++] = ERR_ARG_SEP;
	len += (size_t)snprintf(text + len, 120, "reason=%.100s", reason ? reason : "unknown error");
	len = utf8_clean(text, len, ERR_ARG_SEP);
	fit_pairs(err->args, sizeof err->args, (struct str){ text, len });
	return ERR_IO;
}

enum err_code err_restore(struct err *err, enum err_code code, const char *key, const char *args)
{
	if ((unsigned)code >= CODE_COUNT)
		code = ERR_INTERNAL;
	if (!err)
		return code;
	err->code = code;
	set_key(err, key ? key : "");
	char text[EXPANDED_MAX];
	size_t len = args ? strnlen(args, sizeof text - 1) : 0;
	if (len)
		memcpy(text, args, len);
	len = utf8_clean(text, len, ERR_ARG_SEP);
	fit_pairs(err->args, sizeof err->args, (struct str){ text, len });
	return code;
}

void err_add(struct err *err, const char *args, ...)
{
	char more[sizeof err->args], all[2 * sizeof err->args + 1];
	va_list list;

	va_start(list, args);
	err_args_format(more, sizeof more, args, list);
	va_end(list);
	str_format(all, sizeof all, "%s%s%s", err->args, err->args[0] ? (char[]){ ERR_ARG_SEP, 0 } : "", more);
	err_restore(err, err->code, err->key, all);
}

bool err_arg(const struct err *err, const char *name, char *out, size_t out_size)
{
	struct str rest = str_of(err->args);
	while (rest.len) {
		struct str value = str_split(&rest, ERR_ARG_SEP);
		struct str found = value.len ? str_split(&value, '=') : value;
		/* A pair without '=' leaves no value: ptr NULL. */
		if (!value.ptr || !str_eq_text(found, name))
			continue;
		if (value.len >= out_size)
			value.len = out_size ? utf8_whole((struct str){ value.ptr, out_size - 1 }) : 0;
		if (out_size) {
			memcpy(out, value.ptr, value.len);
			out[value.len] = '\0';
		}
		return true;
	}
	return false;
}

const char *err_code_name(enum err_code code)
{
	return (unsigned)code < CODE_COUNT ? code_names[code] : code_names[ERR_INTERNAL];
}

enum err_code err_code_from_name(const char *name)
{
	for (size_t i = 0; name && i < CODE_COUNT; i++)
		if (strcmp(name, code_names[i]) == 0)
			return (enum err_code)i;
	return ERR_INTERNAL;
}

_Noreturn void bug_abort(const char *file, int line, const char *fmt, ...)
{
	fprintf(stderr, "assay: defect at %s:%d: ", file, line);
	va_list list;
	va_start(list, fmt);
	vfprintf(stderr, fmt, list);
	va_end(list);
	fputc('\n', stderr);
	abort();
}
