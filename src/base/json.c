/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

#define REPLACEMENT_TEXT "\xEF\xBF\xBD"
#define BOM "\xEF\xBB\xBF"

struct where {
	size_t line;
	size_t column; /* in characters */
};

static struct where where_is(struct str text, size_t at)
{
	struct where w = { 1, 1 };
	for (size_t i = 0; i < at; i++) {
		if (text.ptr[i] == '\n')
			w = (struct where){ w.line + 1, 1 };
		else if ((text.ptr[i] & 0xC0) != 0x80)
			w.column++;
	}
	return w;
}

/* Looks at brackets and commas only, so that no text costs Jansson its stack or gigabytes. */
static enum err_code check_shape(struct str text, const char *what, size_t max_values, struct err *err)
{
	size_t depth = 0, values = 1;
	bool in_string = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (in_string) {
			i += c == '\\';
			in_string = c != '"';
			continue;
		}
		in_string = c == '"';
		depth += c == '[' || c == '{';
		depth -= depth && (c == ']' || c == '}');
		values += c == ',' || c == '[' || c == '{';
		if (depth > LIMIT_JSON_DEPTH) {
			struct where w = where_is(text, i);
			return err_set(err, ERR_LIMIT, "err_json_too_deep", "what=%s|line=%zu|column=%zu|limit=%d", what,
				w.line, w.column, LIMIT_JSON_DEPTH);
		}
	}
	if (values > max_values)
		return err_set(err, ERR_LIMIT, "err_json_too_many", "what=%s|limit=%zu|found=%zu", what, max_values, values);
	return ERR_OK;
}

static json_t *parse(struct str text, const char *what, size_t limit, size_t max_values, struct err *err)
{
	if (text.len > limit) {
		err_set(err, ERR_LIMIT, "err_json_too_big", "what=%s|limit=%zu|found=%zu", what, limit, text.len);
		return NULL;
	}
	if (check_shape(text, what, max_values, err) != ERR_OK)
		return NULL;
	json_error_t why;
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
	json_t *value = json_loadb(text.ptr ? text.ptr : "", text.len, flags, &why);
	if (!value)
		err_set(err, ERR_DATA, "err_json_syntax", "what=%s|line=%d|column=%d|reason=%s", what,
			why.line < 1 ? 1 : why.line, why.column < 1 ? 1 : why.column, why.text);
	return value;
}

json_t *json_parse(struct str text, const char *what, struct err *err)
{
	return parse(text, what, LIMIT_JSON_BODY, LIMIT_JSON_VALUES, err);
}

json_t *json_parse_max(struct str text, const char *what, size_t max, struct err *err)
{
	return parse(text, what, max, LIMIT_JSON_VALUES, err);
}

json_t *json_parse_frame(struct str text, struct err *err)
{
	return parse(text, "frame", LIMIT_FRAME, LIMIT_FRAME_VALUES, err);
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Length of NaN, Infinity or -Infinity at the start of `s`, 0 if it is another word. */
static size_t not_a_number(struct str s)
{
	static const char *const words[] = { "NaN", "Infinity", "-Infinity" };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t len = strlen(words[i]);
		if (str_starts(s, words[i]) && (s.len == len || !is_word_char(s.ptr[len])))
			return len;
	}
	return 0;
}

/* Copies `text` with the numbers that only Python writes replaced by null. */
static void copy_without_nan(struct buf *out, struct str text)
{
	bool in_string = false, after_word = false;
	size_t copied = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (in_string) {
			i += c == '\\';
			in_string = c != '"';
			continue;
		}
		in_string = c == '"';
		bool candidate = !after_word && (c == 'N' || c == 'I' || c == '-');
		size_t len = candidate ? not_a_number((struct str){ text.ptr + i, text.len - i }) : 0;
		after_word = is_word_char(c) || c == '-';
		if (!len)
			continue;
		buf_add(out, text.ptr + copied, i - copied);
		buf_add_text(out, "null");
		i += len - 1;
		copied = i + 1;
		after_word = true;
	}
	if (copied < text.len)
		buf_add(out, text.ptr + copied, text.len - copied);
}

