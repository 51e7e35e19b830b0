/* SPDX-License-Identifier: Apache-2.0 */
#include "store/chat_store.h"

#include "base/clock.h"
#include "store/sql.h"

#define CHAT_FIELDS \
	"c.id, c.workspace_id, c.title, c.head_id, c.created_ms, c.updated_ms," \
	" (SELECT count(*) FROM message m WHERE m.chat_id = c.id)"

#define MESSAGE_FIELDS \
	"m.id, m.chat_id, m.parent_id, m.role = 'assistant', m.state, m.finish, m.text, m.thinking, m.n_prompt, m.n_reused," \
	" m.n_generated, m.n_left_out, m.prompt_us, m.total_us, m.vote, m.citations, m.problem, m.created_ms," \
	" (SELECT group_concat(id) FROM (SELECT s.id FROM message s WHERE s.chat_id = m.chat_id AND" \
	" s.parent_id = m.parent_id ORDER BY s.id))"

const char *message_state_name(enum message_state s)
{
	static const char *const names[] = { "done", "streaming", "stopped", "failed" };
	return names[s];
}

static void row_chat(const struct query *q, struct arena *a, struct chat_row *out)
{
	*out = (struct chat_row){
		.id = row_int(q, 0),
		.workspace_id = row_int(q, 1),
		.title = row_text(q, a, 2),
		.head_id = row_int(q, 3),
		.created_ms = row_int(q, 4),
		.updated_ms = row_int(q, 5),
		.n_messages = row_int(q, 6),
	};
}

static void row_message(const struct query *q, struct arena *a, struct message_row *out)
{
	*out = (struct message_row){
		.id = row_int(q, 0),
		.chat_id = row_int(q, 1),
		.parent_id = row_int(q, 2),
		.is_answer = row_int(q, 3) != 0,
		.state = (enum message_state)row_int(q, 4),
		.finish = (enum finish_reason)row_int(q, 5),
		.text = row_text(q, a, 6),
		.thinking = row_text(q, a, 7),
		.n_prompt = row_int(q, 8),
		.n_reused = row_int(q, 9),
		.n_generated = row_int(q, 10),
		.n_left_out = row_int(q, 11),
		.prompt_us = row_int(q, 12),
		.total_us = row_int(q, 13),
		.vote = row_int(q, 14),
		.citations = row_text(q, a, 15),
		.created_ms = row_int(q, 17),
		.siblings = row_text(q, a, 18),
	};
	err_from_text(&out->problem, row_peek(q, 16));
}

/* --- reading --- */

enum err_code chat_store_list(struct db *db, struct arena *a, int64_t workspace_id, struct chat_row **rows, size_t *n,
			      struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT " CHAT_FIELDS " FROM chat c WHERE c.workspace_id = ?1"
				     " ORDER BY c.updated_ms DESC, c.id DESC",
				     "i", workspace_id);
	while (query_next(&q))
		row_chat(&q, a, LIST_ADD(a, *rows, *n, cap));
	return query_end(&q);
}

enum err_code chat_store_get(struct db *db, struct arena *a, int64_t id, struct chat_row *out, struct err *err)
{
	*out = (struct chat_row){ 0 };
	struct query q = query_start(db, err, "SELECT " CHAT_FIELDS " FROM chat c WHERE c.id = ?1", "i", id);
	if (query_next(&q))
		row_chat(&q, a, out);
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !out->id)
		code = err_set(err, ERR_NOT_FOUND, "err_chat_not_found", "id=%lld", (long long)id);
	return code;
}

enum err_code chat_store_branch(struct db *db, struct arena *a, int64_t chat_id, int64_t head_id, struct message_row **rows,
				size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	if (!head_id)
		return ERR_OK;
	struct query q = query_start(
		db, err,
		"WITH RECURSIVE up(id, parent_id, depth) AS ("
		" SELECT id, parent_id, 0 FROM message WHERE id = ?2 AND chat_id = ?1"
		" UNION ALL SELECT p.id, p.parent_id, depth + 1 FROM message p JOIN up ON p.id = up.parent_id"
		" WHERE depth < ?3)"
		"SELECT " MESSAGE_FIELDS " FROM up JOIN message m ON m.id = up.id ORDER BY up.depth DESC",
		"iii", chat_id, head_id, (int64_t)CHAT_BRANCH_MAX);
	while (query_next(&q))
		row_message(&q, a, LIST_ADD(a, *rows, *n, cap));
	enum err_code code = query_end(&q);
	if (code == ERR_OK && *n == 0)
		code = err_set(err, ERR_NOT_FOUND, "err_message_not_found", "id=%lld", (long long)head_id);
	return code;
}

enum err_code message_store_get(struct db *db, struct arena *a, int64_t id, struct message_row *out, struct err *err)
{
	*out = (struct message_row){ 0 };
	struct query q = query_start(db, err, "SELECT " MESSAGE_FIELDS " FROM message m WHERE m.id = ?1", "i", id);
	if (query_next(&q))
		row_message(&q, a, out);
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !out->id)
		code = err_set(err, ERR_NOT_FOUND, "err_message_not_found", "id=%lld", (long long)id);
	return code;
}

enum err_code chat_store_is_busy(struct db *db, int64_t id, bool *busy, struct err *err)
{
	int64_t n = 0;

