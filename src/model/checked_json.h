/* SPDX-License-Identifier: Apache-2.0
 *
 * checked_json - numbers and flags of a config.json, each within its limits; the first wrong one is the file's problem.
 * Thread: one owner. */
#ifndef ASSAY_MODEL_CHECKED_JSON_H
#define ASSAY_MODEL_CHECKED_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct checked_json {
	const char *what; /* names the file */
	struct err *err;
	enum err_code rc; /* of the first wrong one */
};

/* ERR_DATA "err_hf_config_field", unless something was wrong before. */
void checked_bad(struct checked_json *c, const char *field);

/* A member of an object; NULL where it is absent, null, or the object is none. */
const json_t *checked_member(const json_t *object, const char *key);

/* The value of `v`, `absent` where it is NULL.  What is no number or out of its limits is checked_bad(), and `min`. */
double checked_number(struct checked_json *c, const json_t *v, const char *field, double min, double max, double absent);
int64_t checked_whole(struct checked_json *c, const json_t *v, const char *field, int64_t min, int64_t max, int64_t absent);
bool checked_flag(struct checked_json *c, const json_t *v, const char *field, bool absent);

#endif
