/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/compare.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "worker/forced.h"
#include "worker/parallel.h"
#include "worker/protocol.h"
#include "worker/spool.h"
#include "worker/tally.h"

#define SPEED_ROUNDS 3

/* One row of either model, and what came of it. */
struct pair {
	const float *ref, *cand; /* NULL: not computed, or refused by llama.cpp */
	int token;		 /* that comes next in the text */
	size_t item;
	struct logits_distance distance;
};

struct comparison {
	struct job job;
	struct engine *engine; /* its model is the reference */
	struct request *request;
	struct llama_adapter_lora *lora;
	struct loaded candidate;
	struct items items;
	struct forced ref, cand;
	struct pair *pairs; /* of a step */
	struct spool_row *spooled; /* of a step */
	int n_pairs, n_vocab, n_threads;
	struct tally tally;
	int64_t fed, total; /* tokens, of both models */
	uint8_t vocabulary[HASH_SIZE];
	double ref_rate, cand_rate;
	const char *spool_path; /* "": both models at once */
	int spool_fd;
	uint64_t spool_at;
};

/* --- the candidate --- */

static void hash_vocabulary(const struct loaded *m, uint8_t out[HASH_SIZE])
{
	struct hash *h = hash_new();
	for (llama_token t = 0; t < m->n_vocab; t++) {
		const char *text = llama_vocab_get_text(m->vocab, t);
		hash_add(h, text, strlen(text) + 1);
	}
	hash_finish(h, out);
}

/* Other words under the same numbers would make every figure meaningless. */
static enum err_code load_candidate(struct comparison *c, struct err *err)
{
	json_t *described = NULL;
	uint8_t vocabulary[HASH_SIZE];
	enum err_code code = load_model(&c->candidate, c->engine->link, c->request, &described, err);
	json_decref(described);
	if (code != ERR_OK)
		return code;
	hash_vocabulary(&c->candidate, vocabulary);
	if (c->candidate.n_vocab != c->n_vocab || memcmp(vocabulary, c->vocabulary, sizeof(vocabulary)) != 0)
		return err_set(err, ERR_DATA, "err_compare_vocabulary", "a=%d|b=%d", c->n_vocab, c->candidate.n_vocab);
	return ERR_OK;
}

/* --- rows --- */

/* The rows of a step with the token that each should have told; of the models that have a context. */
static void collect_rows(struct comparison *c, const struct forced_step *step)
{
	c->n_pairs = 0;
	for (int k = 0; k < step->n; k++) {
		const struct forced_segment *s = &step->segments[k];
		const struct item *it = &c->items.list[s->item];
		int first = c->items.lengths[s->item].first;
		for (int pos = s->from > first ? s->from : first; pos < s->to; pos++) {
			int row = c->n_pairs++;
			c->pairs[row] = (struct pair){ .token = it->tokens.ids[pos + 1], .item = s->item };
			c->pairs[row].ref = c->ref.ctx ? forced_row(&c->ref, row) : NULL;
			c->pairs[row].cand = c->cand.ctx ? forced_row(&c->cand, row) : NULL;
		}
	}
}

static void compare_row(void *user, int i)
{
	struct comparison *c = user;
	struct pair *p = &c->pairs[i];
	if (p->ref && p->cand)
		p->distance = logits_compare(p->ref, p->cand, c->n_vocab, p->token);
}

static void take_row(void *user, int i)
{
	struct comparison *c = user;
	struct pair *p = &c->pairs[i];
	c->spooled[i] = (struct spool_row){ .finite = 0 };
	if (p->ref)
		spool_take(&c->spooled[i], p->ref, c->n_vocab, p->token);
}

