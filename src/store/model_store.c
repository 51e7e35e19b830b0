/* SPDX-License-Identifier: Apache-2.0 */
#include "store/model_store.h"

#include "base/clock.h"
#include "store/sql.h"
#include "store/template_store.h"

/* --- reading --- */

#define MODEL_FIELDS \
	"id, ifnull(family_id, 0), ifnull(base_model_id, 0), is_hidden, sha256, kind, adapter_format, path, name," \
	" size_bytes, architecture, file_type, n_params, n_layer, n_ctx_train, kv_bytes_per_token, has_template, epoch," \
	" step, train_loss, eval_loss, base_name, rank, alpha, ifnull(provider_id, 0), weights, q8_sha256, gpu_layers IS NOT NULL," \
	" ifnull(gpu_layers, -1), gpu_device, ifnull((SELECT b.path FROM model AS b WHERE b.id = model.base_model_id), '')"

/* "digest what-it-was-of" */
static void row_hash(const struct query *q, int column, char sha256[65], char sha256_of[64])
{
	struct str of = str_of(row_peek(q, column)), digest = str_split(&of, ' ');

	str_format(sha256, 65, "%.*s", (int)digest.len, digest.ptr);
	str_format(sha256_of, 64, "%.*s", (int)of.len, of.len ? of.ptr : "");
}

static void row_model(const struct query *q, struct arena *a, struct model_row *out)
{
	*out = (struct model_row){
		.id = row_int(q, 0),
		.family_id = row_int(q, 1),
		.base_model_id = row_int(q, 2),
		.is_hidden = row_int(q, 3) != 0,
		.provider_id = row_int(q, 24),
		.has_gpu = row_int(q, 27) != 0,
		.gpu_layers = (int)row_int(q, 28),
		.gpu_device = row_text(q, a, 29),
		.base_path = row_text(q, a, 30),
		.model = {
			.kind = (enum model_kind)row_int(q, 5),
			.adapter_format = (enum adapter_format)row_int(q, 6),
			.path = row_text(q, a, 7),
			.name = row_text(q, a, 8),
			.size_bytes = (uint64_t)row_int(q, 9),
			.architecture = row_text(q, a, 10),
			.file_type = row_text(q, a, 11),
			.n_params = (uint64_t)row_int(q, 12),
			.n_layer = (uint64_t)row_int(q, 13),
			.n_ctx_train = (uint64_t)row_int(q, 14),
			.kv_bytes_per_token = (uint64_t)row_int(q, 15),
			.has_template = row_int(q, 16) != 0,
			.epoch = row_double(q, 17),
			.step = row_int(q, 18),
			.train_loss = row_double(q, 19),
			.eval_loss = row_double(q, 20),
			.base_name = row_text(q, a, 21),
			.rank = row_int(q, 22),
			.alpha = row_double(q, 23),
		},
	};
	(void)weights_named(row_peek(q, 25), &out->weights);
	row_hash(q, 4, out->sha256, out->sha256_of);
	row_hash(q, 26, out->q8_sha256, out->q8_sha256_of);
}

static enum err_code read_losses(struct db *db, struct arena *a, struct family_row *family, struct err *err)
{
	struct loss_point *losses = NULL;
	size_t cap = 0;

	struct query q = query_start(db, err,
				     "SELECT epoch, step, loss, eval_loss FROM loss_point WHERE family_id = ?1"
				     " ORDER BY position",
				     "i", family->id);
	while (query_next(&q))
		*LIST_ADD(a, losses, family->n_losses, cap) = (struct loss_point){
			.epoch = row_double(&q, 0),
			.step = row_int(&q, 1),
			.loss = row_double(&q, 2),
			.eval_loss = row_double(&q, 3),
		};
	family->losses = losses;
	return query_end(&q);
}

static enum err_code read_families(struct db *db, struct arena *a, struct model_list *out, struct err *err)
{
	size_t cap = 0;

	struct query q = query_start(db, err,
				     "SELECT id, name, path, base_name, num_train_epochs FROM family AS f WHERE is_hidden = 0"
				     " AND EXISTS (SELECT 1 FROM model WHERE family_id = f.id AND is_hidden = 0)"
				     " ORDER BY name, id",
				     "");
	while (query_next(&q))
		*LIST_ADD(a, out->families, out->n_families, cap) = (struct family_row){
			.id = row_int(&q, 0),
			.name = row_text(&q, a, 1),
			.path = row_text(&q, a, 2),
			.base_name = row_text(&q, a, 3),
			.num_train_epochs = row_int(&q, 4),
		};
	enum err_code code = query_end(&q);
	for (size_t i = 0; i < out->n_families && code == ERR_OK; i++)
		code = read_losses(db, a, &out->families[i], err);
	return code;
}

