/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "engine/engine.h"
#include "engine/plan.h"

static void add(json_t *messages, const char *role, struct str content)
{
	json_array_append_new(messages, json_pack("{s:s, s:o}", "role", role, "content", json_text(content)));
}

/* A question's own system prompt stands where the column has none. */
json_t *engine_messages(const struct column_row *c, const struct run_question *q, size_t cell)
{
	json_t *messages = json_array();

	if (q->q.system.len > 0 && (!c->params.system || !c->params.system[0]))
		add(messages, "system", q->q.system);
	for (int64_t i = 0; i < q->q.turn; i++) {
		add(messages, "user", q->earlier[i].text);
		add(messages, "assistant", str_of(q->earlier[i].answers[cell].text));
	}
	add(messages, "user", q->q.text);
	return messages;
}

static int64_t text_bytes(const struct run_question *q, size_t cell, bool with_answers)
{
	size_t bytes = q->q.text.len + q->q.system.len;

	for (int64_t i = 0; i < q->q.turn; i++)
		bytes += q->earlier[i].text.len + (with_answers ? strlen(q->earlier[i].answers[cell].text) : 0);
	return (int64_t)bytes;
}

int64_t engine_message_bytes(const struct run_question *q, size_t cell)
{
	/* Of a late cell the answers before it do not count: they came after its group was cut. */
	return text_bytes(q, cell, !q->cells || !q->cells[cell].is_late);
}

int64_t engine_asked_bytes(const struct run_question *q, size_t cell)
{
	return text_bytes(q, cell, true);
}

enum err_code engine_check_turns(const struct run_question *q, size_t cell, struct err *err)
{
	for (int64_t i = 0; i < q->q.turn; i++) {
		const struct turn_answer *answer = &q->earlier[i].answers[cell];

		if (answer->state != CELL_DONE || !answer->text[0])
			return err_set(err, ERR_CONFLICT, "err_turn_unanswered", "turn=%lld|question=%lld", (long long)i + 1,
				       (long long)q->earlier[0].position + 1);
	}
	int64_t bytes = engine_asked_bytes(q, cell);
	if (q->q.turn && bytes > PLAN_GROUP_BYTES)
		return err_set(err, ERR_LIMIT, "err_turns_too_long", "found=%lld|limit=%d", (long long)bytes, PLAN_GROUP_BYTES);
	return ERR_OK;
}
