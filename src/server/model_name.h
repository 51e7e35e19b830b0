/* SPDX-License-Identifier: Apache-2.0
 *
 * model_name - what a model is called in the columns of a run, and why one cannot stand there.
 *
 * Pure.  Thread: any. */
#ifndef ASSAY_SERVER_MODEL_NAME_H
#define ASSAY_SERVER_MODEL_NAME_H

#include "store/model_store.h"

/* The name of the family for a checkpoint whose epoch tells it from its sisters, else "family/checkpoint-600"; the model's
 * own name where it has no family.  May be borrowed from `list` or `model`. */
const char *model_column_name(struct arena *a, const struct model_list *list, const struct model_row *model);

/* Whether it is the only one of its family that is shown with this epoch. */
bool model_epoch_is_its_own(const struct model_list *list, const struct model_row *model);

/* ERR_CONFLICT "err_model_no_base" (or "_name", where the adapter names none) for an adapter without a base model; `field`
 * is what named the model, NULL where nothing did. */
MUST_USE enum err_code model_has_base(const struct model_row *model, const char *field, struct err *err);

#endif
