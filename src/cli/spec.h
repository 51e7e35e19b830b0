/* SPDX-License-Identifier: Apache-2.0
 *
 * spec - how a person names a model on the command line.
 *
 *     file.gguf            a model file (or a folder that a trainer wrote)
 *     base.gguf+ADAPTER    an adapter (PEFT folder or GGUF) on a base model
 *     family@base          the base model of a fine-tuned model
 *     family@4             its epoch 4
 *     family@step:48       its checkpoint after step 48
 *     name                 a model of its own
 *     id:7                 a model by its number
 *     provider/model       a model of an AI provider, as "ollama/llama3.2:3b"; a file or folder of that name comes first
 *
 * Settings of this column follow after commas: "kestrel@4,temperature=0.7,max_tokens=64".
 * Pure functions.  Thread: any. */
#ifndef ASSAY_CLI_SPEC_H
#define ASSAY_CLI_SPEC_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

enum spec_kind { SPEC_FILE, SPEC_PAIR, SPEC_BASE, SPEC_EPOCH, SPEC_STEP, SPEC_NAME, SPEC_ID };

struct spec {
	enum spec_kind kind;
	char *name;      /* path of the file or base, or name of the family or model; "" for SPEC_ID */
	char *adapter;   /* SPEC_PAIR: its path, otherwise NULL */
	double epoch;    /* SPEC_EPOCH */
	int64_t number;  /* SPEC_STEP: the step; SPEC_ID: the id */
	json_t *params;  /* settings of the column; an empty object where there are none */
};

/* Reads `text`; spec_release() frees what it holds (also after a failure).  ERR_INVALID: err_spec_* or err_setting_*. */
MUST_USE enum err_code spec_parse(const char *text, struct spec *out, struct err *err);
void spec_release(struct spec *s);

/* Finds the model that a SPEC_BASE, _EPOCH, _STEP, _NAME or _ID means in the API's ModelList.  Names are compared without
 * ASCII case; a beginning that only one name has is enough.  ERR_NOT_FOUND: err_spec_no_model, err_spec_no_epoch,
 * err_spec_no_base, err_spec_ambiguous, err_spec_family (each says what there is). */
MUST_USE enum err_code spec_match(const struct spec *s, const json_t *model_list, int64_t *model_id, struct err *err);

/* The families (SPEC without @ included) whose name fits; -1 where a stand-alone model is meant or nothing fits. */
int64_t spec_match_family(const char *name, const json_t *model_list);

#endif
