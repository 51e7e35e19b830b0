/* SPDX-License-Identifier: Apache-2.0 */
#include "server/json_view.h"

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "convert/python_convert.h"
#include "engine/model_cache.h"
#include "metric/interval.h"
#include "server/model_extra.h"
#include "server/model_name.h"
#include "store/gen_params.h"

#define SENTENCE_MAX (8 * KIB)

/* --- fields --- */

static void key(struct buf *b, const char *name)
{
	char last = b->len ? b->ptr[b->len - 1] : 0;
	if (last && last != '{' && last != '[' && last != ':')
		buf_add_char(b, ',');
	if (name)
		buf_printf(b, "\"%s\":", name);
}

void json_open(struct buf *b, const char *name, char bracket)
{
	key(b, name);
	buf_add_char(b, bracket);
}

void json_close(struct buf *b, char bracket)
{
	buf_add_char(b, bracket);
}

void json_int(struct buf *b, const char *name, int64_t value)
{
	key(b, name);
	buf_printf(b, "%lld", (long long)value);
}

void json_id(struct buf *b, const char *name, int64_t value)
{
	if (value) {
		json_int(b, name, value);
		return;
	}
	key(b, name);
	buf_add_text(b, "null");
}

void json_num(struct buf *b, const char *name, double value)
{
	json_t *number = isfinite(value) ? json_real(value) : json_null();
	key(b, name);
	json_write(b, number);
	json_decref(number);
}

void json_flag(struct buf *b, const char *name, bool value)
{
	key(b, name);
	buf_add_text(b, value ? "true" : "false");
}

void json_str(struct buf *b, const char *name, struct str value)
{
	key(b, name);
	json_write_string(b, value);
}

void json_cstr(struct buf *b, const char *name, const char *value)
{
	json_str(b, name, str_of(value));
}

void json_raw(struct buf *b, const char *name, const char *json)
{
	key(b, name);
	buf_add_text(b, json);
}

static void optional_str(struct buf *b, const char *name, struct str value)
{
	if (value.len)
		json_str(b, name, value);
}

/* Texts that are stored one a line. */
static void optional_lines(struct buf *b, const char *name, struct str lines)
{
	if (!lines.len)
		return;
	json_open(b, name, '[');
	while (lines.len > 0)
		json_str(b, NULL, str_split(&lines, '\n'));
	json_close(b, ']');
}

/* --- errors --- */

static void sentence(struct buf *b, const char *name, enum lang lang, const struct err *err,
		     void (*render)(struct buf *, enum lang, const struct err *))
{
	struct buf text = BUF_INIT(SENTENCE_MAX);
	render(&text, lang, err);
	if (text.len || render == err_message)
		json_str(b, name, buf_str(&text));
	buf_release(&text);
}

static void action(struct buf *b, enum lang lang, const char *what, const char *label, int64_t model_id)
{
	json_open(b, NULL, '{');
	json_cstr(b, "action", what);
	json_cstr(b, "label", msg_text(lang, label));
	json_id(b, "model_id", model_id);
	json_close(b, '}');
}

/* What can be done at once where a model does not fit into memory. */
static void memory_actions(struct buf *b, enum lang lang, const struct err *err)
{
	char text[32];
	int64_t base = 0;
	bool is_held = err_arg(err, "held", text, sizeof text), gpu = str_starts(str_of(err->key), "err_memory_gpu");
	bool q8 = str_starts(str_of(err->key), "err_memory_q8");

	if (!str_starts(str_of(err->key), "err_memory"))
		return;
	if (err_arg(err, "base", text, sizeof text))
		(void)str_to_i64(str_of(text), &base);
	if (!is_held && !((gpu || q8) && base))
		return;
	json_open(b, "actions", '[');
	if (is_held)
		action(b, lang, "free", "core_action_free", base);
	if (q8 && base)
		action(b, lang, "q8", "core_action_q8", base);
	if (gpu && base)
		action(b, lang, "auto", "core_action_auto", base);
	if (gpu && base && !str_starts(str_of(err->key), "err_memory_gpu_off"))
		action(b, lang, "cpu", "core_action_cpu", base);
	json_close(b, ']');
}

