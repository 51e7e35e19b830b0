/* SPDX-License-Identifier: Apache-2.0 */
#include "server/model_extra.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "convert/convert_speed.h"
#include "engine/adapter_cache.h"
#include "engine/model_cache.h"
#include "server/json_view.h"

/* --- what is known --- */

/* The hash, where the file is still the one that it was made of. */
static const char *hash_now(const char *data_dir, const struct model_row *m, enum weights weights)
{
	char stamp[FILE_STAMP_SIZE], *file = NULL;
	bool is_q8 = weights == WEIGHTS_Q8_0;
	const char *sha256 = is_q8 ? m->q8_sha256 : m->sha256, *sha256_of = is_q8 ? m->q8_sha256_of : m->sha256_of;

	if (m->model.kind == MODEL_ADAPTER)
		adapter_stamp(m->model.path, stamp);
	else if (sha256[0] && model_cache_find(data_dir, model_cache_source_as(m, weights), &file, NULL) == ERR_OK)
		machine_file_stamp(file, stamp);
	else
		stamp[0] = 0;
	mem_free(file);
	return sha256[0] && stamp[0] && strcmp(stamp, sha256_of) == 0 ? sha256 : "";
}

/* What is known of an adapter and a base with these weights: checked, or measured by a validation. */
static enum err_code what_is_known(struct db *db, struct arena *a, const char *data_dir, const struct model_row *m,
				   const struct model_row *base, enum weights weights, struct belonging *out, struct err *err)
{
	const char *adapter_sha = hash_now(data_dir, m, WEIGHTS_STORED), *base_sha = hash_now(data_dir, base, weights);

	if (!*adapter_sha || !*base_sha)
		return ERR_OK;
	if (match_store_get(db, a, adapter_sha, base_sha, &out->check, err) != ERR_OK || out->check.checked_ms)
		return err->code;
	return match_store_of_runs(db, a, adapter_sha, base_sha, m->model.train_loss, &out->run, err);
}

static enum err_code belonging_of(struct db *db, struct arena *a, const char *data_dir, const struct model_row *m, struct belonging *out, struct err *err)
{
	struct model_row base;

	if (!m->base_model_id)
		return ERR_OK;
	if (model_store_get(db, a, m->base_model_id, &base, err) != ERR_OK)
		return err->code;
	out->level = catalogue_base_match(m->model.base_name, base.model.name, base.model.path) > 0 ? BELONGS_SAME_NAME :
												     BELONGS_SHAPE_ONLY;
	/* With the weights that are in use, else with the others: it is the same model. */
	enum weights others = base.weights == WEIGHTS_Q8_0 ? WEIGHTS_STORED : WEIGHTS_Q8_0;
	if (what_is_known(db, a, data_dir, m, &base, base.weights, out, err) != ERR_OK)
		return err->code;
	if (!out->check.checked_ms && out->run.result.n_answers == 0 &&
	    what_is_known(db, a, data_dir, m, &base, others, out, err) != ERR_OK)
		return err->code;
	/* Questions of a validation need not be what it was trained on: they can prove that it fits, and nothing else. */
	out->by_run = out->run.result.verdict == MATCH_FITS;
	if (out->by_run || (out->check.checked_ms && out->check.result.verdict == MATCH_FITS))
		out->level = BELONGS_VERIFIED;
	return ERR_OK;
}

enum err_code model_extra_fill_one(struct db *db, struct arena *a, const char *data_dir, struct model_row *row, struct err *err)
{
	struct model_extra *extra = arena_alloc(a, sizeof *extra);

	row->extra = extra;
	extra->is_adapter = row->model.kind == MODEL_ADAPTER;
	if (row->model.kind != MODEL_REMOTE && !extra->is_adapter && model_cache_wants(row->model.path))
		extra->convert_ms = convert_speed_ms(convert_speed_read(data_dir), row->model.size_bytes);
	enum err_code code = template_store_use(db, a, row, &extra->chat, err);
	return code == ERR_OK && extra->is_adapter ? belonging_of(db, a, data_dir, row, &extra->belonging, err) : code;
}

