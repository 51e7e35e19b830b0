/* SPDX-License-Identifier: Apache-2.0
 *
 * question_yaml - question files in YAML: promptfoo's configuration, lists of objects or texts.
 *
 * Only questions uses it.  Thread: work. */
#ifndef ASSAY_MODEL_QUESTION_YAML_H
#define ASSAY_MODEL_QUESTION_YAML_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Whether `text` is to be read as YAML: its file is called so, or it has no extension and starts as nothing else does. */
bool question_yaml_is(struct str text, const char *file_name);

/* Initialises `json` and fills it with the same as JSON, whose values stand in the same lines; it stays empty where there
 * is no list and no mapping in the text.  ERR_UNSUPPORTED for a task of lm-evaluation-harness, whose questions stand
 * elsewhere, and what yaml_to_json() refuses. */
MUST_USE enum err_code question_yaml_read(struct str text, struct buf *json, const atomic_bool *cancel, struct err *err);

#endif