json_t *json_parse_python(struct str text, const char *what, struct err *err)
{
	struct buf clean = BUF_INIT(2 * LIMIT_UPLOAD);
	json_t *value = NULL;
	if (text.len > LIMIT_UPLOAD)
		return parse(text, what, LIMIT_UPLOAD, LIMIT_JSON_VALUES, err);
	if (str_starts(text, BOM))
		text = (struct str){ text.ptr + 3, text.len - 3 };
	copy_without_nan(&clean, text);
	if (clean.overflow)
		err_set(err, ERR_LIMIT, "err_json_too_big", "what=%s|limit=%llu|found=%zu", what, LIMIT_UPLOAD,
			text.len);
	else
		/* NaN -> null makes the text longer, which is not the file's fault. */
		value = parse(buf_str(&clean), what, 2 * LIMIT_UPLOAD, LIMIT_JSON_VALUES, err);
	buf_release(&clean);
	return value;
}

/* The escape of a byte that cannot stand in a JSON string as it is, NULL if it can. */
static const char *escape_of(char c, char out[8])
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	case '\0':
		return REPLACEMENT_TEXT; /* json_parse() refuses \u0000 */
	default:
		if ((unsigned char)c >= 0x20)
			return NULL;
		snprintf(out, 8, "\\u%04x", (unsigned)c);
		return out;
	}
}

/* Adds valid UTF-8. */
static void write_escaped(struct buf *out, struct str text)
{
	size_t start = 0;
	for (size_t i = 0; i < text.len; i++) {
		char code[8];
		const char *escape = escape_of(text.ptr[i], code);
		if (!escape)
			continue;
		buf_add(out, text.ptr + start, i - start);
		buf_add_text(out, escape);
		start = i + 1;
	}
	if (start < text.len)
		buf_add(out, text.ptr + start, text.len - start);
}

/* Calls `add` for the valid stretches of `text` and for U+FFFD in place of each wrong byte. */
static void for_valid(struct buf *out, struct str text, void (*add)(struct buf *out, struct str valid))
{
	size_t bad;
	while (!utf8_valid(text, &bad)) {
		add(out, (struct str){ text.ptr, bad });
		add(out, STR(REPLACEMENT_TEXT));
		text = (struct str){ text.ptr + bad + 1, text.len - bad - 1 };
	}
	add(out, text);
}

const char *json_text_of(struct arena *a, json_t *value)
{
	struct buf text = BUF_INIT(LIMIT_FRAME);

	json_write(&text, value);
	json_decref(value);
	const char *copy = arena_strdup(a, buf_text(&text));
	buf_release(&text);
	return copy;
}

void json_write_string(struct buf *out, struct str text)
{
	buf_add_char(out, '"');
	for_valid(out, text, write_escaped);
	buf_add_char(out, '"');
}

/* The shortest decimal that reads back as the same double; it always looks like a real number. */
static void write_real(struct buf *out, double value)
{
	char text[40];
	for (int digits = 15; digits <= 17; digits++) {
		double back;
		snprintf(text, sizeof text, "%.*g", digits, value);
		char *comma = strchr(text, ','); /* the point of some locales */
		if (comma)
			*comma = '.';
		if (str_to_double(str_of(text), &back) && back == value)
			break;
	}
	buf_add_text(out, text);
	if (!strpbrk(text, ".e"))
		buf_add_text(out, ".0");
}

static void write_value(struct buf *out, const json_t *value);

static void write_array(struct buf *out, const json_t *value)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (i)
			buf_add_char(out, ',');
		write_value(out, json_array_get(value, i));
	}
	buf_add_char(out, ']');
}

static void write_object(struct buf *out, const json_t *value)
{
	const char *name;
	json_t *member;
	char sep = '{';
	if (json_object_size(value) == 0)
		buf_add_char(out, sep);
	/* Jansson's iterator is not const, but it does not change the object. */
	json_object_foreach((json_t *)value, name, member)
	{
		buf_add_char(out, sep);
		sep = ',';
		json_write_string(out, str_of(name));
		buf_add_char(out, ':');
		write_value(out, member);
	}
	buf_add_char(out, '}');
}

