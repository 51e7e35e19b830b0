/* SPDX-License-Identifier: Apache-2.0 */
#include "selection/selection_judge.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/adapter_cache.h"
#include "engine/model_cache.h"
#include "engine/machine.h"
#include "judge/turns.h"
#include "store/template_store.h"

#define DAY_MS 86400000LL
#define SHARED_MAX 100	 /* pairs that people decided, to compare with */

/* --- life --- */

static struct judging *judging_of(struct selection *s)
{
	if (s->judging)
		return s->judging;
	struct judging *j = mem_alloc(sizeof *j);
	j->arena = arena_new();
	j->template = "";
	j->state = s->row.judge_model_id ? JUDGE_WAITING : JUDGE_NONE;
	return s->judging = j;
}

void judging_free(struct selection *s)
{
	struct judging *j = s->judging;

	if (!j)
		return;
	judge_batch_free(j->batch);
	remote_judge_free(j->remote);
	mem_free(j->adapter_file);
	arena_free(j->arena);
	mem_free(j);
	s->judging = NULL;
}

void judging_follow(struct selection *s, const struct material *now)
{
	struct judging *j = s->judging;

	if (j && s->material)
		j->n_pairs = material_follow(s->material, now, j->pairs, j->n_pairs);
}

void judging_leave(struct selection *s)
{
	if (!s->judging)
		return;
	remote_judge_free(s->judging->remote);
	s->judging->remote = NULL;
}

void judging_give_up(struct selection *s, const struct err *cause)
{
	struct judging *j = s->judging;

	log_warn("selection", "judge not used: %s %s", cause->key, cause->args);
	judge_batch_free(j->batch);
	j->batch = NULL;
	j->is_loaded = false;
	judging_leave(s);
	j->state = JUDGE_FAILED;
	j->problem = *cause;
	selection_end_worker(s);
	step_skip(s);
}

int64_t judging_calls(const struct selection *s)
{
	return s->steps[STEP_EXAM].n_calls + s->steps[STEP_JUDGE].n_calls;
}

double judging_call_ms(const struct selection *s)
{
	int64_t n = judging_calls(s);

	return n > 0 ? (double)(selection_step_ms(s, STEP_EXAM) + selection_step_ms(s, STEP_JUDGE)) / (double)n : NAN;
}

struct opinions judging_opinions(const struct selection *s)
{
	const struct judging *j = s->judging;

	if (!j)
		return (struct opinions){ .state = JUDGE_NONE, .name = "" };
	return (struct opinions){ .state = j->state, .model_id = s->row.judge_model_id, .name = j->model.model.name ? j->model.model.name : "",
				  .card = j->card, .has_card = j->has_card, .pairs = j->pairs, .n_pairs = j->n_pairs,
				  .problem = j->problem };
}

/* --- what the judge is, and its exam paper --- */

struct paper_chore {
	struct chore chore;
	struct store *store;
	const char *data_dir;
	struct judging *judging;	  /* not touched meanwhile */
	const struct material *material; /* the same */
	int64_t judge_id;
	uint64_t seed;
};

static void identify(struct judging *j)
{
	char stamp[FILE_STAMP_SIZE];

	if (j->provider) {
		/* What stands behind a name may change: its readings are asked anew each day. */
		str_format(j->identity, sizeof j->identity, "%s %s %lld", j->provider->row.url, j->model.model.path,
			   (long long)(clock_wall_ms() / DAY_MS));
		j->is_in_words = true; /* or less than exact: probabilities of a server's own batches */
		return;
	}
	machine_file_stamp(j->base.model.path, stamp);
	bool is_q8 = j->base.weights == WEIGHTS_Q8_0;
	const char *sha256 = is_q8 ? j->base.q8_sha256 : j->base.sha256;
	if (sha256[0] && strcmp(is_q8 ? j->base.q8_sha256_of : j->base.sha256_of, stamp) == 0)
		str_format(j->identity, sizeof j->identity, "%s", sha256);
	else
		str_format(j->identity, sizeof j->identity, "%lld %s", (long long)j->base.id, stamp);
	if (j->adapter_file) {
		size_t at = strlen(j->identity);
		const char *name = strrchr(j->adapter_file, '/');
		str_format(j->identity + at, sizeof j->identity - at, " %s", name ? name : j->adapter_file);
	}
}

