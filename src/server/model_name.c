/* SPDX-License-Identifier: Apache-2.0 */
#include "server/model_name.h"

#include <string.h>

#include "model/checkpoint_name.h"

static const char *family_name(const struct model_list *list, int64_t family_id)
{
	for (size_t i = 0; family_id && i < list->n_families; i++)
		if (list->families[i].id == family_id)
			return list->families[i].name;
	return NULL;
}

bool model_epoch_is_its_own(const struct model_list *list, const struct model_row *model)
{
	char mine[32], other[32];
	epoch_label(model->model.epoch, mine);
	for (size_t i = 0; i < list->n_models; i++) {
		const struct model_row *m = &list->models[i];
		if (m->family_id != model->family_id || m->id == model->id)
			continue;
		epoch_label(m->model.epoch, other);
		if (strcmp(mine, other) == 0)
			return false;
	}
	return *mine != 0;
}

const char *model_column_name(struct arena *a, const struct model_list *list, const struct model_row *model)
{
	const char *family = family_name(list, model->family_id);
	if (!family)
		return model->model.name;
	return model_epoch_is_its_own(list, model) ? family : arena_printf(a, "%s/%s", family, model->model.name);
}

enum err_code model_has_base(const struct model_row *model, const char *field, struct err *err)
{
	const char *name = model->model.name, *base = model->model.base_name;
	if (model->model.kind != MODEL_ADAPTER || model->base_model_id)
		return ERR_OK;
	const char *key = *base ? "err_model_no_base" : "err_model_no_base_name";
	return field ? err_set(err, ERR_CONFLICT, key, "field=%s|name=%s|base=%s", field, name, base)
		     : err_set(err, ERR_CONFLICT, key, "name=%s|base=%s", name, base);
}