enum err_code model_store_refusals(struct db *db, struct arena *a, struct refusal_row **rows, size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err, "SELECT path, problem FROM refusal ORDER BY path", "");
	while (query_next(&q)) {
		struct refusal_row *row = LIST_ADD(a, *rows, *n, cap);
		row->path = row_text(&q, a, 0);
		err_from_text(&row->err, row_peek(&q, 1));
	}
	return query_end(&q);
}

enum err_code model_store_list(struct db *db, struct arena *a, struct model_list *out, struct err *err)
{
	size_t cap = 0;

	*out = (struct model_list){ 0 };
	struct query q = query_start(db, err,
				     "SELECT " MODEL_FIELDS " FROM model WHERE is_hidden = 0"
				     " ORDER BY ifnull(family_id, 0), epoch, step, id",
				     "");
	while (query_next(&q))
		row_model(&q, a, LIST_ADD(a, out->models, out->n_models, cap));
	enum err_code code = query_end(&q);
	if (code == ERR_OK)
		code = read_families(db, a, out, err);
	if (code == ERR_OK)
		code = model_store_refusals(db, a, &out->refusals, &out->n_refusals, err);
	return code;
}

enum err_code model_store_get(struct db *db, struct arena *a, int64_t id, struct model_row *out, struct err *err)
{
	bool found = false;

	struct query q = query_start(db, err, "SELECT " MODEL_FIELDS " FROM model WHERE id = ?1", "i", id);
	if (query_next(&q)) {
		found = true;
		row_model(&q, a, out);
	}
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !found)
		code = err_set(err, ERR_NOT_FOUND, "err_model_not_found", "id=%lld", (long long)id);
	return code;
}

static enum err_code has_row(struct db *db, const char *sql, const char *path, bool *has, struct err *err)
{
	int64_t n;
	enum err_code code = db_number(db, err, &n, 0, sql, "t", path);

	*has = n > 0;
	return code;
}

enum err_code model_store_has(struct db *db, const char *path, bool *has, struct err *err)
{
	return has_row(db, "SELECT count(*) FROM model WHERE path = ?1", path, has, err);
}

enum err_code family_store_has(struct db *db, const char *path, bool *has, struct err *err)
{
	return has_row(db, "SELECT count(*) FROM family WHERE path = ?1", path, has, err);
}

/* --- merging a scan --- */

static enum err_code id_of_path(struct db *db, const char *sql, const char *path, int64_t *id, struct err *err)
{
	return db_number(db, err, id, 0, sql, "t", path);
}

/* A name that the user gave stays; a name that came from a scan follows the scan. */
static enum err_code merge_model(struct db *db, const struct found_model *m, int64_t family_id, int64_t *id,
				 struct err *err)
{
	enum err_code code = db_run(
		db, err,
		"INSERT INTO model(path, name, found_name, family_id, kind, adapter_format, size_bytes, architecture,"
		" file_type, n_params, n_layer, n_ctx_train, kv_bytes_per_token, has_template, epoch, step, train_loss,"
		" eval_loss, base_name, rank, alpha, created_ms) VALUES (?1, ?2, ?2, nullif(?3, 0), ?4, ?5, ?6, ?7, ?8, ?9,"
		" ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21) ON CONFLICT (path) DO UPDATE SET"
		" name = iif(name = found_name, excluded.name, name), found_name = excluded.found_name,"
		" family_id = excluded.family_id, is_hidden = 0, kind = excluded.kind,"
		" adapter_format = excluded.adapter_format,"
		" sha256 = iif(size_bytes = excluded.size_bytes, sha256, ''), size_bytes = excluded.size_bytes,"
		" architecture = excluded.architecture, file_type = excluded.file_type, n_params = excluded.n_params,"
		" n_layer = excluded.n_layer, n_ctx_train = excluded.n_ctx_train,"
		" kv_bytes_per_token = excluded.kv_bytes_per_token, has_template = excluded.has_template,"
		" epoch = excluded.epoch, step = excluded.step, train_loss = excluded.train_loss,"
		" eval_loss = excluded.eval_loss, base_name = excluded.base_name, rank = excluded.rank,"
		" alpha = excluded.alpha",
		"ttibbittiiiibdiddtidi", m->path, m->name, family_id, m->kind, m->adapter_format, (int64_t)m->size_bytes,
		m->architecture ? m->architecture : "", m->file_type ? m->file_type : "", (int64_t)m->n_params,
		(int64_t)m->n_layer, (int64_t)m->n_ctx_train, (int64_t)m->kv_bytes_per_token, m->has_template, m->epoch,
		m->step, m->train_loss, m->eval_loss, m->base_name ? m->base_name : "", m->rank, m->alpha,
		clock_wall_ms());
	if (code == ERR_OK)
		code = id_of_path(db, "SELECT id FROM model WHERE path = ?1", m->path, id, err);
	return code == ERR_OK && m->templates ? template_store_put(db, *id, m->templates, err) : code;
}