	enum err_code code = db_number(db, err, &n, 0, "SELECT count(*) FROM message WHERE chat_id = ?1 AND state = ?2", "ib",
				       id, MESSAGE_STREAMING);
	*busy = n > 0;
	return code;
}

/* --- chats --- */

enum err_code chat_store_add(struct db *db, struct chat_row *row, struct err *err)
{
	int64_t n = 0;

	enum err_code code = db_check_space(db, err);
	if (code == ERR_OK)
		code = db_number(db, err, &n, 0, "SELECT count(*) FROM workspace WHERE id = ?1", "i", row->workspace_id);
	if (code == ERR_OK && n == 0)
		code = err_set(err, ERR_NOT_FOUND, "err_workspace_not_found", "id=%lld", (long long)row->workspace_id);
	row->created_ms = row->updated_ms = clock_wall_ms();
	if (code == ERR_OK)
		code = db_run(db, err, "INSERT INTO chat(workspace_id, title, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?3)",
			      "iti", row->workspace_id, row->title, row->created_ms);
	row->id = db_last_id(db);
	return code;
}

enum err_code chat_store_rename(struct db *db, int64_t id, const char *title, struct err *err)
{
	return db_run_one(db, err, "err_chat_not_found", id, "UPDATE chat SET title = ?2 WHERE id = ?1", "it", id, title);
}

enum err_code chat_store_show(struct db *db, int64_t id, int64_t message_id, struct err *err)
{
	int64_t n = 0, next = message_id;

	enum err_code code = db_number(db, err, &n, 0, "SELECT count(*) FROM message WHERE id = ?1 AND chat_id = ?2", "ii",
				       message_id, id);
	if (code == ERR_OK && n == 0)
		code = err_set(err, ERR_NOT_FOUND, "err_message_not_found", "id=%lld", (long long)message_id);
	while (code == ERR_OK && next) {
		message_id = next;
		code = db_number(db, err, &next, 0,
				 "SELECT id FROM message WHERE chat_id = ?1 AND parent_id = ?2 ORDER BY id DESC LIMIT 1", "ii",
				 id, message_id);
	}
	if (code != ERR_OK)
		return code;
	return db_run_one(db, err, "err_chat_not_found", id, "UPDATE chat SET head_id = ?2 WHERE id = ?1", "ii", id,
			  message_id);
}

enum err_code chat_store_remove(struct db *db, int64_t id, struct err *err)
{
	return db_run_one(db, err, "err_chat_not_found", id, "DELETE FROM chat WHERE id = ?1", "i", id);
}

/* --- messages --- */

enum err_code message_store_add(struct db *db, struct message_row *row, struct err *err)
{
	enum err_code code = db_check_space(db, err);

	row->created_ms = clock_wall_ms();
	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT INTO message(chat_id, parent_id, role, state, text, created_ms)"
			      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			      "iitbti", row->chat_id, row->parent_id, row->is_answer ? "assistant" : "user", row->state,
			      row->text, row->created_ms);
	row->id = db_last_id(db);
	if (code == ERR_OK)
		code = db_run_one(db, err, "err_chat_not_found", row->chat_id,
				  "UPDATE chat SET head_id = ?2, updated_ms = ?3 WHERE id = ?1", "iii", row->chat_id, row->id,
				  row->created_ms);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "UPDATE workspace SET updated_ms = ?2 WHERE id = (SELECT workspace_id FROM chat WHERE id = ?1)",
			      "ii", row->chat_id, row->created_ms);
	return code;
}

enum err_code message_store_keep(struct db *db, int64_t id, const char *text, const char *thinking, struct err *err)
{
	return db_run(db, err, "UPDATE message SET text = ?2, thinking = ?4 WHERE id = ?1 AND state = ?3", "itbt", id, text,
		      MESSAGE_STREAMING, thinking);
}

enum err_code message_store_finish(struct db *db, const struct message_row *row, struct err *err)
{
	char problem[ERR_TEXT_SIZE];

	return db_run(db, err,
		      "UPDATE message SET state = ?2, finish = ?3, n_prompt = ?4, n_reused = ?5, n_generated = ?6,"
		      " n_left_out = ?7, prompt_us = ?8, total_us = ?9, citations = ?10, problem = ?11, text = ?12,"
		      " thinking = ?13 WHERE id = ?1",
		      "ibbiiiiiitttt", row->id, row->state, row->finish, row->n_prompt, row->n_reused, row->n_generated,
		      row->n_left_out, row->prompt_us, row->total_us, row->citations, err_to_text(&row->problem, problem),
		      row->text, row->thinking);
}

enum err_code message_store_vote(struct db *db, int64_t id, int64_t vote, struct err *err)
{
	int64_t is_answer = -1;

	enum err_code code =
		db_number(db, err, &is_answer, -1,
			  "SELECT role = 'assistant' AND state <> ?2 FROM message WHERE id = ?1", "ib", id, MESSAGE_STREAMING);
	if (code == ERR_OK && is_answer == 0)
		return err_set(err, ERR_CONFLICT, "err_vote_no_answer", NULL);
	if (code != ERR_OK)
		return code;
	return db_run_one(db, err, "err_message_not_found", id, "UPDATE message SET vote = ?2 WHERE id = ?1", "ii", id, vote);
}

enum err_code message_store_recover(struct db *db, struct err *err)
{
	return db_run(db, err, "UPDATE message SET state = ?1 WHERE state = ?2", "bb", MESSAGE_STOPPED, MESSAGE_STREAMING);
}
