/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/calibrate.h"

#include "base/clock.h"
#include "base/limits.h"
#include "worker/plan.h"

#define START_TOKENS 16 /* each sequence begins with as many: a short question and some answer */
#define STEPS 3
/* A step reads the weights once whatever its width, so narrow ones never win by more than noise; a busy machine must not make
 * the plan of all later runs narrow. */
#define WIDTH_MIN 8
/* Sequences are short here and longer in a run, where each token looks past the others' cells too: wide ones look better than they
 * are.  Measured on the demo: 48 slots took a fifth longer than 16, which calibration put 6 % below them. */
#define NEAR_BEST 0.92
#define SEQUENCE_TOKENS (START_TOKENS + 1 + STEPS)

static const int widths[] = { 1, 2, 4, 8, 12, 16, 24, 32, 48, 64 };
#define N_WIDTHS (sizeof(widths) / sizeof(widths[0]))

int calibrate_choose(const struct rate *rates, size_t n)
{
	double best = 0;
	for (size_t i = 0; i < n; i++)
		best = rates[i].tokens_per_s > best ? rates[i].tokens_per_s : best;
	for (size_t i = 0; i < n; i++) {
		if (best > 0 && rates[i].tokens_per_s >= NEAR_BEST * best)
			return rates[i].slots;
	}
	return 1;
}

/* Tokens that differ between sequences and steps; their meaning does not matter for the time. */
static llama_token any_token(const struct engine *e, int seq, int pos)
{
	return (llama_token)((unsigned)(seq * 131 + pos * 17 + 100) % (unsigned)e->model->n_vocab);
}

/* Makes the sequences (from, to] hold START_TOKENS tokens each. */
static enum err_code fill(struct engine *e, int from, int to, struct err *err)
{
	for (int s = from + 1; s <= to; s++) {
		if (e->batch.n_tokens + START_TOKENS > ENGINE_STEP_TOKENS && engine_decode(e, err) != ERR_OK)
			return err->code;
		for (int pos = 0; pos < START_TOKENS; pos++)
			engine_add(e, any_token(e, s, pos), pos, s, pos == START_TOKENS - 1);
	}
	return e->batch.n_tokens > 0 ? engine_decode(e, err) : ERR_OK;
}

/* Tokens per second of STEPS steps of `width` tokens; the first step is not counted (it builds the graph). */
static enum err_code measure(struct engine *e, int width, double *rate, struct err *err)
{
	int64_t start = 0;
	for (int i = 0; i <= STEPS; i++) {
		for (int s = 1; s <= width; s++)
			engine_add(e, any_token(e, s, i), START_TOKENS + i, s, true);
		if (i == 1)
			start = clock_mono_us();
		if (engine_decode(e, err) != ERR_OK)
			return err->code;
		/* Waits for the device and counts the copy of the logits. */
		if (!shim_logits(e->ctx, 0))
			return err_set(err, ERR_INTERNAL, "err_decode", "code=%d|reason=%s", 0, "no logits");
	}
	*rate = 1e6 * width * STEPS / (double)(clock_mono_us() - start + 1);
	return ERR_OK;
}

/* Up through all widths (filling more sequences each time), then down again (dropping them): each width is measured twice,
 * far apart in time, with a cache as full as it would be; the better of the two counts. */
static enum err_code measure_all(struct engine *e, struct rate *rates, size_t n, int64_t until_us, struct err *err)
{
	int filled = 0;
	for (size_t k = 0; k < 2 * n && clock_mono_us() < until_us; k++) {
		size_t i = k < n ? k : 2 * n - 1 - k;
		int width = rates[i].slots;
		double rate = 0;
		for (; filled > width; filled--)
			shim_seq_remove(e->ctx, filled);
		if (filled < width && fill(e, filled, width, err) != ERR_OK)
			return err->code;
		filled = width;
		if (measure(e, width, &rate, err) != ERR_OK)
			return err->code;
		rates[i].tokens_per_s = rate > rates[i].tokens_per_s ? rate : rates[i].tokens_per_s;
		e->fraction = (double)(k + 1) / (double)(2 * n);
		bool cut = true;
		for (int s = 1; s <= width && cut; s++)
			cut = shim_seq_cut(e->ctx, s, START_TOKENS);
		if (!cut) { /* recurrent models cannot go back */
			shim_clear(e->ctx);
			filled = 0;
		}
	}
	return ERR_OK;
}

static json_t *result(const struct rate *rates, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		if (rates[i].tokens_per_s > 0)
			json_array_append_new(list, json_pack("{s:i, s:f}", "slots", rates[i].slots, "tokens_per_s",
							      rates[i].tokens_per_s));
	}
	return json_pack("{s:i, s:o}", "slots", calibrate_choose(rates, n), "rates", list);
}

enum err_code calibrate(struct engine *e, const json_t *request, json_t **reply, struct err *err)
{
	struct rate rates[N_WIDTHS] = { 0 };
	size_t n = 0;
	int max_slots = (int)json_get_int(request, "max_slots", 1, LIMIT_SLOTS, LIMIT_SLOTS, err);
	int kv_tokens = (int)json_get_int(request, "kv_tokens", 256, INT32_MAX, 4096, err);
	int64_t budget_us = 1000 * json_get_int(request, "budget_ms", 1, 600000, 3000, err);
	if (err->code != ERR_OK)
		return err->code;
	if (!e->model->model)
		return err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	for (size_t i = 0; i < N_WIDTHS && widths[i] <= max_slots && widths[i] * SEQUENCE_TOKENS <= kv_tokens; i++) {
		if (widths[i] >= (max_slots < WIDTH_MIN ? 1 : WIDTH_MIN) || widths[i] * SEQUENCE_TOKENS * 2 > kv_tokens)
			rates[n++].slots = widths[i];
	}
	if (n == 0)
		rates[n++].slots = 1;
	e->beat_us = clock_mono_us();
	int most = rates[n - 1].slots;
	if (engine_prepare(e, most, most, plan_bucket(most * SEQUENCE_TOKENS), err) != ERR_OK)
		return err->code;
	e->batch.n_tokens = 0;
	shim_set_adapter(e->ctx, NULL, NULL);
	enum err_code code = measure_all(e, rates, n, e->beat_us + budget_us, err);
	engine_drop(e);
	if (code != ERR_OK)
		return code;
	*reply = result(rates, n);
	return ERR_OK;
}
