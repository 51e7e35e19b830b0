/* SPDX-License-Identifier: Apache-2.0
 *
 * api_documents - documents of a workspace: list, add an upload, read, remove, search. */
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "model/document.h"
#include "model/encoding.h"
#include "model/terms.h"
#include "server/audit.h"
#include "server/chat_view.h"
#include "server/json_view.h"
#include "server/routes.h"
#include "server/upload.h"

#define TERMS_MAX (4 * MIB)
#define QUERY_MAX 2000

/* --- list, read, remove --- */

static void list_documents(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct workspace_row workspace;
	struct document_row *rows;
	size_t n;
	if (workspace_store_get(db, r->arena, r->id, &workspace, err) != ERR_OK ||
	    document_store_list(db, r->arena, r->id, &rows, &n, err) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "documents", '[');
	for (size_t i = 0; i < n; i++)
		view_document(&r->out, &rows[i]);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

void api_list_documents(struct request *r)
{
	request_defer(r, LANE_READ, list_documents, NULL);
}

static void read_document(struct request *r, struct db *db)
{
	struct document_row row;
	struct passage_row *passages;
	size_t n;
	if (document_store_get(db, r->arena, r->id, &row, &passages, &n, request_err(r)) == ERR_OK)
		view_document_text(&r->out, &row, passages, n);
}

void api_get_document(struct request *r)
{
	request_defer(r, LANE_READ, read_document, NULL);
}

static void remove_document(struct request *r, struct db *db)
{
	if (document_store_remove(db, r->id, request_err(r)) == ERR_OK)
		audit_note(r, db, "remove_document", NULL);
}

static void document_removed(struct request *r)
{
	app_publish(r->app, "workspaces", NULL);
	request_reply(r, 204);
}

void api_remove_document(struct request *r)
{
	request_defer(r, LANE_WRITE, remove_document, document_removed);
}

/* --- add --- */

struct adding {
	const char *upload, *name;
	struct document_row row;
	struct passage_row *passages;
	size_t n;
	char sha256[HASH_HEX_SIZE];
};

static void cut(struct request *r, struct adding *add, enum document_format format)
{
	struct passage *cuts = document_split(r->arena, add->row.text, format, &add->n);
	struct buf terms = BUF_INIT(TERMS_MAX);
	add->passages = arena_array(r->arena, add->n + 1, sizeof *add->passages);
	for (size_t i = 0; i < add->n; i++) {
		const struct passage *p = &cuts[i];
		buf_clear(&terms);
		terms_add(&terms, p->heading);
		terms_add(&terms, (struct str){ add->row.text.ptr + p->start, p->length });
		add->passages[i] = (struct passage_row){ .start = (int64_t)p->start, .length = (int64_t)p->length,
							 .heading = arena_strndup(r->arena, p->heading.ptr ? p->heading.ptr : "", p->heading.len),
							 .terms = arena_strdup(r->arena, buf_text(&terms)) };
	}
	buf_release(&terms);
}

/* Decoded, as plain text, cut; nothing is stored yet. */
static enum err_code take_text(struct request *r, struct adding *add, struct str bytes)
{
	struct err *err = request_err(r);
	struct str decoded;
	const char *encoding;
	struct buf text = BUF_INIT(LIMIT_DOCUMENT_BYTES);
	enum err_code code = encoding_decode(r->arena, bytes, &decoded, &encoding, request_cancelled(r), err);
	if (code == ERR_DATA)
		return err_set(err, ERR_DATA, "err_document_binary", "name=%s", add->name);
	if (code != ERR_OK)
		return code;
	enum document_format format = document_format_of(add->name, decoded);
	document_text(&text, decoded, format);
	if (text.overflow)
		err_set(err, ERR_LIMIT, "err_document_size", "limit=%llu|found=%zu", LIMIT_DOCUMENT_BYTES, decoded.len);
	else if (!str_trim(buf_str(&text)).len)
		err_set(err, ERR_DATA, "err_document_empty", "name=%s", add->name);
	hash_bytes_hex(bytes.ptr, bytes.len, add->sha256);
	add->row = (struct document_row){ .workspace_id = r->id, .name = add->name, .format = document_format_name(format),
					  .sha256 = add->sha256, .size_bytes = (int64_t)bytes.len };
	add->row.text = (struct str){ arena_strndup(r->arena, text.len ? text.ptr : "", text.len), text.len };
	buf_release(&text);
	if (err->code == ERR_OK)
		cut(r, add, format);
	return err->code;
}

static void read_file(struct request *r, struct db *db)
{
	struct adding *add = r->state;
	struct err *err = request_err(r);
	struct buf bytes = BUF_INIT(LIMIT_UPLOAD);
	const char *name;
	(void)db;
	if (upload_read(store_data_dir(r->app->store), add->upload, r->arena, &bytes, &name, err) == ERR_OK) {
		if (!add->name)
			add->name = *name ? name : "document.txt";
		err_kept(take_text(r, add, buf_str(&bytes)));
	}
	buf_release(&bytes);
}

static void store_document(struct request *r, struct db *db)
{
	struct adding *add = r->state;
	if (document_store_add(db, &add->row, add->passages, add->n, request_err(r)) == ERR_OK)
		view_document(&r->out, &add->row);
}

static void drop_upload(struct request *r, struct db *db)
{
	const struct adding *add = r->state;
	(void)db;
	upload_remove(store_data_dir(r->app->store), add->upload);
}

static void document_stored(struct request *r)
{
	app_publish(r->app, "workspaces", NULL);
	request_defer(r, LANE_WORK, drop_upload, NULL); /* after the commit: a failed one can be tried again */
}

static void file_read(struct request *r)
{
	request_defer(r, LANE_WRITE, store_document, document_stored);
}

void api_add_document(struct request *r)
{
	struct err err = { 0 };
	struct adding *add = r->state = arena_alloc(r->arena, sizeof *add);
	add->upload = json_get_text(r->json, "upload", NULL, &err);
	add->name = body_text(r->json, "name", 1, LIMIT_NAME_BYTES, NULL, &err);
	if (err.code == ERR_OK && !add->upload)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=upload");
	if (err.code == ERR_OK && (strlen(add->upload) != 32 || strspn(add->upload, "0123456789abcdef") != 32))
		err_set(&err, ERR_INVALID, "err_upload_name", "field=upload");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WORK, read_file, file_read);
}

