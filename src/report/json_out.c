/* SPDX-License-Identifier: Apache-2.0 */
#include "report/json_out.h"

#include <math.h>

#include "base/clock.h"
#include "store/gen_params.h"

void put_key(struct buf *out, const char *name)
{
	char last = out->len ? out->ptr[out->len - 1] : '{';

	if (last != '{' && last != '[')
		buf_add_char(out, ',');
	buf_printf(out, "\"%s\":", name);
}

void put_str(struct buf *out, const char *name, struct str value)
{
	put_key(out, name);
	json_write_string(out, value);
}

void put_lines(struct buf *out, const char *name, struct str lines)
{
	put_key(out, name);
	buf_add_char(out, '[');
	for (const char *comma = ""; lines.len > 0; comma = ",") {
		buf_add_text(out, comma);
		json_write_string(out, str_split(&lines, '\n'));
	}
	buf_add_char(out, ']');
}

void put_text(struct buf *out, const char *name, const char *value)
{
	put_str(out, name, str_of(value));
}

void put_int(struct buf *out, const char *name, int64_t value)
{
	put_key(out, name);
	buf_printf(out, "%lld", (long long)value);
}

void put_bool(struct buf *out, const char *name, bool value)
{
	put_key(out, name);
	buf_add_text(out, value ? "true" : "false");
}

void put_real(struct buf *out, const char *name, double value)
{
	put_key(out, name);
	if (isfinite(value))
		buf_printf(out, "%.17g", value);
	else
		buf_add_text(out, "null");
}

void put_time(struct buf *out, const char *name, int64_t wall_ms)
{
	char when[32];

	put_key(out, name);
	if (wall_ms == 0) {
		buf_add_text(out, "null");
		return;
	}
	clock_format_utc(wall_ms, when);
	buf_printf(out, "\"%s\"", when);
}

static void put_params(struct buf *out, const struct gen_params *params)
{
	json_t *obj = gen_params_json(params);

	put_key(out, "params");
	json_write(out, obj);
	json_decref(obj);
}

void put_problem(struct buf *out, enum lang lang, const struct err *problem)
{
	struct buf text = BUF_INIT(64 * 1024);

	if (problem->code == ERR_OK)
		return;
	err_message(&text, lang, problem);
	put_key(out, "problem");
	buf_add_char(out, '{');
	put_text(out, "code", err_code_name(problem->code));
	put_text(out, "key", problem->key);
	put_text(out, "message", buf_text(&text));
	buf_add_char(out, '}');
	buf_release(&text);
}

static void put_column(struct buf *out, enum lang lang, const struct column_row *c, const char *title)
{
	buf_add_char(out, '{');
	put_int(out, "id", c->id);
	put_int(out, "model_id", c->model_id);
	put_text(out, "label", c->label);
	put_text(out, "title", title);
	put_real(out, "epoch", c->epoch);
	put_params(out, &c->params);
	put_bool(out, "own_params", c->own_params);
	put_int(out, "slots", c->slots);
	put_int(out, "kv_tokens", c->kv_tokens);
	put_text(out, "model_hash", c->model_hash);
	put_text(out, "adapter_hash", c->adapter_hash);
	put_text(out, "template_hash", c->template_hash);
	put_text(out, "build", c->build);
	put_text(out, "device", c->device);
	put_int(out, "done", c->n_done);
	put_int(out, "reused", c->n_reused);
	put_int(out, "failed", c->n_failed);
	put_int(out, "likes", c->n_likes);
	put_int(out, "rated", c->n_rated);
	put_problem(out, lang, &c->problem);
	buf_add_char(out, '}');
}

void put_run_members(struct export *e)
{
	struct buf *out = &e->out;

	put_int(out, "id", e->run.id);
	put_text(out, "name", e->run.name);
	put_time(out, "created", e->run.created_ms);
	put_text(out, "state", run_state_name(e->run.state));
	put_bool(out, "fast", e->run.is_fast);
	put_bool(out, "blind", e->run.is_blind);
	put_bool(out, "drifted", e->run.is_drifted);
	put_int(out, "seed", e->run.seed);
	put_params(out, &e->run.params);
	put_int(out, "questions", e->run.n_questions);
	put_key(out, "parts");
	buf_add_char(out, '[');
	for (size_t i = 0; i < e->n_parts; i++)
		buf_printf(out, "%s%lld", i ? "," : "", (long long)e->parts[i]);
	buf_add_char(out, ']');
	put_key(out, "columns");
	buf_add_char(out, '[');
	for (size_t i = 0; i < e->n_columns; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		put_column(out, e->lang, &e->columns[i], e->titles[i]);
	}
	buf_add_char(out, ']');
}

void put_cell_members(struct export *e, const struct cell_row *cell, size_t column)
{
	struct buf *out = &e->out;

	put_int(out, "column_id", e->columns[column].id);
	put_text(out, "title", e->titles[column]);
	put_int(out, "cell_id", cell->id);
	put_text(out, "state", cell_state_name(cell->state));
	if (cell->state == CELL_DONE) {
		put_text(out, "answer", cell->text);
		put_text(out, "thinking", cell->thinking);
		put_text(out, "finish", finish_name(cell->finish));
		put_int(out, "prompt_tokens", cell->n_prompt);
		put_int(out, "tokens", cell->n_generated);
		put_int(out, "thinking_tokens", cell->n_thinking);
		put_int(out, "prompt_us", cell->prompt_us);
		put_int(out, "total_us", cell->total_us);
		put_real(out, "mean_ll", cell->mean_ll);
		put_text(out, "tokens_sha256", cell->tokens);
		put_int(out, "reused_run_id", cell->reused_run_id);
		put_int(out, "reused_cell_id", cell->reused_cell_id);
		put_int(out, "likes", cell->n_likes);
		put_bool(out, "liked", cell->is_liked);
	}
	put_problem(out, e->lang, &cell->problem);
}
