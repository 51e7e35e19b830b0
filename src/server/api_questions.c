/* SPDX-License-Identifier: Apache-2.0
 *
 * api_questions - uploads with their preview, and question sets. */
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "server/audit.h"
#include "server/json_view.h"
#include "server/question_body.h"
#include "server/routes.h"
#include "server/upload.h"

#define PREVIEW 20
#define FIELD_MAX 200
#define FILE_NAME_MAX 255

struct import {
	const char *upload, *file_name, *name;
	const char *question_field, *reference_field;
	bool is_document; /* for a workspace: nothing is looked for in it */
	bool is_new; /* it has just come: its name is written beside it, and it goes again where it is refused */
	size_t max_preview;
	struct question_import found;
	const struct question *questions; /* of the body or of the upload */
	size_t n_questions;
	const char *format;
	struct question_set_row row;
};

/* Reads the upload into the import; `text` must live as long as its questions. */
static enum err_code read_upload(struct request *r, struct import *in)
{
	struct err *err = request_err(r);
	struct buf text = BUF_INIT(LIMIT_UPLOAD);
	const char *name;
	enum err_code code = upload_read(store_data_dir(r->app->store), in->upload, r->arena, &text, &name, err);
	if (!in->file_name)
		in->file_name = name;
	struct question_options options = { in->file_name, in->question_field, in->reference_field, in->max_preview };
	if (code == ERR_OK)
		code = questions_read(r->arena, buf_str(&text), &options, &in->found, request_cancelled(r), err);
	buf_release(&text);
	return code;
}

/* A file whose fields were read, but none looks like a question, stays: the user chooses one. */
static bool keep_for_choice(struct request *r, struct import *in)
{
	struct err *err = request_err(r);
	if (err->code != ERR_DATA || !in->found.n_fields)
		return false;
	struct question_problem *problem = arena_alloc(r->arena, sizeof *problem);
	*problem = (struct question_problem){ .line = 1, .err = *err };
	in->found.problems = problem;
	in->found.n_problems = 1;
	in->found.questions = NULL;
	in->found.n_questions = in->found.n_total = in->found.n_with_reference = in->found.n_conversations = in->found.n_turns = 0;
	memset(err, 0, sizeof *err);
	return true;
}

static enum err_code write_name(struct request *r, const struct import *in)
{
	char *path = upload_path(store_data_dir(r->app->store), in->upload);
	char *name_path = mem_printf("%s.name", path);
	enum err_code code = fs_write(name_path, in->file_name, strlen(in->file_name), request_err(r));
	mem_free(name_path);
	mem_free(path);
	return code;
}

static void run_preview(struct request *r, struct db *db)
{
	struct import *in = r->state;
	bool ok = !in->is_new || !*in->file_name || write_name(r, in) == ERR_OK;
	(void)db;
	if (ok && in->is_document)
		in->found = (struct question_import){ .format = "document", .encoding = "" };
	else if (ok)
		ok = read_upload(r, in) == ERR_OK || keep_for_choice(r, in);
	if (!ok && in->is_new)
		upload_remove(store_data_dir(r->app->store), in->upload); /* nobody will ask for it */
	if (!ok)
		return;
	if (in->found.n_questions > PREVIEW)
		in->found.n_questions = PREVIEW;
	view_import(&r->out, r->lang, in->upload, in->file_name, &in->found);
}

