/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <strings.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "deploy/proof.h"
#include "engine/engine.h"
#include "engine/load_request.h"
#include "engine/model_cache.h"
#include "worker/protocol.h"

#define CONTROL_FORMAT "Q8_0"

void proof_free(struct creation *c)
{
	if (c->proof)
		mem_free(c->proof->control);
	mem_free(c->proof);
	c->proof = NULL;
}

/* --- token by token --- */

static void compare_next(struct creation *c);
static void reload(struct creation *c);
static void check_room(struct creation *c);

/* The models cannot be loaded: their answers are compared all the same. */
static void without_distributions(struct creation *c, const struct err *cause)
{
	log_info("deploy", "job %lld: distributions are not compared: %s %s", (long long)c->row.id, cause->key, cause->args);
	proof_note(c, cause);
	answers_begin(c);
}

static double number(const json_t *stats, const char *name)
{
	const json_t *value = json_object_get(stats, name);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

static int64_t whole_number(const json_t *stats, const char *name)
{
	const json_t *value = json_object_get(stats, name);
	return json_is_integer(value) && json_integer_value(value) > 0 ? json_integer_value(value) : 0;
}

/* Answers say how far the distributions are, references what that costs. */
static void keep(struct proof *p, const struct comparison *now, const json_t *stats)
{
	struct divergence *d = now->is_control ? &p->in.control : &p->in.model;
	int64_t n = whole_number(stats, "n_items");
	double t = verdict_t(n - 1);

	if (n == 0)
		return; /* nothing of it could be compared */
	if (now->of_references) {
		double ratio = number(stats, "ln_ppl_ratio"), se = n > 1 ? number(stats, "ln_ppl_ratio_se") : NAN;
		d->n_references = n;
		d->ppl_ratio = exp(ratio);
		d->ppl_low = exp(ratio - t * se);
		d->ppl_high = exp(ratio + t * se);
		return;
	}
	double kld = number(stats, "mean_kld"), kld_se = n > 1 ? number(stats, "mean_kld_se") : NAN;
	d->n_tokens = whole_number(stats, "n_tokens");
	d->n_texts = n;
	d->mean_kld = kld;
	d->kld_low = fmax(kld - t * kld_se, 0);
	d->kld_high = kld + t * kld_se;
	d->p99_kld = number(stats, "kld_p99");
	d->same_top = number(stats, "same_top");
	p->is_approximate |= json_is_true(json_object_get(stats, "approximate"));
	if (now->is_control)
		return;
	p->tokens_per_s_before = number(stats, "ref_tokens_per_s");
	p->tokens_per_s_after = number(stats, "cand_tokens_per_s");
}

static void compared(struct creation *c, const json_t *body)
{
	struct proof *p = c->proof;

	keep(p, &p->plan[p->at++], json_object_get(body, "stats"));
	if (!p->one_at_a_time || p->at == p->n_plan) {
		compare_next(c);
		return;
	}
	creation_end_worker(c); /* the validated model has made room for the other one */
	creation_need_worker(c, reload);
}

static void reload(struct creation *c)
{
	build_reference(c, compare_next);
}

static void compare_next(struct creation *c)
{
	struct proof *p = c->proof;
	struct err err = { 0 };
	int64_t size;
	size_t n = 0;
	int fd;

	if (p->at == p->n_plan) {
		answers_begin(c);
		return;
	}
	const struct comparison *now = &p->plan[p->at];
	json_t *items = reference_items(c, now->of_references, &n);
	if (n == 0) {
		json_decref(items);
		p->at++;
		compare_next(c);
		return;
	}
	struct gpu_use gpu = creation_gpu(c);
	json_t *body = load_request(now->is_control ? p->control : c->artifact.path, creation_threads(c),
				    &gpu, c->has_gpu, true, &fd, &size, &err);
	if (!body) {
		json_decref(items);
		creation_fail(c, &err);
		return;
	}
	json_object_set_new(body, "items", items);
	if (p->one_at_a_time) {
		char *spool = mem_printf("%s/spool", c->job_dir);
		json_object_set_new(body, "spool", json_text(str_of(spool)));
		mem_free(spool);
	}
	reference_settings(c, body);
	creation_share(c, 0.2 + 0.4 * (double)p->at / (double)p->n_plan, 0.4 / (double)p->n_plan);
	creation_ask(c, REQ_COMPARE, body, fd, MSG_OK, compared);
}

/* --- control and order --- */

static bool has_references(const struct creation *c)
{
	for (size_t i = 0; i < c->facts.n_answered; i++)
		if (c->facts.answered[i].q.reference.len > 0)
			return true;
	return false;
}

static void plan_comparisons(struct creation *c)
{
	struct proof *p = c->proof;
	bool references = has_references(c);

	for (int control = 0; control <= (p->control ? 1 : 0); control++) {
		p->plan[p->n_plan++] = (struct comparison){ control, false };
		if (references)
			p->plan[p->n_plan++] = (struct comparison){ control, true };
	}
	creation_share(c, 0.15, 0.05);
	build_reference(c, compare_next);
}

/* The control is the larger one of what is loaded beside the validated model. */
static void control_checked(struct creation *c, const struct memory_answer *answer, const struct err *err)
{
	if (err->code != ERR_OK) {
		without_distributions(c, err);
		return;
	}
	c->proof->in.has_control = true;
	c->proof->one_at_a_time |= !answer->together;
	plan_comparisons(c);
}

static void control_made(struct creation *c)
{
	struct fit_wish wish = reference_wish(c);

	wish.beside = c->proof->control;
	creation_check_memory(c, &wish, control_checked);
}

/* The format itself is hardly more than the control: no second model is needed to judge it. */
static bool is_nearly_lossless(const char *format)
{
	return strcasecmp(format, CONTROL_FORMAT) == 0 || strcasecmp(format, "F16") == 0 || strcasecmp(format, "BF16") == 0;
}

static void make_control(struct creation *c)
{
	struct proof *p = c->proof;

	if (is_nearly_lossless(c->params.format)) {
		plan_comparisons(c);
		return;
	}
	p->control = mem_printf("%s/control.gguf", c->job_dir);
	creation_share(c, 0.05, 0.1);
	build_quantized(c, CONTROL_FORMAT, p->control, NULL, control_made);
}

/* --- room in memory --- */

struct q8_errand {
	struct errand errand;
	const char *data_dir;
	struct model_source source;
	const char *file;
	struct err cause; /* why the stored weights are not used */
};

static void run_q8(struct task *task, void *context)
{
	struct q8_errand *q = (struct q8_errand *)task;
	char *file = NULL;

	(void)context;
	if (model_cache_get(q->data_dir, q->source, &file, NULL, &task->cancelled, &task->err) == ERR_OK)
		q->file = arena_strdup(q->errand.arena, file);
	mem_free(file);
}

static void home_q8(struct errand *e)
{
	const struct q8_errand *q = (const struct q8_errand *)e;
	struct creation *c = e->c;

	if (e->task.err.code != ERR_OK) {
		without_distributions(c, &q->cause);
		return;
	}
	c->reference = arena_strdup(c->arena, q->file);
	check_room(c);
}

/* The stored weights are what the new model was made of; where they do not fit, those that were chosen for want of memory do. */
static void use_q8(struct creation *c, const struct err *cause)
{
	struct q8_errand *q = errand_new(c, sizeof *q, run_q8, home_q8);
	struct arena *a = q->errand.arena;

	log_info("deploy", "job %lld: compared with the weights as Q8_0 for want of memory", (long long)c->row.id);
	q->data_dir = arena_strdup(a, c->cs->data_dir);
	q->source = (struct model_source){ arena_strdup(a, c->facts.base_source), arena_strdup(a, c->facts.base.base_path), WEIGHTS_Q8_0 };
	q->cause = *cause;
	errand_hash(&q->errand);
}

static bool chose_q8(const struct creation *c)
{
	return c->facts.base.weights == WEIGHTS_Q8_0 || c->facts.column.params.weights == WEIGHTS_Q8_0;
}

/* Each for itself must fit; where both do not, one waits until the other has gone. */
static void room_checked(struct creation *c, const struct memory_answer *answer, const struct err *err)
{
	if (err->code == ERR_LIMIT && !answer->is_beside && !c->reference && chose_q8(c)) {
		use_q8(c, err);
		return;
	}
	if (err->code != ERR_OK) {
		without_distributions(c, err);
		return;
	}
	c->proof->one_at_a_time = !answer->together;
	creation_share(c, 0, 0.05);
	if (is_nearly_lossless(c->params.format))
		make_control(c);
	else
		build_merged(c, make_control);
}

static void check_room(struct creation *c)
{
	struct fit_wish wish = reference_wish(c);

	wish.beside = c->artifact.path;
	creation_check_memory(c, &wish, room_checked);
}

/* By the same validation: another one has other questions. */
static bool is_proven(const struct creation *c)
{
	struct err ignored = { 0 };
	json_t *proof = c->artifact.proof && c->artifact.proof[0] ? json_parse(str_of(c->artifact.proof), "proof", &ignored) : NULL;
	bool same = proof && json_integer_value(json_object_get(proof, "source_column_id")) == c->facts.column.id;

	json_decref(proof);
	return same;
}

void begin_proof(struct creation *c)
{
	if (c->facts.n_answered == 0 || is_proven(c)) {
		creation_step_skip(c);
		return;
	}
	c->proof = mem_alloc(sizeof *c->proof);
	c->proof->in = (struct verdict_input){
		.model = { .ppl_ratio = NAN }, .control = { .mean_kld = NAN, .p99_kld = NAN, .same_top = NAN, .ppl_ratio = NAN },
		.win_before = NAN, .win_after = NAN,
	};
	creation_need_machine(c, check_room);
}
