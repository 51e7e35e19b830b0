/* SPDX-License-Identifier: Apache-2.0 */
#include "model/question_values.h"

#include <string.h>

#include "base/limits.h"
#include "model/question_source.h"

/* A list in a text in an object is as deep as any format goes ("answers": {"text": ["…"]}). */
#define VALUE_DEPTH 4

/* --- values --- */

bool question_has_text(const json_t *object, const char *key)
{
	return json_is_string(json_object_get(object, key));
}

bool question_value_is_number(const json_t *value)
{
	return json_is_string(value) && json_string_value(value)[0] == QUESTION_NUMBER_MARK;
}

bool question_is_elsewhere(const json_t *value)
{
	const char *text = json_string_value(value);

	return text && strncmp(text, "file://", strlen("file://")) == 0 && !strpbrk(text, " \n");
}

const char *question_value_kind(const json_t *value)
{
	if (json_is_object(value))
		return "{…}";
	if (json_is_array(value))
		return "[…]";
	if (json_is_string(value))
		return json_string_value(value) + question_value_is_number(value);
	return json_is_true(value) ? "true" : json_is_false(value) ? "false" : json_is_null(value) ? "null" : "";
}

/* The text inside {"type": "text", "text": "…"}, {"role": …, "content": …} and {"from": …, "value": …}. */
static const json_t *inner_text(const json_t *object)
{
	static const char *const names[] = { "text", "content", "value" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const json_t *found = json_object_get(object, names[i]);

		if (found)
			return found;
	}
	return NULL;
}

static bool read_value(const json_t *value, struct buf *out, struct buf *others, int depth);

static bool read_list(const json_t *list, struct buf *out, struct buf *others, int depth)
{
	bool parts = json_is_string(json_object_get(json_array_get(list, 0), "type")), ok = true;
	struct buf text = BUF_INIT(out->max);
	size_t start = out->len, i;
	json_t *item;

	if (!others && !parts && json_array_size(list) > 1)
		return false;
	json_array_foreach(list, i, item) {
		buf_clear(&text);
		if (parts && !question_has_text(item, "text"))
			continue;
		ok = ok && read_value(item, &text, NULL, depth + 1);
		if (parts || out->len == start)
			buf_add_str(out, buf_str(&text));
		else if (text.len)
			questions_add_reference(others, buf_str(&text));
	}
	buf_release(&text);
	return ok;
}

static bool read_value(const json_t *value, struct buf *out, struct buf *others, int depth)
{
	if (!value || json_is_null(value))
		return true;
	if (json_is_string(value)) {
		size_t mark = question_value_is_number(value);

		buf_add(out, json_string_value(value) + mark, json_string_length(value) - mark);
		return true;
	}
	if (json_is_boolean(value)) {
		buf_add_text(out, question_value_kind(value));
		return true;
	}
	if (depth == VALUE_DEPTH)
		return false;
	if (json_is_array(value))
		return read_list(value, out, others, depth);
	value = inner_text(value);
	return value && read_value(value, out, others, depth + 1);
}

bool question_value_read(const json_t *value, struct buf *out, struct buf *others)
{
	return read_value(value, out, others, 0);
}

void question_first_read(const json_t *object, const char *const *names, struct buf *out)
{
	for (; *names && !out->len; names++) {
		const json_t *value = json_object_get(object, *names);

		if (json_is_string(value))
			(void)question_value_read(value, out, NULL);
	}
}

/* --- chats --- */

enum speaker { SPEAKER_OTHER, SPEAKER_SYSTEM, SPEAKER_USER, SPEAKER_MODEL };

static enum speaker speaker_of(const json_t *turn)
{
	static const struct {
		const char *name;
		enum speaker speaker;
	} names[] = {
		{ "user", SPEAKER_USER },       { "human", SPEAKER_USER },     { "assistant", SPEAKER_MODEL },
		{ "gpt", SPEAKER_MODEL },       { "model", SPEAKER_MODEL },    { "bot", SPEAKER_MODEL },
		{ "chatgpt", SPEAKER_MODEL },   { "system", SPEAKER_SYSTEM },  { "developer", SPEAKER_SYSTEM },
	};
	const char *role = json_string_value(json_object_get(turn, "role"));

