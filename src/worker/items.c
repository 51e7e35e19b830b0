/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items.h"

#include "base/limits.h"
#include "base/mem.h"

#define ITEMS_MAX 200000

/* Appends a list of ids; false where one is no token. */
static bool add_ids(struct tokens *t, const struct loaded *m, const json_t *ids)
{
	size_t i, n = json_array_size(ids);
	json_t *id;
	t->cap = t->n + (int)n;
	t->ids = mem_grow(t->ids, ((size_t)t->cap + 1) * sizeof(*t->ids));
	json_array_foreach((json_t *)(uintptr_t)ids, i, id) {
		json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
		if (value < 0 || value >= m->n_vocab)
			return false;
		t->ids[t->n++] = (llama_token)value;
	}
	return true;
}

static enum err_code wrong(const char *field, struct err *err)
{
	return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", field);
}

static enum err_code read_item(struct item *it, struct column *c, struct loaded *m, uint32_t stream, const json_t *json,
			       struct err *err)
{
	const json_t *prompt = json_object_get(json, "prompt_tokens"), *tokens = json_object_get(json, "tokens");
	const json_t *text = json_object_get(json, "answer");
	if (json_array_size(prompt) > INT32_MAX / 4 || json_array_size(tokens) > INT32_MAX / 4)
		return wrong("tokens", err);
	if (prompt && !add_ids(&it->tokens, m, prompt))
		return wrong("prompt_tokens", err);
	if (!prompt && column_prompt(c, m, stream, json_object_get(json, "messages"), &it->tokens, NULL, err) != ERR_OK)
		return err->code;
	it->n_prompt = it->tokens.n;
	if (tokens && !add_ids(&it->tokens, m, tokens))
		return wrong("tokens", err);
	if (!tokens) {
		struct str answer = { json_string_value(text), json_string_length(text) };
		if (!json_is_string(text) || answer.len > LIMIT_ANSWER_BYTES)
			return wrong("answer", err);
		if (tokens_add(&it->tokens, m, answer, false, false, err) != ERR_OK)
			return err->code;
	}
	if (it->n_prompt == 0 || it->tokens.n == it->n_prompt)
		return err_set(err, ERR_INVALID, "err_item_empty", "%s", "");
	if (it->tokens.n > m->n_ctx_train)
		return err_set(err, ERR_LIMIT, "err_prompt_tokens", "tokens=%d|limit=%d", it->tokens.n, m->n_ctx_train);
	return ERR_OK;
}

static int shared_part(const struct column *c, const struct loaded *m, const struct item *it)
{
	struct tokens prompt = { .ids = it->tokens.ids, .n = it->n_prompt };
	int shared = column_shared(c, &prompt);
	return load_is_recurrent(m) && shared < c->prefix.n ? 0 : shared;
}

static void keep(struct items *s, const struct column *c, const struct loaded *m, const struct item *it, bool all)
{
	int shared = all ? 0 : shared_part(c, m, it);
	s->lengths[s->n] = (struct forced_length){ it->tokens.n, shared, all ? 0 : it->n_prompt - 1 };
	s->list[s->n++] = *it;
	s->longest = it->tokens.n > s->longest ? it->tokens.n : s->longest;
	s->n_answer += it->tokens.n - it->n_prompt;
}

enum err_code items_open(struct items *s, struct columns *columns, struct loaded *m, struct job *job, const json_t *request,
			 bool all, struct err *err)
{
	*s = (struct items){ 0 };
	struct column *c;
	const json_t *list = json_object_get(request, "items");
	size_t n = json_array_size(list);
	if (n == 0 || n > ITEMS_MAX)
		return wrong("items", err);
	if (column_get(columns, m, job->stream, request, &c, err) != ERR_OK)
		return err->code;
	if (!all && c->prefix.n > 0) {
		size_t bytes = (size_t)c->prefix.n * sizeof(*c->prefix.ids);
		s->prefix = (struct tokens){ .ids = mem_copy(c->prefix.ids, bytes), .n = c->prefix.n, .cap = c->prefix.n };
	}
	s->list = mem_array(n, sizeof(*s->list));
	s->lengths = mem_array(n, sizeof(*s->lengths));
	for (size_t i = 0; i < n; i++) {
		const json_t *json = json_array_get(list, i);
		struct item it = { .id = (uint64_t)json_integer_value(json_object_get(json, "cell")), .at = i };
		struct err item_err = { 0 };
		if (read_item(&it, c, m, job->stream, json, &item_err) == ERR_OK) {
			keep(s, c, m, &it, all);
		} else {
			link_fail_cell(job->link, job->stream, it.id, &item_err);
			tokens_release(&it.tokens);
		}
		if (!job_tick(job, 0, ""))
			return job_cancelled(err);
	}
	if (s->n == 0)
		return err_set(err, ERR_INVALID, "err_items_none", "%s", "");
	return ERR_OK;
}

void items_release(struct items *s)
{
	for (size_t i = 0; i < s->n; i++)
		tokens_release(&s->list[i].tokens);
	tokens_release(&s->prefix);
	mem_free(s->list);
	mem_free(s->lengths);
	*s = (struct items){ 0 };
}
