/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg.h"

#include <string.h>

#include "base/msg_table.h"
#include "base/str.h"

#define FORMATTED_MAX 4096

const char *lang_name(enum lang lang)
{
	return lang == LANG_ZH_TW ? "zh-TW" : "en";
}

/* Whether one of the subtags after the first ("Hans" in zh-Hans-TW) is `subtag`. */
static bool has_subtag(struct str tag, const char *subtag)
{
	str_split(&tag, '-');
	while (tag.len)
		if (str_eq_nocase(str_split(&tag, '-'), subtag))
			return true;
	return false;
}

/* `tag` has '-' between its subtags. */
static enum lang one_lang(struct str tag)
{
	struct str rest = tag;
	struct str primary = str_split(&rest, '-');
	if (str_eq_nocase(primary, "en"))
		return LANG_EN;
	if (!str_eq_nocase(primary, "zh"))
		return LANG_COUNT;
	if (has_subtag(tag, "Hant"))
		return LANG_ZH_TW;
	bool simplified = has_subtag(tag, "Hans") || has_subtag(tag, "CN") || has_subtag(tag, "SG");
	return simplified ? LANG_COUNT : LANG_ZH_TW;
}

/* The q of "zh-TW;q=0.9"; 1 where there is none. */
static double weight_of(struct str options)
{
	while (options.len) {
		struct str option = str_trim(str_split(&options, ';'));
		double q;
		if (str_starts(option, "q=") && str_to_double((struct str){ option.ptr + 2, option.len - 2 }, &q))
			return q;
	}
	return 1;
}

enum lang lang_from_tag(const char *tag, enum lang fallback)
{
	enum lang best = fallback;
	double best_weight = 0;
	struct str rest = str_of(tag);
	while (rest.len) {
		struct str options = str_split(&rest, ',');
		struct str name = str_trim(str_split(&options, ';'));
		name = str_split(&name, '.'); /* zh_TW.UTF-8 */
		name = str_split(&name, '@');
		char text[64];
		if (!name.len || name.len >= sizeof text)
			continue;
		for (size_t i = 0; i < name.len; i++)
			text[i] = name.ptr[i] == '_' ? '-' : name.ptr[i];
		enum lang lang = one_lang((struct str){ text, name.len });
		double weight = weight_of(options);
		if (lang != LANG_COUNT && weight > best_weight) {
			best = lang;
			best_weight = weight;
		}
	}
	return best;
}