/* As the model is asked everywhere: with its family's template, or one of the user's own; "" where the file's own is used. */
static void take_template(struct paper_chore *p, struct db *db, struct err *err)
{
	struct judging *j = p->judging;
	struct gen_params params = { .template = "" };

	if (template_store_fill(db, j->arena, p->judge_id, PARAM_TEMPLATE, &params, err) == ERR_OK)
		j->template = params.template;
}

/* What is loaded is the file, also where the model is a folder or is to be used as another one. */
static void take_base_file(struct paper_chore *p, struct err *err)
{
	struct judging *j = p->judging;
	char *file = NULL;

	if (model_cache_get(p->data_dir, model_cache_source_as(&j->base, j->base.weights), &file, NULL, &p->chore.task.cancelled, err) == ERR_OK)
		j->base.model.path = arena_strdup(j->arena, file);
	mem_free(file);
}

static void read_judge(struct paper_chore *p, struct err *err)
{
	struct judging *j = p->judging;
	struct db *db = NULL;

	if (store_open_reader(p->store, &db, err) != ERR_OK)
		return;
	if (model_store_get(db, j->arena, p->judge_id, &j->model, err) == ERR_OK) {
		j->base = j->model;
		if (j->model.model.kind == MODEL_REMOTE)
			j->provider = remote_judge_provider(db, p->data_dir, j->arena, j->model.provider_id, err);
		if (j->model.model.kind == MODEL_ADAPTER)
			(void)!model_store_get(db, j->arena, j->model.base_model_id, &j->base, err);
		if (err->code == ERR_OK && !j->provider)
			take_template(p, db, err);
	}
	db_close(db);
	if (err->code == ERR_OK && !j->provider)
		take_base_file(p, err);
	if (err->code == ERR_OK && j->model.model.kind == MODEL_ADAPTER)
		(void)!adapter_cache_get(p->data_dir, j->model.model.path, j->base.model.path, &j->adapter_file, &p->chore.task.cancelled,
					 err);
	if (err->code == ERR_OK)
		identify(j);
}

/* The good side of probes: the reference, else an answer that people liked, else one that the guards let pass. */
static struct str good_answer(const struct material *m, size_t q)
{
	size_t row = q * m->n_columns;

	if (m->starts[q + 1] > m->starts[q])
		return m->references[m->starts[q]];
	for (int round = 0; round < 2; round++)
		for (size_t c = m->n_columns; c-- > 0;) {
			bool is_good = round == 0 ? m->thumbs[row + c] > 0 : !(m->cells[row + c].guards & MATERIAL_UNUSABLE);
			if (is_good && m->questions[q].cells[c].state == CELL_DONE)
				return str_of(m->questions[q].cells[c].text);
		}
	return (struct str){ 0 };
}

static void make_paper(struct paper_chore *p)
{
	struct judging *j = p->judging;
	const struct material *m = p->material;
	struct probe_source *sources = arena_array(j->arena, m->n_answered + 1, sizeof *sources);

	size_t n_sources = 0;

	/* Later turns mean nothing without what was said before. */
	for (size_t i = 0; i < m->n_answered; i++)
		if (m->questions[m->answered[i]].q.turn == 0)
			sources[n_sources++] = (struct probe_source){ m->questions[m->answered[i]].q.text,
								      good_answer(m, m->answered[i]) };
	j->probes = arena_array(j->arena, PROBES_MAX, sizeof *j->probes);
	j->n_probes = probes_make(sources, n_sources, p->seed, j->arena, j->probes);
	j->questions = arena_array(j->arena, j->n_probes + EXAM_REPEATS + 1, sizeof *j->questions);
	for (j->n = 0; j->n < j->n_probes; j->n++) {
		const struct probe *probe = &j->probes[j->n];
		j->questions[j->n].texts = (struct judge_case){ .question = sources[probe->source].question,
								.x = probe->bad_is_x ? probe->bad : probe->good,
								.y = probe->bad_is_x ? probe->good : probe->bad };
	}
	for (size_t i = 0; i < j->n_probes && j->n_repeats < EXAM_REPEATS; i += 1 + j->n_probes / EXAM_REPEATS) {
		j->questions[j->n] = j->questions[i];
		j->questions[j->n++].is_fresh = true;
		j->repeated[j->n_repeats++] = i;
	}
}

