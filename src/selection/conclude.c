/* SPDX-License-Identifier: Apache-2.0 */
#include "selection/conclude.h"

#include <math.h>
#include <string.h>

#include "metric/correlation.h"
#include "selection/curves.h"
#include "selection/leak.h"
#include "selection/rating_session.h"

#define LAYERS_MIN 3 /* candidates; the order of two says nothing */

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *column_id(const struct material *m, size_t candidate)
{
	return candidate < m->n_columns ? json_integer(m->columns[candidate].id) : json_null();
}

/* --- the judge --- */

static json_t *share_or_null(const struct exam_share *s)
{
	return s->n > 0 ? json_real((double)s->found / (double)s->n) : json_null();
}

static json_t *findings_json(const struct exam_card *card)
{
	json_t *list = json_array();

	for (int i = 0; i < EXAM_PROBLEMS; i++) {
		enum exam_problem problem = (enum exam_problem)(1 << i);
		bool failed = (card->failures & problem) != 0;
		double a, b;
		char args[64];
		if (!failed && !(card->warnings & problem))
			continue;
		exam_numbers(card, problem, &a, &b);
		str_format(args, sizeof args, "a=%.0f%cb=%.0f", a, ERR_ARG_SEP, b);
		json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "key", exam_problem_key(problem, failed), "args", args,
						      "is_failure", failed));
	}
	return list;
}

static json_t *people_json(const struct exam_card *card)
{
	const struct agreement *p = &card->people;

	if (card->n_shared == 0)
		return json_null();
	return json_pack("{s:I, s:o, s:o, s:o, s:o}", "n", (json_int_t)card->n_shared, "agreement", number(p->observed), "kappa",
			 number(p->kappa), "kappa_low", number(p->interval.low), "kappa_high", number(p->interval.high));
}

static json_t *exam_json(const struct opinions *o)
{
	json_t *kinds = json_array();

	if (!o->has_card)
		return json_null();
	for (int k = 0; k < PROBE_KINDS; k++)
		if (o->card.kinds[k].n > 0)
			json_array_append_new(kinds, json_pack("{s:s, s:I, s:I}", "kind", probe_kind_name((enum probe_kind)k), "found",
							       (json_int_t)o->card.kinds[k].found, "asked",
							       (json_int_t)o->card.kinds[k].n));
	return json_pack("{s:b, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "is_fit", o->card.is_fit, "found",
			 (json_int_t)o->card.all.found, "asked", (json_int_t)o->card.all.n, "findings", findings_json(&o->card),
			 "kinds", kinds, "flip_rate", share_or_null(&o->card.flips), "slot_bias", number(o->card.slot_bias),
			 "longer_rate", share_or_null(&o->card.longer), "people", people_json(&o->card));
}

json_t *conclude_problem(const struct err *err)
{
	return json_pack("{s:s, s:s, s:o}", "code", err_code_name(err->code), "key", err->key, "args", json_text(str_of(err->args)));
}

static json_t *judge_json(const struct opinions *o)
{
	static const char *const states[] = { "none", "waiting", "asked", "passed", "failed" };

	if (o->state == JUDGE_NONE)
		return json_null();
	json_t *problem = o->problem.code == ERR_OK ? json_null() : conclude_problem(&o->problem);
	return json_pack("{s:I, s:o, s:s, s:o, s:o}", "model_id", (json_int_t)o->model_id, "name", json_text(str_of(o->name)), "state",
			 states[o->state], "exam", exam_json(o), "problem", problem);
}

/* --- candidates --- */

/* Of the references, per token; NAN where it is not known. */
static double mean_likelihood(const struct material *m, size_t column)
{
	double sum = 0, n = 0;

	for (size_t q = 0; m->likelihoods && q < m->n_questions; q++) {
		sum += m->likelihoods[q * m->n_columns + column].log_likelihood;
		n += (double)m->likelihoods[q * m->n_columns + column].n_tokens;
	}
	return n > 0 ? sum / n : NAN;
}

