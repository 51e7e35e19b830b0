/* SPDX-License-Identifier: Apache-2.0 */
#include "model/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/json.h"
#include "base/limits.h"
#include "model/encoding.h"
#include "model/json_split.h"

/* A mapping or sequence that is open. */
struct level {
	bool is_mapping, has_key; /* has_key: its value is next */
	size_t n;                 /* entries so far */
	json_t *keys;             /* of a mapping: those it has had */
};

struct writer {
	struct buf *out;
	struct err *err;
	size_t line; /* where `out` ends, from 0 */
	size_t n_values, n_documents;
	struct level levels[LIMIT_JSON_DEPTH];
	size_t depth;
};

static enum err_code refuse(struct writer *w, const yaml_event_t *event, enum err_code code, const char *key)
{
	return err_set(w->err, code, key, "line=%zu", event->start_mark.line + 1);
}

/* --- scalars --- */

static bool is_one_of(struct str text, const char *const *words)
{
	for (; *words; words++) {
		if (str_eq_text(text, *words))
			return true;
	}
	return false;
}

/* What a plain scalar is in JSON: null, true, false, a number; NULL: a text. */
static const char *plain_word(struct str text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const truths[] = { "true", "True", "TRUE", NULL };
	static const char *const lies[] = { "false", "False", "FALSE", NULL };

	if (is_one_of(text, nulls))
		return "null";
	if (is_one_of(text, truths))
		return "true";
	return is_one_of(text, lies) ? "false" : NULL;
}

static void write_scalar(struct writer *w, const yaml_event_t *event)
{
	struct str text = { (const char *)event->data.scalar.value, event->data.scalar.length };
	bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	const char *word = is_plain ? plain_word(text) : NULL;

	if (word)
		buf_add_text(w->out, word);
	else if (is_plain && json_number_length(text) == text.len)
		buf_add_str(w->out, text);
	else
		json_write_string(w->out, text);
}

static enum err_code write_key(struct writer *w, const yaml_event_t *event)
{
	struct str text = { (const char *)event->data.scalar.value, event->data.scalar.length };
	json_t *keys = w->levels[w->depth - 1].keys;

	if (json_object_get(keys, text.ptr)) /* libyaml ends it with a NUL */
		return err_set(w->err, ERR_DATA, "err_yaml_key_twice", "line=%zu|key=%.*s", event->start_mark.line + 1,
			       (int)(text.len < 80 ? text.len : 80), text.ptr);
	json_object_set_new_nocheck(keys, text.ptr, json_true());
	json_write_string(w->out, text);
	return ERR_OK;
}

/* --- values --- */

/* What has to stand before a value, and `*is_key` for one that is a key. */
static enum err_code begin_value(struct writer *w, const yaml_event_t *event, bool *is_key)
{
	struct level *l = w->depth ? &w->levels[w->depth - 1] : NULL;

	if (++w->n_values > LIMIT_JSON_VALUES)
		return refuse(w, event, ERR_LIMIT, "err_yaml_values");
	*is_key = l && l->is_mapping && !l->has_key;
	if (*is_key && event->type != YAML_SCALAR_EVENT)
		return refuse(w, event, ERR_DATA, "err_yaml_key");
	if (l && l->has_key)
		buf_add_char(w->out, ':');
	else if (l && l->n++)
		buf_add_char(w->out, ',');
	if (l)
		l->has_key = *is_key;
	for (; w->line < event->start_mark.line; w->line++)
		buf_add_char(w->out, '\n');
	return ERR_OK;
}

static enum err_code open_level(struct writer *w, const yaml_event_t *event)
{
	bool is_mapping = event->type == YAML_MAPPING_START_EVENT;

	if (w->depth == LIMIT_JSON_DEPTH)
		return refuse(w, event, ERR_LIMIT, "err_yaml_deep");
	w->levels[w->depth++] = (struct level){ .is_mapping = is_mapping, .keys = is_mapping ? json_object() : NULL };
	buf_add_char(w->out, is_mapping ? '{' : '[');
	return ERR_OK;
}