static void compare_spooled(void *user, int i)
{
	struct comparison *c = user;
	struct pair *p = &c->pairs[i];
	if (p->cand)
		p->distance = spool_compare(&c->spooled[i], p->cand, c->n_vocab, p->token);
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

static void tally_step(struct comparison *c, const struct forced_step *step)
{
	for (int i = 0; i < c->n_pairs; i++)
		tally_add(&c->tally, c->pairs[i].item, &c->pairs[i].distance);
	for (int k = 0; k < step->n; k++) {
		if (step->segments[k].last)
			send_item(c, step->segments[k].item);
	}
	link_flush(c->job.link);
}

/* --- steps --- */

static enum err_code feed(struct comparison *c, struct forced *f, const struct forced_step *step, struct err *err)
{
	f->fraction = (double)c->fed / (double)c->total;
	c->fed += step->tokens;
	return forced_feed(f, &c->items, step, err);
}

static enum err_code step_both(struct comparison *c, const struct forced_step *step, struct err *err)
{
	if (feed(c, &c->ref, step, err) != ERR_OK || feed(c, &c->cand, step, err) != ERR_OK)
		return err->code;
	collect_rows(c, step);
	parallel_each(c->n_threads, c->n_pairs, compare_row, c);
	tally_step(c, step);
	return ERR_OK;
}

static enum err_code step_reference(struct comparison *c, const struct forced_step *step, struct err *err)
{
	if (feed(c, &c->ref, step, err) != ERR_OK)
		return err->code;
	collect_rows(c, step);
	parallel_each(c->n_threads, c->n_pairs, take_row, c);
	size_t bytes = (size_t)c->n_pairs * sizeof(c->spooled[0]);
	c->spool_at += bytes;
	return job_write(c->spool_fd, c->spool_path, c->spooled, bytes, c->spool_at - bytes, err);
}

static enum err_code step_candidate(struct comparison *c, const struct forced_step *step, struct err *err)
{
	if (feed(c, &c->cand, step, err) != ERR_OK)
		return err->code;
	collect_rows(c, step);
	size_t bytes = (size_t)c->n_pairs * sizeof(c->spooled[0]);
	c->spool_at += bytes;
	if (fs_pread(c->spool_fd, c->spooled, bytes, c->spool_at - bytes, err) != ERR_OK)
		return err->code;
	parallel_each(c->n_threads, c->n_pairs, compare_spooled, c);
	tally_step(c, step);
	return ERR_OK;
}

typedef enum err_code (*step_fn)(struct comparison *c, const struct forced_step *step, struct err *err);

static enum err_code run_steps(struct comparison *c, step_fn run, struct err *err)
{
	struct forced_limits limits = forced_limits_for(c->n_vocab);
	struct forced_cursor cursor = { 0 };
	struct forced_step step;
	while (forced_next(c->items.lengths, c->items.n, &limits, &cursor, &step)) {
		if (run(c, &step, err) != ERR_OK)
			return err->code;
		if (!job_tick(&c->job, (double)c->fed / (double)c->total, ""))
			return job_cancelled(err);
	}
	return ERR_OK;
}

/* In turns, so that what else the machine does hits both alike; the best round counts. */
static enum err_code measure_speed(struct comparison *c, struct err *err)
{
	struct forced *models[] = { &c->ref, &c->cand };
	double *rates[] = { &c->ref_rate, &c->cand_rate };
	for (int i = 0; i < 2 * SPEED_ROUNDS; i++) {
		double rate = 0;
		if (!models[i % 2]->ctx)
			continue;
		if (forced_speed(models[i % 2], &c->items.list[0], &rate, err) != ERR_OK)
			return err->code;
		*rates[i % 2] = rate > *rates[i % 2] ? rate : *rates[i % 2];
	}
	return ERR_OK;
}

static enum err_code open_reference(struct comparison *c, struct err *err)
{
	struct forced_limits limits = forced_limits_for(c->n_vocab);
	if (forced_open(&c->ref, &c->job, c->engine->model, c->lora, &c->items, limits, NULL, NULL, err) != ERR_OK)
		return err->code;
	return forced_prefix(&c->ref, &c->items, err);
}

static enum err_code open_candidate(struct comparison *c, struct err *err)
{
	struct forced_limits limits = forced_limits_for(c->n_vocab);
	if (load_candidate(c, err) != ERR_OK ||
	    forced_open(&c->cand, &c->job, &c->candidate, NULL, &c->items, limits, NULL, NULL, err) != ERR_OK)
		return err->code;
	return forced_prefix(&c->cand, &c->items, err);
}

/* --- both ways --- */

static enum err_code run_together(struct comparison *c, struct err *err)
{
	if (open_candidate(c, err) != ERR_OK || open_reference(c, err) != ERR_OK || run_steps(c, step_both, err) != ERR_OK)
		return err->code;
	return measure_speed(c, err);
}

static enum err_code run_reference(struct comparison *c, struct err *err)
{
	if (open_reference(c, err) != ERR_OK || run_steps(c, step_reference, err) != ERR_OK)
		return err->code;
	return measure_speed(c, err);
}

static enum err_code run_one_by_one(struct comparison *c, struct err *err)
{
	int fd = job_open_output(c->spool_path, 0, err);
	if (fd < 0)
		return err->code;
	close(fd);
	c->spool_fd = open(c->spool_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (c->spool_fd < 0)
		return err_set(err, ERR_IO, "err_fs_write", "path=%s|reason=%s", c->spool_path, "it cannot be opened again");
	enum err_code code = run_reference(c, err);
	forced_close(&c->ref);
	engine_forget(c->engine);
	load_release(c->engine->model);
	c->spool_at = 0;
	if (code != ERR_OK || open_candidate(c, err) != ERR_OK || run_steps(c, step_candidate, err) != ERR_OK)
		return err->code;
	return measure_speed(c, err);
}

/* --- the request --- */

static json_t *describe(struct comparison *c)
{
	json_t *stats = json_pack("{s:f, s:f, s:b, s:I, s:I}", "ref_tokens_per_s", c->ref_rate, "cand_tokens_per_s", c->cand_rate,
				  "approximate", c->spool_path[0] != 0, "wall_us", (json_int_t)job_wall_us(&c->job),
				  "peak_rss_bytes", (json_int_t)job_peak_rss());
	tally_total(&c->tally, stats);
	return json_pack("{s:o}", "stats", stats);
}

static enum err_code read_request(struct comparison *c, struct err *err)
{
	struct engine *e = c->engine;
	const json_t *body = c->request->body;
	int64_t adapter = json_get_int(body, "adapter", 0, INT32_MAX, 0, err);
	if (!e->model->model)
		return err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	if (err->code != ERR_OK || job_path(body, "spool", true, &c->spool_path, err) != ERR_OK ||
	    load_find_adapter(e->model, adapter, &c->lora, err) != ERR_OK ||
	    items_open(&c->items, &e->columns, e->model, &c->job, body, false, err) != ERR_OK)
		return err->code;
	c->n_vocab = e->model->n_vocab;
	c->n_threads = e->model->n_threads;
	c->total = 2 * forced_total(&c->items);
	hash_vocabulary(e->model, c->vocabulary);
	tally_init(&c->tally, c->items.n, (size_t)c->items.n_answer);
	size_t rows = (size_t)forced_limits_for(c->n_vocab).rows;
	c->pairs = mem_array(rows, sizeof(*c->pairs));
	c->spooled = c->spool_path[0] ? mem_array(rows, sizeof(*c->spooled)) : NULL;
	return ERR_OK;
}

enum err_code compare(struct engine *e, struct request *r, json_t **reply, struct err *err)
{
	struct comparison c = { .engine = e, .request = r, .spool_fd = -1, .spool_path = "" };
	job_begin(&c.job, e->link, r, "compare");
	if (read_request(&c, err) == ERR_OK && (c.spool_path[0] ? run_one_by_one(&c, err) : run_together(&c, err)) == ERR_OK)
		*reply = describe(&c);
	forced_close(&c.ref);
	forced_close(&c.cand);
	tally_release(&c.tally);
	items_release(&c.items);
	mem_free(c.pairs);
	mem_free(c.spooled);
	load_release(&c.candidate);
	if (c.spool_fd >= 0)
		close(c.spool_fd);
	return err->code;
}
