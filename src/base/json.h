/* SPDX-License-Identifier: Apache-2.0
 *
 * json - Jansson with assay's limits and sentences.
 *
 * Values are Jansson's json_t (reference counted; a returned `json_t *` is the caller's unless said otherwise).
 * Thread: any; a value belongs to one thread at a time. */
#ifndef ASSAY_BASE_JSON_H
#define ASSAY_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Parses one document of at most 1 MiB and 64 levels; duplicate keys, NUL, bad UTF-8 and trailing text are refused with
 * line and column.  `what` names the document in the message ("request body", a path).  NULL on failure: ERR_DATA for a
 * syntax error (err_json_syntax), ERR_LIMIT for too deep, too big or too many values.  Any kind of value may be at the top. */
MUST_USE json_t *json_parse(struct str text, const char *what, struct err *err);

/* As json_parse() for files that Python's json module wrote: a leading BOM is skipped and bare NaN, Infinity and -Infinity
 * outside strings are read as null (trainer_state.json has them). At most 64 MiB and 64 levels. */
MUST_USE json_t *json_parse_python(struct str text, const char *what, struct err *err);

/* As json_parse() for a document of at most `max` bytes. */
MUST_USE json_t *json_parse_max(struct str text, const char *what, size_t max, struct err *err);

/* As json_parse() for what another process says: at most LIMIT_FRAME bytes and LIMIT_FRAME_VALUES values. */
MUST_USE json_t *json_parse_frame(struct str text, struct err *err);

/* Appends compact JSON; real numbers in the shortest form that reads back as the same double. */
void json_write(struct buf *out, const json_t *value);
/* The same as a text in the arena; takes `value`. */
const char *json_text_of(struct arena *a, json_t *value);
/* Appends `text` as a JSON string with its quotes; invalid UTF-8 and NUL become U+FFFD. */
void json_write_string(struct buf *out, struct str text);

/* Members of an object, with a default where absent or null.  A wrong type sets `err` (ERR_INVALID, field named) once and
 * returns the default; check err->code after reading all. `err` must not be NULL and starts zeroed. */
const char *json_get_text(const json_t *obj, const char *key, const char *fallback, struct err *err); /* borrowed */
int64_t json_get_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t fallback, struct err *err);
/* Integers are numbers too. */
double json_get_number(const json_t *obj, const char *key, double min, double max, double fallback, struct err *err);
/* true and false only; 0 and 1 are wrong. */
bool json_get_bool(const json_t *obj, const char *key, bool fallback, struct err *err);
json_t *json_get_array(const json_t *obj, const char *key, struct err *err);  /* borrowed, NULL if absent */
json_t *json_get_object(const json_t *obj, const char *key, struct err *err); /* borrowed, NULL if absent */

/* json_string() that replaces invalid UTF-8 and NUL by U+FFFD instead of failing. */
json_t *json_text(struct str text);

#endif
