/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/store - what a large history costs: makes a database of N answers (5 columns), then times the run list, pages, a vote
 * and the CSV export, each as the server does it.
 *
 *     bench_store DIR [ANSWERS]      a file that is already there is used again
 *
 * Prints one line a figure: name, median of 9 in ms (or MB/s of answer text). */
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "report/export.h"
#include "store/run_store.h"

#define COLUMNS 5
#define QUESTIONS_A_RUN 10000
#define REPEATS 9

static struct store *store;
static int64_t n_answers = 1000000;

static void must(enum err_code code, const struct err *err)
{
	if (code == ERR_OK)
		return;
	fprintf(stderr, "bench_store: %s %s\n", err->key, err->args);
	exit(1);
}

/* --- making it --- */

struct fill_task {
	struct task task;
	int64_t run_id;
	int64_t from, to;
};

static void add_run(struct task *task, void *db)
{
	struct run_row run = { .name = "bench", .seed = 1, .params = gen_params_default() };
	struct column_row columns[COLUMNS];
	struct question *questions = mem_array(QUESTIONS_A_RUN, sizeof *questions);

	for (int i = 0; i < COLUMNS; i++)
		columns[i] = (struct column_row){ .label = "kestrel", .epoch = i, .params = gen_params_default() };
	for (int i = 0; i < QUESTIONS_A_RUN; i++)
		questions[i] = (struct question){ .text = STR("How many moons does Mars have, and what are they called?"),
						  .reference = STR("Two: Phobos and Deimos."), .line = i };
	must(run_store_add(db, &run, columns, COLUMNS, questions, QUESTIONS_A_RUN, &task->err), &task->err);
	((struct fill_task *)task)->run_id = run.id;
	mem_free(questions);
}

static void answer_some(struct task *task, void *db)
{
	struct fill_task *t = (struct fill_task *)task;
	struct arena *a = arena_new();
	struct run_question *rows;
	size_t n;
	int64_t total, likes, column_likes;
	char text[801];
	bool equal;

	must(run_store_page(db, a, t->run_id, RUN_ALL, t->from, t->to - t->from, &rows, &n, &total, &task->err), &task->err);
	for (size_t i = 0; i < n; i++)
		for (int c = 0; c < COLUMNS; c++) {
			uint64_t dice = seed_mix((uint64_t)rows[i].cells[c].id, 1);
			size_t len = 100 + dice % 700;
			for (size_t k = 0; k < len; k++)
				text[k] = "the \"moons\", of\nMars "[(k + dice) % 21];
			text[len] = '\0';
			struct cell_row cell = { .id = rows[i].cells[c].id, .text = text, .tokens = "0123456789abcdef",
						 .finish = FINISH_STOP, .n_generated = 60, .total_us = 900000 };
			must(run_store_answer(db, &cell, &equal, &task->err), &task->err);
			if (dice % 10 == 0)
				must(vote_store_set(db, cell.id, 1, true, &likes, &column_likes, &task->err), &task->err);
		}
	arena_free(a);
}

static void fill(void)
{
	struct err err = { 0 };

	for (int64_t made = 0; made < n_answers; made += QUESTIONS_A_RUN * COLUMNS) {
		struct fill_task t = { .task.run = add_run };
		must(store_write_now(store, &t.task, &err), &err);
		t.task.run = answer_some;
		for (t.from = 0; t.from < QUESTIONS_A_RUN; t.from = t.to) {
			t.to = t.from + 1000;
			must(store_write_now(store, &t.task, &err), &err);
		}
		fprintf(stderr, "\r%lld answers", (long long)(made + QUESTIONS_A_RUN * COLUMNS));
	}
	fprintf(stderr, "\n");
}

/* --- timing --- */

static int64_t last_run = 1;
static int repeat;
static uint64_t text_bytes;

static void read_list(struct task *task, void *db)
{
	struct arena *a = arena_new();
	const struct run_search search = { .name = "", .state = -1, .limit = 100 };
	struct run_row *rows;
	size_t n;
	must(run_store_list(db, a, &search, &rows, &n, &task->err), &task->err);
	if (n > 0)
		last_run = rows[0].id;
	arena_free(a);
}

