/* SPDX-License-Identifier: Apache-2.0 */
#include "store/template_store.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "model/modelfile.h"
#include "model/template_preset.h"
#include "store/gen_params.h"
#include "store/sql.h"

#define OWN_MARK TEMPLATE_OWN ":" /* of a stored choice; the SHA-256 of the text is behind it */

static const char *const origin_names[TEMPLATE_ORIGINS] = { "", "checkpoint", "modelfile", "gguf" };

static void sha_of(const char *text, char hex[HASH_HEX_SIZE])
{
	hex[0] = 0;
	if (*text)
		hash_bytes_hex(text, strlen(text), hex);
}

/* --- what scans find --- */

static const char *stops_json(struct arena *a, const struct template_source *s)
{
	json_t *list = json_array();

	for (size_t i = 0; s->modelfile && i < s->modelfile->n_stops; i++)
		json_array_append_new(list, json_text(str_of(s->modelfile->stops[i])));
	return json_text_of(a, list);
}

/* Under the names of gen_params. */
static const char *sampling_json(struct arena *a, const struct modelfile *m)
{
	json_t *out = json_object();

	for (size_t i = 0; m && i < MODELFILE_NUMBERS; i++)
		if (!isnan(m->numbers[i]))
			json_object_set_new(out, modelfile_numbers[i].setting,
					    modelfile_numbers[i].is_whole ? json_integer((json_int_t)m->numbers[i]) : json_real(m->numbers[i]));
	return json_text_of(a, out);
}

static enum err_code put_text(struct db *db, const char *sha, const char *text, struct err *err)
{
	return db_run(db, err, "INSERT OR IGNORE INTO template_text(sha256, text) VALUES (?1, ?2)", "tt", sha, text);
}

static enum err_code put_one(struct db *db, struct arena *a, int64_t model_id, const struct template_source *s, struct err *err)
{
	char text[ERR_TEXT_SIZE], sha[HASH_HEX_SIZE];
	enum err_code code = ERR_OK;

	sha_of(s->text, sha);
	if (sha[0])
		code = put_text(db, sha, s->text, err);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT OR REPLACE INTO template_source(model_id, origin, path, sha256, preset, system, stops, num_ctx,"
			      " problem, sampling) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
			      "ibtttttitt", model_id, (int)s->origin, s->path, sha, s->preset, s->system, stops_json(a, s),
			      s->modelfile ? s->modelfile->num_ctx : 0, s->problem.code == ERR_OK ? "" : err_to_text(&s->problem, text),
			      sampling_json(a, s->modelfile));
	return code;
}

enum err_code template_store_put(struct db *db, int64_t model_id, const struct template_sources *found, struct err *err)
{
	struct arena *a = arena_new();
	enum err_code code = db_run(db, err, "DELETE FROM template_source WHERE model_id = ?1", "i", model_id);

	for (size_t i = 0; i < found->n && code == ERR_OK; i++)
		code = put_one(db, a, model_id, &found->items[i], err);
	arena_free(a);
	return code;
}

enum err_code template_store_unknown(struct db *db, struct arena *a, size_t max, int64_t **ids, size_t *n, struct err *err)
{
	size_t cap = 0;

	*ids = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT id FROM model m WHERE is_hidden = 0 AND kind <> ?1"
				     " AND NOT EXISTS (SELECT 1 FROM template_source WHERE model_id = m.id) ORDER BY id LIMIT ?2",
				     "bi", MODEL_REMOTE, (int64_t)max);
	while (query_next(&q))
		*LIST_ADD(a, *ids, *n, cap) = row_int(&q, 0);
	return query_end(&q);
}

/* --- what is used --- */

static enum err_code read_rows(struct db *db, struct arena *a, int64_t model_id, struct template_use *out, struct err *err)
{
	size_t cap = 0;

