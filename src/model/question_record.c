/* SPDX-License-Identifier: Apache-2.0 */
#include "model/question_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/json_split.h"
#include "model/question_shapes.h"

/* The largest whole number that every reader of JSON keeps: 2^53 - 1. */
#define WHOLE_MAX "9007199254740991"

/* Length of the string that starts here, with its quotation marks. */
static size_t string_span(struct str s)
{
	size_t i = 1;

	while (i < s.len && s.ptr[i] != '"')
		i += s.ptr[i] == '\\' ? 2 : 1;
	return i < s.len ? i + 1 : s.len;
}

/* True for a number that is the same wherever it is read. */
static bool is_portable(struct str number)
{
	char digits[400];
	size_t sign = number.ptr[0] == '-', n = number.len - sign;

	if (!memchr(number.ptr, '.', number.len) && !memchr(number.ptr, 'e', number.len) && !memchr(number.ptr, 'E', number.len))
		return n < strlen(WHOLE_MAX) ||
		       (n == strlen(WHOLE_MAX) && memcmp(number.ptr + sign, WHOLE_MAX, n) <= 0);
	if (number.len >= sizeof(digits))
		return false;
	memcpy(digits, number.ptr, number.len);
	digits[number.len] = '\0';
	return isfinite(strtod(digits, NULL));
}

/* A value as it stands there, without white space between its parts.  One that nobody could be sent counts as too long. */
static void add_value(struct str raw, struct buf *out)
{
	size_t pos = 0, depth = 0;

	while (pos < raw.len) {
		struct str rest = { raw.ptr + pos, raw.len - pos };
		char c = rest.ptr[0];
		size_t len = c == '-' || (c >= '0' && c <= '9') ? json_number_length(rest) : 0;

		depth += c == '[' || c == '{';
		depth -= depth && (c == ']' || c == '}');
		out->overflow = out->overflow || depth > LIMIT_RECORD_DEPTH;
		if (len && !is_portable((struct str){ rest.ptr, len })) {
			buf_printf(out, "\"%.*s\"", (int)len, rest.ptr);
		} else if (len || !strchr(" \t\r\n", c)) {
			len = len ? len : c == '"' ? string_span(rest) : 1;
			buf_add(out, rest.ptr, len);
		} else {
			len = 1;
		}
		pos += len;
	}
}

/* The name of a member without its quotation marks and escapes. */
static json_t *read_key(struct str key)
{
	if (key.len < 2)
		return NULL;
	if (!memchr(key.ptr, '\\', key.len))
		return json_stringn(key.ptr + 1, key.len - 2);
	return json_loadb(key.ptr, key.len, JSON_DECODE_ANY, NULL);
}

/* A comma where one is needed, and the name with its quotation marks. */
static void add_key(struct str key, struct buf *out)
{
	if (out->len && out->ptr[out->len - 1] != '{')
		buf_add_char(out, ',');
	buf_add_str(out, key);
	buf_add_char(out, ':');
}

/* Takes back what came since. */
static void cut(struct buf *out, size_t len)
{
	out->len = len;
	if (out->ptr)
		out->ptr[len] = '\0';
}

struct record {
	const struct question_plan *plan;
	const struct question_row *row;
	const json_t *base; /* where the plan's fields stand: the row, or an object in it */
	struct buf *out;
};

/* What remains of the row, or of the object in it that holds the fields; false where that is nothing. */
static bool add_members(const struct record *r, struct str raw, const json_t *object)
{
	struct json_element member = { 0 };
	struct json_split split;
	size_t start = r->out->len;

	buf_add_char(r->out, '{');
	json_split_object(&split, raw, 0);
	for (; json_split_next(&split, &member); member = (struct json_element){ 0 }) {
		struct str inside = { raw.ptr + member.start, member.len };
		json_t *name = read_key(member.key);
		const char *key = name ? json_string_value(name) : "";
		const json_t *field = json_object_get(object, key);
		size_t before = r->out->len;

		if (object != r->base && field && field == r->base && json_is_object(field)) {
			add_key(member.key, r->out);
			if (!add_members(r, inside, field))
				cut(r->out, before);
		} else if (!question_shape_uses(r->plan, r->row, key, field, object == r->base)) {
			add_key(member.key, r->out);
			add_value(inside, r->out);
		}
		json_decref(name);
	}
	buf_add_char(r->out, '}');
	return r->out->len > start + 2;
}

/* The columns of a table that say something. */
static bool add_cells(const struct record *r, const json_t *object)
{
	size_t start = r->out->len;
	const char *key;
	json_t *cell;

	buf_add_char(r->out, '{');
	json_object_foreach((json_t *)object, key, cell) {
		if (!json_string_length(cell) || question_shape_uses(r->plan, r->row, key, cell, true))
			continue;
		if (r->out->len > start + 1)
			buf_add_char(r->out, ',');
		json_write_string(r->out, str_of(key));
		buf_add_char(r->out, ':');
		json_write_string(r->out, (struct str){ json_string_value(cell), json_string_length(cell) });
	}
	buf_add_char(r->out, '}');
	return r->out->len > start + 2;
}

/* A line of assay's own export, whose other fields are answers. */
static bool is_export(const json_t *value)
{
	const char *type = json_string_value(json_object_get(value, "type"));

	return type && strcmp(type, "question") == 0 && json_is_array(json_object_get(value, "answers")) &&
	       json_object_get(value, "question_id");
}

static bool add_exported(struct str raw, const json_t *value, struct buf *out)
{
	struct json_element member = { 0 };
	struct json_split split;

	if (!json_object_size(json_object_get(value, "record")))
		return false;
	json_split_object(&split, raw, 0);
	for (; json_split_next(&split, &member); member = (struct json_element){ 0 }) {
		if (str_eq_text(member.key, "\"record\""))
			add_value((struct str){ raw.ptr + member.start, member.len }, out);
	}
	return true;
}

void question_record_read(const struct question_plan *plan, const struct question_row *row, struct str raw, const json_t *value,
			  struct buf *out)
{
	struct record r = { plan, row, question_shape_base(plan->shape, value), out };
	size_t start = out->len;
	bool any;

	if (!json_is_object(value))
		return;
	if (!raw.len)
		any = add_cells(&r, value);
	else
		any = is_export(value) ? add_exported(raw, value, out) : add_members(&r, raw, value);
	if (!any)
		cut(out, start);
}

void question_record_write(const json_t *object, struct buf *out)
{
	struct buf text = BUF_INIT(LIMIT_JSON_BODY);

	if (!json_object_size(object))
		return;
	json_write(&text, object);
	add_value(buf_str(&text), out);
	out->overflow = out->overflow || text.overflow;
	buf_release(&text);
}
