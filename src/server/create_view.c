/* SPDX-License-Identifier: Apache-2.0 */
#include "server/create_view.h"

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "deploy/creation.h"
#include "deploy/parity.h"
#include "report/proof_text.h"
#include "server/model_name.h"

#define SENTENCE_MAX (8 * KIB)

/* --- reading --- */

enum err_code creation_complete(struct db *db, struct arena *a, const struct model_list *list, struct creation_whole *out,
				struct err *err)
{
	struct model_row model;
	struct err gone = { 0 };

	out->label = "";
	out->epoch = NAN;
	if (model_store_get(db, a, out->row.source_model_id, &model, &gone) == ERR_OK) {
		out->label = model_column_name(a, list, &model);
		out->epoch = model.model.epoch;
	}
	if (!out->row.artifact_id || artifact_store_get(db, a, out->row.artifact_id, &out->artifact, err) != ERR_OK)
		return err->code;
	out->is_there = fs_exists(out->artifact.path);
	return ERR_OK;
}

enum err_code creation_load(struct db *db, struct arena *a, int64_t id, struct creation_whole *out, struct err *err)
{
	struct model_list list;

	*out = (struct creation_whole){ 0 };
	if (creation_store_get(db, a, id, &out->row, err) != ERR_OK || model_store_list(db, a, &list, err) != ERR_OK)
		return err->code;
	return creation_complete(db, a, &list, out, err);
}

/* --- proof --- */

static void view_advice(struct buf *b, enum lang lang, const json_t *proof)
{
	struct buf text = BUF_INIT(SENTENCE_MAX);

	proof_advice(&text, lang, proof);
	json_str(b, "advice", buf_str(&text));
	buf_release(&text);
}

static void view_proof(struct buf *b, enum lang lang, const char *text)
{
	struct err err = { 0 };
	json_t *proof = *text ? json_parse(str_of(text), "proof", &err) : NULL;

	if (!json_is_object(proof)) {
		json_decref(proof);
		json_raw(b, "proof", "null");
		return;
	}
	const char *name;
	json_t *value;
	json_open(b, "proof", '{');
	json_object_foreach(proof, name, value) {
		json_raw(b, name, "");
		json_write(b, value);
	}
	view_advice(b, lang, proof);
	json_close(b, '}');
	json_decref(proof);
}

/* --- whole things --- */

void view_artifact(struct buf *b, const char *name, enum lang lang, const struct artifact_row *row, bool is_there)
{
	json_open(b, name, '{');
	json_int(b, "id", row->id);
	json_int(b, "model_id", row->model_id);
	json_cstr(b, "file_name", fs_basename(row->path));
	json_cstr(b, "path", row->path);
	json_flag(b, "is_there", is_there);
	json_cstr(b, "format", row->format);
	json_int(b, "size_bytes", row->size_bytes);
	json_cstr(b, "sha256", row->sha256);
	json_cstr(b, "template_hash", row->template_hash);
	json_int(b, "created_ms", row->created_ms);
	json_raw(b, "origin", row->origin);
	json_raw(b, "settings", row->settings);
	view_proof(b, lang, row->proof);
	json_close(b, '}');
}

static void view_params(struct buf *b, const char *text)
{
	struct creation_params params;
	struct err err = { 0 };
	struct arena *a = arena_new();

	if (creation_params_parse(a, text, &params, &err) == ERR_OK) {
		json_cstr(b, "format", params.format);
		json_flag(b, "imatrix", params.imatrix);
		json_flag(b, "prove", params.prove);
	}
	arena_free(a);
}

/* As stored, but for the comparison with Ollama, whose explanation is in the reader's language. */
static void view_result(struct buf *b, enum lang lang, const char *text)
{
	struct err err = { 0 };
	json_t *result = json_parse(str_of(text), "result", &err);
	const char *name;
	json_t *value;

	json_open(b, "result", '{');
	json_object_foreach(result, name, value) {
		struct buf part = BUF_INIT(LIMIT_JSON_BODY);
		json_write(&part, value);
		json_raw(b, name, "");
		if (!strcmp(name, "parity"))
			parity_view(b, lang, buf_text(&part));
		else if (!strcmp(name, "proof_problem"))
			view_stored_problem(b, NULL, lang, value);
		else
			buf_add_str(b, buf_str(&part));
		buf_release(&part);
	}
	json_close(b, '}');
	json_decref(result);
}

void view_creation(struct buf *b, const char *name, enum lang lang, const struct creation_whole *c, struct str steps)
{
	const struct creation_row *row = &c->row;
	bool live = steps.ptr && row->state == CREATION_WAITING && steps.len > 2;

	json_open(b, name, '{');
	json_int(b, "id", row->id);
	json_cstr(b, "state", creation_state_name(live ? CREATION_RUNNING : row->state));
	json_cstr(b, "target", row->target);
	json_cstr(b, "name", row->name);
	view_params(b, row->params);
	json_int(b, "model_id", row->source_model_id);
	json_cstr(b, "label", c->label);
	json_num(b, "epoch", c->epoch);
	json_id(b, "run_id", row->run_id);
	json_id(b, "column_id", row->column_id);
	json_raw(b, "steps", steps.ptr ? steps.ptr : row->steps);
	if (c->artifact.id)
		view_artifact(b, "artifact", lang, &c->artifact, c->is_there);
	else
		json_raw(b, "artifact", "null");
	view_result(b, lang, row->result);
	if (row->problem.code != ERR_OK)
		view_problem(b, "problem", lang, &row->problem);
	else
		json_raw(b, "problem", "null");
	json_int(b, "created_ms", row->created_ms);
	json_int(b, "finished_ms", row->finished_ms);
	json_close(b, '}');
}
