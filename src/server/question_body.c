/* SPDX-License-Identifier: Apache-2.0 */
#include "server/question_body.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "model/encoding.h"
#include "model/question_record.h"
#include "server/request.h"

#define TITLE_POINTS 60

static struct str keep(struct arena *a, struct str text)
{
	struct buf nfc = BUF_INIT(4 * LIMIT_JSON_BODY);
	encoding_nfc(text, &nfc);
	struct str out = { arena_strndup(a, buf_text(&nfc), nfc.len), nfc.len };
	buf_release(&nfc);
	return out;
}

static struct str kept_text(struct arena *a, const json_t *item, const char *name, struct err *err)
{
	return keep(a, str_of(json_is_object(item) ? json_get_text(item, name, "", err) : ""));
}

/* As files are read: empty ones are left out, and for want of a `reference` the first of them is it. */
static void read_references(struct arena *a, const json_t *item, struct question *q, struct err *err)
{
	const json_t *list = json_is_object(item) ? json_get_array(item, "other_references", err) : NULL, *one;
	struct buf others = BUF_INIT(LIMIT_JSON_BODY);
	size_t i;

	q->reference = kept_text(a, item, "reference", err);
	json_array_foreach(list, i, one) {
		struct str text = { json_string_value(one), json_string_length(one) };
		if (!text.ptr && err->code == ERR_OK)
			err_set(err, ERR_INVALID, "err_field_text", "field=other_references[%zu]", i);
		if (text.len && q->reference.len)
			questions_add_reference(&others, text);
		else if (text.len)
			q->reference = keep(a, text);
	}
	q->other_references = keep(a, buf_str(&others));
	buf_release(&others);
}

static void read_record(struct arena *a, const json_t *item, struct question *q, struct err *err)
{
	struct buf text = BUF_INIT(LIMIT_RECORD_BYTES);

	question_record_write(json_is_object(item) ? json_get_object(item, "record", err) : NULL, &text);
	if (text.overflow && err->code == ERR_OK)
		err_set(err, ERR_LIMIT, "err_question_record", "field=record|limit=%llu|depth=%d", LIMIT_RECORD_BYTES / KIB,
			LIMIT_RECORD_DEPTH);
	q->record = (struct str){ arena_strndup(a, buf_text(&text), text.len), text.len };
	buf_release(&text);
}

static void read_one(struct arena *a, const json_t *item, struct question *q, struct err *err)
{
	bool plain = json_is_string(item);
	if (!plain && !json_is_object(item)) {
		err_set(err, ERR_INVALID, "err_question_kind", "field=");
		return;
	}
	const char *text = plain ? json_string_value(item) : json_get_text(item, "text", "", err);
	size_t len = strlen(text);
	if (err->code == ERR_OK && !len)
		err_set(err, ERR_INVALID, "err_question_empty_text", "field=%s", plain ? "" : "text");
	if (err->code == ERR_OK && len > LIMIT_QUESTION_BYTES)
		err_set(err, ERR_LIMIT, "err_question_bytes", "field=%s|limit=%llu|found=%zu", plain ? "" : "text",
			LIMIT_QUESTION_BYTES, len);
	if (err->code != ERR_OK)
		return;
	q->text = keep(a, str_of(text));
	read_references(a, item, q, err);
	q->system = kept_text(a, item, "system", err);
	q->tags = kept_text(a, item, "tags", err);
	q->id = kept_text(a, item, "id", err);
	read_record(a, item, q, err);
}

/* The turn before it, by its index. */
static void read_follows(const json_t *item, struct question *all, size_t at, struct err *err)
{
	int64_t before = json_is_object(item) ? json_get_int(item, "follows", 0, LIMIT_QUESTIONS, -1, err) : -1;

	if (before < 0 || err->code != ERR_OK)
		return;
	if (before >= (int64_t)at) {
		err_set(err, ERR_INVALID, "err_question_follows", "field=follows|found=%lld", (long long)before);
		return;
	}
	all[at].turn = all[before].turn + 1;
	all[at].back = (int64_t)at - before;
	if (all[at].turn >= LIMIT_TURNS)
		err_set(err, ERR_LIMIT, "err_question_turns", "field=follows|limit=%d|found=%lld", LIMIT_TURNS, (long long)all[at].turn + 1);
}

enum err_code question_body(struct arena *a, const json_t *array, struct question **out, size_t *n, struct err *err)
{
	*n = json_array_size(array);
	*out = arena_array(a, *n + 1, sizeof **out);
	if (*n > LIMIT_QUESTIONS)
		return err_set(err, ERR_LIMIT, "err_questions_too_many", "field=questions|limit=%d|found=%zu", LIMIT_QUESTIONS, *n);
	for (size_t i = 0; i < *n && err->code == ERR_OK; i++) {
		char prefix[48];
		(*out)[i].line = (int64_t)i + 1;
		read_one(a, json_array_get(array, i), &(*out)[i], err);
		if (err->code == ERR_OK)
			read_follows(json_array_get(array, i), *out, i, err);
		if (err->code == ERR_OK)
			continue;
		(void)str_format(prefix, sizeof prefix, "questions[%zu]%s", i, json_is_object(json_array_get(array, i)) ? "." : "");
		err_prefix_field(err, prefix);
	}
	if (err->code == ERR_OK)
		questions_order(*out, *n);
	return err->code;
}

const char *question_title(struct arena *a, const struct question *q)
{
	struct str s = q->text;
	size_t at = 0, word = 0;
	for (int points = 0; points < TITLE_POINTS && at < s.len && s.ptr[at] != '\n'; points++) {
		if (s.ptr[at] == ' ')
			word = at;
		(void)utf8_next(s, &at);
	}
	bool is_cut = at < s.len && s.ptr[at] != '\n';
	if (is_cut && s.ptr[at] != ' ' && word > at / 2) /* not in the middle of a word, where words have spaces */
		at = word;
	char *title = arena_strndup(a, s.ptr, at);
	title[utf8_clean(title, at, 0)] = 0;
	return is_cut ? arena_printf(a, "%s\u2026", title) : title;
}