static void write_value(struct buf *out, const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_OBJECT:
		write_object(out, value);
		break;
	case JSON_ARRAY:
		write_array(out, value);
		break;
	case JSON_STRING:
		json_write_string(out, (struct str){ json_string_value(value), json_string_length(value) });
		break;
	case JSON_INTEGER:
		buf_printf(out, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_REAL:
		write_real(out, json_real_value(value));
		break;
	case JSON_TRUE:
		buf_add_text(out, "true");
		break;
	case JSON_FALSE:
		buf_add_text(out, "false");
		break;
	case JSON_NULL:
		buf_add_text(out, "null");
		break;
	}
}

void json_write(struct buf *out, const json_t *value)
{
	write_value(out, value);
}

/* The member, or NULL where it is absent or null (or `obj` is no object: `err`). */
static json_t *member_of(const json_t *obj, const char *key, struct err *err)
{
	if (obj && !json_is_object(obj) && err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_parent", "field=%s", key);
	json_t *value = json_object_get(obj, key);
	return json_is_null(value) ? NULL : value;
}

static void wrong_field(struct err *err, const char *message, const char *field)
{
	if (err->code == ERR_OK)
		err_set(err, ERR_INVALID, message, "field=%s", field);
}

const char *json_get_text(const json_t *obj, const char *key, const char *fallback, struct err *err)
{
	const json_t *value = member_of(obj, key, err);
	if (!value)
		return fallback;
	if (json_is_string(value))
		return json_string_value(value);
	wrong_field(err, "err_field_text", key);
	return fallback;
}

int64_t json_get_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t fallback,
	struct err *err)
{
	const json_t *value = member_of(obj, key, err);
	if (!value)
		return fallback;
	if (json_is_integer(value) && json_integer_value(value) >= min && json_integer_value(value) <= max)
		return json_integer_value(value);
	if (err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_integer", "field=%s|min=%lld|max=%lld", key, (long long)min,
			(long long)max);
	return fallback;
}

double json_get_number(const json_t *obj, const char *key, double min, double max, double fallback,
	struct err *err)
{
	const json_t *value = member_of(obj, key, err);
	if (!value)
		return fallback;
	double number = json_number_value(value);
	if (json_is_number(value) && number >= min && number <= max)
		return number;
	if (err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_number", "field=%s|min=%g|max=%g", key, min, max);
	return fallback;
}

bool json_get_bool(const json_t *obj, const char *key, bool fallback, struct err *err)
{
	const json_t *value = member_of(obj, key, err);
	if (!value)
		return fallback;
	if (json_is_boolean(value))
		return json_is_true(value);
	wrong_field(err, "err_field_bool", key);
	return fallback;
}

json_t *json_get_array(const json_t *obj, const char *key, struct err *err)
{
	json_t *value = member_of(obj, key, err);
	if (!value || json_is_array(value))
		return value;
	wrong_field(err, "err_field_array", key);
	return NULL;
}

json_t *json_get_object(const json_t *obj, const char *key, struct err *err)
{
	json_t *value = member_of(obj, key, err);
	if (!value || json_is_object(value))
		return value;
	wrong_field(err, "err_field_object", key);
	return NULL;
}

/* As write_escaped() for a string value: only NUL has to go. */
static void add_without_nul(struct buf *out, struct str text)
{
	while (text.len) {
		struct str piece = str_split(&text, '\0');
		buf_add_str(out, piece);
		if (text.ptr)
			buf_add_text(out, REPLACEMENT_TEXT);
	}
}

json_t *json_text(struct str text)
{
	bool has_nul = text.len && memchr(text.ptr, 0, text.len);
	json_t *value = has_nul ? NULL : json_stringn(text.len ? text.ptr : "", text.len);
	if (value)
		return value;
	struct buf clean = BUF_INIT(SIZE_MAX / 2);
	for_valid(&clean, text, add_without_nul);
	value = json_stringn(buf_text(&clean), clean.len);
	buf_release(&clean);
	return value;
}
