/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/batch.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "worker/group.h"
#include "worker/pace.h"
#include "worker/protocol.h"

/* One sequence of the KV cache (its number is the index + 1). */
struct slot {
	struct cell *cell; /* NULL: idle */
	int fed;           /* prompt tokens that are in the cache */
	llama_token next;  /* chosen, not yet in the cache */
	int output;        /* index of its logits in this step, -1: none */
	struct draft draft;
	int n_guessed;     /* guesses in this step, whose logits follow */
};

struct run {
	struct engine *e;
	struct group *g;
	struct slot slots[LIMIT_SLOTS];
	size_t next_cell, n_done;
	int64_t prompt_tokens, generated_tokens, n_guessed, n_right, prompt_us, decode_us, start_us;
	struct pace pace;
	struct buf text; /* one MSG_TEXT */
};

/* --- cells in and out of slots --- */

/* Idle slots take the next cells in question order. */
static void fill_slots(struct run *r)
{
	for (int s = 0; s < r->g->plan.slots; s++) {
		struct slot *slot = &r->slots[s];
		while (r->next_cell < r->g->n && r->g->cells[r->next_cell].done)
			r->next_cell++;
		if (slot->cell || r->next_cell == r->g->n)
			continue;
		struct cell *c = &r->g->cells[r->next_cell++];
		*slot = (struct slot){ .cell = c, .fed = c->shared, .output = -1 };
		c->start_us = clock_mono_us();
		cell_open_sampler(c, r->e->model, r->g->sampling);
		if (r->g->has_drafts)
			draft_open(&slot->draft, &r->e->drafts, c->question);
		if (c->shared > 0)
			shim_seq_copy(r->e->ctx, 0, s + 1, c->shared == r->g->prefix.n ? -1 : c->shared);
	}
}

static void send_answer(struct run *r, struct cell *c, const char *finish)
{
	int64_t now = clock_mono_us();
	struct buf thinking = BUF_INIT(LIMIT_ANSWER_BYTES), text = BUF_INIT(LIMIT_ANSWER_BYTES);
	answer_split(&c->answer, &thinking, &text);
	json_t *tokens = json_array();
	for (int i = 0; i < c->generated.n; i++)
		json_array_append_new(tokens, json_integer(c->generated.ids[i]));
	json_t *mean = c->generated.n > 0 ? json_real(c->log_likelihood / c->generated.n) : json_null();
	int64_t first = c->first_us > 0 ? c->first_us : now;
	link_send_json(r->e->link, MSG_ANSWER, r->e->stream,
		       json_pack("{s:I, s:o, s:o, s:s, s:i, s:i, s:i, s:o, s:I, s:I, s:o}", "cell", (json_int_t)c->id, "text",
				 json_text(buf_str(&text)), "thinking", json_text(buf_str(&thinking)), "finish", finish,
				 "n_prompt", c->prompt.n, "n_generated", c->generated.n, "n_thinking", c->n_thinking, "tokens",
				 tokens, "prompt_us", (json_int_t)(first - c->start_us), "total_us",
				 (json_int_t)(now - c->start_us), "mean_ll", mean));
	buf_release(&thinking);
	buf_release(&text);
}

static void leave_slot(struct run *r, int s)
{
	struct cell *c = r->slots[s].cell;
	c->done = true;
	r->n_done++;
	shim_seq_remove(r->e->ctx, s + 1);
	draft_release(&r->slots[s].draft);
	r->slots[s] = (struct slot){ .output = -1 };
}

static void finish_slot(struct run *r, int s, const char *finish)
{
	struct cell *c = r->slots[s].cell;
	cell_send_text(c, r->e->link, r->e->stream, &r->text, true);
	send_answer(r, c, finish);
	if (r->g->has_drafts)
		drafts_keep(&r->e->drafts, c->question, &c->generated);
	leave_slot(r, s);
}

/* --- one step --- */

static bool is_writing(const struct slot *slot)
{
	return slot->cell && slot->fed == slot->cell->prompt.n;
}