static void close_level(struct writer *w)
{
	struct level *l = &w->levels[--w->depth];

	buf_add_char(w->out, l->is_mapping ? '}' : ']');
	json_decref(l->keys);
}

/* Anchors and tags, wherever they may stand. */
static enum err_code check_marks(struct writer *w, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor || event->type == YAML_ALIAS_EVENT)
		return refuse(w, event, ERR_DATA, "err_yaml_anchor");
	return tag ? refuse(w, event, ERR_DATA, "err_yaml_tag") : ERR_OK;
}

static enum err_code take_event(struct writer *w, const yaml_event_t *event)
{
	bool is_key = false;
	enum err_code code = check_marks(w, event);

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (w->n_documents++)
			code = refuse(w, event, ERR_DATA, "err_yaml_documents");
		break;
	case YAML_SCALAR_EVENT:
		code = code ? code : begin_value(w, event, &is_key);
		if (!code && is_key)
			code = write_key(w, event);
		else if (!code)
			write_scalar(w, event);
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		code = code ? code : begin_value(w, event, &is_key);
		code = code ? code : open_level(w, event);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_level(w);
		break;
	default:
		break;
	}
	if (!code && w->out->overflow)
		code = refuse(w, event, ERR_LIMIT, "err_yaml_values");
	return code;
}

/* --- the document --- */

struct source {
	struct str rest;
	const atomic_bool *cancel;
};

static bool is_cancelled(const struct source *s)
{
	return s->cancel && atomic_load_explicit(s->cancel, memory_order_relaxed);
}

/* Hands libyaml a piece: it may read for seconds before it has an event, so this is where it can be stopped. */
static int read_piece(void *data, unsigned char *out, size_t size, size_t *n)
{
	struct source *s = data;

	*n = size < s->rest.len ? size : s->rest.len;
	if (*n) {
		memcpy(out, s->rest.ptr, *n);
		s->rest = (struct str){ s->rest.ptr + *n, s->rest.len - *n };
	}
	return !is_cancelled(s);
}

/* Why libyaml stopped.  What is missed at the end of the text is named where it was opened. */
static enum err_code explain(const yaml_parser_t *parser, struct str text, struct err *err)
{
	size_t line = parser->problem_mark.line, end = text.len;

	while (end && strchr(" \t\r\n", text.ptr[end - 1]))
		end--;
	end = (size_t)encoding_count_lines(text, 0, end);
	if (parser->error == YAML_MEMORY_ERROR)
		return err_set(err, ERR_LIMIT, "err_yaml_values", "line=%zu", parser->mark.line + 1);
	if (parser->error == YAML_READER_ERROR) {
		size_t at = parser->problem_offset < text.len ? parser->problem_offset : text.len;

		line = (size_t)encoding_count_lines(text, 0, at);
	} else if (parser->context && (line > end || strstr(parser->problem, "end of stream"))) {
		line = parser->context_mark.line;
	}
	return err_set(err, ERR_DATA, "err_yaml_syntax", "line=%zu", (line < end ? line : end) + 1);
}

enum err_code yaml_to_json(struct str text, struct buf *out, const atomic_bool *cancel, struct err *err)
{
	struct writer w = { .out = out, .err = err };
	struct source source = { text, cancel };
	enum err_code code = ERR_OK;
	yaml_parser_t parser;
	bool more = true;

	if (!yaml_parser_initialize(&parser))
		return err_set(err, ERR_LIMIT, "err_yaml_values", "line=1");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input(&parser, read_piece, &source);
	while (more && !code) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			code = is_cancelled(&source) ? err_set(err, ERR_CANCELLED, "err_cancelled", "what=") : explain(&parser, text, err);
		} else {
			code = take_event(&w, &event);
			more = event.type != YAML_STREAM_END_EVENT;
			yaml_event_delete(&event);
		}
	}
	while (w.depth)
		json_decref(w.levels[--w.depth].keys);
	yaml_parser_delete(&parser);
	return code;
}