	struct query q = query_start(db, err,
				     "SELECT origin, path, sha256, preset, system, stops, num_ctx, problem, sampling FROM template_source"
				     " WHERE model_id = ?1 ORDER BY origin",
				     "i", model_id);
	while (query_next(&q)) {
		struct template_row *row = LIST_ADD(a, out->rows, out->n_rows, cap);
		*row = (struct template_row){
			.origin = (enum template_origin)row_int(&q, 0), .path = row_text(&q, a, 1), .sha256 = row_text(&q, a, 2),
			.preset = row_text(&q, a, 3), .system = row_text(&q, a, 4), .stops = row_text(&q, a, 5),
			.num_ctx = row_int(&q, 6), .sampling = row_text(&q, a, 8),
		};
		if (*row_peek(&q, 7))
			err_from_text(&row->problem, row_peek(&q, 7));
	}
	return query_end(&q);
}

static enum err_code read_choice(struct db *db, struct arena *a, const struct model_row *model, struct template_use *out,
				 struct err *err)
{
	struct query q = model->family_id ?
				 query_start(db, err, "SELECT template_choice FROM family WHERE id = ?1", "i", model->family_id) :
				 query_start(db, err, "SELECT template_choice FROM model WHERE id = ?1", "i", model->id);
	out->choice = query_next(&q) ? row_text(&q, a, 0) : "";
	if (strncmp(out->choice, OWN_MARK, strlen(OWN_MARK)) == 0) {
		out->own = out->choice + strlen(OWN_MARK);
		out->choice = TEMPLATE_OWN;
	}
	return query_end(&q);
}

static const struct template_row *row_of(const struct template_use *u, enum template_origin origin)
{
	for (size_t i = 0; i < u->n_rows; i++)
		if (u->rows[i].origin == origin)
			return &u->rows[i];
	return NULL;
}

static void use_row(struct template_use *u, const struct template_row *row)
{
	u->source = origin_names[row->origin];
	u->preset = row->preset;
	u->path = row->path;
	u->sha256 = row->sha256;
}

static void use_base(struct template_use *u, const struct template_use *base)
{
	if (!base->base_has)
		return;
	u->source = "base";
	u->preset = base->preset;
	u->path = base->path;
	u->sha256 = base->sha256;
}

static void use_preset(struct arena *a, struct template_use *u, const struct template_preset *preset)
{
	char sha[HASH_HEX_SIZE];

	sha_of(preset->jinja, sha);
	u->source = "preset";
	u->preset = preset->name;
	u->sha256 = arena_strdup(a, sha);
}

/* Where what was chosen is not there any more, the first source is used. */
static void pick(struct arena *a, struct template_use *u, const struct template_use *base)
{
	const struct template_preset *preset = template_preset_find(u->choice);

	if (preset) {
		use_preset(a, u, preset);
		return;
	}
	if (*u->own) {
		u->source = TEMPLATE_OWN;
		u->sha256 = u->own;
		return;
	}
	if (base && strcmp(u->choice, "base") == 0)
		use_base(u, base);
	for (int pass = *u->choice ? 0 : 1; pass < 2 && strcmp(u->source, "none") == 0; pass++)
		for (size_t i = 0; i < u->n_rows && strcmp(u->source, "none") == 0; i++)
			if (*u->rows[i].sha256 && (pass == 1 || strcmp(origin_names[u->rows[i].origin], u->choice) == 0))
				use_row(u, &u->rows[i]);
	if (base && strcmp(u->source, "none") == 0)
		use_base(u, base);
}

/* A trainer's system prompt and settings go with what the trainer left, and with a preset that stands for it. */
static const struct template_row *trainer_of(const struct template_use *u)
{
	bool is_others = strcmp(u->choice, "base") == 0 || strcmp(u->choice, "gguf") == 0;

	return is_others ? NULL : row_of(u, TEMPLATE_OF_MODELFILE);
}

static const char *system_of(const struct template_use *u)
{
	return u->trainer ? u->trainer->system : "";
}

static void start(struct template_use *u)
{
	*u = (struct template_use){ .choice = "", .own = "", .source = "none", .preset = "", .path = "", .sha256 = "", .system = "" };
}