	if (!role)
		role = json_string_value(json_object_get(turn, "from"));
	for (size_t i = 0; role && i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_eq_nocase(str_of(role), names[i].name))
			return names[i].speaker;
	}
	return SPEAKER_OTHER;
}

bool question_is_chat(const json_t *value)
{
	const json_t *first = json_array_get(value, 0);

	return question_has_text(first, "role") || question_has_text(first, "from");
}

/* Index of the last turn of `who` before `end`, or -1. */
static int last_turn(const json_t *turns, enum speaker who, int end)
{
	int i = end - 1;

	while (i >= 0 && speaker_of(json_array_get(turns, (size_t)i)) != who)
		i--;
	return i;
}

struct question_turn *question_turn_add(struct question_row *row)
{
	struct question_turn *turn = &row->earlier[row->n_earlier++];

	buf_clear(&turn->text);
	buf_clear(&turn->reference);
	buf_clear(&turn->other_references);
	return turn;
}

void question_answer_read(const json_t *value, struct buf *out, struct buf *others)
{
	int answer = question_is_chat(value) ? last_turn(value, SPEAKER_MODEL, (int)json_array_size(value)) : -1;

	if (answer >= 0)
		value = inner_text(json_array_get(value, (size_t)answer));
	if (!question_value_read(value, out, others)) {
		buf_clear(out);
		buf_clear(others);
	}
}

bool question_turn_push(struct question_row *row)
{
	if (row->n_earlier == LIMIT_TURNS - 1) {
		row->notes |= 1ULL << QUESTION_NOTE_TURNS;
		return false;
	}
	struct question_turn *turn = question_turn_add(row), was = *turn;
	*turn = (struct question_turn){ row->text, row->reference, row->other_references };
	row->text = was.text;
	row->reference = was.reference;
	row->other_references = was.other_references;
	return true;
}

enum question_problem_kind question_chat_read(const json_t *turns, bool is_open, struct question_row *row)
{
	int system = last_turn(turns, SPEAKER_SYSTEM, (int)json_array_size(turns));
	int last = last_turn(turns, SPEAKER_USER, (int)json_array_size(turns));
	bool has_question = false;

	for (int i = 0; i < (int)json_array_size(turns); i++) {
		const json_t *turn = json_array_get(turns, (size_t)i);
		enum speaker speaker = speaker_of(turn);

		if (speaker == SPEAKER_MODEL && !has_question) {
			row->notes |= 1ULL << QUESTION_NOTE_TURNS; /* a greeting */
		} else if (speaker == SPEAKER_MODEL && !(is_open && i > last)) {
			buf_clear(&row->reference);
			buf_clear(&row->other_references);
			question_reference_read(inner_text(turn), row);
		} else if (speaker == SPEAKER_USER) {
			if (has_question && !question_turn_push(row))
				break;
			has_question = true;
			if (!question_value_read(inner_text(turn), &row->text, NULL)) {
				row->found = "[…]";
				return QUESTION_NOT_TEXT;
			}
		}
	}
	if (!has_question)
		return QUESTION_NO_USER_TURN;
	if (system >= 0)
		(void)question_value_read(inner_text(json_array_get(turns, (size_t)system)), &row->system, NULL);
	return QUESTION_FINE;
}

void question_reference_read(const json_t *value, struct question_row *row)
{
	question_answer_read(value, &row->reference, &row->other_references);
	if (row->other_references.len)
		row->notes |= 1ULL << QUESTION_NOTE_ANSWERS;
}

void question_references_read(const json_t *value, struct question_row *row)
{
	bool is_list = row->n_earlier && json_is_array(value) && !question_is_chat(value);

	for (size_t i = 0; i < row->n_earlier; i++) {
		struct question_turn *turn = &row->earlier[i];

		buf_clear(&turn->reference);
		buf_clear(&turn->other_references);
		if (is_list)
			question_answer_read(json_array_get(value, i), &turn->reference, &turn->other_references);
	}
	buf_clear(&row->reference);
	buf_clear(&row->other_references);
	question_reference_read(is_list ? json_array_get(value, row->n_earlier) : value, row);
}