static void run_paper(struct task *task, void *context)
{
	struct paper_chore *p = (struct paper_chore *)task;

	(void)context;
	read_judge(p, &task->err);
	if (task->err.code == ERR_OK)
		make_paper(p);
}

/* --- the exam --- */

static struct opinion opinion_at(const struct judging *j, size_t i)
{
	return opinion_of(j->questions[i].readings[0], j->questions[i].readings[1]);
}

static void grade(struct judging *j, const struct exam_pair *pairs, size_t n_pairs, const struct exam_shared *shared, size_t n_shared)
{
	struct exam_paper paper = { .probes = j->probes, .answers = j->probe_opinions, .n_probes = j->n_probes, .pairs = pairs,
				    .n_pairs = n_pairs, .repeats = (const struct opinion(*)[2])j->repeats, .n_repeats = j->n_repeats,
				    .shared = shared, .n_shared = n_shared, .in_words = j->is_in_words };

	exam_grade(&paper, &j->card);
	j->has_card = true;
	j->state = j->card.is_fit ? JUDGE_PASSED : JUDGE_FAILED;
}

static void exam_asked(struct selection *s)
{
	struct judging *j = s->judging;

	if (j->at < j->n) { /* the time is up: an unfinished exam says nothing */
		j->state = JUDGE_WAITING;
		step_skip(s);
		return;
	}
	j->probe_opinions = arena_array(j->arena, j->n_probes + 1, sizeof *j->probe_opinions);
	for (size_t i = 0; i < j->n_probes; i++)
		j->probe_opinions[i] = opinion_at(j, i);
	for (size_t i = 0; i < j->n_repeats; i++) {
		j->repeats[i][0] = j->probe_opinions[j->repeated[i]];
		j->repeats[i][1] = opinion_at(j, j->n_probes + i);
	}
	grade(j, NULL, 0, NULL, 0);
	log_info("selection", "judge %s: %zu of %zu probes found, %s", j->model.model.name, j->card.all.found, j->card.all.n,
		 j->card.is_fit ? "fit" : "unfit");
	step_done(s);
}

static void home_paper(struct chore *c)
{
	if (c->task.err.code == ERR_CANCELLED)
		selection_fail(c->s, &c->task.err);
	else if (c->task.err.code != ERR_OK)
		judging_give_up(c->s, &c->task.err);
	else
		ask_judge(c->s, exam_asked);
}

void begin_exam(struct selection *s)
{
	struct judging *j = judging_of(s);

	if (j->has_card && j->state != JUDGE_WAITING) { /* in a round before */
		step_done(s);
		return;
	}
	if (j->state == JUDGE_NONE || j->problem.code != ERR_OK || s->is_time_up) {
		step_skip(s);
		return;
	}
	struct paper_chore *p = chore_new(s, sizeof *p, run_paper, home_paper);
	j->state = JUDGE_ASKED;
	p->store = s->ss->options.store;
	p->data_dir = s->ss->data_dir;
	p->judging = j;
	p->material = s->material;
	p->judge_id = s->row.judge_model_id;
	p->seed = (uint64_t)s->material->run.seed;
	chore_work(&p->chore);
}

/* --- pairs --- */

/* A pair of answers that the judge is asked about, or that needs no asking. */
struct asked_pair {
	uint32_t question; /* counts the answered ones */
	uint16_t a, b;
	size_t index;	   /* of judging->questions; SIZE_MAX: the texts are the same */
	bool is_shared;	   /* people decided it: only to compare */
	enum outcome people;
};

