/* SPDX-License-Identifier: Apache-2.0 */
#include "model/trainer_state.h"

#include <math.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"

#define MAX_FILE (64 * MIB)
#define MAX_STEP INT64_C(1000000000000)

static double number_or_nan(const json_t *row, const char *key)
{
	const json_t *value = json_object_get(row, key);
	double number = json_is_number(value) ? json_number_value(value) : (double)NAN;
	return isfinite(number) ? number : (double)NAN;
}

static int64_t step_or_none(const json_t *row, const char *key)
{
	double number = number_or_nan(row, key);
	return number >= 0 && number <= (double)MAX_STEP ? (int64_t)number : -1;
}

/* A row with any loss becomes a point. */
static bool read_point(const json_t *row, const char *step_key, struct loss_point *out)
{
	out->epoch = number_or_nan(row, "epoch");
	out->step = step_or_none(row, step_key);
	out->loss = number_or_nan(row, "loss");
	out->eval_loss = number_or_nan(row, "eval_loss");
	return !isnan(out->loss) || !isnan(out->eval_loss);
}

static void read_history(struct arena *a, const json_t *history, struct trainer_state *out)
{
	size_t n = json_array_size(history), kept = 0;
	struct loss_point *points = arena_array(a, n + 1, sizeof(points[0]));
	for (size_t i = 0; i < n; i++)
		if (read_point(json_array_get(history, i), "step", &points[kept]))
			kept++;
	out->points = points;
	out->n_points = kept;
}

enum err_code trainer_state_parse(struct arena *a, struct str text, const char *what,
				  struct trainer_state *out, struct err *err)
{
	*out = (struct trainer_state){ .epoch = (double)NAN, .step = -1 };
	json_t *root = json_parse_python(text, what, err);
	if (!root)
		return ERR_DATA;
	out->epoch = number_or_nan(root, "epoch");
	if (out->epoch < 0)
		out->epoch = (double)NAN;
	out->step = step_or_none(root, "global_step");
	/* Old trainers write -1 where max_steps decides. */
	int64_t epochs = step_or_none(root, "num_train_epochs");
	out->num_train_epochs = epochs > 0 ? epochs : 0;
	read_history(a, json_object_get(root, "log_history"), out);
	json_decref(root);
	return ERR_OK;
}

enum err_code trainer_state_read(struct arena *a, const char *path, struct trainer_state *out,
				 struct err *err)
{
	struct buf text = BUF_INIT(MAX_FILE);
	*out = (struct trainer_state){ .epoch = (double)NAN, .step = -1 };
	enum err_code rc = fs_read(path, &text, err);
	if (rc == ERR_OK)
		rc = trainer_state_parse(a, buf_str(&text), path, out, err);
	buf_release(&text);
	return rc;
}

static void read_log(struct arena *a, struct str text, const char *what, struct trainer_state *out)
{
	size_t lines = 1;
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	struct loss_point *points = arena_array(a, lines, sizeof(points[0]));
	while (text.len > 0) {
		json_t *row = json_parse_python(str_split(&text, '\n'), what, NULL);
		struct loss_point *p = &points[out->n_points];
		if (json_is_object(row) && read_point(row, "current_steps", p)) {
			out->n_points++;
			out->step = p->step;
			out->epoch = p->epoch;
		}
		json_decref(row);
	}
	out->points = points;
}

enum err_code trainer_log_read(struct arena *a, const char *path, struct trainer_state *out, struct err *err)
{
	struct buf text = BUF_INIT(MAX_FILE);
	*out = (struct trainer_state){ .epoch = (double)NAN, .step = -1 };
	enum err_code rc = fs_read(path, &text, err);
	if (rc == ERR_OK)
		read_log(a, buf_str(&text), path, out);
	buf_release(&text);
	return rc;
}

void trainer_losses_at(const struct loss_point *points, size_t n, int64_t step, double *train, double *eval)
{
	*train = *eval = (double)NAN;
	for (size_t i = 0; i < n && step >= 0; i++) {
		if (points[i].step < 0 || points[i].step > step)
			continue;
		if (!isnan(points[i].loss))
			*train = points[i].loss;
		if (!isnan(points[i].eval_loss))
			*eval = points[i].eval_loss;
	}
}

double trainer_epoch_at(const struct loss_point *points, size_t n, int64_t step)
{
	for (size_t i = 0; i < n && step >= 0; i++)
		if (points[i].step == step && !isnan(points[i].epoch))
			return points[i].epoch;
	return (double)NAN;
}
