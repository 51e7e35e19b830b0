/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "judge/plan.h"
#include "judge/reference.h"
#include "selection/judge_speed.h"
#include "selection/selection_judge.h"

#define STARTED 0.3	  /* of a step: before it goes on as it began, what was thought counts */
#define SAMPLE 200	  /* questions that tell how long they are */
#define TEMPLATE_BYTES 60 /* of a prompt, beside the question */

/* --- before anything is asked --- */

static enum err_code look_at_questions(struct db *db, struct arena *a, int64_t run_id, struct selection_before *out, struct err *err)
{
	struct text_space *space = text_space_new();
	struct run_question *questions;
	double n_open = 0;
	size_t n = 0;

	if (run_store_page(db, a, run_id, RUN_ALL, 0, SAMPLE, &questions, &n, &out->n_questions, err) == ERR_OK)
		for (size_t q = 0; q < n; q++) {
			struct str reference = questions[q].q.reference;
			if (q == 0)
				out->first_question_id = questions[q].id;
			out->question_bytes += (double)questions[q].q.text.len;
			for (int64_t t = 0; t < questions[q].q.turn; t++) /* what was asked before is read again, and its answer */
				out->question_bytes += 2 * (double)questions[q].earlier[t].text.len;
			out->reference_bytes += (double)reference.len;
			n_open += reference.len == 0 || !reference_is_short(text_new(space, reference));
			text_space_clear(space);
		}
	out->open_share = n > 0 ? n_open / (double)n : 0;
	text_space_free(space);
	return err->code;
}

enum err_code selection_look_before(struct db *db, struct arena *a, const struct selection_row *row, struct selection_before *out,
				    struct err *err)
{
	struct run_row run;
	struct column_row *columns;
	size_t n = 0;
	double call_s = NAN;

	if (run_store_get(db, a, row->run_id, &run, &columns, &n, err) != ERR_OK ||
	    run_store_count_references(db, row->run_id, &out->n_references, err) != ERR_OK ||
	    run_store_first_prompt(db, row->run_id, &out->prompt_us, err) != ERR_OK ||
	    look_at_questions(db, a, row->run_id, out, err) != ERR_OK ||
	    (row->judge_model_id && judge_speed(db, a, row->judge_model_id, &call_s, &out->n_exam_calls, err) != ERR_OK))
		return err->code;
	out->n_columns = (int64_t)n;
	out->judge_call_ms = 1000 * call_s;
	return ERR_OK;
}

/* --- what is left --- */

/* Answers to one of the first questions: how many were heard of, and what they were. */
struct answer_look {
	uint64_t answers[LIMIT_COLUMNS];
	size_t n;
};

static void look_at_answer(struct selection *s, const struct engine_event *event)
{
	const struct cell_row *cell = event->cell;
	uint8_t digest[HASH_SIZE];

	if (!s->looks) {
		s->looks = arena_array(s->arena, SAMPLE, sizeof *s->looks);
		s->looked_from = event->question_id;
	}
	int64_t at = event->question_id - s->looked_from; /* a run's questions are numbered one after another */
	if (at < 0 || at >= SAMPLE || cell->state != CELL_DONE || !cell->text)
		return;
	struct answer_look *look = &s->looks[at];
	if (look->n == LIMIT_COLUMNS)
		return;
	hash_bytes(cell->text, strlen(cell->text), digest);
	memcpy(&look->answers[look->n++], digest, sizeof *look->answers);
}

/* Of two answers to a question, how often they differ: equal ones need no judge. */
static double differing_share(const struct selection *s)
{
	double n_pairs = 0, n_differing = 0;

	for (size_t q = 0; s->looks && q < SAMPLE; q++)
		for (size_t a = 0; a < s->looks[q].n; a++)
			for (size_t b = 0; b < a; b++) {
				n_pairs++;
				n_differing += s->looks[q].answers[a] != s->looks[q].answers[b];
			}
	return n_pairs > 0 ? n_differing / n_pairs : 1;
}

void remaining_read_alone(struct selection *s, int64_t prompt_us)
{
	int64_t ms = prompt_us / 1000;

	if (prompt_us > 0 && (s->prompt_ms == 0 || ms < s->prompt_ms))
		s->prompt_ms = ms;
}

