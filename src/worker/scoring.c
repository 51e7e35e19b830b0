/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/scoring.h"

#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "worker/forced.h"
#include "worker/logits.h"
#include "worker/parallel.h"
#include "worker/protocol.h"

#define LABEL_PAIRS_MAX 8
#define LABEL_BYTES 64

/* A row of logits: ln P of up to two tokens. */
struct scored_row {
	const float *logits;
	llama_token a, b; /* b: -1 where only one is asked for */
	double log_a, log_b;
	size_t item;
};

struct scored_item {
	double log_a, log_b; /* sums over its rows; NAN once one cannot be told */
	int n;
};

struct scoring {
	struct job job;
	struct engine *engine;
	struct llama_adapter_lora *lora;
	struct items items;
	struct forced forced;
	struct scored_row *rows; /* of a step */
	int n_rows, n_vocab;
	struct scored_item *scored; /* of each item */
	const struct label_pair *labels; /* of each item's lead; NULL: likelihoods */
	int64_t fed, total;
	void (*send)(struct scoring *s, size_t item);
};

/* --- rows --- */

static void score_row(void *user, int i)
{
	struct scoring *s = user;
	struct scored_row *row = &s->rows[i];
	struct logits_best best = { .finite = false };

	if (row->logits)
		best = logits_scan(row->logits, s->n_vocab);
	row->log_a = best.finite ? (double)row->logits[row->a] - best.log_sum : NAN;
	row->log_b = best.finite && row->b >= 0 ? (double)row->logits[row->b] - best.log_sum : 0;
}

struct label_pair {
	llama_token a, b;
};

static void collect_rows(struct scoring *s, const struct forced_step *step)
{
	s->n_rows = 0;
	for (int k = 0; k < step->n; k++) {
		const struct forced_segment *seg = &step->segments[k];
		const struct item *it = &s->items.list[seg->item];
		int first = s->items.lengths[seg->item].first;
		for (int pos = seg->from > first ? seg->from : first; pos < seg->to; pos++) {
			struct scored_row *row = &s->rows[s->n_rows];
			*row = (struct scored_row){ .logits = forced_row(&s->forced, s->n_rows), .a = it->tokens.ids[pos + 1], .b = -1,
						    .item = seg->item };
			if (s->labels) {
				row->a = s->labels[seg->item].a;
				row->b = s->labels[seg->item].b;
			}
			s->n_rows++;
		}
	}
}

static void tell(struct scoring *s, size_t item)
{
	struct err err;

	if (isfinite(s->scored[item].log_a) && isfinite(s->scored[item].log_b)) {
		s->send(s, item);
		return;
	}
	err_set(&err, ERR_DATA, "err_logits", "%s", "");
	link_fail_cell(s->job.link, s->job.stream, s->items.list[item].id, &err);
}

static enum err_code run_step(struct scoring *s, const struct forced_step *step, struct err *err)
{
	s->forced.fraction = (double)s->fed / (double)s->total;
	s->fed += step->tokens;
	if (forced_feed(&s->forced, &s->items, step, err) != ERR_OK)
		return err->code;
	collect_rows(s, step);
	parallel_each(s->engine->model->n_threads, s->n_rows, score_row, s);
	for (int i = 0; i < s->n_rows; i++) {
		struct scored_item *item = &s->scored[s->rows[i].item];
		item->log_a += s->rows[i].log_a;
		item->log_b += s->rows[i].log_b;
		item->n++;
	}
	for (int k = 0; k < step->n; k++) {
		if (step->segments[k].last)
			tell(s, step->segments[k].item);
	}
	link_flush(s->job.link);
	return ERR_OK;
}

static enum err_code run_all(struct scoring *s, struct err *err)
{
	struct forced_limits limits = forced_limits_for(s->n_vocab);
	struct forced_cursor cursor = { 0 };
	struct forced_step step;

