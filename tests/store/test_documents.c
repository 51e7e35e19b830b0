/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents and the index over their passages: found in their own workspace only, and gone without a trace. */
#include "store_test.h"

#include "store/document_store.h"
#include "store/workspace_store.h"

static struct db *db;
static struct arena *arena;
static struct workspace_row one, two;

static int setup(void **state)
{
	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	assert_ok(db_exec(db, "INSERT INTO model(id, path, name, found_name, kind, adapter_format, size_bytes, architecture,"
			      " file_type, n_params, n_layer, n_ctx_train, kv_bytes_per_token, has_template, step, base_name,"
			      " rank, created_ms) VALUES (1, '/base', 'base', 'base', 0, 0, 1, '', '', 0, 0, 0, 0, 1, -1, '', 0, 0)",
			  err));
	arena = arena_new();
	one = two = (struct workspace_row){ .name = "w", .model_id = 1, .params = workspace_params_default() };
	assert_ok(workspace_store_add(db, &one, err));
	assert_ok(workspace_store_add(db, &two, err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	db_close(db);
	return 0;
}

static const char text[] = "\xf0\x9f\x98\x80 first part. 第二部分。";

static struct document_row new_document(int64_t workspace_id, const char *sha256)
{
	return (struct document_row){ .workspace_id = workspace_id, .name = "d.txt", .format = "txt", .sha256 = sha256, .size_bytes = 5,
				      .text = { text, sizeof text - 1 } };
}

static int64_t add(int64_t workspace_id, const char *sha256)
{
	struct passage_row passages[] = { { .start = 0, .length = 16, .heading = "", .terms = "first part" },
					  { .start = 17, .length = 15, .heading = "h", .terms = "第二 二部 部分" } };
	struct document_row row = new_document(workspace_id, sha256);
	assert_ok(document_store_add(db, &row, passages, 2, err));
	return row.id;
}

static size_t found(int64_t workspace_id, const char *match)
{
	struct passage_row *rows;
	size_t n;
	assert_ok(document_store_search(db, arena, workspace_id, match, 10, &rows, &n, err));
	return n;
}

static void check_index(void)
{
	assert_ok(db_exec(db, "INSERT INTO passage_search(passage_search, rank) VALUES ('integrity-check', 1)", err));
}

static void a_passage_is_found_with_its_place_in_bytes_and_in_units(void **state)
{
	struct passage_row *rows;
	size_t n;

	(void)state;
	(void)add(one.id, "aa");
	assert_ok(document_store_search(db, arena, one.id, "\"二部\" OR \"nothing\"", 10, &rows, &n, err));
	assert_int_equal(n, 1);
	assert_true(str_eq_text(rows[0].text, "第二部分。"));
	assert_int_equal(rows[0].start, 17);
	assert_int_equal(rows[0].start_utf16, 15); /* the emoji has 4 bytes and 2 units */
	assert_int_equal(rows[0].length_utf16, 5);
	assert_string_equal(rows[0].document_name, "d.txt");
	assert_string_equal(rows[0].heading, "h");
	assert_int_equal(found(one.id, ""), 0);
	assert_int_equal(found(two.id, "\"first\""), 0); /* of another workspace */
}

static void the_same_file_is_in_a_workspace_once(void **state)
{
	(void)state;
	(void)add(one.id, "aa");
	(void)add(two.id, "aa");
	struct document_row again = new_document(one.id, "aa"), orphan = new_document(9999, "bb");
	assert_err(document_store_add(db, &again, NULL, 0, err), ERR_CONFLICT, "err_document_known");
	assert_err(document_store_add(db, &orphan, NULL, 0, err), ERR_NOT_FOUND, "err_workspace_not_found");
}

static void what_is_removed_leaves_nothing_in_the_index(void **state)
{
	(void)state;
	int64_t first = add(one.id, "aa");
	(void)add(one.id, "bb");
	(void)add(two.id, "aa");
	check_index();
	assert_ok(document_store_remove(db, first, err));
	check_index();
	assert_int_equal(found(one.id, "\"first\""), 1);
	assert_err(document_store_remove(db, first, err), ERR_NOT_FOUND, "err_document_not_found");
	assert_ok(workspace_store_remove(db, one.id, err));
	check_index();
	assert_int_equal(found(one.id, "\"first\""), 0);
	assert_int_equal(found(two.id, "\"first\""), 1);
	int64_t n = -1;
	assert_ok(db_number(db, err, &n, -1, "SELECT count(*) FROM passage", ""));
	assert_int_equal(n, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_passage_is_found_with_its_place_in_bytes_and_in_units),
		TEST(the_same_file_is_in_a_workspace_once),
		TEST(what_is_removed_leaves_nothing_in_the_index),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
