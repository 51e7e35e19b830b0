/* SPDX-License-Identifier: Apache-2.0
 *
 * golden - the cases of tests/golden/{metrics,statistics}.json, and what two numbers may differ by. */
#ifndef ASSAY_TESTS_METRIC_GOLDEN_H
#define ASSAY_TESTS_METRIC_GOLDEN_H

#include <jansson.h>
#include <math.h>

#include "metric/text.h"
#include "support/check.h"

#define GOLDEN_REFERENCES_MAX 4

struct golden_case {
	const char *id;
	struct text *answer;
	struct text *references[GOLDEN_REFERENCES_MAX];
	size_t n_references;
	const json_t *expected, *whole;
};

typedef void golden_fn(const struct golden_case *c, void *context);

static inline json_t *golden_load(const char *name)
{
	char path[512];
	json_error_t error;

	snprintf(path, sizeof path, "%s/tests/golden/%s", TEST_ROOT, name);
	json_t *file = json_load_file(path, JSON_ALLOW_NUL, &error);
	if (!file)
		fail_msg("%s: %s", path, error.text);
	return file;
}

static inline struct str golden_text(const json_t *value)
{
	return (struct str){ json_string_value(value), json_string_length(value) };
}

/* Calls `check` for each of the 131 metric cases, with its texts prepared. */
static inline void golden_each(golden_fn *check, void *context)
{
	json_t *file = golden_load("metrics.json"), *entry;
	struct text_space *space = text_space_new();
	size_t at, n = 0;

	json_array_foreach(json_object_get(file, "cases"), at, entry) {
		struct golden_case c = { .id = json_string_value(json_object_get(entry, "id")),
					 .answer = text_new(space, golden_text(json_object_get(entry, "hypothesis"))),
					 .expected = json_object_get(entry, "expected"),
					 .whole = entry };
		const json_t *references = json_object_get(entry, "references");
		for (size_t r = 0; r < json_array_size(references); r++)
			c.references[c.n_references++] = text_new(space, golden_text(json_array_get(references, r)));
		assert_true(c.n_references >= 1 && c.n_references <= GOLDEN_REFERENCES_MAX);
		check(&c, context);
		text_space_clear(space);
		n++;
	}
	assert_int_equal(n, 131);
	text_space_free(space);
	json_decref(file);
}

/* Within 1e-9, absolute below 1 and relative above. */
static inline bool golden_near(double seen, double wanted, double tolerance)
{
	double size = fabs(wanted) > 1 ? fabs(wanted) : 1;

	return fabs(seen - wanted) <= tolerance * size;
}

#define assert_golden(where, seen, wanted, tolerance)                                                        \
	do {                                                                                                 \
		double seen_ = (seen), wanted_ = (wanted);                                                   \
		if (!golden_near(seen_, wanted_, (tolerance)))                                               \
			fail_msg("%s: %s is %.17g, expected %.17g", (where), #seen, seen_, wanted_);         \
	} while (0)

/* A number of the case's expected scores. */
static inline double golden_expected(const struct golden_case *c, const char *key)
{
	const json_t *value = json_object_get(c->expected, key);

	if (!json_is_number(value))
		fail_msg("%s has no %s", c->id, key);
	return json_number_value(value);
}

#endif