	s->total = forced_total(&s->items);
	s->rows = mem_array((size_t)limits.rows, sizeof(*s->rows));
	s->scored = mem_array(s->items.n, sizeof(*s->scored));
	if (forced_open(&s->forced, &s->job, s->engine->model, s->lora, &s->items, limits, NULL, NULL, err) != ERR_OK ||
	    forced_prefix(&s->forced, &s->items, err) != ERR_OK)
		return err->code;
	/* Labels: each item in steps of its own, so that a judge says the same whatever stands beside it. */
	size_t at_once = s->labels ? 1 : s->items.n;
	for (size_t from = 0; from < s->items.n; from += at_once) {
		cursor = (struct forced_cursor){ 0 };
		while (forced_next(s->items.lengths + from, at_once, &limits, &cursor, &step)) {
			for (int k = 0; k < step.n; k++)
				step.segments[k].item += from;
			if (run_step(s, &step, err) != ERR_OK)
				return err->code;
			if (!job_tick(&s->job, (double)s->fed / (double)s->total, ""))
				return job_cancelled(err);
		}
	}
	return ERR_OK;
}

static json_t *stats(const struct scoring *s)
{
	return json_pack("{s:{s:I, s:I, s:I, s:I}}", "stats", "n_items", (json_int_t)s->items.n, "n_tokens", (json_int_t)s->fed, "wall_us",
			 (json_int_t)job_wall_us(&s->job), "peak_rss_bytes", (json_int_t)job_peak_rss());
}

static void close_scoring(struct scoring *s)
{
	forced_close(&s->forced);
	items_release(&s->items);
	mem_free(s->rows);
	mem_free(s->scored);
}

/* `body`: with "items" as items_open() reads them. */
static enum err_code open_scoring(struct scoring *s, const json_t *body, struct err *err)
{
	struct loaded *m = s->engine->model;
	int64_t adapter = json_get_int(body, "adapter", 0, INT32_MAX, 0, err);

	if (!m->model)
		return err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	if (err->code != ERR_OK || load_find_adapter(m, adapter, &s->lora, err) != ERR_OK)
		return err->code;
	s->n_vocab = m->n_vocab;
	return items_open(&s->items, &s->engine->columns, m, &s->job, body, false, err);
}

/* --- likelihoods --- */

static void send_likelihood(struct scoring *s, size_t item)
{
	link_send_json(s->job.link, MSG_LIKELIHOOD, s->job.stream,
		       json_pack("{s:I, s:i, s:f}", "cell", (json_int_t)s->items.list[item].id, "n_tokens", s->scored[item].n,
				 "log_likelihood", s->scored[item].log_a));
}

enum err_code score_likelihoods(struct engine *e, struct request *r, json_t **reply, struct err *err)
{
	struct scoring s = { .engine = e, .send = send_likelihood };

	job_begin(&s.job, e->link, r, "likelihood");
	if (open_scoring(&s, r->body, err) == ERR_OK && run_all(&s, err) == ERR_OK)
		*reply = stats(&s);
	close_scoring(&s);
	return err->code;
}

/* --- labels --- */

struct label_texts {
	const char *a, *b;
};

static enum err_code wrong(const char *field, struct err *err)
{
	return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", field);
}

/* The one token that `label` adds to `lead`; -1 where it is more, or changes those before it. */
static llama_token added_token(const struct loaded *m, const char *lead, const char *label, struct err *err)
{
	struct tokens alone = { 0 }, with = { 0 };
	char text[2 * LABEL_BYTES];
	llama_token added = -1;

	if (str_format(text, sizeof(text), "%s%s", lead, label) && tokens_add(&alone, m, str_of(lead), false, false, err) == ERR_OK &&
	    tokens_add(&with, m, str_of(text), false, false, err) == ERR_OK && with.n == alone.n + 1 &&
	    (alone.n == 0 || memcmp(alone.ids, with.ids, sizeof(*alone.ids) * (size_t)alone.n) == 0))
		added = with.ids[with.n - 1];
	tokens_release(&alone);
	tokens_release(&with);
	return added;
}

