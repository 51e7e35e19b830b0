/* SPDX-License-Identifier: Apache-2.0 */
#include "server/run_make.h"

#include <math.h>

#include "base/limits.h"
#include "server/model_name.h"
#include "server/question_body.h"
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
	return template_store_fill(db, a, c->model_id, PARAM_ALL & ~PARAM_SAMPLING & ~given, &c->params, err);
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
