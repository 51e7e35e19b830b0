/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/mem.h"
#include "deploy/proof.h"
#include "deploy/proof_scores.h"
#include "model/encoding.h"
#include "model/gguf.h"
#include "model/quant_types.h"

#define QUESTIONS_MAX 200

/* --- the run: the stored answers of the validated model, and the new model beside them --- */

struct run_errand {
	struct errand errand;
	struct run_row run;
	struct column_row columns[2];
	int64_t artifact_id;
	const struct run_question **answered; /* the job's: they are not touched meanwhile */
	size_t n;
};

static enum err_code copy_answers(struct run_errand *r, struct db *db, struct err *err)
{
	struct run_question *copies;
	size_t n;
	bool equal;

	if (run_store_column_cells(db, r->errand.arena, r->columns[0].id, 0, (int64_t)r->n, &copies, &n, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < n; i++) {
		struct cell_row cell = r->answered[i]->cells[0];
		cell.id = copies[i].cells[0].id;
		if (run_store_answer(db, &cell, &equal, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* Where the turn before that of `answered[i]` stands in the list before it; `i` where it does not. */
static size_t turn_before(const struct run_question *const *answered, size_t i)
{
	for (size_t k = i; k-- > 0;)
		if (answered[k]->position == answered[i]->position - answered[i]->q.back)
			return k;
	return i;
}

static void run_add_run(struct task *task, void *context)
{
	struct run_errand *r = (struct run_errand *)task;
	struct question *questions = arena_array(r->errand.arena, r->n, sizeof *questions);

	for (size_t i = 0; i < r->n; i++) {
		questions[i] = r->answered[i]->q;
		if (questions[i].turn)
			questions[i].back = (int64_t)(i - turn_before(r->answered, i));
	}
	if (run_store_add(context, &r->run, r->columns, 2, questions, r->n, &task->err) == ERR_OK &&
	    artifact_store_begin_proof(context, r->artifact_id, r->run.id, &task->err) == ERR_OK)
		(void)!copy_answers(r, context, &task->err);
}

static void home_add_run(struct errand *e)
{
	struct run_errand *r = (struct run_errand *)e;
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	c->proof->run_id = r->run.id;
	engine_start(c->cs->options.engine, r->run.id);
}

/* Spread over the whole set: sets are sorted by topic.  A later turn is asked where the turn before it is. */
static void choose_questions(struct creation *c, struct run_errand *r)
{
	const struct facts *f = &c->facts;
	size_t n_first = 0, n_seen = 0, n_turns = 1;

	for (size_t i = 0; i < f->n_answered; i++) {
		n_first += f->answered[i].q.turn == 0;
		n_turns = f->answered[i].q.turn + 1 > (int64_t)n_turns ? (size_t)f->answered[i].q.turn + 1 : n_turns;
	}
	size_t most = QUESTIONS_MAX / n_turns > 0 ? QUESTIONS_MAX / n_turns : 1, step = 1 + (n_first - 1) / most;
	int64_t *positions = arena_array(c->arena, QUESTIONS_MAX, sizeof *positions);

	r->answered = arena_array(r->errand.arena, QUESTIONS_MAX, sizeof *r->answered);
	for (size_t i = 0; i < f->n_answered && r->n < QUESTIONS_MAX; i++) {
		bool is_first = f->answered[i].q.turn == 0;
		positions[r->n] = f->answered[i].position;
		r->answered[r->n] = &f->answered[i];
		if (is_first ? n_seen++ % step == 0 : turn_before(r->answered, r->n) < r->n)
			r->n++;
	}
	c->proof->positions = positions;
}

void answers_begin(struct creation *c)
{
	const struct facts *f = &c->facts;
	struct run_errand *r;

	creation_end_worker(c);
	creation_give_machine(c);
	creation_step_progress(c, 0.6, "");
	r = errand_new(c, sizeof *r, run_add_run, home_add_run);
	struct arena *a = r->errand.arena;
	choose_questions(c, r);
	r->artifact_id = c->artifact.id;
	r->run = (struct run_row){ .name = arena_printf(a, "%s · %s", c->row.name, c->params.format), .state = RUN_WAITING,
				   .seed = f->run.seed, .params = f->column.params };
	r->columns[0] = f->column;
	r->columns[0].id = 0;
	r->columns[1] = (struct column_row){ .model_id = c->artifact.model_id, .params = f->column.params, .epoch = NAN,
					     .label = arena_printf(a, "%s · %s", f->label, c->params.format), .own_params = true,
					     .model_hash = "", .adapter_hash = "", .template_hash = "", .build = "", .device = "" };
	r->columns[1].params.weights = WEIGHTS_STORED; /* the new file is used as it is */
	errand_write(&r->errand);
}

void proof_stop(struct creation *c)
{
	if (c->proof && c->proof->run_id && !c->proof->run_is_over)
		engine_stop(c->cs->options.engine, c->proof->run_id);
}

/* --- the verdict --- */

struct verdict_errand {
	struct errand errand;
	int64_t run_id, source_run_id, base_id;
	const char *base_path, *adapter_path, *made_path, *format;
	struct verdict_input in;
	struct proof_answers *answers;
	int64_t *positions;              /* of the answers' questions in the validation */
	const int64_t *source_positions; /* of all questions of the run */
	size_t n;
	double speeds[2];
	bool is_approximate, base_is_quantized;
	enum weights weights; /* that the answers before were given with */
	enum weights reference_weights; /* that distributions were compared with */
	const char *proof; /* JSON */
	int64_t artifact_id, source_column_id, size_before;
};

static struct str text_of(const struct run_question *q)
{
	return q->cells[0].state == CELL_DONE ? str_of(q->cells[0].text) : (struct str){ 0 };
}

/* The base model's answers to the same questions, where it was a column of the validation. */
static void read_base(struct verdict_errand *v, struct db *db, struct err *err)
{
	struct arena *a = v->errand.arena;
	struct run_row run;
	struct column_row *columns;
	struct run_question *q;
	size_t n_columns = 0, n = 0, base = 0;
	struct err gone = { 0 };

	if (run_store_get(db, a, v->source_run_id, &run, &columns, &n_columns, &gone) != ERR_OK)
		return;
	while (base < n_columns && columns[base].model_id != v->base_id)
		base++;
	for (size_t i = 0; base < n_columns && i < v->n; i++) {
		if (run_store_column_cells(db, a, columns[base].id, v->positions[i], 1, &q, &n, err) != ERR_OK)
			return;
		if (n == 1 && q[0].position == v->positions[i])
			v->answers[i].base = text_of(&q[0]);
	}
}

/* What there is to compare: a question that the new model failed counts as a missing answer; one that it was not asked (the run
 * was stopped) is no answer at all, and then nothing is judged. */
static enum err_code pair_answers(struct verdict_errand *v, const struct run_question *before, const struct run_question *after,
				  size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		enum cell_state state = after[i].cells[0].state;
		if (state != CELL_DONE && state != CELL_FAILED)
			return err_set(err, ERR_CONFLICT, "err_proof_stopped", NULL);
		if (!text_of(&before[i]).ptr)
			continue;
		v->positions[v->n] = v->source_positions[i];
		v->answers[v->n++] = (struct proof_answers){ before[i].q.text, before[i].q.reference, text_of(&before[i]),
							     state == CELL_DONE ? text_of(&after[i]) : STR(""), { 0 },
							     before[i].q.other_references };
	}
	return ERR_OK;
}

static void run_read(struct task *task, void *context)
{
	struct verdict_errand *v = (struct verdict_errand *)task;
	struct arena *a = v->errand.arena;
	struct run_row run;
	struct column_row *columns;
	struct run_question *before, *after;
	size_t n_columns, n, n_after;
	struct err *err = &task->err;

	if (run_store_get(context, a, v->run_id, &run, &columns, &n_columns, err) != ERR_OK ||
	    run_store_column_cells(context, a, columns[0].id, 0, QUESTIONS_MAX, &before, &n, err) != ERR_OK ||
	    run_store_column_cells(context, a, columns[1].id, 0, QUESTIONS_MAX, &after, &n_after, err) != ERR_OK)
		return;
	if (columns[1].problem.code != ERR_OK) {
		*err = columns[1].problem; /* it could not be asked at all */
		return;
	}
	v->answers = arena_array(a, n + 1, sizeof *v->answers);
	v->positions = arena_array(a, n + 1, sizeof *v->positions);
	if (pair_answers(v, before, after, n < n_after ? n : n_after, err) == ERR_OK && v->base_id)
		read_base(v, context, err);
}

static json_t *number_or_null(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *rows_json(const struct verdict_row *rows, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "name", rows[i].name, "before",
						      number_or_null(rows[i].before), "after", number_or_null(rows[i].after),
						      "low", number_or_null(rows[i].low), "high", number_or_null(rows[i].high),
						      "control", number_or_null(rows[i].control), "verdict",
						      verdict_name(rows[i].verdict)));
	return list;
}

static int64_t file_size(const char *path)
{
	struct stat st;
	return path && stat(path, &st) == 0 ? st.st_size : 0;
}

/* How much larger the next format would be. */
static int64_t extra_bytes(const struct verdict_errand *v, const char *larger)
{
	const struct quant_type *type = larger ? quant_type_find(larger) : NULL;
	struct err ignored;
	struct gguf *g = type ? gguf_open_model(v->base_path, &ignored) : NULL;

	if (!g)
		return 0;
	int64_t extra = (int64_t)quant_estimate(g, type) - file_size(v->made_path);
	gguf_close(g);
	return extra > 0 ? extra : 0;
}

static json_t *proof_json(const struct verdict_errand *v, const struct verdict_row *rows, size_t n, enum verdict whole)
{
	const char *larger = whole == VERDICT_SAME ? NULL : verdict_larger_format(v->format, v->base_is_quantized);
	json_t *proof = json_pack("{s:s, s:I, s:o, s:I, s:I, s:b, s:I, s:I}", "verdict", verdict_name(whole), "run_id",
				  (json_int_t)v->run_id, "rows", rows_json(rows, n), "n_questions", (json_int_t)v->n, "n_tokens",
				  (json_int_t)v->in.model.n_tokens, "is_approximate", v->is_approximate, "size_before",
				  (json_int_t)(v->size_before + file_size(v->adapter_path)), "size_after",
				  (json_int_t)file_size(v->made_path));

	json_object_set_new(proof, "source_column_id", json_integer(v->source_column_id));
	json_object_set_new(proof, "suggested_format", larger ? json_string(larger) : json_null());
	json_object_set_new(proof, "suggested_extra_bytes", json_integer(extra_bytes(v, larger)));
	json_object_set_new(proof, "source_weights", json_string(weights_name(v->weights)));
	json_object_set_new(proof, "reference_weights", json_string(weights_name(v->reference_weights)));
	json_object_set_new(proof, "control_format", v->in.has_control ? json_string("Q8_0") : json_null());
	json_object_set_new(proof, "tokens_per_s_before", v->speeds[0] > 0 ? json_real(v->speeds[0]) : json_null());
	json_object_set_new(proof, "tokens_per_s_after", v->speeds[1] > 0 ? json_real(v->speeds[1]) : json_null());
	return proof;
}

static void compose(struct verdict_errand *v)
{
	struct arena *a = v->errand.arena;

	for (size_t i = 0; i < v->n; i++) {
		struct proof_answers *one = &v->answers[i];
		one->question = encoding_composed(a, one->question);
		one->reference = encoding_composed(a, one->reference);
		one->other_references = encoding_composed(a, one->other_references);
		one->before = encoding_composed(a, one->before);
		one->after = encoding_composed(a, one->after);
		one->base = encoding_composed(a, one->base);
	}
}

static void run_judge(struct task *task, void *context)
{
	struct verdict_errand *v = (struct verdict_errand *)task;
	struct verdict_row rows[VERDICT_ROWS_MAX];
	struct buf text = BUF_INIT(LIMIT_JSON_BODY);
	size_t n;

	(void)context;
	compose(v);
	if (!proof_scores(v->answers, v->n, &task->cancelled, &v->in)) {
		err_set(&task->err, ERR_CANCELLED, "err_cancelled", NULL);
		return;
	}
	enum verdict whole = verdict_of(&v->in, rows, &n);
	json_t *proof = proof_json(v, rows, n, whole);
	json_write(&text, proof);
	json_decref(proof);
	v->proof = arena_strdup(v->errand.arena, buf_text(&text));
	buf_release(&text);
}

static void run_keep(struct task *task, void *context)
{
	struct verdict_errand *v = (struct verdict_errand *)task;
	(void)!artifact_store_set_proof(context, v->artifact_id, v->proof, &task->err);
}

static void home_kept(struct errand *e)
{
	const struct verdict_errand *v = (const struct verdict_errand *)e;

	if (errand_failed(e))
		return;
	e->c->artifact.proof = arena_strdup(e->c->arena, v->proof);
	creation_step_done(e->c);
}

/* The next errand about the same thing; its arena goes along. */
static struct verdict_errand *go_on(struct errand *e, void (*run)(struct task *, void *), void (*home)(struct errand *))
{
	struct verdict_errand *next = errand_new(e->c, sizeof *next, run, home);
	struct errand fresh = next->errand;

	arena_free(fresh.arena);
	*next = *(struct verdict_errand *)e;
	next->errand = fresh;
	next->errand.arena = e->arena;
	e->arena = NULL;
	return next;
}

void proof_note(struct creation *c, const struct err *cause)
{
	json_object_set_new(c->result, "proof_problem",
			    json_pack("{s:s, s:s, s:o}", "code", err_code_name(cause->code), "key", cause->key, "args",
				      json_text(str_of(cause->args))));
}

void proof_give_up(struct creation *c, const struct err *cause)
{
	proof_note(c, cause);
	creation_end_worker(c);
	creation_give_machine(c);
	creation_step_done(c);
}

static bool proof_failed(const struct errand *e)
{
	if (e->task.err.code == ERR_OK)
		return false;
	proof_give_up(e->c, &e->task.err);
	return true;
}

static void home_judged(struct errand *e)
{
	if (!proof_failed(e))
		errand_write(&go_on(e, run_keep, home_kept)->errand);
}

static void home_read(struct errand *e)
{
	if (!proof_failed(e))
		errand_work(&go_on(e, run_judge, home_judged)->errand);
}

static void judge(struct creation *c)
{
	const struct facts *f = &c->facts;
	const struct proof *p = c->proof;
	struct verdict_errand *v = errand_new(c, sizeof *v, run_read, home_read);
	struct arena *a = v->errand.arena;

	v->run_id = p->run_id;
	v->source_run_id = f->run.id;
	v->base_id = f->is_adapter ? f->base.id : 0;
	v->base_path = arena_strdup(a, f->base.model.path);
	v->adapter_path = arena_strdup(a, f->adapter_file);
	v->made_path = arena_strdup(a, c->artifact.path);
	v->format = arena_strdup(a, c->params.format);
	v->in = p->in;
	v->is_approximate = p->is_approximate;
	v->base_is_quantized = f->base_is_quantized;
	v->speeds[0] = p->tokens_per_s_before;
	v->speeds[1] = p->tokens_per_s_after;
	v->artifact_id = c->artifact.id;
	v->source_column_id = f->column.id;
	v->weights = f->column.params.weights;
	v->reference_weights = c->reference ? WEIGHTS_Q8_0 : WEIGHTS_STORED;
	v->size_before = (int64_t)f->base.model.size_bytes;
	v->source_positions = p->positions;
	errand_read(&v->errand);
}

void proof_run_changed(struct creation *c, int64_t run_id)
{
	struct proof *p = c->proof;

	if (!p || p->run_is_over || p->run_id != run_id || engine_is_active(c->cs->options.engine, run_id))
		return;
	p->run_is_over = true;
	judge(c);
}