/* Which pair of labels goes with this lead; -1: none. */
static int find_labels(const struct loaded *m, const struct label_texts *pairs, size_t n, const char *lead, struct label_pair *out,
		       struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		*out = (struct label_pair){ added_token(m, lead, pairs[i].a, err), added_token(m, lead, pairs[i].b, err) };
		if (out->a >= 0 && out->b >= 0 && out->a != out->b)
			return (int)i;
	}
	return -1;
}

static enum err_code read_labels(const json_t *body, struct label_texts *out, size_t *n, struct err *err)
{
	const json_t *list = json_object_get(body, "labels");

	*n = json_array_size(list);
	if (*n == 0 || *n > LABEL_PAIRS_MAX)
		return wrong("labels", err);
	for (size_t i = 0; i < *n; i++) {
		const json_t *pair = json_array_get(list, i);
		out[i] = (struct label_texts){ json_string_value(json_array_get(pair, 0)), json_string_value(json_array_get(pair, 1)) };
		if (json_array_size(pair) != 2 || !out[i].a || !out[i].b || strlen(out[i].a) >= LABEL_BYTES || strlen(out[i].b) >= LABEL_BYTES)
			return wrong("labels", err);
	}
	return ERR_OK;
}

/* The judge's words as messages; without a system role where the template knows none. */
static json_t *messages_of(const json_t *item, bool has_system)
{
	const char *system = json_string_value(json_object_get(item, "system")), *user = json_string_value(json_object_get(item, "user"));

	if (has_system && system && system[0])
		return json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", system, "role", "user", "content", user);
	if (!system || !system[0])
		return json_pack("[{s:s, s:s}]", "role", "user", "content", user);
	return json_pack("[{s:s, s:s++}]", "role", "user", "content", system, "\n\n", user);
}

static json_t *user_alone(const json_t *item)
{
	return json_pack("[{s:s, s:O}]", "role", "user", "content", json_object_get(item, "user"));
}

static bool knows_system(struct scoring *s, const json_t *body, const json_t *item)
{
	struct column *c;
	struct tokens tokens = { 0 };
	struct err ignored = { 0 };
	json_t *messages = messages_of(item, true);
	bool ok = column_get(&s->engine->columns, s->engine->model, s->job.stream, body, &c, &ignored) == ERR_OK &&
		  column_prompt(c, s->engine->model, s->job.stream, messages, &tokens, NULL, &ignored) == ERR_OK;

	tokens_release(&tokens);
	json_decref(messages);
	return ok;
}

struct asked {
	struct label_pair pair;
	int index; /* of the pair */
};

/* The system text that all items have, which then belongs to the common prefix; NULL. */
static const char *common_system(const json_t *list)
{
	const char *first = json_string_value(json_object_get(json_array_get(list, 0), "system"));

	for (size_t i = 1; first && i < json_array_size(list); i++) {
		const char *system = json_string_value(json_object_get(json_array_get(list, i), "system"));
		if (!system || strcmp(system, first) != 0)
			return NULL;
	}
	return first;
}

/* "items" as items_open() reads them: what follows the prompt is the lead and the first label.  `asked[i]` goes with item i.
 * `body` gets the common system text. */
static json_t *as_items(struct scoring *s, json_t *body, const struct label_texts *pairs, size_t n_pairs, struct asked *asked,
			struct err *err)
{
	const json_t *list = json_object_get(body, "items");
	json_t *out = json_array();
	bool has_system = knows_system(s, body, json_array_get(list, 0));
	const char *common = has_system ? common_system(list) : NULL;
	const char *last_lead = NULL;