static void add_measured(json_t *obj, const struct decision_candidate *k)
{
	json_object_set_new(obj, "n_unusable", json_integer((json_int_t)k->n_unusable));
	json_object_set_new(obj, "n_right", json_integer((json_int_t)k->n_right));
	json_object_set_new(obj, "score", number(k->score));
	json_object_set_new(obj, "score_low", number(k->score_interval.low));
	json_object_set_new(obj, "score_high", number(k->score_interval.high));
	json_object_set_new(obj, "first", number(k->first));
	json_object_set_new(obj, "wins", json_integer((json_int_t)k->wins));
	json_object_set_new(obj, "ties", json_integer((json_int_t)k->ties));
	json_object_set_new(obj, "losses", json_integer((json_int_t)k->losses));
	bool has_rate = k->wins + k->losses > 0;
	json_object_set_new(obj, "win_rate", has_rate ? json_real((double)k->wins / (double)(k->wins + k->losses)) : json_null());
	json_object_set_new(obj, "win_rate_low", has_rate ? number(k->win_rate.low) : json_null());
	json_object_set_new(obj, "win_rate_high", has_rate ? number(k->win_rate.high) : json_null());
	json_object_set_new(obj, "p_base", json_real(k->p_base));
	json_object_set_new(obj, "p_best", json_real(k->p_best));
	json_object_set_new(obj, "is_vetoed", json_boolean(k->is_vetoed));
	json_object_set_new(obj, "is_ranked", json_boolean(k->is_ranked));
	json_object_set_new(obj, "beats_base", json_boolean(k->beats_base));
	json_object_set_new(obj, "is_tied", json_boolean(k->is_tied));
	json_object_set_new(obj, "is_in_best_set", json_boolean(k->is_in_best_set));
}

static json_t *candidate_json(const struct material *m, const struct decision *d, size_t c)
{
	const struct column_row *column = &m->columns[c];
	const struct found_model *model = &m->models[c].model;
	json_t *obj = json_pack("{s:I, s:I, s:o, s:o, s:b, s:b, s:b}", "column_id", (json_int_t)column->id, "model_id",
				(json_int_t)column->model_id, "label", json_text(str_of(column->label)), "epoch", number(column->epoch),
				"is_base", c == m->base, "is_recommended", d->recommended == c, "is_best", d->best == c);

	add_measured(obj, &d->candidates[c]);
	json_object_set_new(obj, "n_references", json_integer((json_int_t)m->n_references));
	json_object_set_new(obj, "train_loss", model->kind == MODEL_BASE ? json_null() : number(model->train_loss));
	json_object_set_new(obj, "eval_loss", model->kind == MODEL_BASE ? json_null() : number(model->eval_loss));
	json_object_set_new(obj, "log_likelihood", number(mean_likelihood(m, c)));
	json_object_set_new(obj, "likes", json_integer(column->n_likes));
	return obj;
}

static json_t *candidates_json(const struct material *m, const struct decision *d)
{
	json_t *list = json_array();

	for (size_t c = 0; c < m->n_columns; c++)
		json_array_append_new(list, candidate_json(m, d, c));
	return list;
}

/* --- the decision --- */

static json_t *reason_json(const struct reason *r)
{
	char text[REASON_TEXT_MAX];

	return json_pack("{s:s, s:o}", "key", r->key, "args", json_text(str_of(reason_args(r, text))));
}

#define ACTIONS_MAX 4

/* What to do next, by the kind of the result; docs/decision.md has the sentences. */
static const char *const next_actions[][ACTIONS_MAX] = {
	[DECISION_WINNER] = { "create", "look" },
	[DECISION_TIE] = { "create", "look", "add_questions" },
	[DECISION_OVERFITTING] = { "create", "look" },
	[DECISION_UNDECIDED] = { "add_questions", "rate", "create" },
	[DECISION_NONE_BEATS_BASE] = { "keep_base", "look" },
	[DECISION_NOTHING_TO_JUDGE_BY] = { "rate", "add_references", "choose_judge" },
	[DECISION_TOO_FEW] = { "add_questions", "rate" },
	[DECISION_ALL_UNUSABLE] = { "check_model", "look" },
	[DECISION_IDENTICAL] = { "check_model", "look" },
	[DECISION_TIME_UP] = { "continue", "create" },
};