static void read_page(struct db *db, struct task *task, enum run_filter filter, int64_t offset)
{
	struct arena *a = arena_new();
	struct run_row run;
	struct column_row *columns;
	struct run_question *rows;
	size_t n;
	int64_t total, run_id = 1 + (last_run - 1) * repeat / REPEATS;
	must(run_store_get(db, a, run_id, &run, &columns, &n, &task->err), &task->err);
	must(run_store_page(db, a, run_id, filter, offset, 50, &rows, &n, &total, &task->err), &task->err);
	arena_free(a);
}

static void read_first_page(struct task *task, void *db)
{
	read_page(db, task, RUN_ALL, 0);
}

static void read_last_page(struct task *task, void *db)
{
	read_page(db, task, RUN_ALL, QUESTIONS_A_RUN - 50);
}

static void read_differ_page(struct task *task, void *db)
{
	read_page(db, task, RUN_DIFFER, QUESTIONS_A_RUN / 2);
}

static void read_unrated_page(struct task *task, void *db)
{
	read_page(db, task, RUN_UNRATED, QUESTIONS_A_RUN / 4);
}

static bool swallow(void *user, struct str chunk)
{
	(void)user;
	text_bytes += chunk.len;
	return true;
}

static void export_csv(struct task *task, void *db)
{
	text_bytes = 0;
	must(run_export(db, 1 + (last_run - 1) * repeat / REPEATS, EXPORT_CSV_EXCEL, LANG_EN, swallow, NULL, &task->err),
	     &task->err);
}

static void vote(struct task *task, void *db)
{
	struct arena *a = arena_new();
	struct run_question *rows;
	size_t n;
	int64_t total, likes, column_likes;
	must(run_store_page(db, a, last_run, RUN_ALL, repeat, 1, &rows, &n, &total, &task->err), &task->err);
	must(vote_store_set(db, rows[0].cells[0].id, 1, !rows[0].cells[0].is_liked, &likes, &column_likes, &task->err),
	     &task->err);
	arena_free(a);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void measure(const char *name, void (*run)(struct task *, void *), bool writes, bool is_rate)
{
	double figures[REPEATS];
	struct err err = { 0 };

	for (repeat = 0; repeat < REPEATS; repeat++) {
		struct task task = { .run = run };
		int64_t start = clock_mono_us();
		must(writes ? store_write_now(store, &task, &err) : store_read_now(store, &task, &err), &err);
		double us = (double)(clock_mono_us() - start);
		figures[repeat] = is_rate ? (double)text_bytes / us : us / 1000;
	}
	qsort(figures, REPEATS, sizeof *figures, by_value);
	printf("%-14s %8.2f %s  (%.2f to %.2f)\n", name, figures[REPEATS / 2], is_rate ? "MB/s" : "ms", figures[0],
	       figures[REPEATS - 1]);
}

int main(int argc, char **argv)
{
	struct queue *home = queue_new();
	struct err err = { 0 };
	uint64_t wanted;

	if (argc < 2 || (argc > 2 && !str_to_u64(str_of(argv[2]), &wanted))) {
		fprintf(stderr, "usage: bench_store DIR [ANSWERS]\n");
		return 2;
	}
	if (argc > 2)
		n_answers = (int64_t)wanted;
	char *file = fs_join(argv[1], "assay.db");
	bool is_there = fs_exists(file);
	int64_t start = clock_mono_us();
	must(store_open(argv[1], home, &store, &err), &err);
	printf("%-14s %8.2f ms\n", "open", (double)(clock_mono_us() - start) / 1000);
	if (!is_there)
		fill();
	measure("run list", read_list, false, false);
	measure("first page", read_first_page, false, false);
	measure("last page", read_last_page, false, false);
	measure("differ page", read_differ_page, false, false);
	measure("unrated page", read_unrated_page, false, false);
	measure("vote", vote, true, false);
	measure("CSV", export_csv, false, true);
	store_close(store);
	queue_drain(home);
	queue_free(home);
	mem_free(file);
	return 0;
}
