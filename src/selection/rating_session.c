/* SPDX-License-Identifier: Apache-2.0 */
#include "selection/rating_session.h"

#include "model/encoding.h"

/* The row of each question, by its position. */
static int64_t *rows_of(struct material *m)
{
	int64_t *back = arena_array(m->arena, m->n_questions + 1, sizeof *back);
	int64_t *order = arena_array(m->arena, m->n_questions + 1, sizeof *order);
	int64_t *rows = arena_array(m->arena, m->n_questions + 1, sizeof *rows);

	for (size_t q = 0; q < m->n_questions; q++)
		back[q] = m->questions[q].q.back;
	questions_reading_order(back, m->n_questions, order);
	for (size_t i = 0; i < m->n_questions; i++)
		rows[order[i]] = (int64_t)i;
	return rows;
}

struct rating_session rating_session_of(struct material *m, const struct evidence *e)
{
	struct str *questions = arena_array(m->arena, m->n_answered + 1, sizeof *questions);
	struct str *answers = arena_array(m->arena, m->n_answered * m->n_columns + 1, sizeof *answers);
	struct rating_session out = { .n = 0 };

	for (size_t i = 0; i < m->n_answered; i++) {
		const struct run_question *q = &m->questions[m->answered[i]];
		questions[i] = encoding_composed(m->arena, q->q.text);
		for (size_t c = 0; c < m->n_columns; c++)
			answers[i * m->n_columns + c] = encoding_composed(m->arena, str_of(q->cells[c].text));
	}
	struct rating_plan plan = rating_plan_make(&(struct rating_request){ e, questions, answers });
	out.n_rated = plan.n_rated;
	out.n_more = plan.n_more;
	const int64_t *rows = rows_of(m);
	for (; out.n < plan.n; out.n++) {
		const struct run_question *q = &m->questions[m->answered[plan.questions[out.n]]];
		out.questions[out.n] = (struct rating_question){ q->id, q->position, rows[q->position] };
	}
	return out;
}

enum err_code rating_session_read(struct db *db, int64_t run_id, const struct selection_params *p, struct rating_session *out,
				  struct err *err)
{
	atomic_bool cancel = false;
	struct material *m = NULL;

	if (material_read(db, run_id, p->dropped, p->n_dropped, &m, &cancel, err) != ERR_OK)
		return err->code;
	if (material_score(m, "", &cancel, err) == ERR_OK) {
		struct evidence e = material_evidence(m);
		*out = rating_session_of(m, &e);
	}
	material_free(m);
	return err->code;
}
