/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/compare.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "worker/forced.h"
#include "worker/logits.h"
#include "worker/protocol.h"
#include "worker/tally.h"

#define SPEED_ROUNDS 3
#define THREADS_MAX 64

/* One row of either model. */
struct pair {
	const float *ref, *cand;
	int token; /* that comes next in the text */
	size_t item;
	struct logits_distance distance;
};

struct comparison {
	struct job job;
	struct loaded *reference, candidate;
	struct items items;
	struct forced ref, cand;
	struct pair *pairs; /* of a step */
	int n_pairs;
	atomic_int next;
	struct tally tally;
	int64_t fed, total; /* tokens */
	double ref_rate, cand_rate;
};

/* --- the candidate --- */

/* Other words under the same numbers would make every figure meaningless. */
static enum err_code check_vocabulary(const struct comparison *c, struct err *err)
{
	int n = c->reference->n_vocab;
	bool same = n == c->candidate.n_vocab;
	for (llama_token t = 0; t < n && same; t++)
		same = strcmp(llama_vocab_get_text(c->reference->vocab, t), llama_vocab_get_text(c->candidate.vocab, t)) == 0;
	return same ? ERR_OK : err_set(err, ERR_DATA, "err_compare_vocabulary", "a=%d|b=%d", n, c->candidate.n_vocab);
}

static enum err_code load_candidate(struct comparison *c, struct link *l, struct request *r, struct err *err)
{
	json_t *described = NULL;
	enum err_code code = load_model(&c->candidate, l, r, &described, err);
	json_decref(described);
	return code == ERR_OK ? check_vocabulary(c, err) : code;
}

/* --- rows --- */

static void *compare_rows(void *user)
{
	struct comparison *c = user;
	for (int i; (i = atomic_fetch_add(&c->next, 1)) < c->n_pairs;) {
		struct pair *p = &c->pairs[i];
		p->distance = (struct logits_distance){ .finite = false };
		if (p->ref && p->cand)
			p->distance = logits_compare(p->ref, p->cand, c->reference->n_vocab, p->token);
	}
	return NULL;
}