const char *msg_text(enum lang lang, const char *key)
{
	unsigned low = 0, high = msg_table_size;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order = strcmp(key, msg_table[middle].key);
		if (order == 0)
			return msg_table[middle].text[lang == LANG_ZH_TW];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The value of `name` in `args`; ptr NULL if there is none. */
static struct str find_arg(struct str args, struct str name)
{
	while (args.len) {
		struct str value = str_split(&args, ERR_ARG_SEP);
		struct str found = str_split(&value, '=');
		if (value.ptr && str_eq(found, name))
			return value;
	}
	return (struct str){ NULL, 0 };
}

/* What the system and libcurl say most often: the English sentences of these keys are their very words. */
static const char *const reasons[] = {
	"core_os_busy_port",	 "core_os_denied",    "core_os_exists",	  "core_os_files",     "core_os_input_output",
	"core_os_is_folder",	 "core_os_memory",    "core_os_name_long",	  "core_os_no_file",   "core_os_no_folder",
	"core_os_no_host",	 "core_os_no_host_curl", "core_os_no_host_curl_new", "core_os_no_network", "core_os_no_route",
	"core_os_no_server",	 "core_os_no_server_new", "core_os_no_space",  "core_os_not_permitted", "core_os_nothing",
	"core_os_pipe",		 "core_os_quota",     "core_os_read_only",	  "core_os_receiving", "core_os_refused",
	"core_os_reset",	 "core_os_sending",   "core_os_timed_out",	  "core_os_timed_out_curl",
};

/* The system's reason in `lang`, or as it is where it is not one of the usual ones. */
static struct str said_reason(enum lang lang, struct str value)
{
	for (size_t i = 0; lang != LANG_EN && i < sizeof reasons / sizeof *reasons; i++)
		if (str_eq_text(value, msg_text(LANG_EN, reasons[i])))
			return str_of(msg_text(lang, reasons[i]));
	return value;
}

static bool is_hole_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* Length of a placeholder name at the start of `s`, 0 if it is not followed by '}'. */
static size_t hole_name(struct str s)
{
	size_t n = 0;
	while (n < s.len && is_hole_char(s.ptr[n], n == 0))
		n++;
	return n < s.len && s.ptr[n] == '}' ? n : 0;
}

static void render_text(struct buf *out, enum lang lang, struct str text, struct str args, bool nested);

/* The sentence that a value names ("@core_KEY"), NULL where it is a plain value. */
static const char *named_sentence(enum lang lang, struct str value)
{
	char key[64];
	if (!str_starts(value, "@core_") || value.len > sizeof key)
		return NULL;
	memcpy(key, value.ptr + 1, value.len - 1);
	key[value.len - 1] = '\0';
	return msg_text(lang, key);
}

/* Fills "{name}" at the start of `s`; how many bytes of `s` that used, 0 if there is no such argument. */
static size_t render_hole(struct buf *out, enum lang lang, struct str s, struct str args, bool nested)
{
	struct str name = { s.ptr + 1, hole_name((struct str){ s.ptr + 1, s.len - 1 }) };
	struct str value = name.len ? find_arg(args, name) : (struct str){ NULL, 0 };
	if (!value.ptr)
		return 0;
	const char *sentence = nested ? NULL : named_sentence(lang, value);
	if (sentence)
		render_text(out, lang, str_of(sentence), args, true);
	else
		buf_add_str(out, str_eq_text(name, "reason") ? said_reason(lang, value) : value);
	return name.len + 2;
}

/* The same for "[name|one|many]": "one" where the argument is 1. */
static size_t render_choice(struct buf *out, struct str s, struct str args)
{
	const char *end = memchr(s.ptr, ']', s.len);
	struct str rest = { s.ptr + 1, end ? (size_t)(end - s.ptr) - 1 : 0 };
	struct str name = str_split(&rest, '|'), one = str_split(&rest, '|');
	struct str value = rest.ptr ? find_arg(args, name) : (struct str){ NULL, 0 };
	if (!value.ptr || memchr(rest.ptr, '|', rest.len))
		return 0;
	buf_add_str(out, str_eq_text(value, "1") ? one : rest);
	return (size_t)(end - s.ptr) + 1;
}

static void render_text(struct buf *out, enum lang lang, struct str text, struct str args, bool nested)
{
	while (text.len) {
		size_t plain = 0, used;
		while (plain < text.len && text.ptr[plain] != '{' && text.ptr[plain] != '[')
			plain++;
		buf_add(out, text.ptr, plain);
		text = (struct str){ text.ptr + plain, text.len - plain };
		if (!text.len)
			return;
		used = text.ptr[0] == '{' ? render_hole(out, lang, text, args, nested) : render_choice(out, text, args);
		if (!used)
			buf_add_char(out, text.ptr[0]);
		used += !used;
		text = (struct str){ text.ptr + used, text.len - used };
	}
}

void msg_render(struct buf *out, enum lang lang, const char *key, const char *args)
{
	const char *text = msg_text(lang, key);
	if (text)
		render_text(out, lang, str_of(text), str_of(args), false);
	else
		buf_add_text(out, key);
}

void msg_format(struct buf *out, enum lang lang, const char *key, const char *args, ...)
{
	char text[FORMATTED_MAX];
	va_list list;
	va_start(list, args);
	err_args_format(text, sizeof text, args, list);
	va_end(list);
	msg_render(out, lang, key, text);
}

void err_message(struct buf *out, enum lang lang, const struct err *err)
{
	if (err->key[0])
		msg_render(out, lang, err->key, err->args);
	else
		buf_add_text(out, err_code_name(err->code));
}

void err_hint(struct buf *out, enum lang lang, const struct err *err)
{
	char key[sizeof err->key + 8];
	if (err->key[0] && str_format(key, sizeof key, "%s_hint", err->key) && msg_text(lang, key))
		msg_render(out, lang, key, err->args);
}