static void next_step(json_t *list, const char *action, const char *key, const char *args)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "action", action, "key", key, "args", args));
}

/* How many questions to rate, where so many are about enough. */
static void next_rating(json_t *list, struct material *m, const struct evidence *e)
{
	size_t n = rating_session_of(m, e).n_more;
	char args[64];

	str_format(args, sizeof args, "n=%zu%ct=%zu", n, ERR_ARG_SEP, (n * DECISION_RATE_SECONDS + 59) / 60);
	next_step(list, "rate", n > 0 ? "selection_next_rate_some" : "selection_next_rate", args);
}

static json_t *next_json(struct material *m, const struct evidence *e, const struct decision *d)
{
	static const char *const to_judge[ACTIONS_MAX] = { "rate", "add_references", "add_questions" };
	bool is_unjudged = d->kind == DECISION_TOO_FEW && d->best == SIZE_MAX; /* more questions alone would not help */
	const char *const *actions = is_unjudged ? to_judge : next_actions[d->kind];
	json_t *list = json_array();

	for (size_t i = 0; i < ACTIONS_MAX && actions[i]; i++) {
		const char *action = actions[i];
		char key[64], args[64];
		bool keeps_base = d->recommended >= m->n_columns || d->recommended == m->base;
		if (!strcmp(action, "create") && keeps_base)
			continue; /* nothing was chosen that must be made */
		if (!strcmp(action, "rate")) {
			next_rating(list, m, e);
			continue;
		}
		bool some = !strcmp(action, "add_questions") && !d->more_questions;
		if (some && d->kind == DECISION_UNDECIDED)
			continue; /* they would not settle it */
		str_format(key, sizeof key, "selection_next_%s", some ? "more_questions" : action);
		str_format(args, sizeof args, "n=@%zu%ck=%zu", keeps_base ? 0 : d->recommended, ERR_ARG_SEP, d->more_questions);
		next_step(list, action, key, args);
	}
	return list;
}

static bool is_draws(const struct reason *r)
{
	return !strncmp(r->key, "decision_draws", strlen("decision_draws"));
}

/* Likelihood of the references and quality of the answers rank the candidates the other way round: it is known to happen, decides
 * nothing, and is worth a look at the answers. */
static bool layers_disagree(const struct material *m, const struct decision *d)
{
	double quality[LIMIT_COLUMNS], likelihood[LIMIT_COLUMNS];
	size_t n = 0;

	for (size_t c = 0; c < m->n_columns; c++) {
		likelihood[n] = mean_likelihood(m, c);
		quality[n] = d->candidates[c].score;
		n += d->candidates[c].is_ranked && isfinite(likelihood[n]) && isfinite(quality[n]);
	}
	return n >= LAYERS_MIN && spearman(quality, likelihood, n) < 0;
}

static json_t *decision_json(struct material *m, const struct evidence *e, const struct decision *d)
{
	json_t *reasons = json_array(), *note = json_null();

	for (size_t i = 1; i < d->n_reasons; i++) {
		if (!is_draws(&d->reasons[i])) {
			json_array_append_new(reasons, reason_json(&d->reasons[i]));
			continue;
		}
		json_decref(note);
		note = reason_json(&d->reasons[i]);
	}
	if (layers_disagree(m, d))
		json_array_append_new(reasons, json_pack("{s:s, s:s}", "key", "selection_layers_disagree", "args", ""));
	json_t *obj = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind", decision_kind_name(d->kind), "level",
				decision_level_name(d->level), "recommended_column_id", column_id(m, d->recommended), "best_column_id",
				column_id(m, d->best), "runner_up_column_id", column_id(m, d->runner_up), "sentence",
				reason_json(&d->reasons[0]), "level_note", note, "reasons", reasons, "next_steps", next_json(m, e, d));
	json_object_set_new(obj, "n_decided", json_integer((json_int_t)d->n_decided));
	json_object_set_new(obj, "more_questions", json_integer((json_int_t)d->more_questions));
	json_object_set_new(obj, "win_rate", number(d->win_rate));
	return obj;
}