void remaining_heard(struct selection *s, const struct engine_event *event)
{
	if (event->kind != ENGINE_CELL || event->run_id != s->row.run_id)
		return;
	if (s->row.judge_model_id)
		look_at_answer(s, event);
	/* The first question is asked alone in each column; later ones are read with others, or have been in part. */
	if (event->question_id == s->before.first_question_id)
		remaining_read_alone(s, event->cell->prompt_us);
}

/* As long as reading the questions took when they were asked, and by so much longer as the references make them. */
static double likelihood_ms(const struct selection *s)
{
	const struct selection_before *b = &s->before;
	double prompts = b->question_bytes + TEMPLATE_BYTES * fmin(SAMPLE, (double)b->n_questions);
	double times = prompts > 0 ? 1 + b->reference_bytes / prompts : 1;

	return (double)(likelihood_count(b->n_references) * b->n_columns * s->prompt_ms) * times;
}

/* Questions of the run, those of the round at hand too. */
static int64_t count_questions(const struct selection *s)
{
	return s->material && s->n_cells > 0 ? s->n_cells / s->before.n_columns : s->before.n_questions;
}

static double call_ms(const struct selection *s)
{
	return judging_calls(s) > 0 ? judging_call_ms(s) : s->before.judge_call_ms;
}

/* Calls for one question, before its answers are known: of those before, or as few as short references leave and as answers differ. */
static double calls_per_question(const struct selection *s)
{
	if (s->material && s->material->n_answered > 0)
		return 2 * (double)s->n_for_judge / (double)s->material->n_answered;
	return s->before.open_share * differing_share(s) * (double)plan_calls((size_t)s->before.n_columns);
}

/* What it was asked about in a round before costs nothing. */
static double pairs_ms(const struct selection *s)
{
	bool was_asked = s->judging && s->judging->n_pairs > 0;
	double n = (double)count_questions(s) - (was_asked ? (double)s->material->n_answered : 0);

	return n * calls_per_question(s) * call_ms(s);
}

static double exam_ms(const struct selection *s)
{
	return s->judging && s->judging->has_card ? 0 : (double)s->before.n_exam_calls * call_ms(s);
}

/* The steps to come; NAN: nobody knows how fast the judge is. */
static double later_ms(const struct selection *s)
{
	bool is_judged = s->row.judge_model_id != 0 && !(s->judging && s->judging->state == JUDGE_FAILED);
	double sum = s->at < STEP_LIKELIHOOD ? likelihood_ms(s) : 0;

	if (is_judged && s->at < STEP_EXAM)
		sum += exam_ms(s);
	if (is_judged && s->at < STEP_JUDGE)
		sum += pairs_ms(s);
	return sum;
}

/* What the step at hand was thought to take; NAN: unknown. */
static double thought_ms(const struct selection *s)
{
	switch (s->at) {
	case STEP_LIKELIHOOD:
		return likelihood_ms(s);
	case STEP_EXAM:
		return exam_ms(s);
	case STEP_JUDGE:
		return pairs_ms(s);
	default:
		return 0;
	}
}

/* Of the step at hand; NAN: unknown. */
static double step_rest_ms(const struct selection *s)
{
	double fraction = s->steps[s->at].fraction, spent = (double)selection_step_ms(s, (enum step_name)s->at);

	if (s->at == STEP_ANSWERS) {
		int64_t eta = engine_eta_ms(s->ss->options.engine, s->row.run_id);
		return eta < 0 ? NAN : (double)eta;
	}
	if (fraction > STARTED)
		return spent * (1 - fraction) / fraction;
	return thought_ms(s) > spent ? thought_ms(s) - spent : s->at == STEP_SCORES || s->at == STEP_DECISION ? 0 : NAN;
}

/* Rounds to come take as long for a question as those before. */
static double rounds_ms(const struct selection *s, double rest)
{
	int64_t n = count_questions(s), spent = 0;

	if (s->is_last_round || n <= 0 || n >= s->n_set_questions)
		return 0;
	for (size_t i = 0; i < STEP_COUNT; i++)
		spent += i == STEP_EXAM ? 0 : selection_step_ms(s, (enum step_name)i);
	return ((double)spent + rest) * (double)(s->n_set_questions - n) / (double)n;
}

int64_t selection_remaining_ms(const struct selection *s)
{
	int64_t left = selection_left_ms(s);

	if (s->at >= STEP_COUNT)
		return 0;
	double rest = step_rest_ms(s) + later_ms(s);
	rest += rounds_ms(s, rest);
	if (isnan(rest))
		return left == INT64_MAX ? -1 : left;
	return rest < (double)left ? (int64_t)rest : left;
}
