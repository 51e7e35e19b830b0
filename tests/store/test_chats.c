/* SPDX-License-Identifier: Apache-2.0
 *
 * Workspaces with their chats, and messages as a tree: branches, the newest end, what a dead server was writing. */
#include "store_test.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "store/api_key_store.h"
#include "store/chat_store.h"
#include "store/workspace_store.h"

static struct db *db;
static struct arena *arena;
static struct workspace_row workspace;

static int setup(void **state)
{
	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	assert_ok(db_exec(db, "INSERT INTO model(id, path, name, found_name, kind, adapter_format, size_bytes, architecture,"
			      " file_type, n_params, n_layer, n_ctx_train, kv_bytes_per_token, has_template, step, base_name,"
			      " rank, created_ms) VALUES (1, '/base', 'base', 'base', 0, 0, 1, '', '', 0, 0, 0, 0, 1, -1, '', 0, 0)",
			  err));
	arena = arena_new();
	workspace = (struct workspace_row){ .name = "w", .model_id = 1, .params = workspace_params_default(), .n_passages = 4 };
	assert_ok(workspace_store_add(db, &workspace, err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	db_close(db);
	return 0;
}

static struct chat_row new_chat(void)
{
	struct chat_row chat = { .workspace_id = workspace.id, .title = "" };
	assert_ok(chat_store_add(db, &chat, err));
	return chat;
}

static int64_t say(int64_t chat_id, int64_t parent_id, bool is_answer, const char *text)
{
	struct message_row m = { .chat_id = chat_id, .parent_id = parent_id, .is_answer = is_answer, .text = text,
				 .state = is_answer ? MESSAGE_STREAMING : MESSAGE_DONE };
	assert_ok(message_store_add(db, &m, err));
	return m.id;
}

/* The texts of the branch that is shown, joined by "|". */
static const char *shown(int64_t chat_id)
{
	struct chat_row chat;
	struct message_row *rows;
	struct buf text = BUF_INIT(64 * KIB);
	size_t n;

	assert_ok(chat_store_get(db, arena, chat_id, &chat, err));
	assert_ok(chat_store_branch(db, arena, chat_id, chat.head_id, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s%s", i ? "|" : "", rows[i].text);
	char *copy = arena_strdup(arena, buf_text(&text));
	buf_release(&text);
	return copy;
}

static void a_chat_shows_the_branch_that_ends_at_its_head(void **state)
{
	struct chat_row chat = new_chat();
	struct message_row *rows;
	size_t n;

	(void)state;
	assert_string_equal(shown(chat.id), "");
	int64_t q1 = say(chat.id, 0, false, "q1"), a1 = say(chat.id, q1, true, "a1");
	int64_t q2 = say(chat.id, a1, false, "q2"), a2 = say(chat.id, q2, true, "a2");
	assert_string_equal(shown(chat.id), "q1|a1|q2|a2");
	int64_t edited = say(chat.id, a1, false, "q2b");
	int64_t again = say(chat.id, edited, true, "a2b");
	assert_string_equal(shown(chat.id), "q1|a1|q2b|a2b");
	assert_ok(chat_store_branch(db, arena, chat.id, again, &rows, &n, err));
	assert_string_equal(rows[2].siblings, arena_printf(arena, "%lld,%lld", (long long)q2, (long long)edited));
	assert_string_equal(rows[1].siblings, arena_printf(arena, "%lld", (long long)a1));
	assert_ok(chat_store_show(db, chat.id, q2, err));
	assert_string_equal(shown(chat.id), "q1|a1|q2|a2");
	(void)say(chat.id, q2, true, "a2c"); /* answered again */
	assert_ok(chat_store_show(db, chat.id, q1, err));
	assert_string_equal(shown(chat.id), "q1|a1|q2b|a2b"); /* the newest end: the edited question came last */
	assert_ok(chat_store_show(db, chat.id, a2, err));
	assert_string_equal(shown(chat.id), "q1|a1|q2|a2");
	assert_err(chat_store_show(db, new_chat().id, a2, err), ERR_NOT_FOUND, "err_message_not_found");
	assert_err(chat_store_branch(db, arena, chat.id, 9999, &rows, &n, err), ERR_NOT_FOUND, "err_message_not_found");
}

static void an_answer_that_a_dead_server_was_writing_is_stopped_with_its_text(void **state)
{
	struct chat_row chat = new_chat();
	struct message_row m;

	(void)state;
	bool busy = true;
	int64_t q = say(chat.id, 0, false, "q");
	assert_ok(chat_store_is_busy(db, chat.id, &busy, err));
	assert_false(busy);
	int64_t a = say(chat.id, q, true, "");
	assert_ok(chat_store_is_busy(db, chat.id, &busy, err));
	assert_true(busy);
	assert_ok(message_store_keep(db, a, "half of an", "half a thought", err));
	assert_ok(message_store_recover(db, err));
	assert_ok(chat_store_is_busy(db, chat.id, &busy, err));
	assert_false(busy);
	assert_ok(message_store_get(db, arena, a, &m, err));
	assert_int_equal(m.state, MESSAGE_STOPPED);
	assert_string_equal(m.text, "half of an");
	assert_string_equal(m.thinking, "half a thought");
	assert_ok(message_store_keep(db, a, "late", "", err)); /* it no longer streams */
	assert_ok(message_store_get(db, arena, a, &m, err));
	assert_string_equal(m.text, "half of an");
	assert_ok(message_store_get(db, arena, q, &m, err));
	assert_int_equal(m.state, MESSAGE_DONE);
}

static void the_end_of_an_answer_is_stored_with_its_figures(void **state)
{
	struct chat_row chat = new_chat();
	struct message_row m;

	(void)state;
	int64_t q = say(chat.id, 0, false, "q"), a = say(chat.id, q, true, "");
	assert_err(message_store_vote(db, a, 1, err), ERR_CONFLICT, "err_vote_no_answer");
	assert_err(message_store_vote(db, q, 1, err), ERR_CONFLICT, "err_vote_no_answer");
	assert_err(message_store_vote(db, 9999, 1, err), ERR_NOT_FOUND, "err_message_not_found");
	struct message_row end = { .id = a, .state = MESSAGE_FAILED, .finish = FINISH_LENGTH, .text = "t", .thinking = "th",
				   .n_prompt = 1, .n_reused = 2, .n_generated = 3, .n_left_out = 4, .prompt_us = 5,
				   .total_us = 6, .citations = "[]" };
	err_set(&end.problem, ERR_IO, "err_disk_full", "path=%s", "/p");
	assert_ok(message_store_finish(db, &end, err));
	assert_ok(message_store_vote(db, a, -1, err));
	assert_ok(message_store_get(db, arena, a, &m, err));
	assert_int_equal(m.state, MESSAGE_FAILED);
	assert_int_equal(m.finish, FINISH_LENGTH);
	assert_string_equal(m.text, "t");
	assert_string_equal(m.thinking, "th");
	assert_int_equal(m.n_prompt * 100000 + m.n_reused * 10000 + m.n_generated * 1000 + m.n_left_out * 100 + m.prompt_us * 10 +
				 m.total_us,
			 123456);
	assert_string_equal(m.citations, "[]");
	assert_string_equal(m.problem.key, "err_disk_full");
	assert_int_equal(m.vote, -1);
}

static void removing_a_workspace_removes_what_hangs_on_it(void **state)
{
	struct chat_row chat = new_chat(), gone;
	struct workspace_row row;
	int64_t n = -1;

	(void)state;
	(void)say(chat.id, 0, false, "q");
	assert_ok(workspace_store_get(db, arena, workspace.id, &row, err));
	assert_int_equal(row.n_chats, 1);
	assert_int_equal(row.params.max_tokens, 1024);
	assert_ok(workspace_store_remove(db, workspace.id, err));
	assert_err(chat_store_get(db, arena, chat.id, &gone, err), ERR_NOT_FOUND, "err_chat_not_found");
	assert_ok(db_number(db, err, &n, -1, "SELECT count(*) FROM message", ""));
	assert_int_equal(n, 0);
	assert_err(workspace_store_remove(db, workspace.id, err), ERR_NOT_FOUND, "err_workspace_not_found");
	struct chat_row orphan = { .workspace_id = workspace.id, .title = "" };
	assert_err(chat_store_add(db, &orphan, err), ERR_NOT_FOUND, "err_workspace_not_found");
}

static void the_last_used_chat_and_workspace_come_first(void **state)
{
	struct workspace_row other = workspace, *rows;
	struct chat_row first, second, *chats;
	int64_t now = 1000;
	size_t n;

	(void)state;
	clock_set_test(NULL, &now);
	first = new_chat();
	assert_ok(workspace_store_add(db, &other, err));
	now = 2000;
	clock_set_test(NULL, &now);
	second = new_chat();
	now = 3000;
	clock_set_test(NULL, &now);
	(void)say(first.id, 0, false, "q");
	assert_ok(chat_store_list(db, arena, workspace.id, &chats, &n, err));
	assert_int_equal(n, 2);
	assert_int_equal(chats[0].id, first.id);
	assert_int_equal(chats[1].id, second.id);
	assert_ok(workspace_store_list(db, arena, &rows, &n, err));
	assert_int_equal(rows[0].id, workspace.id);
	clock_set_test(NULL, NULL);
}

static void keys_are_listed_without_themselves(void **state)
{
	struct api_key_row row = { .name = "script", .hash = "00ff", .last4 = "abcd" }, *rows;
	size_t n;

	(void)state;
	assert_ok(api_key_store_add(db, &row, err));
	assert_ok(api_key_store_used(db, row.id, 42, err));
	assert_ok(api_key_store_list(db, arena, &rows, &n, err));
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].hash, "00ff");
	assert_string_equal(rows[0].last4, "abcd");
	assert_int_equal(rows[0].used_ms, 42);
	assert_ok(api_key_store_remove(db, row.id, err));
	assert_err(api_key_store_remove(db, row.id, err), ERR_NOT_FOUND, "err_api_key_not_found");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chat_shows_the_branch_that_ends_at_its_head),
		TEST(an_answer_that_a_dead_server_was_writing_is_stopped_with_its_text),
		TEST(the_end_of_an_answer_is_stored_with_its_figures),
		TEST(removing_a_workspace_removes_what_hangs_on_it),
		TEST(the_last_used_chat_and_workspace_come_first),
		TEST(keys_are_listed_without_themselves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