	for (size_t i = 0; i < json_array_size(list) && err->code == ERR_OK; i++) {
		const json_t *item = json_array_get(list, i);
		const char *lead = json_string_value(json_object_get(item, "lead"));
		if (!lead || strlen(lead) >= LABEL_BYTES || !json_is_string(json_object_get(item, "user"))) {
			(void)wrong("items", err);
			break;
		}
		if (last_lead && strcmp(lead, last_lead) == 0)
			asked[i] = asked[i - 1];
		else
			asked[i].index = find_labels(s->engine->model, pairs, n_pairs, lead, &asked[i].pair, err);
		last_lead = lead;
		if (err->code == ERR_OK && asked[i].index < 0)
			(void)err_set(err, ERR_UNSUPPORTED, "err_judge_labels", "lead=%s", lead);
		if (err->code != ERR_OK)
			break;
		json_array_append_new(out, json_pack("{s:O, s:o, s:s+}", "cell", json_object_get(item, "cell"), "messages",
						     common ? user_alone(item) : messages_of(item, has_system), "answer", lead, pairs[asked[i].index].a));
	}
	if (common)
		json_object_set_new(body, "system", json_string(common));
	return out;
}

/* What items_open() kept, with the labels of each; of an item only the row before the label is wanted. */
static void keep_labels(struct scoring *s, const json_t *items, const struct asked *asked, struct label_pair *labels, int *indices)
{
	size_t at = 0;

	for (size_t i = 0; i < s->items.n; i++) {
		while (at < json_array_size(items) &&
		       (uint64_t)json_integer_value(json_object_get(json_array_get(items, at), "cell")) != s->items.list[i].id)
			at++;
		labels[i] = asked[at].pair;
		indices[i] = asked[at].index;
		at++;
		s->items.lengths[i].first = s->items.lengths[i].n - 2;
	}
}

struct label_scoring {
	struct scoring s;
	int *indices;
};

static void send_labels(struct scoring *s, size_t item)
{
	const struct label_scoring *l = (const struct label_scoring *)s;

	link_send_json(s->job.link, MSG_JUDGED, s->job.stream,
		       json_pack("{s:I, s:i, s:f, s:f, s:i}", "cell", (json_int_t)s->items.list[item].id, "labels", l->indices[item], "log_a",
				 s->scored[item].log_a, "log_b", s->scored[item].log_b, "n_prompt", s->items.list[item].n_prompt));
}

static enum err_code run_labels(struct label_scoring *l, const json_t *body, json_t **reply, struct err *err)
{
	struct scoring *s = &l->s;
	struct label_texts pairs[LABEL_PAIRS_MAX];
	size_t n_pairs, n = json_array_size(json_object_get(body, "items"));

	if (!s->engine->model->model)
		return err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	if (read_labels(body, pairs, &n_pairs, err) != ERR_OK)
		return err->code;
	if (n == 0)
		return wrong("items", err);
	struct asked *asked = mem_array(n, sizeof(*asked));
	struct label_pair *labels = mem_array(n, sizeof(*labels));
	l->indices = mem_array(n, sizeof(*l->indices));
	json_t *request = json_copy((json_t *)(uintptr_t)body), *items = as_items(s, request, pairs, n_pairs, asked, err);
	json_object_set(request, "items", items);
	if (err->code == ERR_OK && open_scoring(s, request, err) == ERR_OK) {
		keep_labels(s, items, asked, labels, l->indices);
		s->labels = labels;
		if (run_all(s, err) == ERR_OK)
			*reply = stats(s);
	}
	json_decref(request);
	json_decref(items);
	mem_free(asked);
	close_scoring(s);
	mem_free(labels);
	return err->code;
}

enum err_code score_labels(struct engine *e, struct request *r, json_t **reply, struct err *err)
{
	struct label_scoring l = { .s = { .engine = e, .send = send_labels } };

	job_begin(&l.s.job, e->link, r, "judge");
	enum err_code code = run_labels(&l, r->body, reply, err);
	mem_free(l.indices);
	return code;
}
