/* SPDX-License-Identifier: Apache-2.0
 *
 * store_test - what the tests of the store share: temporary folders, a run with answers. */
#ifndef ASSAY_TESTS_STORE_TEST_H
#define ASSAY_TESTS_STORE_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/run_store.h"
#include "store/sql.h"

#define assert_ok(call)                                                                                  \
	do {                                                                                             \
		struct err err_ = { 0 };                                                                 \
		struct err *err = &err_;                                                                 \
		enum err_code code_ = (call);                                                            \
		if (code_ != ERR_OK)                                                                     \
			fail_msg("%s: %s %s", #call, err_.key, err_.args);                               \
	} while (0)

#define assert_err(call, want, message)                                                                  \
	do {                                                                                             \
		struct err err_ = { 0 };                                                                 \
		struct err *err = &err_;                                                                 \
		assert_int_equal((call), (want));                                                        \
		assert_string_equal(err_.key, (message));                                                \
		assert_int_equal(err_.code, (want));                                                     \
	} while (0)

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void remove_tree(const char *dir)
{
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Owned path of a new folder. */
static inline char *temp_dir(void)
{
	char *dir = mem_strdup("/tmp/assay-store-XXXXXX");

	assert_non_null(mkdtemp(dir));
	return dir;
}

/* For cmocka: a database of its own for each test. */
static inline int open_memory_db(void **state)
{
	struct db *db;

	assert_ok(db_open_plain(":memory:", &db, err));
	*state = db;
	return 0;
}

static inline int close_memory_db(void **state)
{
	db_close(*state);
	return 0;
}

static inline struct question question_of(const char *text, const char *reference)
{
	return (struct question){ .text = str_of(text), .reference = str_of(reference), .system = str_of(""),
				  .tags = str_of(""), .id = str_of(""), .line = 1 };
}

static inline struct column_row column_of(const char *label, double epoch)
{
	return (struct column_row){ .label = label, .epoch = epoch, .model_id = 1, .params = gen_params_default() };
}

/* A run of `n_questions` ("question 0", ...) by `n_columns`; its id. */
static inline int64_t add_run_of(struct db *db, size_t n_questions, size_t n_columns)
{
	struct run_row run = { .name = "a run", .seed = 7, .params = gen_params_default() };
	struct column_row columns[16];
	struct question *questions = mem_array(n_questions + 1, sizeof *questions);
	char(*texts)[32] = mem_array(n_questions + 1, sizeof *texts);

	for (size_t i = 0; i < n_questions; i++) {
		str_format(texts[i], sizeof texts[i], "question %zu", i);
		questions[i] = question_of(texts[i], "reference");
	}
	for (size_t i = 0; i < n_columns; i++)
		columns[i] = column_of("model", (double)i);
	assert_ok(run_store_add(db, &run, columns, n_columns, questions, n_questions, err));
	mem_free(questions);
	mem_free(texts);
	return run.id;
}

/* The cell of a question (by position) and column. */
static inline int64_t cell_id_of(struct db *db, int64_t run_id, int64_t position, size_t column)
{
	struct arena *a = arena_new();
	struct run_question *rq;
	size_t n;
	int64_t total;

	assert_ok(run_store_page(db, a, run_id, RUN_ALL, position, 1, &rq, &n, &total, err));
	assert_int_equal(n, 1);
	int64_t id = rq->cells[column].id;
	arena_free(a);
	return id;
}

static inline struct cell_row answer_of(int64_t cell_id, const char *text, const char *tokens)
{
	return (struct cell_row){ .id = cell_id, .text = text, .thinking = "", .tokens = tokens, .finish = FINISH_STOP,
				  .n_prompt = 5, .n_generated = 10, .prompt_us = 100, .total_us = 1000, .mean_ll = -0.5 };
}

static inline void answer(struct db *db, int64_t cell_id, const char *text)
{
	struct cell_row cell = answer_of(cell_id, text, text);
	bool equal;

	assert_ok(run_store_answer(db, &cell, &equal, err));
	assert_true(equal);
}

#endif