/* --- search --- */

struct search {
	const char *query;
	int64_t limit;
};

static void search_passages(struct request *r, struct db *db)
{
	const struct search *search = r->state;
	struct err *err = request_err(r);
	struct workspace_row workspace;
	struct passage_row *rows;
	struct buf match = BUF_INIT(MIB);
	size_t n = 0;
	terms_match(&match, str_of(search->query));
	if (workspace_store_get(db, r->arena, r->id, &workspace, err) == ERR_OK &&
	    document_store_search(db, r->arena, r->id, buf_text(&match), search->limit, &rows, &n, err) == ERR_OK) {
		json_open(&r->out, NULL, '{');
		json_open(&r->out, "passages", '[');
		for (size_t i = 0; i < n; i++)
			view_citation(&r->out, NULL, &rows[i], i + 1, false);
		json_close(&r->out, ']');
		json_close(&r->out, '}');
	}
	buf_release(&match);
}

void api_search_workspace(struct request *r)
{
	struct err err = { 0 };
	struct search *search = r->state = arena_alloc(r->arena, sizeof *search);
	const char *query = request_query(r, "q");
	search->query = arena_strdup(r->arena, query ? query : "");
	search->limit = request_query_int(r, "limit", 1, LIMIT_PASSAGES, 10, &err);
	if (err.code == ERR_OK && strlen(search->query) > 4 * QUERY_MAX)
		err_set(&err, ERR_INVALID, "err_field_length", "field=q|min=0|max=%d|found=%zu", QUERY_MAX, strlen(search->query));
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, search_passages, NULL);
}
