/* SPDX-License-Identifier: Apache-2.0
 *
 * gen_params - generation settings as JSON: how the store keeps them and how reports print them.  Thread: any. */
#ifndef ASSAY_STORE_GEN_PARAMS_H
#define ASSAY_STORE_GEN_PARAMS_H

#include "base/buf.h"
#include "base/json.h"
#include "store/run_store.h"

/* New reference with all fields; stops, context, weights and what is of the model only where there are any: keys of answers are made
 * of this text. */
MUST_USE json_t *gen_params_json(const struct gen_params *p);

/* The bits of the fields that `obj` (NULL: none) has, also where it says that there is none. */
unsigned gen_params_named(const json_t *obj);
/* The names of bits as a list; a new reference. */
MUST_USE json_t *gen_param_names(unsigned bits);
/* The texts that end an answer, as a list; a new reference, NULL: there are none. */
MUST_USE json_t *gen_params_stops(const struct gen_params *p);
/* Reads what gen_params_json() wrote; absent fields keep their defaults.  Texts belong to the arena. */
MUST_USE enum err_code gen_params_parse(struct arena *a, struct str text, struct gen_params *out, struct err *err);

#endif