static void share_guesses(struct run *r)
{
	struct pace_slot shares[LIMIT_SLOTS];
	size_t n = 0;
	int most = LIMIT_SLOTS;
	for (int s = 0; s < r->g->plan.slots; s++) {
		const struct slot *slot = &r->slots[s];
		most -= slot->cell != NULL; /* a row of logits for each: it writes, or its prompt may end in this step */
		if (!is_writing(slot))
			continue;
		/* The token that is read anyway gives one more, and only so many may still come. */
		int left = draft_left(&slot->draft), room = slot->cell->max_new - slot->cell->generated.n - 1;
		shares[n++] = (struct pace_slot){ .chance = slot->draft.chance, .left = left < room ? left : room };
	}
	if (r->g->guesses)
		pace_share_fixed(shares, n, most, r->g->guesses);
	else
		pace_share(&r->pace, shares, n, most);
	n = 0;
	for (int s = 0; s < r->g->plan.slots; s++)
		r->slots[s].n_guessed = is_writing(&r->slots[s]) ? shares[n++].guesses : 0;
}

/* Tokens of running cells first, then prompts in slot order until the step is full.  Returns the prompt tokens in it. */
static int build_step(struct run *r)
{
	struct engine *e = r->e;
	int prompt_tokens = 0;
	if (r->g->has_drafts)
		share_guesses(r);
	for (int s = 0; s < r->g->plan.slots; s++) {
		struct slot *slot = &r->slots[s];
		struct cell *c = slot->cell;
		slot->output = -1;
		if (!is_writing(slot))
			continue;
		int pos = c->prompt.n + c->generated.n - 1;
		slot->output = engine_add(e, slot->next, pos, s + 1, true);
		for (int i = 0; i < slot->n_guessed; i++)
			engine_add(e, slot->draft.guess.ids[slot->draft.at + i], pos + 1 + i, s + 1, true);
		r->n_guessed += slot->n_guessed;
	}
	for (int s = 0; s < r->g->plan.slots; s++) {
		struct slot *slot = &r->slots[s];
		struct cell *c = slot->cell;
		if (!c || slot->fed >= c->prompt.n)
			continue;
		for (; slot->fed < c->prompt.n && e->batch.n_tokens < ENGINE_STEP_TOKENS; slot->fed++, prompt_tokens++) {
			bool last = slot->fed == c->prompt.n - 1;
			int at = engine_add(e, c->prompt.ids[slot->fed], slot->fed, s + 1, last);
			if (last)
				slot->output = at;
		}
	}
	return prompt_tokens;
}

static void fail_slot(struct run *r, int s, const struct err *err)
{
	group_fail_cell(r->g, r->e, r->slots[s].cell, err);
	leave_slot(r, s);
}

/* Takes the token behind the slot's last one, and one more for each guess that it proves right. */
static void sample_slot(struct run *r, int s)
{
	struct slot *slot = &r->slots[s];
	struct cell *c = slot->cell;
	int first = slot->draft.at;
	int n_taken = 0;
	bool is_right = true;
	struct err err = { 0 };
	for (; is_right && n_taken <= slot->n_guessed; n_taken++) {
		double likelihood;
		llama_token token = cell_choose(c, r->e->model, r->e->ctx, slot->output + n_taken, &likelihood);
		if (token < 0) {
			err_set(&err, ERR_DATA, "err_logits", "%s", "");
			fail_slot(r, s, &err);
			return;
		}
		is_right = n_taken < slot->n_guessed && token == slot->draft.guess.ids[first + n_taken];
		r->n_right += is_right;
		int before = c->generated.n;
		const char *finish = cell_take(c, r->e->model, &r->g->ending, token, likelihood);
		r->generated_tokens += c->generated.n - before;
		if (finish) {
			finish_slot(r, s, finish);
			return;
		}
		slot->next = token;
		if (r->g->has_drafts)
			draft_follow(&slot->draft, &c->generated);
	}
	/* The cache forgets the guesses behind a wrong one; where all were right, the last token is the one that none was for. */
	if (n_taken <= slot->n_guessed && !shim_seq_cut(r->e->ctx, s + 1, c->prompt.n + c->generated.n - 1)) {
		err_set(&err, ERR_INTERNAL, "err_decode", "code=%d|reason=%s", 0, "the KV cache could not be cut");
		fail_slot(r, s, &err);
		return;
	}
	cell_send_text(c, r->e->link, r->e->stream, &r->text, false);
}