void view_problem(struct buf *b, const char *name, enum lang lang, const struct err *err)
{
	char field[256];
	json_open(b, name, '{');
	json_cstr(b, "code", err_code_name(err->code));
	json_cstr(b, "key", err->key);
	sentence(b, "message", lang, err, err_message);
	sentence(b, "hint", lang, err, err_hint);
	if (err_arg(err, "field", field, sizeof field))
		json_cstr(b, "field", field);
	memory_actions(b, lang, err);
	json_close(b, '}');
}

void view_stored_problem(struct buf *b, const char *name, enum lang lang, const json_t *stored)
{
	struct err err, read = { 0 };
	const char *code = json_get_text(stored, "code", "internal", &read);

	err_restore(&err, err_code_from_name(code), json_get_text(stored, "key", "err_worker_protocol", &read),
		    json_get_text(stored, "args", "", &read));
	view_problem(b, name, lang, &err);
}

void view_error(struct buf *b, enum lang lang, const struct err *err)
{
	json_open(b, NULL, '{');
	view_problem(b, "error", lang, err);
	json_close(b, '}');
}

/* --- models --- */

static void model_problem(struct buf *b, enum lang lang, const struct model_row *m)
{
	struct err err = { 0 };
	if (m->model.kind != MODEL_REMOTE && !fs_exists(m->model.path))
		err_set(&err, ERR_NOT_FOUND, "err_model_file_gone", "path=%s", m->model.path);
	else if (model_has_base(m, NULL, &err) == ERR_OK)
		return;
	view_problem(b, "problem", lang, &err);
}

static void view_gpu(struct buf *b, const struct model_row *m)
{
	if (!m->has_gpu) {
		json_id(b, "gpu", 0);
		return;
	}
	json_open(b, "gpu", '{');
	json_int(b, "layers", m->gpu_layers);
	json_cstr(b, "device", m->gpu_device);
	json_close(b, '}');
}

void view_model(struct buf *b, const char *name, enum lang lang, const struct model_row *m, const char *family_name)
{
	static const char *const kinds[] = { "base", "adapter", "full", "remote" };
	const struct found_model *f = &m->model;
	bool checkpoint = f->kind == MODEL_ADAPTER || f->kind == MODEL_FULL;
	json_open(b, name, '{');
	json_int(b, "id", m->id);
	json_cstr(b, "kind", kinds[f->kind]);
	json_cstr(b, "name", f->name);
	json_id(b, "family_id", m->family_id);
	if (family_name)
		json_cstr(b, "family_name", family_name);
	json_id(b, "base_model_id", m->base_model_id);
	json_cstr(b, "base_name", f->base_name);
	json_id(b, "provider_id", m->provider_id);
	json_cstr(b, "path", f->path);
	json_int(b, "size_bytes", (int64_t)f->size_bytes);
	json_cstr(b, "format", f->kind == MODEL_REMOTE ? "remote" : f->adapter_format == ADAPTER_PEFT ? "peft"
			       : model_cache_wants(f->path) ? "huggingface" : "gguf");
	json_cstr(b, "architecture", f->architecture);
	json_cstr(b, "file_type", f->file_type);
	json_int(b, "n_params", (int64_t)f->n_params);
	json_int(b, "n_ctx_train", (int64_t)f->n_ctx_train);
	json_flag(b, "has_template", f->has_template);
	if (f->kind == MODEL_BASE || f->kind == MODEL_FULL) {
		uint64_t q8 = weights_q8_size(f->file_type, f->size_bytes);
		json_cstr(b, "weights", weights_name(q8 ? m->weights : WEIGHTS_STORED));
		if (q8)
			json_int(b, "q8_size_bytes", (int64_t)q8);
	}
	if (checkpoint) {
		json_num(b, "epoch", f->epoch);
		if (f->step >= 0)
			json_int(b, "step", f->step);
		json_num(b, "train_loss", f->train_loss);
		json_num(b, "eval_loss", f->eval_loss);
	}
	if (f->kind == MODEL_ADAPTER)
		json_int(b, "rank", f->rank);
	if (f->kind == MODEL_BASE || f->kind == MODEL_FULL)
		view_gpu(b, m);
	view_model_extra(b, lang, m);
	model_problem(b, lang, m);
	json_close(b, '}');
}

