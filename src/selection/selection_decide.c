/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "base/mem.h"
#include "selection/selection_judge.h"

struct decide_chore {
	struct chore chore;
	struct material *material; /* the selection's: it is not touched meanwhile */
	struct opinions opinions;
	struct conclude_course course;
	int64_t id;
	struct conclusion conclusion;
	struct err no_likelihoods;
	const char *result;
};

static void run_decide(struct task *task, void *context)
{
	struct decide_chore *d = (struct decide_chore *)task;

	(void)context;
	if (conclude(d->material, &d->opinions, &d->course, &task->cancelled, &d->conclusion, &task->err) != ERR_OK)
		return;
	if (d->no_likelihoods.code != ERR_OK)
		json_object_set_new(d->conclusion.result, "likelihood_problem", conclude_problem(&d->no_likelihoods));
	d->result = json_text_of(d->chore.arena, d->conclusion.result);
}

static void run_keep(struct task *task, void *context)
{
	struct decide_chore *d = (struct decide_chore *)task;

	(void)!selection_store_set_findings(context, d->id, d->conclusion.cells, d->conclusion.n_cells, d->conclusion.questions,
					    d->conclusion.n_questions, &task->err);
}

static void home_kept(struct chore *c)
{
	if (!chore_failed(c))
		step_done(c->s);
}

static void home_decided(struct chore *c)
{
	struct decide_chore *d = (struct decide_chore *)c, *keep;
	struct selection *s = c->s;

	if (chore_failed(c))
		return;
	mem_free(s->result);
	s->result = mem_strdup(d->result);
	keep = chore_new(s, sizeof *keep, run_keep, home_kept);
	keep->id = s->row.id;
	keep->conclusion = d->conclusion;
	chore_write(&keep->chore);
}

void begin_decision(struct selection *s)
{
	struct decide_chore *d = chore_new(s, sizeof *d, run_decide, home_decided);

	selection_give_machine(s);
	d->material = s->material;
	d->opinions = judging_opinions(s);
	d->no_likelihoods = s->no_likelihoods;
	d->course = (struct conclude_course){
		.is_time_up = s->is_time_up,
		.is_settled = s->is_settled,
		.n_planned = s->params.n_planned > 0 ? (size_t)s->params.n_planned : s->material->n_questions,
		.n_raced = (size_t)s->params.n_raced,
	};
	chore_work(&d->chore);
}