static void compare_all_rows(struct comparison *c)
{
	pthread_t threads[THREADS_MAX];
	int n = 0, wanted = c->reference->n_threads < THREADS_MAX ? c->reference->n_threads : THREADS_MAX;
	atomic_store(&c->next, 0);
	for (int i = 1; i < wanted && i < c->n_pairs / 4; i++) {
		if (pthread_create(&threads[n], NULL, compare_rows, c) == 0)
			n++;
	}
	compare_rows(c);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

/* The rows of a step with the token that each should have told. */
static void collect_rows(struct comparison *c, const struct forced_step *step)
{
	c->n_pairs = 0;
	for (int k = 0; k < step->n; k++) {
		const struct forced_segment *s = &step->segments[k];
		const struct item *it = &c->items.list[s->item];
		int first = c->items.lengths[s->item].first;
		for (int pos = s->from > first ? s->from : first; pos < s->to; pos++) {
			int row = c->n_pairs++;
			c->pairs[row] = (struct pair){ .ref = forced_row(&c->ref, row), .cand = forced_row(&c->cand, row),
						       .token = it->tokens.ids[pos + 1], .item = s->item };
		}
	}
}

static void send_item(struct comparison *c, size_t item)
{
	uint64_t id = c->items.list[item].id;
	if (c->tally.items[item].failed) {
		struct err err;
		err_set(&err, ERR_DATA, "err_logits", "%s", "");
		link_fail_cell(c->job.link, c->job.stream, id, &err);
		return;
	}
	json_t *body = tally_item_json(&c->tally, item);
	json_object_set_new(body, "cell", json_integer((json_int_t)id));
	link_send_json(c->job.link, MSG_COMPARED, c->job.stream, body);
}

static enum err_code run_step(struct comparison *c, const struct forced_step *step, struct err *err)
{
	c->ref.fraction = (double)c->fed / (double)c->total;
	c->cand.fraction = ((double)c->fed + step->tokens / 2.0) / (double)c->total;
	c->fed += step->tokens;
	if (forced_feed(&c->ref, &c->items, step, err) != ERR_OK || forced_feed(&c->cand, &c->items, step, err) != ERR_OK)
		return err->code;
	collect_rows(c, step);
	compare_all_rows(c);
	for (int i = 0; i < c->n_pairs; i++)
		tally_add(&c->tally, c->pairs[i].item, &c->pairs[i].distance);
	for (int k = 0; k < step->n; k++) {
		if (step->segments[k].last)
			send_item(c, step->segments[k].item);
	}
	link_flush(c->job.link);
	return ERR_OK;
}

static enum err_code run_steps(struct comparison *c, struct err *err)
{
	struct forced_cursor cursor = { 0 };
	struct forced_step step;
	while (forced_next(c->items.lengths, c->items.n, &c->ref.limits, &cursor, &step)) {
		if (run_step(c, &step, err) != ERR_OK)
			return err->code;
		if (!job_tick(&c->job, (double)c->fed / (double)c->total, ""))
			return job_cancelled(err);
	}
	return ERR_OK;
}

/* In turns, so that what else the machine does hits both alike; the best round counts. */
static enum err_code measure_speed(struct comparison *c, struct err *err)
{
	c->ref.fraction = c->cand.fraction = 1;
	for (int i = 0; i < SPEED_ROUNDS; i++) {
		double a = 0, b = 0;
		if (forced_speed(&c->ref, &c->items.list[0], &a, err) != ERR_OK ||
		    forced_speed(&c->cand, &c->items.list[0], &b, err) != ERR_OK)
			return err->code;
		c->ref_rate = a > c->ref_rate ? a : c->ref_rate;
		c->cand_rate = b > c->cand_rate ? b : c->cand_rate;
	}
	return ERR_OK;
}

/* --- the request --- */

static json_t *describe(struct comparison *c)
{
	json_t *stats = json_pack("{s:f, s:f, s:b, s:I, s:I}", "ref_tokens_per_s", c->ref_rate, "cand_tokens_per_s", c->cand_rate,
				  "approximate", false, "wall_us", (json_int_t)job_wall_us(&c->job), "peak_rss_bytes",
				  (json_int_t)job_peak_rss());
	tally_total(&c->tally, stats);
	return json_pack("{s:o}", "stats", stats);
}

static enum err_code compare_loaded(struct comparison *c, struct llama_adapter_lora *lora, struct err *err)
{
	struct forced_limits limits = forced_limits_for(c->reference->n_vocab);
	c->total = forced_total(&c->items);
	tally_init(&c->tally, c->items.n, (size_t)c->items.n_answer);
	c->pairs = mem_array((size_t)limits.rows, sizeof(*c->pairs));
	if (forced_open(&c->ref, &c->job, c->reference, lora, &c->items, limits, NULL, NULL, err) != ERR_OK ||
	    forced_open(&c->cand, &c->job, &c->candidate, NULL, &c->items, limits, NULL, NULL, err) != ERR_OK ||
	    forced_prefix(&c->ref, &c->items, err) != ERR_OK || forced_prefix(&c->cand, &c->items, err) != ERR_OK ||
	    run_steps(c, err) != ERR_OK)
		return err->code;
	return measure_speed(c, err);
}

enum err_code compare(struct link *l, struct loaded *m, struct columns *columns, struct request *r, json_t **reply,
		      struct err *err)
{
	struct comparison c = { .reference = m };
	struct llama_adapter_lora *lora = NULL;
	int64_t adapter = json_get_int(r->body, "adapter", 0, INT32_MAX, 0, err);
	job_begin(&c.job, l, r, "compare");
	if (!m->model)
		return err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	if (err->code == ERR_OK && load_find_adapter(m, adapter, &lora, err) == ERR_OK &&
	    load_candidate(&c, l, r, err) == ERR_OK &&
	    items_open(&c.items, columns, m, l, r->stream, r->body, false, err) == ERR_OK &&
	    compare_loaded(&c, lora, err) == ERR_OK)
		*reply = describe(&c);
	forced_close(&c.ref);
	forced_close(&c.cand);
	tally_release(&c.tally);
	items_release(&c.items);
	mem_free(c.pairs);
	load_release(&c.candidate);
	return err->code;
}