/* What stands in the file that is loaded; a folder becomes one with the template that lies in it, not in the run's. */
static const struct template_row *own_row(const struct template_use *u, const char *path)
{
	const struct template_row *own = row_of(u, TEMPLATE_OF_GGUF), *beside = row_of(u, TEMPLATE_OF_CHECKPOINT);
	size_t n = strlen(path);

	if (!own && beside && strncmp(beside->path, path, n) == 0 && beside->path[n] == '/')
		own = beside;
	return own;
}

/* Of a model with weights of its own; `base` is what it was trained from, NULL: that is not known, or it is none. */
static enum err_code use_whole(struct db *db, struct arena *a, const struct model_row *model, const struct template_use *base,
			       struct template_use *u, struct err *err)
{
	start(u);
	if (read_choice(db, a, model, u, err) != ERR_OK || read_rows(db, a, model->id, u, err) != ERR_OK)
		return err->code;
	pick(a, u, base);
	const struct template_row *own = own_row(u, model->model.path);
	if (!own && model->model.has_template && strcmp(u->source, "none") == 0)
		u->source = "unknown";
	u->is_own = !*u->sha256 || (own && strcmp(own->sha256, u->sha256) == 0);
	u->base_has = base ? base->base_has : strcmp(u->source, "none") != 0;
	if (base && base->base_has)
		u->differs = *u->sha256 && strcmp(u->sha256, base->sha256) != 0;
	else
		u->differs = own && *own->sha256 && !u->is_own;
	u->trainer = trainer_of(u);
	u->system = system_of(u);
	return ERR_OK;
}

static enum err_code use_adapter(struct db *db, struct arena *a, const struct model_row *model, const struct template_use *base,
				 struct template_use *u, struct err *err)
{
	if (read_choice(db, a, model, u, err) != ERR_OK || read_rows(db, a, model->id, u, err) != ERR_OK)
		return err->code;
	u->base_has = base->base_has;
	pick(a, u, base);
	bool is_same = strcmp(u->sha256, base->sha256) == 0;
	u->is_own = !*u->sha256 || (is_same && base->is_own);
	u->differs = *u->sha256 && base->base_has && !is_same;
	bool is_base = strcmp(u->source, "base") == 0;
	u->trainer = trainer_of(u);
	u->system = *system_of(u) ? system_of(u) : is_base ? base->system : "";
	if (!u->trainer && is_base)
		u->trainer = base->trainer;
	return ERR_OK;
}

enum err_code template_store_use(struct db *db, struct arena *a, const struct model_row *model, struct template_use *out,
				 struct err *err)
{
	struct template_use base;
	struct model_row base_row;

	start(out);
	if (model->model.kind == MODEL_REMOTE) {
		out->is_own = true;
		out->source = "unknown";
		return ERR_OK;
	}
	start(&base);
	if (model->base_model_id && (model_store_get(db, a, model->base_model_id, &base_row, err) != ERR_OK ||
				     use_whole(db, a, &base_row, NULL, &base, err) != ERR_OK))
		return err->code;
	if (model->model.kind == MODEL_ADAPTER)
		return use_adapter(db, a, model, &base, out, err);
	return use_whole(db, a, model, model->base_model_id ? &base : NULL, out, err);
}

enum err_code template_store_text(struct db *db, struct arena *a, const struct template_use *u, const char **text, struct err *err)
{
	const struct template_preset *preset = strcmp(u->source, "preset") == 0 || strcmp(u->source, "base") == 0 ?
						       template_preset_find(u->preset) : NULL;

	if (preset) { /* a base's choice reaches its epochs too */
		*text = preset->jinja;
		return ERR_OK;
	}
	struct query q = query_start(db, err, "SELECT text FROM template_text WHERE sha256 = ?1", "t", u->sha256);
	*text = query_next(&q) ? row_text(&q, a, 0) : "";
	return query_end(&q);
}