/* Does the scan see fewer checkpoints than the family has?  Then it was of one folder among them, whose history is a part
 * of the family's. */
static enum err_code is_partial(struct db *db, const struct found_family *f, int64_t family_id, bool *partial,
				struct err *err)
{
	int64_t known;
	enum err_code code = db_number(db, err, &known, 0, "SELECT count(*) FROM model WHERE family_id = ?1", "i", family_id);

	*partial = known > (int64_t)f->n_checkpoints;
	return code;
}

static enum err_code merge_losses(struct db *db, const struct found_family *f, int64_t family_id, struct err *err)
{
	enum err_code code = db_run(db, err, "DELETE FROM loss_point WHERE family_id = ?1", "i", family_id);

	for (size_t i = 0; i < f->n_losses && code == ERR_OK; i++)
		code = db_run(db, err,
			      "INSERT INTO loss_point(family_id, position, epoch, step, loss, eval_loss)"
			      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			      "iididd", family_id, (int64_t)i, f->losses[i].epoch, f->losses[i].step, f->losses[i].loss,
			      f->losses[i].eval_loss);
	return code;
}

static enum err_code merge_family(struct db *db, const struct found_family *f, int64_t *id, struct err *err)
{
	bool partial = false;
	enum err_code code = db_run(
		db, err,
		"INSERT INTO family(path, name, found_name, base_name, num_train_epochs, created_ms)"
		" VALUES (?1, ?2, ?2, ?3, ?4, ?5) ON CONFLICT (path) DO UPDATE SET"
		" name = iif(name = found_name, excluded.name, name), found_name = excluded.found_name,"
		" base_name = excluded.base_name, num_train_epochs = excluded.num_train_epochs, is_hidden = 0",
		"tttii", f->path, f->name, f->base_name ? f->base_name : "", f->num_train_epochs, clock_wall_ms());
	if (code == ERR_OK)
		code = id_of_path(db, "SELECT id FROM family WHERE path = ?1", f->path, id, err);
	if (code == ERR_OK)
		code = is_partial(db, f, *id, &partial, err);
	return code == ERR_OK && !partial ? merge_losses(db, f, *id, err) : code;
}

/* The visible base whose name or path fits best what an adapter asks for; 0: none. */
static enum err_code find_base(struct db *db, const char *wanted, int64_t *base_id, struct err *err)
{
	int best = 0;

	*base_id = 0;
	struct query q = query_start(db, err,
				     "SELECT id, found_name, path FROM model WHERE kind = ?1 AND is_hidden = 0 ORDER BY id",
				     "b", MODEL_BASE);
	while (query_next(&q)) {
		int match = catalogue_base_match(wanted, row_peek(&q, 1), row_peek(&q, 2));
		if (match > best) {
			best = match;
			*base_id = row_int(&q, 0);
		}
	}
	return query_end(&q);
}

/* Gives every visible checkpoint without a base the one that fits: the base may have come after it.  Checkpoints with full weights
 * do not need it, they are compared with it. */
static enum err_code match_bases(struct db *db, struct arena *a, struct err *err)
{
	struct orphan {
		int64_t id;
		const char *base_name;
	} *orphans = NULL;
	size_t n = 0, cap = 0;

