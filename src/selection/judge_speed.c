/* SPDX-License-Identifier: Apache-2.0 */
#include "selection/judge_speed.h"

#include <math.h>

#include "base/json.h"
#include "judge/exam.h"

#define LOOK_BACK 100 /* automatic validations that are looked at */
#define CALLS_MIN 20  /* fewer say little: what its start took is spread over them */

/* What a call took, of all in exam and pairs; NAN where there were too few to tell. */
static double speed(const struct selection_row *row)
{
	struct err ignored = { 0 };
	json_t *steps = json_parse(str_of(row->steps), "steps", &ignored), *step;
	double seconds = 0, n_calls = 0;
	size_t i;

	json_array_foreach(steps, i, step) {
		double n = json_number_value(json_object_get(step, "calls"));
		n_calls += n;
		seconds += n > 0 ? json_number_value(json_object_get(step, "seconds")) : 0;
	}
	json_decref(steps);
	return n_calls >= CALLS_MIN && seconds > 0 ? seconds / n_calls : NAN;
}

/* Probes of its exam; 0: it had none. */
static size_t count_probes(const struct selection_row *row)
{
	struct err ignored = { 0 };
	json_t *result = json_parse(str_of(row->result), "result", &ignored);
	const json_t *kinds = json_object_get(json_object_get(json_object_get(result, "judge"), "exam"), "kinds"), *kind;
	json_int_t sum = 0;
	size_t i;

	json_array_foreach(kinds, i, kind)
		sum += json_integer_value(json_object_get(kind, "asked"));
	json_decref(result);
	return sum > 0 ? (size_t)sum : 0;
}

enum err_code judge_speed(struct db *db, struct arena *a, int64_t judge_id, double *seconds, size_t *n_calls, struct err *err)
{
	struct selection_row *rows;
	size_t n = 0;

	*seconds = NAN;
	*n_calls = 2 * (PROBES_MAX + EXAM_REPEATS);
	if (selection_store_list(db, a, 0, 0, LOOK_BACK, &rows, &n, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < n && isnan(*seconds); i++) {
		if (rows[i].judge_model_id != judge_id)
			continue;
		*seconds = speed(&rows[i]);
		if (!isnan(*seconds) && count_probes(&rows[i]) > 0)
			*n_calls = 2 * (count_probes(&rows[i]) + EXAM_REPEATS);
	}
	return ERR_OK;
}
