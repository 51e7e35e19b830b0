/* SPDX-License-Identifier: Apache-2.0 */
#include "server/selection_preview.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "judge/decision.h"
#include "selection/judge_speed.h"
#include "server/json_view.h"
#include "server/judge_choice.h"

/* --- speeds --- */

/* Seconds for an answer, the mean of the candidates that ever answered. */
static enum err_code answer_speed(struct db *db, const struct selection_wish *w, double *seconds, struct err *err)
{
	double sum = 0, one;
	size_t n = 0;

	for (size_t i = 0; i < w->n_columns; i++) {
		if (run_store_speed(db, w->columns[i].model_id, w->columns[i].params.max_tokens, &one, err) != ERR_OK)
			return err->code;
		if (isnan(one))
			continue;
		sum += one;
		n++;
	}
	*seconds = n ? sum / (double)n : NAN;
	return ERR_OK;
}

/* --- the plan --- */

enum err_code selection_preview_make(struct db *db, struct arena *a, const struct selection_wish *w, struct selection_preview *out,
				     struct err *err)
{
	struct plan_request request = { .n_questions = (size_t)w->n_questions, .n_candidates = w->n_columns,
					.n_stored = (size_t)w->n_stored, .budget_s = (double)w->body->budget_s };
	double answer_s = NAN, call_s = NAN;

	if (answer_speed(db, w, &answer_s, err) != ERR_OK ||
	    (w->has_judge && judge_speed(db, a, w->judge.id, &call_s, &request.n_exam_calls, err) != ERR_OK))
		return err->code;
	bool needs_answers = w->n_stored < w->n_questions * (int64_t)w->n_columns;
	out->knows_time = (!needs_answers || !isnan(answer_s)) && (!w->has_judge || !isnan(call_s));
	request.speeds.answer_s = isnan(answer_s) ? 0 : answer_s;
	/* Calls are counted where their speed is unknown too. */
	request.speeds.judge_call_s = !w->has_judge ? 0 : isnan(call_s) ? 1e-9 : call_s;
	out->plan = plan_make(&request);
	return ERR_OK;
}

/* --- sentences --- */

static void sentence(struct buf *b, const char *name, enum lang lang, const char *key, const char *args)
{
	struct buf text = BUF_INIT(64 * KIB);

	msg_render(&text, lang, key, args);
	json_open(b, name, '{');
	json_cstr(b, "key", key);
	json_str(b, "text", buf_str(&text));
	json_close(b, '}');
	buf_release(&text);
}

static bool has_most_references(const struct selection_wish *w)
{
	return w->n_references > 0 && 2 * w->n_references >= w->n_questions;
}

static const char *allows_key(const struct selection_wish *w)
{
	if (has_most_references(w))
		return "selection_allows_references";
	if (w->n_references > 0)
		return w->has_judge ? "selection_allows_few_judge" : "selection_allows_few";
	if (w->has_judge)
		return "selection_allows_judge";
	return w->n_rated > 0 ? "selection_allows_thumbs" : "selection_allows_nothing";
}

static void view_allows(struct buf *b, enum lang lang, const struct selection_wish *w)
{
	struct buf args = BUF_INIT(64 * KIB);

	buf_printf(&args, "a=%lld%cq=%lld%cn=%lld%cname=%s", (long long)w->n_references, ERR_ARG_SEP, (long long)w->n_questions, ERR_ARG_SEP,
		   (long long)w->n_rated, ERR_ARG_SEP, w->has_judge ? w->judge.model.name : "");
	sentence(b, "allows", lang, allows_key(w), buf_text(&args));
	buf_release(&args);
}

static void warn(struct buf *b, enum lang lang, bool applies, const char *key, const struct selection_wish *w, long long k)
{
	char args[96];

	if (!applies)
		return;
	(void)str_format(args, sizeof args, "q=%lld%ck=%lld", (long long)w->n_questions, ERR_ARG_SEP, k);
	sentence(b, NULL, lang, key, args);
}

static void view_warnings(struct buf *b, enum lang lang, const struct selection_wish *w, const struct selection_preview *p)
{
	bool is_small = w->has_judge && w->judge.model.n_params > 0 && w->judge.model.n_params < JUDGE_PARAMS_MIN;
	bool wants_judge = w->body->judge == JUDGE_BY_US && !w->has_judge && !has_most_references(w);

	json_open(b, "warnings", '[');
	warn(b, lang, w->n_questions < DECISION_QUESTIONS_MIN, "selection_warn_too_few", w, DECISION_QUESTIONS_MIN);
	warn(b, lang, w->n_questions >= DECISION_QUESTIONS_MIN && w->n_questions < PLAN_QUESTIONS_MIN, "selection_warn_few", w,
	     PLAN_QUESTIONS_MIN);
	warn(b, lang, wants_judge, "selection_warn_no_judge", w, 0);
	warn(b, lang, is_small, "selection_warn_small_judge", w, 0);
	warn(b, lang, w->has_judge && judge_is_base(&w->judge, w->models, w->n_columns), "selection_warn_judge_is_base", w, 0);
	warn(b, lang, w->base >= w->n_columns, "selection_warn_no_base", w, 0);
	warn(b, lang, p->knows_time && !p->plan.fits, "selection_warn_time", w, (long long)ceil(p->plan.seconds / 60));
	json_close(b, ']');
}

void view_selection_preview(struct buf *b, enum lang lang, const struct selection_wish *w, const struct selection_preview *p)
{
	json_open(b, NULL, '{');
	json_int(b, "n_questions", w->n_questions);
	json_int(b, "n_references", w->n_references);
	json_int(b, "n_rated", w->n_rated);
	json_int(b, "n_candidates", (int64_t)w->n_columns);
	if (w->has_judge) {
		json_open(b, "judge", '{');
		json_int(b, "model_id", w->judge.id);
		json_cstr(b, "name", w->judge.model.name);
		json_close(b, '}');
	} else {
		json_raw(b, "judge", "null");
	}
	json_open(b, "plan", '{');
	json_int(b, "n_questions", (int64_t)p->plan.n_questions);
	json_int(b, "n_answers", (int64_t)p->plan.n_answers);
	json_int(b, "n_judge_calls", (int64_t)p->plan.n_judge_calls);
	json_num(b, "seconds", p->knows_time ? p->plan.seconds : NAN);
	json_flag(b, "fits", !p->knows_time || p->plan.fits);
	json_close(b, '}');
	view_allows(b, lang, w);
	view_warnings(b, lang, w, p);
	json_close(b, '}');
}
