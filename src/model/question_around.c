/* SPDX-License-Identifier: Apache-2.0 */
#include "model/question_around.h"

#include <string.h>

#include "model/question_values.h"

/* Of a variable. */
#define NAME_MAX_BYTES 256

/* Appends the variable that "{{ name }}" at the start of `text` names; 0 where nothing of that kind stands there, else how long it is.
 * Filters and statements of the template language stay as they are. */
static size_t put_variable(const char *text, const json_t *vars, struct buf *out)
{
	const char *name = text + 2 + strspn(text + 2, " "), *after = name + strcspn(name, " }");
	const char *end = after + strspn(after, " ");
	size_t len = (size_t)(after - name), start = out->len;
	char key[NAME_MAX_BYTES];

	if (strncmp(text, "{{", 2) != 0 || !len || len >= sizeof(key) || strncmp(end, "}}", 2) != 0)
		return 0;
	memcpy(key, name, len);
	key[len] = '\0';
	const json_t *value = json_object_get(vars, key);
	if (value && question_value_read(value, out, NULL))
		return (size_t)(end + 2 - text);
	out->len = start;
	return 0;
}

static void put(const json_t *template, const json_t *vars, struct buf *out)
{
	struct buf plain = BUF_INIT(out->max);

	(void)question_value_read(template, &plain, NULL); /* a number as its digits */
	for (const char *at = buf_text(&plain); *at;) {
		size_t taken = *at == '{' ? put_variable(at, vars, out) : 0;

		if (!taken)
			buf_add_char(out, *at);
		at += taken ? taken : 1;
	}
	buf_release(&plain);
}

static bool is_given(const json_t *text)
{
	return json_is_string(text) && json_string_length(text) && !question_is_elsewhere(text);
}

void question_around_put(const json_t *prefix, const json_t *suffix, const json_t *vars, struct question_row *row)
{
	struct buf *first = row->n_earlier ? &row->earlier[0].text : &row->text;

	if (!first->len || (!is_given(prefix) && !is_given(suffix)))
		return;
	if (is_given(prefix)) {
		struct buf question = *first;

		buf_init(first, question.max);
		put(prefix, vars, first);
		buf_add_str(first, buf_str(&question));
		buf_release(&question);
	}
	if (is_given(suffix))
		put(suffix, vars, &row->text);
	row->notes |= 1ULL << QUESTION_NOTE_AROUND;
}
