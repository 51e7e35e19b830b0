/* SPDX-License-Identifier: Apache-2.0 */
#include "model/question_problems.h"

#include <string.h>

/* Characters of an excerpt. */
#define EXCERPT_CHARS 24

static const char *const keys[QUESTION_PROBLEM_KINDS] = {
	[QUESTION_NOT_TEXT] = "err_question_not_text",
	[QUESTION_NOT_OBJECT] = "err_question_not_object",
	[QUESTION_WRONG_JSON] = "err_question_wrong_json",
	[QUESTION_JSON_STOPPED] = "err_question_json_stopped",
	[QUESTION_DEEP] = "err_question_deep",
	[QUESTION_AFTER_END] = "err_question_after_end",
	[QUESTION_ROW_TOO_LONG] = "err_question_row_too_long",
	[QUESTION_ROW_COMPLEX] = "err_question_row_complex",
	[QUESTION_EMPTY] = "err_question_empty",
	[QUESTION_TOO_LONG] = "err_question_too_long",
	[QUESTION_SURROGATE] = "err_question_surrogate",
	[QUESTION_NUL] = "err_question_nul",
	[QUESTION_DUPLICATE_KEY] = "err_question_duplicate_key",
	[QUESTION_MISSING] = "err_question_missing",
	[QUESTION_NO_USER_TURN] = "err_question_no_user_turn",
	[QUESTION_RAGGED] = "err_question_ragged",
	[QUESTION_CSV_QUOTE] = "err_question_csv_quote",
	[QUESTION_ELSEWHERE] = "err_question_elsewhere",
	[QUESTION_NOTE_DUPLICATE] = "err_question_note_duplicate",
	[QUESTION_NOTE_DUPLICATE_ID] = "err_question_note_duplicate_id",
	[QUESTION_NOTE_TRAILING_COMMA] = "err_question_note_trailing_comma",
	[QUESTION_NOTE_MISSING_COMMA] = "err_question_note_missing_comma",
	[QUESTION_NOTE_RAGGED] = "err_question_note_ragged",
	[QUESTION_NOTE_TURNS] = "err_question_note_turns",
	[QUESTION_NOTE_TURN_ALONE] = "err_question_note_turn_alone",
	[QUESTION_NOTE_ANSWERS] = "err_question_note_answers",
	[QUESTION_NOTE_CONTEXT] = "err_question_note_context",
	[QUESTION_NOTE_CHECKS] = "err_question_note_checks",
	[QUESTION_NOTE_RATING] = "err_question_note_rating",
	[QUESTION_NOTE_AGAIN] = "err_question_note_again",
	[QUESTION_NOTE_COMMENTS] = "err_question_note_comments",
	[QUESTION_NOTE_ENCODING] = "err_question_note_encoding",
	[QUESTION_NOTE_AROUND] = "err_question_note_around",
	[QUESTION_NOTE_RECORD] = "err_question_note_record",
};

/* The first characters of `text` on one line, with an ellipsis where it goes on. */
static void excerpt(struct str text, char *out, size_t out_size)
{
	size_t pos = 0, len = 0;

	text = str_trim(text);
	for (int i = 0; i < EXCERPT_CHARS && pos < text.len && len + 8 < out_size; i++) {
		uint32_t c = utf8_next(text, &pos);

		len += utf8_put(c < 0x20 || c == 0x7F ? ' ' : c, out + len);
	}
	out[len] = '\0';
	if (pos < text.len)
		memcpy(out + len, "…", sizeof("…"));
}

void question_problems_add(struct question_problems *p, enum question_problem_kind kind, int64_t line,
			   struct str found, unsigned long long number)
{
	if (p->n < QUESTION_PROBLEMS_KEPT) {
		p->kept[p->n].kind = kind;
		p->kept[p->n].line = line;
		p->kept[p->n].number = number;
		excerpt(found, p->kept[p->n].found, sizeof(p->kept[p->n].found));
	}
	p->n++;
	p->n_refused += kind < QUESTION_NOTE_DUPLICATE;
}

void question_problems_note(struct question_problems *p, enum question_problem_kind kind, int64_t line, size_t count)
{
	if (!p->notes[kind].count)
		p->notes[kind].line = line;
	p->notes[kind].count += count;
}

void question_problems_finish(struct question_problems *p, struct arena *a, struct question_import *out)
{
	size_t kept;

	for (int kind = 0; kind < QUESTION_PROBLEM_KINDS; kind++) {
		if (p->notes[kind].count)
			question_problems_add(p, (enum question_problem_kind)kind, p->notes[kind].line, STR(""),
					      p->notes[kind].count);
	}
	kept = p->n < QUESTION_PROBLEMS_KEPT ? p->n : QUESTION_PROBLEMS_KEPT;
	out->n_problems = p->n;
	out->n_refused = p->n_refused;
	out->problems = arena_array(a, kept, sizeof(*out->problems));
	for (size_t i = 0; i < kept; i++) {
		const char *what = p->by_item ? "item" : "line";

		out->problems[i].line = p->by_item ? 1 : p->kept[i].line;
		(void)err_set(&out->problems[i].err, ERR_DATA, keys[p->kept[i].kind],
			      "place=@core_%s_place|at=@core_%s_at|first=@core_%s_first|line=%lld|number=%llu|others=%zu|found=%s",
			      what, what, what, (long long)p->kept[i].line, p->kept[i].number, out->n_total, p->kept[i].found);
	}
}