static bool has_epoch(const struct model_list *all, int64_t family_id, int64_t epoch)
{
	for (size_t i = 0; i < all->n_models; i++)
		if (all->models[i].family_id == family_id && fabs(all->models[i].model.epoch - (double)epoch) < 0.5)
			return true;
	return false;
}

void view_family(struct buf *b, enum lang lang, const struct family_row *f, const struct model_list *all)
{
	int64_t base = 0;
	for (size_t i = 0; i < all->n_models && !base; i++)
		if (all->models[i].family_id == f->id)
			base = all->models[i].base_model_id;
	json_open(b, NULL, '{');
	json_int(b, "id", f->id);
	json_cstr(b, "name", f->name);
	json_cstr(b, "path", f->path);
	json_id(b, "base_model_id", base);
	json_cstr(b, "base_name", f->base_name);
	json_int(b, "num_train_epochs", f->num_train_epochs);
	json_open(b, "missing_epochs", '[');
	for (int64_t epoch = 1; epoch <= f->num_train_epochs && epoch <= 1000; epoch++)
		if (!has_epoch(all, f->id, epoch))
			json_int(b, NULL, epoch);
	json_close(b, ']');
	json_open(b, "checkpoints", '[');
	for (size_t i = 0; i < all->n_models; i++)
		if (all->models[i].family_id == f->id)
			view_model(b, NULL, lang, &all->models[i], f->name);
	json_close(b, ']');
	view_family_extra(b, lang, f->id, all);
	json_open(b, "losses", '[');
	for (size_t i = 0; i < f->n_losses; i++) {
		json_open(b, NULL, '{');
		json_num(b, "epoch", isfinite(f->losses[i].epoch) ? f->losses[i].epoch : 0);
		json_int(b, "step", f->losses[i].step);
		json_num(b, "loss", f->losses[i].loss);
		json_num(b, "eval_loss", f->losses[i].eval_loss);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_close(b, '}');
}

void view_refusal(struct buf *b, enum lang lang, const char *path, const struct err *err)
{
	json_open(b, NULL, '{');
	json_cstr(b, "path", path);
	view_problem(b, "problem", lang, err);
	json_flag(b, "with_python", python_convert_may_help(err));
	json_close(b, '}');
}

void view_model_list(struct buf *b, enum lang lang, const struct model_list *list)
{
	json_open(b, NULL, '{');
	json_open(b, "models", '[');
	for (size_t i = 0; i < list->n_models; i++)
		if (!list->models[i].family_id)
			view_model(b, NULL, lang, &list->models[i], NULL);
	json_close(b, ']');
	json_open(b, "families", '[');
	for (size_t i = 0; i < list->n_families; i++)
		view_family(b, lang, &list->families[i], list);
	json_close(b, ']');
	json_open(b, "refusals", '[');
	for (size_t i = 0; i < list->n_refusals; i++)
		view_refusal(b, lang, list->refusals[i].path, &list->refusals[i].err);
	json_close(b, ']');
	json_close(b, '}');
}

/* --- questions --- */

static void question_fields(struct buf *b, const struct question *q, int64_t position)
{
	json_str(b, "text", q->text);
	optional_str(b, "reference", q->reference);
	optional_lines(b, "other_references", q->other_references);
	optional_str(b, "system", q->system);
	optional_str(b, "tags", q->tags);
	if (q->record.len)
		json_raw(b, "record", q->record.ptr);
	if (!q->turn)
		return;
	json_int(b, "turn", q->turn + 1);
	json_int(b, "follows", position - q->back);
}

void view_question(struct buf *b, const struct question *q, int64_t position)
{
	json_open(b, NULL, '{');
	json_int(b, "position", position);
	question_fields(b, q, position);
	optional_str(b, "id", q->id);
	json_close(b, '}');
}

void view_question_set(struct buf *b, const struct question_set_row *set)
{
	json_open(b, NULL, '{');
	json_int(b, "id", set->id);
	json_cstr(b, "name", set->name);
	json_cstr(b, "format", set->format);
	json_int(b, "created_ms", set->created_ms);
	json_int(b, "n_questions", set->n_questions);
	json_int(b, "n_with_reference", set->n_with_reference);
	json_int(b, "n_later", set->n_later);
	json_close(b, '}');
}

void view_import(struct buf *b, enum lang lang, const char *upload, const char *name, const struct question_import *in)
{
	size_t shown = in->n_problems < 100 ? in->n_problems : 100;
	json_open(b, NULL, '{');
	json_cstr(b, "upload", upload);
	json_cstr(b, "name", name);
	json_cstr(b, "format", in->format);
	json_cstr(b, "encoding", in->encoding);
	json_cstr(b, "question_field", in->question_field);
	json_cstr(b, "reference_field", in->reference_field);
	json_open(b, "fields", '[');
	for (size_t i = 0; i < in->n_fields; i++)
		json_cstr(b, NULL, in->fields[i]);
	json_close(b, ']');
	json_int(b, "n_total", (int64_t)in->n_total);
	json_int(b, "n_with_reference", (int64_t)in->n_with_reference);
	json_int(b, "n_conversations", (int64_t)in->n_conversations);
	json_int(b, "n_turns", (int64_t)in->n_turns);
	json_int(b, "n_problems", (int64_t)in->n_problems);
	json_int(b, "n_refused", (int64_t)in->n_refused);
	json_open(b, "problems", '[');
	for (size_t i = 0; i < shown; i++) {
		json_open(b, NULL, '{');
		json_int(b, "line", in->problems[i].line);
		sentence(b, "message", lang, &in->problems[i].err, err_message);
		sentence(b, "hint", lang, &in->problems[i].err, err_hint);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_open(b, "questions", '[');
	for (size_t i = 0; i < in->n_questions; i++)
		view_question(b, &in->questions[i], (int64_t)i);
	json_close(b, ']');
	json_close(b, '}');
}

/* --- runs --- */

static void view_json(struct buf *b, const char *name, json_t *value)
{
	struct buf text = BUF_INIT(LIMIT_JSON_BODY);

	json_write(&text, value);
	json_raw(b, name, buf_text(&text));
	json_decref(value);
	buf_release(&text);
}

void view_gen_params(struct buf *b, const struct gen_params *p)
{
	json_open(b, "params", '{');
	json_int(b, "max_tokens", p->max_tokens);
	json_num(b, "temperature", p->temperature);
	json_num(b, "top_p", p->top_p);
	json_int(b, "top_k", p->top_k);
	json_num(b, "min_p", p->min_p);
	json_num(b, "repeat_penalty", p->repeat_penalty);
	json_cstr(b, "system", p->system);
	json_cstr(b, "template", p->template);
	json_cstr(b, "weights", weights_name(p->weights));
	json_flag(b, "thinking", p->thinking);
	json_raw(b, "stop", p->stop && *p->stop ? p->stop : "[]");
	json_int(b, "num_ctx", p->num_ctx);
	view_json(b, "of_model", gen_param_names(p->of_model));
	json_close(b, '}');
}

static const struct column_live *live_of(const struct run_live *live, int64_t column_id)
{
	for (size_t i = 0; i < live->n_columns; i++)
		if (live->columns[i].column_id == column_id)
			return &live->columns[i];
	return NULL;
}

static const char *stored_column_state(const struct column_row *c)
{
	if (c->problem.code != ERR_OK)
		return "failed";
	if (c->n_waiting)
		return "waiting";
	return c->n_cancelled ? "cancelled" : "done";
}

/* How far the share of liked questions may be off.  Of several people a question has several likes, which are not independent. */
static void put_likes_interval(struct buf *b, const struct run_row *run, const struct column_row *c)
{
	if (run->n_raters != 1 || c->n_likes > run->n_questions)
		return;
	struct interval wilson = interval_wilson((double)c->n_likes, (double)run->n_questions, 0.95);
	json_num(b, "likes_low", wilson.low);
	json_num(b, "likes_high", wilson.high);
}

void view_column(struct buf *b, enum lang lang, const struct run_row *run, const struct column_row *c, const struct run_live *live)
{
	const struct column_live *now = live_of(live, c->id);
	json_open(b, NULL, '{');
	json_int(b, "id", c->id);
	json_int(b, "run_id", c->run_id);
	json_int(b, "position", c->position);
	json_int(b, "model_id", c->model_id);
	json_cstr(b, "label", c->label);
	json_num(b, "epoch", c->epoch);
	view_gen_params(b, &c->params);
	json_flag(b, "own_params", c->own_params);
	json_cstr(b, "state", now ? column_state_name(now->state) : stored_column_state(c));
	if (now && now->state == COLUMN_LOADING) {
		json_num(b, "progress", now->progress);
		json_int(b, "bytes", now->bytes);
		json_int(b, "bytes_total", now->bytes_total);
		json_flag(b, "is_converting", now->is_converting);
	}
	json_int(b, "n_running", now ? now->n_running : 0);
	json_int(b, "n_done", c->n_done);
	json_int(b, "n_failed", c->n_failed);
	json_int(b, "n_cancelled", c->n_cancelled);
	json_int(b, "n_reused", c->n_reused);
	json_int(b, "n_total", c->n_done + c->n_failed + c->n_cancelled + c->n_waiting);
	json_int(b, "likes", c->n_likes);
	put_likes_interval(b, run, c);
	json_int(b, "rated", c->n_rated);
	json_num(b, "tokens_per_s", c->sum_us > 0 ? (double)c->sum_generated * 1e6 / (double)c->sum_us : NAN);
	json_int(b, "slots", c->slots);
	json_cstr(b, "device", c->device);
	json_cstr(b, "build", c->build);
	json_cstr(b, "model_hash", c->model_hash);
	json_cstr(b, "adapter_hash", c->adapter_hash);
	json_cstr(b, "template_hash", c->template_hash);
	const struct err *problem = now && now->problem ? now->problem : &c->problem;
	if (problem->code != ERR_OK)
		view_problem(b, "problem", lang, problem);
	json_close(b, '}');
}

void view_run(struct buf *b, enum lang lang, const struct run_row *run, const struct column_row *columns, size_t n,
	      const struct run_live *live)
{
	json_open(b, NULL, '{');
	json_int(b, "id", run->id);
	json_cstr(b, "name", run->name);
	json_int(b, "created_ms", run->created_ms);
	json_id(b, "finished_ms", run->finished_ms);
	json_cstr(b, "state", run_state_name(live->is_unsaved ? RUN_INTERRUPTED : run->state));
	json_cstr(b, "mode", run->is_fast ? "fast" : "exact");
	json_int(b, "seed", run->seed);
	json_flag(b, "blind", run->is_blind);
	json_flag(b, "drifted", run->is_drifted);
	view_gen_params(b, &run->params);
	json_id(b, "question_set_id", run->question_set_id);
	json_int(b, "n_questions", run->n_questions);
	json_int(b, "n_columns", run->n_columns);
	json_int(b, "n_cells", run->n_cells);
	json_int(b, "n_done", run->n_done);
	json_int(b, "n_failed", run->n_failed);
	json_int(b, "n_raters", run->n_raters);
	if (run->n_complete >= 0)
		json_int(b, "n_complete", run->n_complete);
	if (live->is_active && live->eta_ms >= 0)
		json_int(b, "eta_ms", live->eta_ms);
	const struct err *cause = live->is_unsaved ? &live->cause : &run->problem;
	if (cause->code != ERR_OK)
		view_problem(b, "problem", lang, cause);
	if (columns) {
		json_open(b, "columns", '[');
		for (size_t i = 0; i < n; i++)
			view_column(b, lang, run, &columns[i], live);
		json_close(b, ']');
	}
	json_close(b, '}');
}

void view_cell(struct buf *b, enum lang lang, const struct cell_row *c, const struct cell_live *live)
{
	bool running = live && c->state == CELL_WAITING;
	double seconds = (double)(c->total_us - c->prompt_us) / 1e6;
	json_open(b, NULL, '{');
	json_int(b, "id", c->id);
	json_int(b, "run_id", c->run_id);
	json_int(b, "question_id", c->question_id);
	json_int(b, "column_id", c->column_id);
	json_cstr(b, "state", running ? "running" : cell_state_name(c->state));
	json_str(b, "text", running ? live->text : str_of(c->text));
	if (running)
		optional_str(b, "thinking", live->thinking);
	if (c->state == CELL_DONE) {
		optional_str(b, "thinking", str_of(c->thinking));
		json_cstr(b, "finish", finish_name(c->finish));
		json_int(b, "n_prompt", c->n_prompt);
		json_int(b, "n_generated", c->n_generated);
		json_int(b, "n_thinking", c->n_thinking);
		json_num(b, "prompt_ms", (double)c->prompt_us / 1e3);
		json_num(b, "total_ms", (double)c->total_us / 1e3);
		json_num(b, "tokens_per_s", seconds > 0 && !c->reused_cell_id ? (double)c->n_generated / seconds : NAN);
		json_num(b, "mean_ll", c->mean_ll);
		if (c->reused_cell_id) {
			json_int(b, "reused_run_id", c->reused_run_id);
			json_int(b, "reused_cell_id", c->reused_cell_id);
		}
	}
	json_int(b, "likes", c->n_likes);
	json_flag(b, "liked", c->is_liked);
	if (c->problem.code != ERR_OK)
		view_problem(b, "problem", lang, &c->problem);
	json_close(b, '}');
}

static const struct cell_live *words_of(const struct page_view *page, int64_t cell_id)
{
	for (size_t i = 0; i < page->n_live; i++)
		if (page->live[i].cell_id == cell_id)
			return &page->live[i];
	return NULL;
}

void view_page(struct buf *b, const struct page_view *page, const struct run_question *questions, size_t n,
	       size_t n_columns)
{
	json_open(b, NULL, '{');
	json_int(b, "total", page->total);
	json_int(b, "offset", page->offset);
	json_int(b, "event_id", page->event_id);
	json_open(b, "questions", '[');
	for (size_t i = 0; i < n; i++) {
		const struct run_question *q = &questions[i];
		json_open(b, NULL, '{');
		json_int(b, "id", q->id);
		json_int(b, "position", q->position);
		question_fields(b, &q->q, q->position);
		optional_str(b, "source_id", q->q.id);
		if (q->q.turn)
			json_int(b, "conversation", q->earlier[0].position);
		json_open(b, "cells", '[');
		for (size_t c = 0; c < n_columns; c++)
			view_cell(b, page->lang, &q->cells[c], words_of(page, q->cells[c].id));
		json_close(b, ']');
		json_close(b, '}');
	}
	json_close(b, ']');
	json_close(b, '}');
}