static enum err_code step(struct run *r, struct err *err)
{
	int64_t start = clock_mono_us();
	fill_slots(r);
	int prompt_tokens = build_step(r), all = r->e->batch.n_tokens;
	if (engine_decode(r->e, err) != ERR_OK)
		return err->code;
	for (int s = 0; s < r->g->plan.slots; s++) {
		if (r->slots[s].cell && r->slots[s].output >= 0)
			sample_slot(r, s);
	}
	link_flush(r->e->link);
	/* A step that does both is split by tokens. */
	int64_t us = clock_mono_us() - start, share = us * prompt_tokens / all;
	r->e->beat_us = start + us;
	r->e->fraction = (double)r->n_done / (double)r->g->n;
	r->prompt_tokens += prompt_tokens;
	if (r->g->has_drafts)
		pace_add(&r->pace, all - prompt_tokens, prompt_tokens, us);
	r->prompt_us += share;
	r->decode_us += us - share;
	if (link_cancelled(r->e->link))
		return err_set(err, ERR_CANCELLED, "err_cancelled", "%s", "");
	return ERR_OK;
}

static size_t count_open(const struct group *g)
{
	size_t n = 0;
	for (size_t i = 0; i < g->n; i++)
		n += !g->cells[i].done;
	return n;
}

static enum err_code run_steps(struct run *r, struct err *err)
{
	struct engine *e = r->e;
	struct group *g = r->g;
	int64_t prefix_us = 0;
	size_t left = count_open(g);
	r->n_done = g->n - left;
	if (left == 0)
		return ERR_OK;
	int outputs = g->has_drafts ? LIMIT_SLOTS + 1 : g->slots + 1;
	if (engine_prepare(e, g->slots, outputs, g->plan.n_ctx, err) != ERR_OK ||
	    engine_begin(e, g->is_prefix_of_column ? g->column : NULL, &g->prefix, g->lora, &prefix_us, err) != ERR_OK)
		return err->code;
	r->prompt_us += prefix_us;
	while (r->n_done < g->n) {
		if (step(r, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

enum err_code batch_group(struct engine *e, const json_t *request, json_t **stats, struct err *err)
{
	struct group g;
	struct run r = { .e = e, .g = &g, .start_us = clock_mono_us(), .text = BUF_INIT(LIMIT_ANSWER_BYTES + TEXT_HEAD_SIZE) };
	e->beat_us = r.start_us;
	e->fraction = 0;
	if (!e->model->model) {
		return err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	}
	if (group_open(&g, e, request, err) == ERR_OK && run_steps(&r, err) == ERR_OK) {
		*stats = json_pack("{s:{s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I}}", "stats", "n_ctx", g.plan.n_ctx, "slots",
				   g.plan.slots, "prefix_tokens", g.prefix.n, "prompt_tokens",
				   (json_int_t)r.prompt_tokens, "generated_tokens", (json_int_t)r.generated_tokens,
				   "n_guessed", (json_int_t)r.n_guessed, "n_right", (json_int_t)r.n_right, "prompt_us",
				   (json_int_t)r.prompt_us, "decode_us", (json_int_t)r.decode_us, "wall_us",
				   (json_int_t)(clock_mono_us() - r.start_us));
	} else {
		group_fail_rest(&g, e, err);
	}
	for (int s = 0; s < LIMIT_SLOTS; s++)
		draft_release(&r.slots[s].draft);
	group_release(&g);
	buf_release(&r.text);
	return err->code;
}
