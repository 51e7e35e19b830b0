/* SPDX-License-Identifier: Apache-2.0 */
#include "server/workspace_model.h"

#include <math.h>

#include "server/model_name.h"

static enum err_code context_of(struct db *db, struct arena *a, const struct model_row *model, int64_t *out, struct err *err)
{
	struct model_row base;
	*out = model->model.n_ctx_train;
	if (model->model.kind != MODEL_ADAPTER || !model->base_model_id)
		return ERR_OK;
	if (model_store_get(db, a, model->base_model_id, &base, err) == ERR_OK)
		*out = base.model.n_ctx_train;
	return err->code;
}

enum err_code workspace_models(struct db *db, struct arena *a, const struct workspace_row *rows, size_t n,
			       struct workspace_model **out, struct err *err)
{
	struct model_list list;
	*out = arena_array(a, n + 1, sizeof **out);
	if (model_store_list(db, a, &list, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < n; i++) {
		struct workspace_model *m = &(*out)[i];
		struct model_row row;
		if (model_store_get(db, a, rows[i].model_id, &row, err) != ERR_OK ||
		    context_of(db, a, &row, &m->n_ctx_train, err) != ERR_OK)
			return err->code;
		m->label = model_column_name(a, &list, &row);
		m->epoch = row.model.kind == MODEL_BASE ? NAN : row.model.epoch;
	}
	return ERR_OK;
}