	struct query q = query_start(db, err,
				     "SELECT id, base_name FROM model WHERE kind IN (?1, ?2) AND base_model_id IS NULL"
				     " AND base_name <> '' AND is_hidden = 0",
				     "bb", MODEL_ADAPTER, MODEL_FULL);
	while (query_next(&q))
		*LIST_ADD(a, orphans, n, cap) = (struct orphan){ row_int(&q, 0), row_text(&q, a, 1) };
	enum err_code code = query_end(&q);
	for (size_t i = 0; i < n && code == ERR_OK; i++) {
		int64_t base_id;
		code = find_base(db, orphans[i].base_name, &base_id, err);
		if (code == ERR_OK && base_id != 0)
			code = db_run(db, err, "UPDATE model SET base_model_id = ?2 WHERE id = ?1", "ii", orphans[i].id,
				      base_id);
	}
	return code;
}

static enum err_code check_base(struct db *db, int64_t base_model_id, struct err *err)
{
	int64_t kind;

	enum err_code code = db_number(db, err, &kind, -1, "SELECT kind FROM model WHERE id = ?1", "i", base_model_id);
	if (code == ERR_OK && kind < 0)
		code = err_set(err, ERR_NOT_FOUND, "err_model_not_found", "id=%lld", (long long)base_model_id);
	else if (code == ERR_OK && (kind == MODEL_ADAPTER || kind == MODEL_REMOTE))
		code = err_set(err, ERR_INVALID, "err_model_not_base", "id=%lld", (long long)base_model_id);
	return code;
}

enum err_code model_store_forget_refusal(struct db *db, const char *path, struct err *err)
{
	return db_run(db, err, "DELETE FROM refusal WHERE path = ?1", "t", path);
}

static enum err_code merge_refusals(struct db *db, const struct catalogue *found, struct err *err)
{
	char text[ERR_TEXT_SIZE];
	enum err_code code = db_run(db, err,
				    "DELETE FROM refusal WHERE path IN (SELECT path FROM model UNION SELECT path FROM family)",
				    "");

	/* What was refused in a folder is told again by each scan of it: what is gone or repaired is not. */
	if (code == ERR_OK)
		code = db_run(db, err, "DELETE FROM refusal WHERE path = ?1 OR substr(path, 1, length(?1) + 1) = ?1 || '/'",
			      "t", found->path);
	for (size_t i = 0; i < found->n_refusals && code == ERR_OK; i++)
		code = db_run(db, err, "INSERT OR REPLACE INTO refusal(path, problem, seen_ms) VALUES (?1, ?2, ?3)", "tti",
			      found->refusals[i].path, err_to_text(&found->refusals[i].err, text), clock_wall_ms());
	return code;
}

/* A checkpoint of the scan: its row, and its base if one was named. */
static enum err_code merge_checkpoint(struct db *db, const struct found_model *m, int64_t family_id,
				      int64_t base_model_id, int64_t *id, struct err *err)
{
	enum err_code code = merge_model(db, m, family_id, id, err);

	if (code == ERR_OK && base_model_id != 0)
		code = db_run(db, err, "UPDATE model SET base_model_id = ?2 WHERE id = ?1", "ii", *id, base_model_id);
	return code;
}

enum err_code model_store_merge(struct db *db, struct arena *a, const struct catalogue *found, int64_t base_model_id,
				int64_t **ids, size_t *n_ids, struct err *err)
{
	size_t cap = 0;
	enum err_code code = base_model_id ? check_base(db, base_model_id, err) : ERR_OK;

	*ids = NULL;
	*n_ids = 0;
	for (size_t i = 0; i < found->n_models && code == ERR_OK; i++)
		code = merge_model(db, &found->models[i], 0, LIST_ADD(a, *ids, *n_ids, cap), err);
	for (size_t i = 0; i < found->n_families && code == ERR_OK; i++) {
		const struct found_family *f = &found->families[i];
		int64_t family_id = 0;
		code = merge_family(db, f, &family_id, err);
		for (size_t c = 0; c < f->n_checkpoints && code == ERR_OK; c++)
			code = merge_checkpoint(db, &f->checkpoints[c], family_id, base_model_id,
						LIST_ADD(a, *ids, *n_ids, cap), err);
	}
	if (code == ERR_OK)
		code = match_bases(db, a, err);
	if (code == ERR_OK)
		code = merge_refusals(db, found, err);
	return code;
}

/* --- by the user --- */

enum err_code model_store_rename(struct db *db, int64_t id, const char *name, struct err *err)
{
	return db_run_one(db, err, "err_model_not_found", id, "UPDATE model SET name = ?2 WHERE id = ?1", "it", id, name);
}

enum err_code model_store_set_gpu(struct db *db, int64_t id, const struct model_row *row, struct err *err)
{
	static const char *const sql[] = { "UPDATE model SET gpu_layers = NULL, gpu_device = '' WHERE id = ?1",
					   "UPDATE model SET gpu_layers = ?2, gpu_device = ?3 WHERE id = ?1" };

