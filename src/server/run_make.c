/* SPDX-License-Identifier: Apache-2.0 */
#include "server/run_make.h"

#include <math.h>

#include "base/limits.h"
#include "server/model_name.h"
#include "server/question_body.h"
#include "store/provider_store.h"
#include "store/template_store.h"

enum err_code run_name_column(struct db *db, struct arena *a, const struct model_list *list, const char *field,
			      struct column_row *c, struct err *err)
{
	struct model_row model;

	if (model_store_get(db, a, c->model_id, &model, err) != ERR_OK)
		return err->code;
	if (model_has_base(&model, field, err) != ERR_OK)
		return err->code;
	c->label = model_column_name(a, list, &model);
	c->epoch = model.model.kind == MODEL_BASE ? NAN : model.model.epoch;
	return ERR_OK;
}

enum err_code run_fill_column(struct db *db, struct arena *a, unsigned given, struct column_row *c, struct err *err)
{
	if (template_store_fill(db, a, c->model_id, PARAM_ALL & ~PARAM_SAMPLING & ~given, &c->params, err) != ERR_OK)
		return err->code;
	return model_store_weights(db, a, c->model_id, given & PARAM_WEIGHTS, &c->params.weights, err);
}

enum err_code run_column_base(struct db *db, struct arena *a, const struct column_row *c, int64_t *id, struct err *err)
{
	struct model_row model;

	*id = c->model_id;
	if (model_store_get(db, a, c->model_id, &model, err) == ERR_OK && model.model.kind == MODEL_ADAPTER)
		*id = model.base_model_id;
	return err->code;
}

enum err_code run_share_weights(struct db *db, struct arena *a, struct gen_params *shared, const struct column_row *columns, size_t n,
				struct err *err)
{
	int64_t bases[LIMIT_COLUMNS];
	bool any = shared->weights == WEIGHTS_STORED, all = n > 0;

	for (size_t i = 0; i < n; i++) {
		if (run_column_base(db, a, &columns[i], &bases[i], err) != ERR_OK)
			return err->code;
		any |= columns[i].params.weights == shared->weights;
		all &= columns[i].params.weights == WEIGHTS_Q8_0;
		for (size_t k = 0; k < i; k++)
			if (bases[k] == bases[i] && columns[k].params.weights != columns[i].params.weights)
				return err_set(err, ERR_INVALID, "err_weights_mixed", "field=columns[%zu].params.weights|name=%s", i,
					       columns[i].label);
	}
	shared->weights = all ? WEIGHTS_Q8_0 : WEIGHTS_STORED;
	return any ? ERR_OK : err_set(err, ERR_INVALID, "err_weights_not", "field=params.weights|name=%s", columns[0].label);
}

enum err_code run_questions(struct db *db, struct arena *a, int64_t set_id, const json_t *array, int64_t limit,
			    struct question **out, size_t *n, struct err *err)
{
	int64_t total = 0;
	enum err_code code = set_id ? question_set_read(db, a, set_id, 0, limit ? limit : LIMIT_QUESTIONS, out, n, &total, err) :
				      question_body(a, array, out, n, err);

	if (code == ERR_OK && *n == 0)
		code = err_set(err, ERR_INVALID, "err_questions_none", "field=%s", set_id ? "question_set_id" : "questions");
	return code;
}

enum err_code run_check_requests(struct db *db, struct arena *a, const struct column_row *columns, size_t n, size_t n_questions,
				 struct err *err)
{
	struct provider_row provider = { 0 };
	struct model_row model;
	int64_t ids[LIMIT_COLUMNS];

	for (size_t i = 0; i < n; i++) {
		if (model_store_get(db, a, columns[i].model_id, &model, err) != ERR_OK)
			return err->code;
		ids[i] = model.provider_id;
	}
	for (size_t i = 0; i < n; i++) {
		int64_t n_requests = 0;
		for (size_t k = 0; k < n; k++)
			n_requests += ids[k] == ids[i] ? (int64_t)n_questions : 0;
		if (ids[i] && provider_store_get(db, a, ids[i], &provider, err) != ERR_OK)
			return err->code;
		if (ids[i] && provider.max_requests > 0 && n_requests > provider.max_requests)
			return err_set(err, ERR_LIMIT, "err_provider_requests_known", "field=columns[%zu].model_id|provider=%s|n=%lld|limit=%lld", i,
				       provider.name, (long long)n_requests, (long long)provider.max_requests);
	}
	return ERR_OK;
}

enum err_code run_question_set(struct db *db, struct arena *a, int64_t set_id, struct question_set_row *out, struct err *err)
{
	struct question_set_row *rows;
	size_t n = 0;

	if (question_set_list(db, a, &rows, &n, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < n; i++)
		if (rows[i].id == set_id) {
			*out = rows[i];
			return ERR_OK;
		}
	return err_set(err, ERR_NOT_FOUND, "err_question_set_not_found", "id=%lld", (long long)set_id);
}
