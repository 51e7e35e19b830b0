/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory.h"

#include "base/limits.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/machine.h"
#include "engine/reaper.h"
#include "engine/worker_probe.h"
#include "model/quant_types.h"

#define STEP_TOKENS 512 /* the worker's largest step */
#define CELL_STEP 256	/* contexts are longer by so many */

static double gigabytes(int64_t bytes)
{
	return bytes > 0 ? (double)bytes / 1e9 : 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The formats that are offered, the one that loses least first. */
static const char *const formats[] = { "Q8_0", "Q4_K_M" };

/* The first in which the model would fit, with what it would take; NULL if none helps. */
static const char *smaller_format(const struct gguf *g, const struct memory_estimate *all, int64_t need, int64_t available, int64_t *then)
{
	for (size_t i = 0; !quant_is_quantized(g) && i < sizeof formats / sizeof *formats; i++) {
		int64_t saved = (int64_t)all->weights - (int64_t)quant_estimate(g, quant_type_find(formats[i]));
		*then = need - saved;
		if (saved > 0 && *then <= available)
			return formats[i];
	}
	return NULL;
}

static enum err_code too_large(const char *path, const struct gguf *g, const struct memory_use *use,
			       const struct memory_supply *supply, int64_t need, struct err *err)
{
	struct memory_estimate all;
	int64_t then = 0, available = supply->available;

	estimate_from_gguf(g, use, &all);
	const char *format = smaller_format(g, &all, need, available, &then);
	if (supply->has_idle_gpu)
		return err_set(err, ERR_LIMIT, "err_memory_gpu_off", "name=%s|need=%.1f|free=%.1f", base_name(path),
			       gigabytes(need), gigabytes(available));
	if (format && strcmp(format, "Q8_0") == 0)
		return err_set(err, ERR_LIMIT, "err_memory_q8", "name=%s|need=%.1f|free=%.1f|then=%.1f", base_name(path), gigabytes(need),
			       gigabytes(available), gigabytes(then));
	if (format)
		return err_set(err, ERR_LIMIT, "err_memory_format", "name=%s|need=%.1f|free=%.1f|format=%s|then=%.1f", base_name(path),
			       gigabytes(need), gigabytes(available), format, gigabytes(then));
	return err_set(err, ERR_LIMIT, "err_memory", "need=%.1f|free=%.1f", gigabytes(need), gigabytes(available));
}

static enum err_code too_large_for_gpu(const char *path, const struct memory_supply *supply, const struct memory_split *split,
				       const struct memory_answer *out, struct err *err)
{
	char gpus[200];

	devices_free(supply->devices, &supply->gpu, gpus, sizeof gpus);
	return err_set(err, ERR_LIMIT, "err_memory_gpu", "name=%s|need=%.1f|free=%.1f|layers=%u|most=%u|gpus=%s", base_name(path),
		       gigabytes(out->gpu_need), gigabytes(out->gpu_free), (unsigned)split->on_gpu, (unsigned)split->most, gpus);
}

static void split_for(const struct gguf *g, int64_t tokens, const struct memory_supply *supply, const struct memory_place *place,
		      struct memory_use *use, struct memory_split *split, struct memory_answer *out)
{
	*use = (struct memory_use){ .cells = (uint64_t)tokens, .ubatch = STEP_TOKENS, .outputs = LIMIT_SLOTS + 1 };
	estimate_split(g, use, place, split);
	*out = (struct memory_answer){ .need = (int64_t)split->host, .gpu_need = (int64_t)split->gpu, .layers = (int)split->on_gpu,
					.all_layers = (int)split->n_layers, .available = supply->available, .kv_tokens = tokens };
	for (size_t i = 0; i < place->n_gpus; i++)
		out->gpu_free += (int64_t)place->free[i];
}

static bool fits(const struct memory_split *split, const struct memory_answer *a)
{
	return split->on_gpu <= split->most && a->need <= a->available;
}

/* The most tokens for which there is room, fewer than those of `split`; no less than `least`. */
static void shorten(const struct gguf *g, int64_t least, const struct memory_supply *supply, const struct memory_place *place,
		    struct memory_use *use, struct memory_split *split, struct memory_answer *out)
{
	int64_t fitting = least, too_many = out->kv_tokens;

	while (too_many - fitting >= 2 * CELL_STEP) {
		int64_t middle = fitting + (too_many - fitting) / (2 * CELL_STEP) * CELL_STEP;
		split_for(g, middle, supply, place, use, split, out);
		if (fits(split, out))
			fitting = middle;
		else
			too_many = middle;
	}
	split_for(g, fitting, supply, place, use, split, out);
}

enum err_code memory_check(const char *path, const struct memory_tokens *tokens, const struct memory_supply *supply,
			   struct memory_answer *out, struct err *err)
{
	struct memory_use use;
	struct memory_place place;
	struct memory_split split;
	enum err_code code = ERR_OK;

	*out = (struct memory_answer){ 0 };
	struct gguf *g = gguf_open_model(path, err);
	if (!g)
		return err->code;
	devices_place(supply->devices, &supply->gpu, &place);
	split_for(g, tokens->wanted, supply, &place, &use, &split, out);
	if (!fits(&split, out) && tokens->least < tokens->wanted)
		shorten(g, tokens->least, supply, &place, &use, &split, out);
	if (split.on_gpu > split.most)
		code = too_large_for_gpu(path, supply, &split, out, err);
	else if (out->need > supply->available)
		code = too_large(path, g, &use, supply, out->need, err);
	gguf_close(g);
	return code;
}

/* What is left when the first model has what it takes; layers are shared out between GPUs by what is free. */
static void take_away(const struct memory_answer *first, struct memory_supply *supply, struct devices *left)
{
	*left = *supply->devices;
	supply->devices = left;
	supply->available -= first->need;
	for (size_t i = 0; first->gpu_free > 0 && i < left->n; i++) {
		double share = (double)first->gpu_need / (double)first->gpu_free;
		left->items[i].memory_free -= (int64_t)((share < 1 ? share : 1) * (double)left->items[i].memory_free);
	}
}

enum err_code memory_check_beside(const char *path, const struct memory_tokens *tokens, const struct memory_supply *supply,
				  struct memory_answer *out, struct err *err)
{
	struct memory_answer alone, second;
	struct memory_supply rest = *supply;
	struct devices left;
	struct err too_much = { 0 };

	enum err_code code = memory_check(path, tokens, supply, &alone, err);
	out->is_beside = code != ERR_OK;
	if (code != ERR_OK)
		return code;
	take_away(out, &rest, &left);
	out->together = memory_check(path, tokens, &rest, &second, &too_much) == ERR_OK;
	return ERR_OK;
}

enum err_code engine_check_memory(const struct engine_program *program, const char *path, const char *beside,
				  const struct memory_tokens *tokens, int64_t reserve, struct memory_answer *out, struct err *err)
{
	struct worker_facts facts = { .sandbox = "" };
	bool has_gpu = machine_has_gpu();

	(void)reaper_await(REAPER_AWAIT_MS); /* what the model before this one had is free then; if not, that is seen below */
	if (has_gpu && program->gpu.layers != 0)
		(void)worker_probe(program->worker_path, false, &facts); /* its memory is free or not now, not at the start */
	struct memory_supply supply = { .available = machine_memory().available - reserve, .devices = &facts.devices,
					.gpu = program->gpu, .has_idle_gpu = has_gpu && program->gpu.layers == 0 };
	enum err_code code = memory_check(path, tokens, &supply, out, err);
	return code == ERR_OK && beside ? memory_check_beside(beside, tokens, &supply, out, err) : code;
}

void memory_keeps_weights(struct err *err)
{
	static const char *const others[] = { "err_memory_q8", "err_memory_format" };
	char key[sizeof err->key];

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		size_t n = strlen(others[i]);
		if (strncmp(err->key, others[i], n) != 0)
			continue;
		str_format(key, sizeof key, "err_memory%s", err->key + n);
		str_format(err->key, sizeof err->key, "%s", key);
	}
}

void memory_name(struct err *err, const char *name)
{
	char args[2 * sizeof err->args];

	if (err->code != ERR_LIMIT || !str_starts(str_of(err->key), "err_memory"))
		return;
	str_format(args, sizeof args, "name=%s%c%s", name, ERR_ARG_SEP, err->args); /* the first of a name counts */
	err_restore(err, err->code, err->key, args);
}