	if (!row->has_gpu)
		return db_run_one(db, err, "err_model_not_found", id, sql[0], "i", id);
	return db_run_one(db, err, "err_model_not_found", id, sql[1], "iit", id, (int64_t)row->gpu_layers,
			  row->gpu_device ? row->gpu_device : "");
}

enum err_code family_store_rename(struct db *db, int64_t family_id, const char *name, struct err *err)
{
	return db_run_one(db, err, "err_family_not_found", family_id, "UPDATE family SET name = ?2 WHERE id = ?1", "it",
			  family_id, name);
}

enum err_code family_store_set_base(struct db *db, int64_t family_id, int64_t base_model_id, struct err *err)
{
	enum err_code code = check_base(db, base_model_id, err);

	if (code == ERR_OK)
		code = db_run_one(db, err, "err_family_not_found", family_id,
				  "UPDATE model SET base_model_id = ?2 WHERE family_id = ?1", "ii", family_id, base_model_id);
	return code;
}

enum err_code model_store_hide(struct db *db, int64_t id, struct err *err)
{
	return db_run_one(db, err, "err_model_not_found", id, "UPDATE model SET is_hidden = 1 WHERE id = ?1", "i", id);
}

enum err_code family_store_hide(struct db *db, int64_t family_id, struct err *err)
{
	enum err_code code = db_run_one(db, err, "err_family_not_found", family_id,
					"UPDATE family SET is_hidden = 1 WHERE id = ?1", "i", family_id);
	if (code == ERR_OK)
		code = db_run(db, err, "UPDATE model SET is_hidden = 1 WHERE family_id = ?1", "i", family_id);
	return code;
}

enum err_code model_store_set_hash(struct db *db, int64_t id, const char *sha256, const char *sha256_of, struct err *err)
{
	return db_run_one(db, err, "err_model_not_found", id, "UPDATE model SET sha256 = ?2 || ' ' || ?3 WHERE id = ?1", "itt",
			  id, sha256, sha256_of);
}

enum err_code model_store_set_q8_hash(struct db *db, int64_t id, const char *sha256, const char *sha256_of, struct err *err)
{
	return db_run_one(db, err, "err_model_not_found", id, "UPDATE model SET q8_sha256 = ?2 || ' ' || ?3 WHERE id = ?1", "itt",
			  id, sha256, sha256_of);
}

static bool has_own_weights(const struct model_row *m)
{
	return m->model.kind == MODEL_BASE || (m->model.kind == MODEL_FULL && m->model.adapter_format == ADAPTER_NONE);
}

enum err_code model_store_set_weights(struct db *db, struct arena *a, int64_t id, enum weights weights, struct err *err)
{
	struct model_row m;

	if (model_store_get(db, a, id, &m, err) != ERR_OK)
		return err->code;
	if (weights != WEIGHTS_STORED && (!has_own_weights(&m) || !weights_can_be_q8(m.model.file_type)))
		return err_set(err, ERR_INVALID, "err_weights_not", "field=weights|name=%s", m.model.name);
	return db_run_one(db, err, "err_model_not_found", id, "UPDATE model SET weights = ?2 WHERE id = ?1", "it", id,
			  weights == WEIGHTS_STORED ? "" : weights_name(weights));
}

enum err_code model_store_weights(struct db *db, struct arena *a, int64_t id, bool is_given, enum weights *weights, struct err *err)
{
	struct model_row m;

	if (model_store_get(db, a, id, &m, err) != ERR_OK ||
	    (m.base_model_id && !has_own_weights(&m) && model_store_get(db, a, m.base_model_id, &m, err) != ERR_OK))
		return err->code;
	if (!is_given)
		*weights = m.weights;
	if (!has_own_weights(&m) || !weights_can_be_q8(m.model.file_type))
		*weights = WEIGHTS_STORED;
	return ERR_OK;
}

enum err_code model_store_move(struct db *db, int64_t id, const char *path, struct err *err)
{
	return db_run(db, err, "UPDATE model SET path = ?2 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM model WHERE path = ?2)", "it",
		      id, path);
}

enum err_code family_store_move(struct db *db, int64_t family_id, const char *path, struct err *err)
{
	return db_run(db, err, "UPDATE family SET path = ?2 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM family WHERE path = ?2)", "it",
		      family_id, path);
}
