/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as JSON, as an encoding and as fields of a table, where two ways must agree: what the scanner cuts into pieces is
 * what Jansson reads as a whole, what is written is read back as it was, and decoded text stays as it is.  And as a document
 * (plain, Markdown, HTML), whose passages lie in it. */
#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "model/csv.h"
#include "model/document.h"
#include "model/encoding.h"
#include "model/json_split.h"
#include "model/terms.h"
#include "report/csv.h"

#define FIELDS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str part(struct str text, const struct json_element *e)
{
	return (struct str){ text.ptr + e->start, e->len };
}

/* `whole` is what Jansson makes of the text, an array or an object. */
static void check_split(struct str text, const json_t *whole)
{
	struct json_split s;
	struct json_element e;
	size_t at = 0, n = 0;
	bool is_array = json_is_array(whole);

	while (text.ptr[at] != (is_array ? '[' : '{'))
		at++;
	if (is_array)
		json_split_array(&s, text, at, true);
	else
		json_split_object(&s, text, at);
	while (json_split_next(&s, &e)) {
		json_t *value = json_parse(part(text, &e), "part", NULL);
		json_t *key = is_array ? NULL : json_parse(e.key, "key", NULL);
		const json_t *expected = is_array ? json_array_get(whole, n) : json_object_get(whole, json_string_value(key));
		if (!value || !json_equal(value, expected))
			BUG("part %zu differs", n);
		json_decref(value);
		json_decref(key);
		n++;
	}
	if (s.end != JSON_SPLIT_END || n != (is_array ? json_array_size(whole) : json_object_size(whole)))
		BUG("%zu parts, end %d", n, (int)s.end);
}

static void check_json(struct str text)
{
	struct err err = { 0 };
	struct buf out = BUF_INIT(16 * MIB);
	json_t *value = json_parse(text, "text", &err);

	if (!value && !err.key[0])
		BUG("refused without a cause");
	if (value) {
		json_t *python = json_parse_python(text, "text", &err);
		json_write(&out, value);
		json_t *again = json_parse(buf_str(&out), "again", &err);
		if (!json_equal(value, again) || !json_equal(value, python))
			BUG("written as %s", buf_text(&out));
		if (json_is_array(value) || json_is_object(value))
			check_split(text, value);
		json_decref(python);
		json_decref(again);
	} else {
		json_decref(json_parse_python(text, "text", NULL));
	}
	json_decref(value);
	buf_release(&out);
}

static void check_string(struct str text)
{
	struct buf out = BUF_INIT(16 * MIB);
	bool is_clean = utf8_valid(text, NULL) && (text.len == 0 || !memchr(text.ptr, 0, text.len));

	json_write_string(&out, text);
	json_t *value = json_parse(buf_str(&out), "string", NULL), *copy = json_text(text);
	if (!value || !json_equal(value, copy))
		BUG("string written as %s", buf_text(&out));
	if (is_clean && (json_string_length(value) != text.len ||
			 (text.len > 0 && memcmp(json_string_value(value), text.ptr, text.len) != 0)))
		BUG("string changed: %s", buf_text(&out));
	json_decref(value);
	json_decref(copy);
	buf_release(&out);
}

static void check_encoding(struct str bytes)
{
	struct arena *a = arena_new();
	struct err err = { 0 };
	struct str text;
	const char *name = NULL;

	if (encoding_decode(a, bytes, &text, &name, NULL, &err) != ERR_OK) {
		if (!err.key[0])
			BUG("refused without a cause");
	} else {
		struct buf composed = BUF_INIT(64 * MIB), again = BUF_INIT(64 * MIB);
		if (!name || !utf8_valid(text, NULL) || (text.len > 0 && memchr(text.ptr, 0, text.len)))
			BUG("decoded as %s", name);
		encoding_nfc(text, &composed);
		encoding_nfc(buf_str(&composed), &again);
		if (!utf8_valid(buf_str(&composed), NULL) || composed.len != again.len ||
		    (again.len > 0 && memcmp(composed.ptr, again.ptr, again.len) != 0))
			BUG("composed twice is not composed once");
		buf_release(&composed);
		buf_release(&again);
	}
	arena_free(a);
}

/* The table that we write is the table that we read; 0x1f ends a field. */
static void check_table(struct str text)
{
	const struct csv_style plain = { .excel = false };
	struct str fields[FIELDS_MAX];
	struct buf out = BUF_INIT(16 * MIB);
	struct csv_reader reader;
	struct csv_record record;
	size_t n = 0;

	while (n < FIELDS_MAX && (text.len > 0 || n == 0))
		fields[n++] = str_split(&text, '\x1f');
	csv_begin(&out, &plain);
	for (size_t i = 0; i < n; i++)
		csv_field(&out, fields[i], &plain);
	csv_end_row(&out);
	csv_reader_init(&reader, buf_str(&out), ',');
	if (!csv_reader_next(&reader, &record) || record.n != n || record.unclosed || record.too_long)
		BUG("%zu fields written, %zu read", n, record.n);
	for (size_t i = 0; i < n; i++) {
		if (record.fields[i].len != fields[i].len ||
		    (fields[i].len > 0 && memcmp(record.fields[i].ptr, fields[i].ptr, fields[i].len) != 0))
			BUG("field %zu differs", i);
	}
	if (csv_reader_next(&reader, &record))
		BUG("one row more");
	csv_reader_release(&reader);
	buf_release(&out);
}

/* Every word of a document is in a passage, passages lie in it, and what is searched are letters and digits. */
static void check_document(struct str text)
{
	struct arena *a = arena_new();

	for (int format = DOCUMENT_TXT; format <= DOCUMENT_HTML; format++) {
		struct buf plain = BUF_INIT(16 * MIB), terms = BUF_INIT(64 * MIB);
		size_t n, last = 0;
		document_text(&plain, text, (enum document_format)format);
		if (!utf8_valid(buf_str(&plain), NULL))
			BUG("the text is no UTF-8");
		struct passage *p = document_split(a, buf_str(&plain), (enum document_format)format, &n);
		for (size_t i = 0; i < n; i++) {
			struct str part = { plain.ptr + p[i].start, p[i].length };
			if (p[i].length == 0 || p[i].start + p[i].length > plain.len || p[i].start + p[i].length <= last || !utf8_valid(part, NULL))
				BUG("passage %zu", i);
			last = p[i].start + p[i].length;
		}
		terms_add(&terms, buf_str(&plain));
		for (size_t i = 0; i < terms.len; i++)
			if ((unsigned char)terms.ptr[i] < 0x80 && !strchr(" 0123456789abcdefghijklmnopqrstuvwxyz", terms.ptr[i]))
				BUG("a term with %02x", (unsigned)terms.ptr[i]);
		buf_release(&plain);
		buf_release(&terms);
	}
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };

	check_json(text);
	check_string(text);
	check_encoding(text);
	if (utf8_valid(text, NULL)) {
		check_table(text);
		check_document(text);
	}
	return 0;
}
