/* SPDX-License-Identifier: Apache-2.0
 *
 * found_models - what other programs of this machine keep (known_places.h), as the API tells it and as the store takes it. */
#ifndef ASSAY_SERVER_FOUND_MODELS_H
#define ASSAY_SERVER_FOUND_MODELS_H

#include "base/buf.h"
#include "base/msg.h"
#include "model/known_places.h"
#include "server/app_private.h"
#include "store/model_store.h"

/* known_places_find() with the environment of this process.  Thread: work. */
MUST_USE enum err_code found_models_find(struct arena *a, struct place_finds *out, const atomic_bool *cancel, struct err *err);

/* Appends the FoundModels object; `list` tells what was added already.  Thread: any. */
void found_models_view(struct buf *b, enum lang lang, const struct place_finds *finds, const struct model_list *list);

/* Adds what can be used and was never added before: what the user removed stays removed.  Thread: store. */
MUST_USE enum err_code found_models_store(struct db *db, struct arena *a, const struct place_finds *finds, size_t *n_added,
					  struct err *err);

/* Looks and adds in the background, at the start of a server whose user allowed that; also new epochs of fine-tuned models that are
 * known.  Thread: loop. */
void found_models_start(struct app *app);

#endif
