/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/scoring.h"

#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "worker/logits.h"
#include "worker/parallel.h"
#include "worker/protocol.h"

/* A row of logits: ln P of up to two tokens. */
struct scored_row {
	const float *logits;
	llama_token a, b; /* b: -1 where only one is asked for */
	double log_a, log_b;
	size_t item;
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

static double fraction(const struct scoring *s)
{
	return s->begin + s->share * (double)s->fed / (double)s->total;
}

static enum err_code run_step(struct scoring *s, const struct forced_step *step, struct err *err)
{
	s->forced.fraction = fraction(s);
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

enum err_code scoring_run(struct scoring *s, struct err *err)
{
	struct forced_limits limits = forced_limits_for(s->n_vocab);
	struct forced_cursor cursor = { 0 };
	struct forced_step step;

	s->fed = 0;
	s->total = forced_total(&s->items);
	s->rows = mem_array((size_t)limits.rows, sizeof(*s->rows));
	s->scored = mem_array(s->items.n, sizeof(*s->scored));
	if (forced_open(&s->forced, &s->job, s->engine->model, s->lora, &s->items, limits, NULL, NULL, err) != ERR_OK ||
	    forced_prefix(&s->forced, &s->items, err) != ERR_OK)
		return err->code;
	/* Labels: each item in steps of its own, so that a judge says the same whatever stands beside it (together, scores of a
	 * small quantized model move by up to 0.04, and a CPU is no faster). */
	size_t at_once = s->labels ? 1 : s->items.n;
	for (size_t from = 0; from < s->items.n; from += at_once) {
		cursor = (struct forced_cursor){ 0 };
		while (forced_next(s->items.lengths + from, at_once, &limits, &cursor, &step)) {
			for (int k = 0; k < step.n; k++)
				step.segments[k].item += from;
			if (run_step(s, &step, err) != ERR_OK)
				return err->code;
			if (!job_tick(&s->job, fraction(s), ""))
				return job_cancelled(err);
		}
	}
	return ERR_OK;
}

json_t *scoring_stats(const struct scoring *s, size_t n_items, int64_t n_tokens)
{
	return json_pack("{s:{s:I, s:I, s:I, s:I}}", "stats", "n_items", (json_int_t)n_items, "n_tokens", (json_int_t)n_tokens, "wall_us",
			 (json_int_t)job_wall_us(&s->job), "peak_rss_bytes", (json_int_t)job_peak_rss());
}

void scoring_close(struct scoring *s)
{
	forced_close(&s->forced);
	items_release(&s->items);
	mem_free(s->rows);
	mem_free(s->scored);
	s->rows = NULL;
	s->scored = NULL;
}

enum err_code scoring_open(struct scoring *s, const json_t *body, struct err *err)
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
	struct scoring s = { .engine = e, .send = send_likelihood, .share = 1 };

	job_begin(&s.job, e->link, r, "likelihood");
	if (scoring_open(&s, r->body, err) == ERR_OK && scoring_run(&s, err) == ERR_OK)
		*reply = scoring_stats(&s, s.items.n, s.fed);
	scoring_close(&s);
	return err->code;
}