/* What a Modelfile says of stops, context and sampling. */
static void fill_settings(struct arena *a, const struct template_row *row, unsigned wanted, struct gen_params *p)
{
	struct err ignored = { 0 };
	struct gen_params said;
	json_t *sampling = json_parse(str_of(row->sampling), "sampling", &ignored);
	unsigned bits = gen_params_named(sampling) & wanted;

	json_decref(sampling);
	if (gen_params_parse(a, str_of(row->sampling), &said, &ignored) != ERR_OK)
		bits = 0;
	if (wanted & PARAM_STOP && strcmp(row->stops, "[]") != 0) {
		p->stop = row->stops;
		bits |= PARAM_STOP;
	}
	if (wanted & PARAM_NUM_CTX && row->num_ctx > 0) {
		p->num_ctx = row->num_ctx;
		bits |= PARAM_NUM_CTX;
	}
	p->max_tokens = bits & PARAM_MAX_TOKENS ? said.max_tokens : p->max_tokens;
	p->temperature = bits & PARAM_TEMPERATURE ? said.temperature : p->temperature;
	p->top_p = bits & PARAM_TOP_P ? said.top_p : p->top_p;
	p->top_k = bits & PARAM_TOP_K ? said.top_k : p->top_k;
	p->min_p = bits & PARAM_MIN_P ? said.min_p : p->min_p;
	p->repeat_penalty = bits & PARAM_REPEAT_PENALTY ? said.repeat_penalty : p->repeat_penalty;
	p->of_model |= bits;
}

enum err_code template_store_fill(struct db *db, struct arena *a, int64_t model_id, unsigned wanted, struct gen_params *params,
				  struct err *err)
{
	struct model_row model;
	struct template_use use;

	if (!wanted || model_store_get(db, a, model_id, &model, err) != ERR_OK ||
	    template_store_use(db, a, &model, &use, err) != ERR_OK)
		return err->code;
	if (wanted & PARAM_SYSTEM && *use.system) {
		params->system = use.system;
		params->of_model |= PARAM_SYSTEM;
	}
	if (use.trainer)
		fill_settings(a, use.trainer, wanted, params);
	if (!(wanted & PARAM_TEMPLATE) || use.is_own)
		return ERR_OK;
	params->of_model |= PARAM_TEMPLATE;
	return template_store_text(db, a, &use, &params->template, err);
}

/* --- the choice --- */

bool template_choice_known(const char *choice)
{
	for (size_t i = 0; i < TEMPLATE_ORIGINS; i++)
		if (strcmp(choice, origin_names[i]) == 0)
			return true;
	return strcmp(choice, "base") == 0 || strcmp(choice, TEMPLATE_OWN) == 0 || template_preset_find(choice);
}

#define STORED_SIZE (sizeof(OWN_MARK) + HASH_HEX_SIZE)

/* The choice as it is stored; a text of the user's is kept, and named by its hash. */
static enum err_code stored_choice(struct db *db, const char *choice, const char *text, char out[STORED_SIZE], struct err *err)
{
	char sha[HASH_HEX_SIZE];

	str_format(out, STORED_SIZE, "%s", choice);
	if (strcmp(choice, TEMPLATE_OWN) != 0)
		return ERR_OK;
	sha_of(text, sha);
	str_format(out, STORED_SIZE, OWN_MARK "%s", sha);
	return put_text(db, sha, text, err);
}

enum err_code template_store_choose_family(struct db *db, int64_t family_id, const char *choice, const char *text, struct err *err)
{
	char stored[STORED_SIZE];

	if (stored_choice(db, choice, text, stored, err) != ERR_OK)
		return err->code;
	return db_run_one(db, err, "err_family_not_found", family_id, "UPDATE family SET template_choice = ?2 WHERE id = ?1", "it",
			  family_id, stored);
}

enum err_code template_store_choose_model(struct db *db, int64_t model_id, const char *choice, const char *text, struct err *err)
{
	char stored[STORED_SIZE];

	if (stored_choice(db, choice, text, stored, err) != ERR_OK)
		return err->code;
	return db_run_one(db, err, "err_model_not_found", model_id, "UPDATE model SET template_choice = ?2 WHERE id = ?1", "it",
			  model_id, stored);
}