enum err_code model_extra_fill(struct db *db, struct arena *a, const char *data_dir, struct model_list *list, struct err *err)
{
	for (size_t i = 0; i < list->n_models; i++)
		if (model_extra_fill_one(db, a, data_dir, &list->models[i], err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

/* --- as JSON --- */

static void say(struct buf *b, const char *name, enum lang lang, const char *key)
{
	struct buf text = BUF_INIT(8 * KIB);

	msg_format(&text, lang, key, "%s", "");
	json_str(b, name, buf_str(&text));
	buf_release(&text);
}

void view_match(struct buf *b, const char *name, enum lang lang, const struct match_row *m)
{
	static const char *const sentences[] = { "core_match_cannot_tell", "core_match_fits", "core_match_does_not_fit" };
	const struct match_result *r = &m->result;

	json_open(b, name, '{');
	json_cstr(b, "verdict", match_verdict_name(r->verdict));
	say(b, "sentence", lang,
	    r->verdict != MATCH_CANNOT_TELL	? sentences[r->verdict] :
	    r->n_answers < MATCH_ANSWERS_MIN	? "core_match_too_few" :
	    match_is_more_likely(r)		? "core_match_less" :
						  sentences[r->verdict]);
	json_int(b, "n_answers", (int64_t)r->n_answers);
	json_int(b, "n_better", (int64_t)r->n_better);
	json_int(b, "n_tokens", r->n_tokens);
	json_num(b, "mean_ll_without", r->without);
	json_num(b, "mean_ll_with", r->with);
	json_num(b, "p", r->p);
	json_cstr(b, "source", m->source);
	if (m->checked_ms)
		json_int(b, "checked_ms", m->checked_ms);
	json_close(b, '}');
}

static void view_belonging(struct buf *b, enum lang lang, const struct belonging *g)
{
	static const char *const levels[] = { "unknown", "shape_only", "same_name", "verified" };

	json_open(b, "belonging", '{');
	json_cstr(b, "level", levels[g->level]);
	json_cstr(b, "by", g->level != BELONGS_VERIFIED ? "" : g->by_run ? "run" : "check");
	if (g->check.checked_ms || g->by_run)
		view_match(b, "check", lang, g->check.checked_ms ? &g->check : &g->run);
	json_close(b, '}');
}

static void view_chat(struct buf *b, enum lang lang, const struct template_use *u, bool has_base)
{
	static const char *const origins[] = { "", "checkpoint", "modelfile", "gguf" };
	const struct template_row *modelfile = u->trainer;

	json_open(b, "chat", '{');
	json_cstr(b, "choice", u->choice);
	json_cstr(b, "source", u->source);
	json_cstr(b, "preset", u->preset);
	json_cstr(b, "path", u->path);
	json_cstr(b, "sha256", u->sha256);
	json_flag(b, "differs", u->differs);
	json_cstr(b, "system", u->system);
	json_raw(b, "stops", modelfile ? modelfile->stops : "[]");
	json_int(b, "num_ctx", modelfile ? modelfile->num_ctx : 0);
	json_raw(b, "sampling", modelfile ? modelfile->sampling : "{}");
	json_open(b, "sources", '[');
	for (size_t i = 0; i < u->n_rows; i++)
		if (*u->rows[i].sha256)
			json_cstr(b, NULL, origins[u->rows[i].origin]);
	if (has_base && u->base_has)
		json_cstr(b, NULL, "base");
	json_close(b, ']');
	json_open(b, "notes", '[');
	for (size_t i = 0; i < u->n_rows; i++)
		if (u->rows[i].problem.code != ERR_OK)
			view_problem(b, NULL, lang, &u->rows[i].problem);
	json_close(b, ']');
	json_close(b, '}');
}

void view_model_extra(struct buf *b, enum lang lang, const struct model_row *m)
{
	const struct model_extra *extra = m->extra;

	if (!extra || m->model.kind == MODEL_REMOTE)
		return;
	if (extra->convert_ms > 0)
		json_int(b, "convert_ms", extra->convert_ms);
	view_chat(b, lang, &extra->chat, m->base_model_id != 0);
	if (extra->is_adapter)
		view_belonging(b, lang, &extra->belonging);
}

static bool is_refuted(const struct belonging *g)
{
	return g->check.checked_ms && g->check.result.verdict == MATCH_DOES_NOT_FIT;
}

/* `g` is of a later epoch, which has learned more: its check says more.  But that one does not fit must be seen. */
static bool says_more(const struct belonging *g, const struct belonging *than)
{
	bool is_known = g->check.checked_ms || g->by_run, was_known = than->check.checked_ms || than->by_run;

	if (is_refuted(g) || is_refuted(than))
		return is_refuted(g);
	return is_known || !was_known;
}

void view_family_extra(struct buf *b, enum lang lang, int64_t family_id, const struct model_list *all)
{
	const struct model_row *last = NULL;
	const struct belonging *best = NULL;

	for (size_t i = 0; i < all->n_models; i++) {
		const struct model_extra *extra = all->models[i].extra;
		if (all->models[i].family_id != family_id || !extra)
			continue;
		last = &all->models[i];
		if (extra->is_adapter && (!best || says_more(&extra->belonging, best)))
			best = &extra->belonging;
	}
	if (last)
		view_chat(b, lang, &last->extra->chat, last->base_model_id != 0);
	if (best)
		view_belonging(b, lang, best);
}