static bool query_text(struct request *r, const char *name, size_t max, const char **out, struct err *err)
{
	*out = request_query(r, name);
	if (*out && strlen(*out) > 4 * max && err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_length", "field=%s|min=0|max=%zu|found=%zu", name, max, strlen(*out));
	return err->code == ERR_OK;
}

static void start_preview(struct request *r, struct import *in, const struct err *err)
{
	r->state = in;
	in->upload = arena_strndup(r->arena, r->upload, 32);
	in->max_preview = PREVIEW;
	if (err->code != ERR_OK && in->is_new)
		upload_remove(store_data_dir(r->app->store), in->upload);
	if (err->code != ERR_OK)
		request_fail(r, err);
	else
		request_defer(r, LANE_WORK, run_preview, NULL);
}

void api_upload(struct request *r)
{
	struct err err = { 0 };
	struct import *in = arena_alloc(r->arena, sizeof *in);
	const char *name;
	if (query_text(r, "name", FILE_NAME_MAX, &name, &err) && name) {
		char *copy = arena_strdup(r->arena, name); /* only ever a label: no part of it becomes a path */
		copy[utf8_clean(copy, strlen(copy), 0)] = 0;
		name = fs_basename(copy);
	}
	in->file_name = name ? name : "";
	in->is_new = true;
	const char *kind = request_query(r, "kind");
	in->is_document = kind && !strcmp(kind, "document");
	if (err.code == ERR_OK && kind && !in->is_document && strcmp(kind, "questions") != 0)
		err_set(&err, ERR_INVALID, "err_field_choice", "field=kind|choices=questions, document");
	if (err.code == ERR_OK && !r->received)
		err_set(&err, ERR_DATA, *in->file_name ? "err_upload_empty" : "err_upload_empty_nameless", "name=%s", in->file_name);
	start_preview(r, in, &err);
}

void api_preview_upload(struct request *r)
{
	struct err err = { 0 };
	struct import *in = arena_alloc(r->arena, sizeof *in);
	(void)query_text(r, "question_field", FIELD_MAX, &in->question_field, &err);
	(void)query_text(r, "reference_field", FIELD_MAX, &in->reference_field, &err);
	if (in->question_field && !*in->question_field)
		in->question_field = NULL;
	start_preview(r, in, &err);
}

/* --- sets --- */

static void list_sets(struct request *r, struct db *db)
{
	struct question_set_row *rows;
	size_t n;
	if (question_set_list(db, r->arena, &rows, &n, request_err(r)) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "question_sets", '[');
	for (size_t i = 0; i < n; i++)
		view_question_set(&r->out, &rows[i]);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

void api_list_question_sets(struct request *r)
{
	request_defer(r, LANE_READ, list_sets, NULL);
}

static void import_upload(struct request *r, struct db *db)
{
	struct import *in = r->state;
	(void)db;
	if (read_upload(r, in) != ERR_OK)
		return;
	in->questions = in->found.questions;
	in->n_questions = in->found.n_questions;
	in->format = in->found.format;
	if (!in->name || !*in->name)
		in->name = *in->file_name ? in->file_name : NULL;
}

static void read_body_questions(struct request *r, struct db *db)
{
	struct import *in = r->state;
	struct question *questions = NULL;
	(void)db;
	err_kept(question_body(r->arena, json_get_array(r->json, "questions", request_err(r)), &questions, &in->n_questions,
			    request_err(r)));
	in->questions = questions;
	in->format = "objects";
}

static void store_set(struct request *r, struct db *db)
{
	struct import *in = r->state;
	struct err *err = request_err(r);
	struct question_set_row *rows;
	size_t n;
	int64_t id;
	const char *name = in->name && *in->name ? in->name : question_title(r->arena, &in->questions[0]);
	if (question_set_keep(db, name, in->format, in->questions, in->n_questions, &id, err) != ERR_OK ||
	    question_set_list(db, r->arena, &rows, &n, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++)
		if (rows[i].id == id)
			view_question_set(&r->out, &rows[i]);
}

static void drop_upload(struct request *r, struct db *db)
{
	const struct import *in = r->state;
	(void)db;
	upload_remove(store_data_dir(r->app->store), in->upload);
}

static void set_stored(struct request *r)
{
	const struct import *in = r->state;
	if (in->upload)
		request_defer(r, LANE_WORK, drop_upload, NULL); /* after the commit: a failed one can be tried again */
	else
		request_reply(r, 200);
}

static void questions_ready(struct request *r)
{
	const struct import *in = r->state;
	struct err err = { 0 };
	if (in->n_questions) {
		request_defer(r, LANE_WRITE, store_set, set_stored);
		return;
	}
	err_set(&err, in->upload ? ERR_DATA : ERR_INVALID, "err_questions_none", "field=questions");
	request_fail(r, &err);
}

void api_add_question_set(struct request *r)
{
	struct err err = { 0 };
	struct import *in = r->state = arena_alloc(r->arena, sizeof *in);
	in->upload = json_get_text(r->json, "upload", NULL, &err);
	in->question_field = json_get_text(r->json, "question_field", NULL, &err);
	in->reference_field = json_get_text(r->json, "reference_field", NULL, &err);
	in->name = body_text(r->json, "name", 0, LIMIT_NAME_BYTES, NULL, &err);
	const json_t *questions = json_get_array(r->json, "questions", &err);
	if (in->question_field && !*in->question_field)
		in->question_field = NULL;
	if (err.code == ERR_OK && !in->upload == !questions)
		err_set(&err, ERR_INVALID, "err_questions_source", "field=questions");
	if (err.code == ERR_OK && in->upload && (strlen(in->upload) != 32 || strspn(in->upload, "0123456789abcdef") != 32))
		err_set(&err, ERR_INVALID, "err_upload_name", "field=upload");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WORK, in->upload ? import_upload : read_body_questions, questions_ready);
}

struct page {
	int64_t offset, limit;
	bool by_conversation;
};

static void read_set(struct request *r, struct db *db)
{
	const struct page *page = r->state;
	struct question *questions;
	size_t n;
	int64_t total, *positions = NULL;
	enum err_code code = page->by_conversation ? question_set_read_page(db, r->arena, r->id, page->offset, page->limit, &questions,
									   &positions, &n, &total, request_err(r)) :
						    question_set_read(db, r->arena, r->id, page->offset, page->limit, &questions, &n, &total,
								      request_err(r));
	if (code != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_int(&r->out, "total", total);
	json_open(&r->out, "questions", '[');
	for (size_t i = 0; i < n && code == ERR_OK; i++) {
		code = question_record_get(db, r->arena, &questions[i], &questions[i].record, request_err(r));
		view_question(&r->out, &questions[i], positions ? positions[i] : page->offset + (int64_t)i);
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

void api_get_question_set(struct request *r)
{
	struct err err = { 0 };
	struct page *page = r->state = arena_alloc(r->arena, sizeof *page);
	page->offset = request_query_int(r, "offset", 0, INT64_MAX, 0, &err);
	page->limit = request_query_int(r, "limit", 1, 1000, 100, &err);
	page->by_conversation = request_by_conversation(r, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, read_set, NULL);
}

static void remove_set(struct request *r, struct db *db)
{
	if (question_set_remove(db, r->id, request_err(r)) == ERR_OK)
		audit_note(r, db, "remove_question_set", NULL);
}

static void set_removed(struct request *r)
{
	request_reply(r, 204);
}

void api_remove_question_set(struct request *r)
{
	request_defer(r, LANE_WRITE, remove_set, set_removed);
}