/* --- what decided each question --- */

static void find_questions(struct material *m, const struct evidence *e, const struct decision *d, struct conclusion *out)
{
	struct evidence_reader *reader = evidence_reader_new(e);
	size_t other = m->base < m->n_columns && m->base != d->recommended ? m->base : d->runner_up;
	bool is_compared = d->recommended < m->n_columns && other < m->n_columns;
	struct duels *duels = arena_alloc(m->arena, sizeof *duels);

	out->questions = arena_array(m->arena, m->n_answered + 1, sizeof *out->questions);
	for (size_t i = 0; i < m->n_answered; i++) {
		size_t q = m->answered[i];
		struct selection_question *one = &out->questions[out->n_questions++];
		*one = (struct selection_question){ m->questions[q].id, m->questions[q].position, LAYER_NONE, OUTCOME_TIE, false };
		for (size_t c = 0; c < m->n_columns; c++)
			one->has_unusable |= (m->cells[q * m->n_columns + c].guards & MATERIAL_UNUSABLE) != 0;
		evidence_duels(reader, i, duels);
		if (!is_compared)
			continue;
		one->layer = duels->layer[d->recommended][other];
		one->outcome = one->layer == LAYER_NONE ? OUTCOME_TIE : duels->outcome[d->recommended][other];
	}
	evidence_reader_free(reader);
}

/* --- the training file --- */

static json_t *leak_json(const struct material *m)
{
	json_t *repeats = json_array();
	size_t n_seen = 0;

	if (!m->groups) {
		json_decref(repeats);
		return json_null();
	}
	for (size_t i = 0; i < m->n_answered; i++)
		n_seen += m->groups[m->answered[i]] == LEAK_SEEN;
	for (size_t c = 0; c < m->n_columns; c++) {
		size_t n = 0;
		for (size_t i = 0; i < m->n_answered; i++)
			n += m->cells[m->answered[i] * m->n_columns + c].repeats;
		json_array_append_new(repeats, json_pack("{s:I, s:I}", "column_id", (json_int_t)m->columns[c].id, "n", (json_int_t)n));
	}
	return json_pack("{s:I, s:I, s:o}", "n_examples", (json_int_t)m->n_examples, "n_questions_seen", (json_int_t)n_seen, "repeats",
			 repeats);
}

static json_t *whole(struct material *m, const struct opinions *o, const struct evidence *e, const struct decision *d)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "n_questions", (json_int_t)m->n_questions, "n_answered",
			 (json_int_t)m->n_answered, "n_references", (json_int_t)m->n_references, "n_rated", (json_int_t)m->n_rated,
			 "judge", judge_json(o), "candidates", candidates_json(m, d), "decision", decision_json(m, e, d),
			 "curves", curves_json(m, d), "leak", leak_json(m));
}

enum err_code conclude(struct material *m, const struct opinions *o, const struct conclude_course *course, const atomic_bool *cancel,
		       struct conclusion *out, struct err *err)
{
	struct evidence e = material_evidence(m);
	struct bootstrap_options options = bootstrap_defaults();
	struct decision_context context = { .is_time_up = course->is_time_up, .is_settled = course->is_settled, .n_planned = course->n_planned,
					    .judge_agrees_with_people = o->has_card && o->card.agrees_with_people };

	*out = (struct conclusion){ 0 };
	options.cancel = cancel;
	for (size_t i = 0; i < m->n_answered; i++)
		e.n_selection += (size_t)m->questions[m->answered[i]].position < course->n_raced;
	e.pairs = o->pairs;
	e.n_pairs = o->n_pairs;
	e.has_judge = o->has_card;
	e.judge_is_fit = o->state == JUDGE_PASSED;
	if (!decision_make(&e, &context, &options, &out->decision))
		return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	find_questions(m, &e, &out->decision, out);
	out->cells = m->cells;
	out->n_cells = m->n_questions * m->n_columns;
	out->result = whole(m, o, &e, &out->decision);
	return ERR_OK;
}