struct pairs_chore {
	struct chore chore;
	struct judging *judging;
	struct material *material;
	struct asked_pair *pairs;
	size_t n, n_shared;
};

struct grade_chore {
	struct chore chore;
	struct judging *judging;	 /* not touched meanwhile */
	const struct material *material; /* the same */
};

/* What the two models were asked and said, with the turns before. */
static struct judge_case make_case(struct arena *arena, const struct run_question *q, struct str reference, size_t a, size_t b)
{
	enum lang lang = prompts_language(q->q.text);
	struct str asked[LIMIT_TURNS], x[LIMIT_TURNS], y[LIMIT_TURNS];
	size_t n = (size_t)q->q.turn;

	for (size_t t = 0; t < n; t++) {
		asked[t] = q->earlier[t].text;
		x[t] = str_of(q->earlier[t].answers[a].text);
		y[t] = str_of(q->earlier[t].answers[b].text);
	}
	asked[n] = q->q.text;
	x[n] = str_of(q->cells[a].text);
	y[n] = str_of(q->cells[b].text);
	return (struct judge_case){ .question = judge_turns(arena, lang, asked, n + 1, true), .reference = reference,
				    .x = judge_turns(arena, lang, x, n + 1, false), .y = judge_turns(arena, lang, y, n + 1, false) };
}

/* People decided it, and it is one of those that the judge is compared by. */
static bool is_shared(const struct duels *d, size_t a, size_t b, size_t n_shared)
{
	return d->layer[a][b] == LAYER_THUMBS && d->outcome[a][b] != OUTCOME_TIE && n_shared < SHARED_MAX;
}

/* Nothing before the judge decides it, or it is one of those. */
static bool is_for_judge(const struct duels *d, size_t a, size_t b, size_t n_shared)
{
	enum layer layer = d->layer[a][b];

	return layer != LAYER_GUARDS && layer != LAYER_REFERENCE && (layer != LAYER_THUMBS || is_shared(d, a, b, n_shared));
}

static bool is_same(const struct material *m, size_t i, size_t a, size_t b)
{
	const struct cell_row *cells = m->questions[m->answered[i]].cells;

	return strcmp(cells[a].text, cells[b].text) == 0;
}

static void add_pair(void *user, const struct duels *d, size_t i, size_t a, size_t b)
{
	struct pairs_chore *p = user;
	const struct run_question *q = &p->material->questions[p->material->answered[i]];
	struct judging *j = p->judging;
	struct asked_pair pair = { (uint32_t)i, (uint16_t)a, (uint16_t)b, SIZE_MAX, is_shared(d, a, b, p->n_shared), d->outcome[a][b] };

	if (!is_for_judge(d, a, b, p->n_shared))
		return;
	p->n_shared += pair.is_shared;
	if (!is_same(p->material, i, a, b)) {
		const struct material *m = p->material;
		size_t at = m->answered[i];
		struct str reference = m->starts[at + 1] > m->starts[at] ? m->references[m->starts[at]] : (struct str){ 0 };
		pair.index = j->n;
		j->questions[j->n++] = (struct judge_question){ .texts = make_case(j->arena, q, reference, a, b) };
	}
	p->pairs[p->n++] = pair;
}

typedef void (*pair_visit_fn)(void *user, const struct duels *d, size_t i, size_t a, size_t b);

/* Every pair of candidates that are not out, as it stands before the judge.  Question by question: where the time runs out, those
 * before are whole. */
static void visit_pairs(struct material *m, const atomic_bool *cancelled, pair_visit_fn visit, void *user)
{
	struct evidence e = material_evidence(m);
	struct judged_pair nothing = { 0 }; /* makes room for the judge's layer, and says nothing: a model against itself */
	struct duels *duels = mem_alloc(sizeof *duels);

	e.pairs = &nothing;
	e.n_pairs = 1;
	e.has_judge = e.judge_is_fit = true;
	struct evidence_reader *reader = evidence_reader_new(&e);
	for (size_t i = 0; i < m->n_answered && !atomic_load(cancelled); i++) {
		evidence_duels(reader, i, duels);
		for (size_t a = 0; a < m->n_columns; a++)
			for (size_t b = a + 1; b < m->n_columns; b++)
				if (!m->is_out[a] && !m->is_out[b])
					visit(user, duels, i, a, b);
	}
	evidence_reader_free(reader);
	mem_free(duels);
}

