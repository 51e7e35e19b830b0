/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/imatrix.h"

#include "worker/forced.h"
#include "worker/imatrix_sums.h"

struct collection {
	struct job job;
	struct items items;
	struct forced forced;
	struct imatrix_sums sums;
	int64_t n_tokens;
};

/* Every token wants its row: llama.cpp drops the last layer's other inputs before its matrices see them. */
static struct forced_limits all_rows(int n_vocab)
{
	struct forced_limits limits = forced_limits_for(n_vocab);
	limits.tokens = limits.rows;
	return limits;
}

static enum err_code run_steps(struct collection *c, struct err *err)
{
	struct forced_cursor cursor = { 0 };
	struct forced_step step;
	int64_t total = forced_total(&c->items);
	while (forced_next(c->items.lengths, c->items.n, &c->forced.limits, &cursor, &step)) {
		if (forced_feed(&c->forced, &c->items, &step, err) != ERR_OK)
			return err->code;
		c->n_tokens += step.tokens;
		c->forced.fraction = (double)c->n_tokens / (double)total;
		if (!job_tick(&c->job, c->forced.fraction, ""))
			return job_cancelled(err);
	}
	return c->sums.bad > 0 ? err_set(err, ERR_DATA, "err_logits", "%s", "") : ERR_OK;
}

static json_t *describe(const struct collection *c)
{
	return json_pack("{s:{s:I, s:I, s:I, s:I, s:I}}", "stats", "n_items", (json_int_t)c->items.n, "n_tokens",
			 (json_int_t)c->n_tokens, "n_matrices", (json_int_t)c->sums.n, "wall_us",
			 (json_int_t)job_wall_us(&c->job), "peak_rss_bytes", (json_int_t)job_peak_rss());
}

enum err_code imatrix_collect(struct link *l, struct loaded *m, struct columns *columns, const struct request *r,
			      json_t **stats, struct err *err)
{
	struct collection c = { 0 };
	struct llama_adapter_lora *lora = NULL;
	const char *output = NULL, *dataset = json_get_text(r->body, "dataset", "assay", err);
	int64_t adapter = json_get_int(r->body, "adapter", 0, INT32_MAX, 0, err);
	job_begin(&c.job, l, r, "imatrix");
	if (!m->model)
		return err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	if (err->code == ERR_OK && job_path(r->body, "output", false, &output, err) == ERR_OK &&
	    load_find_adapter(m, adapter, &lora, err) == ERR_OK &&
	    items_open(&c.items, columns, m, &c.job, r->body, true, err) == ERR_OK &&
	    forced_open(&c.forced, &c.job, m, lora, &c.items, all_rows(m->n_vocab), imatrix_on_node, &c.sums, err) == ERR_OK &&
	    run_steps(&c, err) == ERR_OK && imatrix_write(&c.sums, output, dataset, c.n_tokens, err) == ERR_OK)
		*stats = describe(&c);
	forced_close(&c.forced);
	imatrix_sums_release(&c.sums);
	items_release(&c.items);
	return err->code;
}
