/* SPDX-License-Identifier: Apache-2.0 */
#include "selection/judge_speed.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "judge/probe.h"

#define LOOK_BACK 100 /* automatic validations that are looked at */

/* Seconds of a step that was done, 0 for one that was not. */
static double step_seconds(const json_t *steps, const char *name)
{
	size_t i;
	json_t *step;

	json_array_foreach(steps, i, step) {
		const char *its = json_string_value(json_object_get(step, "name")), *state = json_string_value(json_object_get(step, "state"));
		if (its && state && !strcmp(its, name) && !strcmp(state, "done"))
			return json_number_value(json_object_get(step, "seconds"));
	}
	return 0;
}

static double exam_speed(const struct selection_row *row, size_t *n_calls)
{
	struct err ignored = { 0 };
	json_t *result = json_parse(str_of(row->result), "result", &ignored), *steps = json_parse(str_of(row->steps), "steps", &ignored);
	json_int_t asked = json_integer_value(json_object_get(json_object_get(json_object_get(result, "judge"), "exam"), "asked"));
	double seconds = step_seconds(steps, "exam");

	json_decref(result);
	json_decref(steps);
	if (asked < 1 || seconds < 1)
		return NAN;
	*n_calls = 2 * (size_t)asked;
	return seconds / (double)*n_calls;
}

enum err_code judge_speed(struct db *db, struct arena *a, int64_t judge_id, double *seconds, size_t *n_calls, struct err *err)
{
	struct selection_row *rows;
	size_t n = 0;

	*seconds = NAN;
	*n_calls = 2 * PROBES_MAX;
	if (selection_store_list(db, a, 0, 0, LOOK_BACK, &rows, &n, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < n && isnan(*seconds); i++)
		if (rows[i].judge_model_id == judge_id)
			*seconds = exam_speed(&rows[i], n_calls);
	return ERR_OK;
}