static void run_pairs(struct task *task, void *context)
{
	struct pairs_chore *p = (struct pairs_chore *)task;
	const struct material *m = p->material;
	size_t most = m->n_answered * m->n_columns * (m->n_columns - 1) / 2 + 1;

	(void)context;
	p->pairs = arena_array(p->judging->arena, most, sizeof *p->pairs);
	p->judging->questions = arena_array(p->judging->arena, most, sizeof *p->judging->questions);
	p->judging->n = 0;
	visit_pairs(p->material, &task->cancelled, add_pair, p);
}

struct pair_count {
	const struct material *material;
	size_t n, n_shared;
};

static void count_pair(void *user, const struct duels *d, size_t i, size_t a, size_t b)
{
	struct pair_count *count = user;

	if (!is_for_judge(d, a, b, count->n_shared))
		return;
	count->n_shared += is_shared(d, a, b, count->n_shared);
	count->n += !is_same(count->material, i, a, b);
}

size_t judging_count(struct material *m, const atomic_bool *cancelled)
{
	struct pair_count count = { .material = m };

	visit_pairs(m, cancelled, count_pair, &count);
	return count.n;
}

/* Its opinions of all that it was asked, and the exam once more with them. */
static void run_grade(struct task *task, void *context)
{
	const struct grade_chore *g = (const struct grade_chore *)task;
	struct judging *j = g->judging;
	const struct material *m = g->material;
	struct exam_pair *seen = arena_array(j->arena, j->n_asked + 1, sizeof *seen);
	struct exam_shared *shared = arena_array(j->arena, j->n_asked + 1, sizeof *shared);
	size_t n_seen = 0, n_shared = 0;

	(void)context;
	j->pairs = arena_array(j->arena, j->n_asked + 1, sizeof *j->pairs);
	j->n_pairs = 0;
	for (size_t i = 0; i < j->n_asked; i++) {
		const struct asked_pair *p = &j->asked_pairs[i];
		struct opinion o = { .is_valid = true, .score = 0.5, .outcome = OUTCOME_TIE };
		const size_t *lengths = &m->lengths[m->answered[p->question] * m->n_columns];
		if (p->index != SIZE_MAX && p->index >= j->at)
			break; /* the time was up */
		if (p->index != SIZE_MAX) {
			o = opinion_at(j, p->index);
			seen[n_seen++] = (struct exam_pair){ o, lengths[p->a], lengths[p->b] };
		}
		if (!o.is_valid)
			continue;
		if (p->is_shared)
			shared[n_shared++] = (struct exam_shared){ p->people, o.outcome };
		j->pairs[j->n_pairs++] = (struct judged_pair){ p->question, p->a, p->b, o.score, o.outcome };
	}
	grade(j, seen, n_seen, shared, n_shared);
}

static void home_graded(struct chore *c)
{
	if (!chore_failed(c))
		step_done(c->s);
}

static void pairs_asked(struct selection *s)
{
	struct grade_chore *g = chore_new(s, sizeof *g, run_grade, home_graded);

	g->judging = s->judging;
	g->material = s->material;
	chore_work(&g->chore);
}

static void home_pairs(struct chore *c)
{
	struct pairs_chore *p = (struct pairs_chore *)c;
	struct judging *j = c->s->judging;

	if (chore_failed(c))
		return;
	j->asked_pairs = p->pairs;
	j->n_asked = p->n;
	ask_judge(c->s, pairs_asked);
}

void begin_judge(struct selection *s)
{
	struct judging *j = judging_of(s);

	if (j->state != JUDGE_PASSED || s->is_time_up) {
		step_skip(s);
		return;
	}
	struct pairs_chore *p = chore_new(s, sizeof *p, run_pairs, home_pairs);
	p->judging = j;
	p->material = s->material;
	chore_work(&p->chore);
}
