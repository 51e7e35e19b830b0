/* SPDX-License-Identifier: Apache-2.0 */
#include "server/match_answers.h"

#include <string.h>

#include "base/limits.h"
#include "judge/match.h"
#include "server/upload.h"
#include "store/match_store.h"
#include "store/question_store.h"

#define ANSWER_BYTES (16 * KIB) /* of question and reference; longer ones take long and say no more */
#define LOOKED_AT 2000          /* questions of a set or validation */

bool match_answers_is_upload(const char *name)
{
	return strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32;
}

static bool is_usable(const struct question *q)
{
	return q->turn == 0 && q->reference.len > 0 && q->text.len > 0 && q->text.len + q->reference.len + q->system.len <= ANSWER_BYTES;
}

/* As many as are asked, spread over all that can be used. */
static void choose(struct arena *a, const struct question *all, size_t n, struct match_answers *out)
{
	size_t n_usable = 0, seen = 0;
	struct run_question *list = arena_array(a, MATCH_ANSWERS_MAX, sizeof *list);

	for (size_t i = 0; i < n; i++)
		n_usable += is_usable(&all[i]);
	size_t wanted = n_usable < MATCH_ANSWERS_MAX ? n_usable : MATCH_ANSWERS_MAX;
	out->n_questions = 0;
	for (size_t i = 0; i < n && out->n_questions < wanted; i++)
		if (is_usable(&all[i]) && seen++ * wanted / n_usable == out->n_questions)
			list[out->n_questions++] = (struct run_question){ .q = all[i] };
	out->questions = list;
}

enum err_code match_answers_read(struct request *r, struct arena *a, struct match_answers *out)
{
	struct err *err = request_err(r);
	struct buf text = BUF_INIT(LIMIT_UPLOAD);
	struct question_import found;
	const char *name = "";
	enum err_code code = upload_read(store_data_dir(r->app->store), out->upload, a, &text, &name, err);
	struct question_options options = { name, out->question_field, out->reference_field, 0 };

	if (code == ERR_OK)
		code = questions_read(a, buf_str(&text), &options, &found, request_cancelled(r), err);
	buf_release(&text);
	if (code != ERR_OK)
		return code;
	choose(a, found.questions, found.n_questions, out);
	out->source = name;
	if (out->n_questions == 0)
		return err_set(err, ERR_INVALID, "err_match_file_answers", "field=upload|name=%s", name);
	upload_remove(store_data_dir(r->app->store), out->upload);
	return ERR_OK;
}

static enum err_code of_run(struct db *db, struct arena *a, int64_t run_id, struct match_answers *out, struct err *err)
{
	struct run_row run;
	struct column_row *columns;
	struct run_question *rows;
	size_t n_columns, n = 0;

	if (run_store_get(db, a, run_id, &run, &columns, &n_columns, err) != ERR_OK || n_columns == 0 ||
	    run_store_column_cells(db, a, columns[0].id, 0, LOOKED_AT, &rows, &n, err) != ERR_OK)
		return err->code;
	struct question *all = arena_array(a, n + 1, sizeof *all);
	for (size_t i = 0; i < n; i++)
		all[i] = rows[i].q;
	choose(a, all, n, out);
	out->source = run.name;
	return ERR_OK;
}

static enum err_code of_set(struct db *db, struct arena *a, int64_t set_id, struct match_answers *out, struct err *err)
{
	struct question *all;
	struct question_set_row *sets;
	size_t n = 0, n_sets = 0;
	int64_t total;

	if (question_set_read(db, a, set_id, 0, LOOKED_AT, &all, &n, &total, err) != ERR_OK ||
	    question_set_list(db, a, &sets, &n_sets, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < n_sets; i++)
		if (sets[i].id == set_id)
			out->source = sets[i].name;
	choose(a, all, n, out);
	return ERR_OK;
}

enum err_code match_answers_load(struct db *db, struct arena *a, int64_t family_id, struct match_answers *out, struct err *err)
{
	int64_t run_id, set_id;

	if (out->n_questions > 0)
		return ERR_OK;
	out->source = "";
	if (match_store_answers(db, family_id, &run_id, &set_id, err) != ERR_OK)
		return err->code;
	if (run_id && of_run(db, a, run_id, out, err) != ERR_OK)
		return err->code;
	if (out->n_questions == 0 && set_id && of_set(db, a, set_id, out, err) != ERR_OK)
		return err->code;
	return out->n_questions > 0 ? ERR_OK : err_set(err, ERR_INVALID, "err_match_no_answers", "field=upload");
}
