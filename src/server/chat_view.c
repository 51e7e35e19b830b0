/* SPDX-License-Identifier: Apache-2.0 */
#include "server/chat_view.h"

#include "base/json.h"
#include "server/json_view.h"

void view_workspace(struct buf *b, const struct workspace_row *w, const struct workspace_model *model)
{
	json_open(b, NULL, '{');
	json_int(b, "id", w->id);
	json_cstr(b, "name", w->name);
	json_cstr(b, "api_name", w->api_name);
	json_int(b, "model_id", w->model_id);
	json_cstr(b, "model_name", model->label);
	json_num(b, "epoch", model->epoch);
	json_id(b, "artifact_id", w->artifact_id);
	json_id(b, "run_id", w->run_id);
	json_id(b, "column_id", w->column_id);
	view_gen_params(b, &w->params);
	json_int(b, "n_passages", w->n_passages);
	json_int(b, "n_chats", w->n_chats);
	json_int(b, "n_documents", w->n_documents);
	json_int(b, "n_ctx_train", model->n_ctx_train);
	json_int(b, "created_ms", w->created_ms);
	json_int(b, "updated_ms", w->updated_ms);
	json_close(b, '}');
}

/* --- chats --- */

void view_chat_open(struct buf *b, const struct chat_row *c)
{
	json_open(b, NULL, '{');
	json_int(b, "id", c->id);
	json_int(b, "workspace_id", c->workspace_id);
	json_cstr(b, "title", c->title);
	json_int(b, "n_messages", c->n_messages);
	json_int(b, "created_ms", c->created_ms);
	json_int(b, "updated_ms", c->updated_ms);
}

static void view_figures(struct buf *b, const struct message_row *m)
{
	json_cstr(b, "finish", finish_name(m->finish));
	json_int(b, "n_prompt", m->n_prompt);
	json_int(b, "n_reused", m->n_reused);
	json_int(b, "n_generated", m->n_generated);
	json_int(b, "n_left_out", m->n_left_out);
	json_num(b, "seconds_to_first", (double)m->prompt_us / 1e6);
	json_num(b, "seconds", (double)m->total_us / 1e6);
	json_int(b, "vote", m->vote);
}

void view_message(struct buf *b, enum lang lang, const struct message_row *m, const struct message_live *live)
{
	bool streams = m->state == MESSAGE_STREAMING && live;
	json_open(b, NULL, '{');
	json_int(b, "id", m->id);
	json_int(b, "chat_id", m->chat_id);
	json_id(b, "parent_id", m->parent_id);
	json_cstr(b, "role", m->is_answer ? "assistant" : "user");
	json_cstr(b, "state", message_state_name(m->state));
	json_cstr(b, "phase", streams ? live->phase : "");
	json_num(b, "progress", streams ? live->progress : 0);
	json_str(b, "text", streams ? live->text : str_of(m->text));
	json_str(b, "thinking", streams ? live->thinking : str_of(m->thinking));
	view_figures(b, m);
	json_raw(b, "citations", *m->citations ? m->citations : "[]");
	buf_add_text(b, ",\"siblings\":[");
	buf_add_text(b, m->siblings);
	buf_add_char(b, ']');
	if (m->problem.code != ERR_OK)
		view_problem(b, "problem", lang, &m->problem);
	json_int(b, "created_ms", m->created_ms);
	json_close(b, '}');
}

/* --- documents --- */

static void document_fields(struct buf *b, const struct document_row *d)
{
	json_open(b, NULL, '{');
	json_int(b, "id", d->id);
	json_int(b, "workspace_id", d->workspace_id);
	json_cstr(b, "name", d->name);
	json_cstr(b, "format", d->format);
	json_int(b, "size_bytes", d->size_bytes);
	json_int(b, "n_passages", d->n_passages);
	json_int(b, "created_ms", d->created_ms);
}

void view_document(struct buf *b, const struct document_row *d)
{
	document_fields(b, d);
	json_close(b, '}');
}

/* Walks on to `offset` bytes and counts UTF-16 units on the way.  Passages may overlap: an offset before *at starts anew. */
static int64_t units_at(struct str text, int64_t offset, size_t *at, int64_t *units)
{
	if ((size_t)offset < *at)
		*at = 0, *units = 0;
	while (*at < (size_t)offset && *at < text.len)
		*units += utf8_next(text, at) > 0xFFFF ? 2 : 1;
	return *units;
}

void view_document_text(struct buf *b, const struct document_row *d, const struct passage_row *passages, size_t n)
{
	size_t at = 0, end_at = 0;
	int64_t units = 0, end_units = 0;
	document_fields(b, d);
	json_str(b, "text", d->text);
	json_open(b, "passages", '[');
	for (size_t i = 0; i < n; i++) {
		const struct passage_row *p = &passages[i];
		int64_t start = units_at(d->text, p->start, &at, &units);
		json_open(b, NULL, '{');
		json_int(b, "id", p->id);
		json_int(b, "start", start);
		json_int(b, "length", units_at(d->text, p->start + p->length, &end_at, &end_units) - start);
		json_cstr(b, "heading", p->heading);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_close(b, '}');
}

void view_citation(struct buf *b, const char *name, const struct passage_row *p, size_t at, bool is_used)
{
	json_open(b, name, '{');
	json_int(b, "rank", (int64_t)at);
	json_int(b, "document_id", p->document_id);
	json_cstr(b, "document_name", p->document_name);
	json_int(b, "passage_id", p->id);
	json_int(b, "start", p->start_utf16);
	json_int(b, "length", p->length_utf16);
	json_cstr(b, "heading", p->heading);
	json_str(b, "text", p->text);
	json_flag(b, "used", is_used);
	json_close(b, '}');
}

/* --- keys --- */

void view_api_key(struct buf *b, const struct api_key_row *row, const char *key)
{
	json_open(b, NULL, '{');
	json_int(b, "id", row->id);
	json_cstr(b, "name", row->name);
	if (key)
		json_cstr(b, "key", key);
	json_cstr(b, "last4", row->last4);
	json_int(b, "created_ms", row->created_ms);
	json_id(b, "used_ms", row->used_ms);
	json_close(b, '}');
}
