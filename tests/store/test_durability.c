/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store acknowledged survives: kill -9 of the process, power loss (simulated below SQLite), and failing writes. */
#include "store_test.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "store/setting_store.h"

#define KILLS 100
#define POWER_LOSSES 2000
#define QUESTIONS 60

struct fixture {
	char *dir;
	struct queue *home;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	f->dir = temp_dir();
	f->home = queue_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	remove_tree(f->dir);
	queue_free(f->home);
	mem_free(f->dir);
	mem_free(f);
	return 0;
}

/* --- tasks --- */

struct vote_task {
	struct task task;
	int64_t cell_id;
	bool liked;
	bool acked;
	int ack_fd; /* -1: none */
};

static void vote_run(struct task *task, void *context)
{
	struct vote_task *t = (struct vote_task *)task;
	int64_t likes, column_likes;
	(void)!vote_store_set(context, t->cell_id, 1, t->liked, &likes, &column_likes, &task->err);
}

struct count_task {
	struct task task;
	int64_t number;
};

/* A run whose answers are all there, so that votes are possible. */
static void fill_run(struct task *task, void *context)
{
	struct count_task *t = (struct count_task *)task;
	t->number = add_run_of(context, QUESTIONS, 2);
	for (int i = 0; i < QUESTIONS; i++)
		for (size_t c = 0; c < 2; c++)
			answer(context, cell_id_of(context, t->number, i, c), "answer");
}

static int64_t fill(struct store *s)
{
	struct count_task t = { .task.run = fill_run };
	assert_ok(store_write_now(s, &t.task, err));
	return t.number;
}

/* --- kill -9 --- */

static void acknowledge(struct task *task)
{
	struct vote_task *t = (struct vote_task *)task;
	if (task->err.code == ERR_OK)
		(void)!write(t->ack_fd, &t->cell_id, sizeof t->cell_id);
	mem_free(t);
}

/* Votes for the cells after `from` until killed. */
static _Noreturn void vote_until_killed(const char *dir, int64_t from, int ack_fd)
{
	struct queue *home = queue_new();
	struct store *s;
	struct err err;

	if (store_open(dir, home, &s, &err) != ERR_OK)
		_exit(9);
	for (int64_t cell_id = from;; cell_id += (cell_id & 1) ? 63 : 1) {
		struct vote_task *t = mem_alloc(sizeof *t);
		*t = (struct vote_task){ .task = { .run = vote_run, .done = acknowledge }, .cell_id = cell_id, .liked = true,
					 .ack_fd = ack_fd };
		store_write(s, &t->task);
		struct pollfd ready = { .fd = queue_fd(home), .events = POLLIN };
		poll(&ready, 1, 1);
		queue_drain(home);
	}
}

static size_t collect_acks(int fd, int64_t *acks, size_t n, size_t max)
{
	while (n < max && read(fd, &acks[n], sizeof *acks) == (ssize_t)sizeof *acks)
		n++;
	return n;
}

static void kill_one(const char *dir, int64_t from, uint64_t after_us, int64_t *acks, size_t *n, size_t max)
{
	int pipe_fd[2], status;

	assert_int_equal(pipe(pipe_fd), 0);
	pid_t child = fork();
	if (child == 0) {
		close(pipe_fd[0]);
		vote_until_killed(dir, from, pipe_fd[1]);
	}
	close(pipe_fd[1]);
	usleep((useconds_t)after_us);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	*n = collect_acks(pipe_fd[0], acks, *n, max);
	close(pipe_fd[0]);
}

static void acknowledged_votes_survive_kill_9(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db");
	struct store *s = NULL;
	size_t n = 0, max = 200000;
	int64_t *acks = mem_array(max, sizeof *acks), id, found;

	assert_ok(store_open(f->dir, f->home, &s, err));
	id = fill(s);
	store_close(s);
	for (int i = 0; i < KILLS; i++) {
		struct db *db = NULL;
		size_t before = n;
		assert_ok(db_open_plain(path, &db, err));
		int64_t first = cell_id_of(db, id, 0, 0);
		assert_ok(db_run(db, err, "DELETE FROM vote", ""));
		db_close(db);
		kill_one(f->dir, first, random_u64() % 30000, acks, &n, max);
		assert_ok(db_open_plain(path, &db, err));
		for (size_t k = before; k < n; k++) {
			assert_ok(db_number(db, err, &found, 0, "SELECT count(*) FROM vote WHERE cell_id = ?1", "i", acks[k]));
			assert_int_equal(found, 1);
		}
		db_close(db);
	}
	print_message("%zu acknowledged votes in %d kills, none lost\n", n, KILLS);
	assert_true(n > 100);
	mem_free(acks);
	mem_free(path);
}

/* --- a file system below SQLite that records, and one that fails --- */

enum op_kind { OP_WRITE, OP_TRUNCATE, OP_SYNC };

struct op {
	enum op_kind kind;
	int file; /* 0: database, 1: WAL */
	int64_t offset, len;
	char *data;
};

static struct {
	pthread_mutex_t lock;
	bool recording;
	struct op *ops;
	size_t n, cap;
	int fail_after; /* writes until they fail; -1: never */
	int fail_with;
} tape = { .lock = PTHREAD_MUTEX_INITIALIZER, .fail_after = -1 };

struct taped_file {
	sqlite3_file base;
	int file; /* -1: not recorded */
	sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs tape_vfs;

static void record(int file, enum op_kind kind, int64_t offset, const void *data, int64_t len)
{
	pthread_mutex_lock(&tape.lock);
	if (tape.recording && file >= 0) {
		if (tape.n == tape.cap) {
			tape.cap = tape.cap ? tape.cap * 2 : 1024;
			tape.ops = mem_grow(tape.ops, tape.cap * sizeof *tape.ops);
		}
		tape.ops[tape.n++] = (struct op){ kind, file, offset, len, data ? mem_copy(data, (size_t)len) : NULL };
	}
	pthread_mutex_unlock(&tape.lock);
}

static int may_fail(void)
{
	pthread_mutex_lock(&tape.lock);
	int rc = tape.fail_after == 0 ? tape.fail_with : SQLITE_OK;
	if (tape.fail_after > 0)
		tape.fail_after--;
	pthread_mutex_unlock(&tape.lock);
	return rc;
}

#define REAL(f) (((struct taped_file *)(f))->real)
#define CALL(f, method, ...) REAL(f)->pMethods->method(REAL(f), ##__VA_ARGS__)

static int t_close(sqlite3_file *f)
{
	return CALL(f, xClose);
}

static int t_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
	return CALL(f, xRead, out, n, at);
}

static int t_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
	int rc = may_fail();
	if (rc == SQLITE_OK)
		rc = CALL(f, xWrite, data, n, at);
	if (rc == SQLITE_OK)
		record(((struct taped_file *)f)->file, OP_WRITE, at, data, n);
	return rc;
}

static int t_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	record(((struct taped_file *)f)->file, OP_TRUNCATE, size, NULL, 0);
	return CALL(f, xTruncate, size);
}

static int t_sync(sqlite3_file *f, int flags)
{
	int rc = may_fail();
	if (rc == SQLITE_OK)
		rc = CALL(f, xSync, flags);
	if (rc == SQLITE_OK)
		record(((struct taped_file *)f)->file, OP_SYNC, 0, NULL, 0);
	return rc == SQLITE_FULL ? SQLITE_IOERR_FSYNC : rc;
}

static int t_size(sqlite3_file *f, sqlite3_int64 *size) { return CALL(f, xFileSize, size); }
static int t_lock(sqlite3_file *f, int level) { return CALL(f, xLock, level); }
static int t_unlock(sqlite3_file *f, int level) { return CALL(f, xUnlock, level); }
static int t_reserved(sqlite3_file *f, int *out) { return CALL(f, xCheckReservedLock, out); }
static int t_control(sqlite3_file *f, int op, void *arg) { return CALL(f, xFileControl, op, arg); }
static int t_sector(sqlite3_file *f) { return CALL(f, xSectorSize); }
static int t_traits(sqlite3_file *f) { return CALL(f, xDeviceCharacteristics); }
static int t_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return CALL(f, xShmMap, page, size, extend, out);
}
static int t_shm_lock(sqlite3_file *f, int offset, int n, int flags) { return CALL(f, xShmLock, offset, n, flags); }
static void t_shm_barrier(sqlite3_file *f) { CALL(f, xShmBarrier); }
static int t_shm_unmap(sqlite3_file *f, int drop) { return CALL(f, xShmUnmap, drop); }

static const sqlite3_io_methods tape_methods = {
	2,          t_close,  t_read,    t_write,    t_truncate, t_sync,      t_size,     t_lock,        t_unlock,
	t_reserved, t_control, t_sector, t_traits,   t_shm_map,  t_shm_lock,  t_shm_barrier, t_shm_unmap, NULL, NULL,
};

static int t_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct taped_file *f = (struct taped_file *)file;
	(void)vfs;
	f->real = (sqlite3_file *)(f + 1);
	f->file = flags & SQLITE_OPEN_MAIN_DB ? 0 : flags & SQLITE_OPEN_WAL ? 1 : -1;
	int rc = real_vfs->xOpen(real_vfs, name, f->real, flags, out_flags);
	f->base.pMethods = f->real->pMethods ? &tape_methods : NULL;
	return rc;
}

static void tape_install(void)
{
	if (real_vfs)
		return;
	real_vfs = sqlite3_vfs_find(NULL);
	tape_vfs = *real_vfs;
	tape_vfs.zName = "tape";
	tape_vfs.szOsFile = (int)sizeof(struct taped_file) + real_vfs->szOsFile;
	tape_vfs.xOpen = t_open;
	assert_int_equal(sqlite3_vfs_register(&tape_vfs, 1), SQLITE_OK);
}

static void tape_remove(void)
{
	sqlite3_vfs_unregister(&tape_vfs);
	real_vfs = NULL;
	for (size_t i = 0; i < tape.n; i++)
		mem_free(tape.ops[i].data);
	mem_free(tape.ops);
	tape.ops = NULL;
	tape.n = tape.cap = 0;
	tape.recording = false;
	tape.fail_after = -1;
}

/* --- power loss --- */

struct image {
	char *bytes;
	int64_t len;
};

static void image_write(struct image *m, int64_t at, const char *data, int64_t len)
{
	if (at + len > m->len) {
		m->bytes = mem_grow(m->bytes, (size_t)(at + len));
		if (at > m->len)
			memset(m->bytes + m->len, 0, (size_t)(at - m->len));
		m->len = at + len;
	}
	memcpy(m->bytes + at, data, (size_t)len);
}

static void image_apply(struct image *m, const struct op *op, int64_t len)
{
	if (op->kind == OP_WRITE && len > 0)
		image_write(m, op->offset, op->data, len);
	if (op->kind == OP_TRUNCATE && op->offset < m->len)
		m->len = op->offset;
}

/* The files as the disk may hold them when power fails after `n` operations: what was synced is there; each later write is
 * there, missing, or torn at a sector. */
static void image_build(struct image images[2], const struct image start[2], size_t n, uint64_t seed)
{
	size_t synced[2] = { 0, 0 };

	for (size_t i = 0; i < n; i++)
		if (tape.ops[i].kind == OP_SYNC)
			synced[tape.ops[i].file] = i + 1;
	for (int f = 0; f < 2; f++)
		images[f] = (struct image){ start[f].len ? mem_copy(start[f].bytes, (size_t)start[f].len) : NULL,
					    start[f].len };
	uint64_t mood = seed_mix(seed, 1) % 3; /* drop all, keep most, a mixture */
	for (size_t i = 0; i < n; i++) {
		const struct op *op = &tape.ops[i];
		uint64_t dice = seed_mix(seed, i + 2) % 8;
		int64_t len = op->len;
		if (i >= synced[op->file]) {
			if (mood == 0 || (mood == 2 && dice < 3))
				continue;
			if (dice == 7)
				len = op->len / 2 / 512 * 512;
		}
		image_apply(&images[op->file], op, len);
	}
}

static void image_save(const struct image *m, const char *dir, const char *name)
{
	char *path = fs_join(dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, m->bytes ? m->bytes : "", (size_t)m->len), m->len);
	close(fd);
	mem_free(path);
}

static void image_load(struct image *m, const char *dir, const char *name)
{
	char *path = fs_join(dir, name);
	struct buf b = BUF_INIT(64 << 20);
	if (fs_exists(path))
		assert_ok(fs_read(path, &b, err));
	m->len = (int64_t)b.len;
	m->bytes = buf_take(&b);
	mem_free(path);
}

/* A vote that was acknowledged when `at` operations were on the tape. */
struct ack {
	int64_t cell_id;
	size_t at;
};

static void mark_acked(struct task *task)
{
	((struct vote_task *)task)->acked = task->err.code == ERR_OK;
}

/* Writes votes in groups of 1 to 4, as a server does, and notes when each was acknowledged. */
static size_t vote_on_tape(struct store *s, struct queue *home, int64_t first, struct ack *acks)
{
	struct vote_task tasks[4];
	size_t n = 0;

	for (int64_t q = 0; q < QUESTIONS;) {
		int group = 1 + (int)(q % 4);
		for (int i = 0; i < group; i++) {
			tasks[i] = (struct vote_task){ .task = { .run = vote_run, .done = mark_acked },
						       .cell_id = first + (q + i) % QUESTIONS * 64, .liked = true };
			store_write(s, &tasks[i].task);
		}
		for (int i = 0; i < group; i++) {
			while (!tasks[i].acked) {
				struct pollfd ready = { .fd = queue_fd(home), .events = POLLIN };
				poll(&ready, 1, 1000);
				queue_drain(home);
			}
			pthread_mutex_lock(&tape.lock);
			acks[n++] = (struct ack){ tasks[i].cell_id, tape.n };
			pthread_mutex_unlock(&tape.lock);
		}
		q += group;
	}
	return n;
}

static void check_state(const char *dir, const struct ack *acks, size_t n_acks, size_t n_ops)
{
	char *path = fs_join(dir, "assay.db");
	struct db *db = NULL;
	int64_t found;

	assert_ok(db_open_plain(path, &db, err)); /* runs quick_check */
	for (size_t i = 0; i < n_acks && acks[i].at <= n_ops; i++) {
		assert_ok(db_number(db, err, &found, 0, "SELECT count(*) FROM vote WHERE cell_id = ?1", "i", acks[i].cell_id));
		if (found != 1)
			fail_msg("vote %zu, acknowledged after %zu of %zu operations, is lost", i, acks[i].at, n_ops);
	}
	assert_ok(db_number(db, err, &found, -1, "SELECT (SELECT count(*) FROM vote) - (SELECT sum(n_likes) FROM \"column\")",
			    ""));
	assert_int_equal(found, 0); /* counters belong to the same transaction */
	db_close(db);
	mem_free(path);
}

static void acknowledged_votes_survive_power_loss(void **state)
{
	struct fixture *f = *state;
	char *ruin = fs_join(f->dir, "ruin"), *path = fs_join(f->dir, "assay.db");
	struct image start[2], images[2];
	struct ack acks[QUESTIONS + 4];
	struct store *s = NULL;
	struct db *db = NULL;

	tape_install();
	assert_ok(store_open(f->dir, f->home, &s, err));
	int64_t id = fill(s);
	store_close(s);
	assert_ok(db_open_plain(path, &db, err));
	int64_t first = cell_id_of(db, id, 0, 0);
	db_close(db);
	assert_ok(store_open(f->dir, f->home, &s, err));
	image_load(&start[0], f->dir, "assay.db");
	image_load(&start[1], f->dir, "assay.db-wal");
	tape.recording = true;
	size_t n_acks = vote_on_tape(s, f->home, first, acks);
	store_close(s); /* a checkpoint and the end of the WAL are on the tape as well */
	tape.recording = false;
	assert_ok(fs_make_dirs(ruin, err));
	sqlite3_vfs_register(real_vfs, 1);
	for (uint64_t i = 0; i < POWER_LOSSES; i++) {
		size_t n_ops = seed_mix(i, 99) % (tape.n + 1);
		image_build(images, start, n_ops, i);
		image_save(&images[0], ruin, "assay.db");
		image_save(&images[1], ruin, "assay.db-wal");
		check_state(ruin, acks, n_acks, n_ops);
		mem_free(images[0].bytes);
		mem_free(images[1].bytes);
	}
	print_message("%d states of %zu file operations and %zu acknowledged votes, none lost\n", POWER_LOSSES, tape.n, n_acks);
	mem_free(start[0].bytes);
	mem_free(start[1].bytes);
	mem_free(ruin);
	mem_free(path);
	tape_remove();
}

/* --- failing disks --- */

static enum err_code vote_now(struct store *s, int64_t cell_id, bool liked, struct err *err)
{
	struct vote_task t = { .task.run = vote_run, .cell_id = cell_id, .liked = liked };
	return store_write_now(s, &t.task, err);
}

static int64_t first_cell(const char *dir, int64_t id)
{
	char *path = fs_join(dir, "assay.db");
	struct db *db = NULL;
	assert_ok(db_open_plain(path, &db, err));
	int64_t first = cell_id_of(db, id, 0, 0);
	db_close(db);
	mem_free(path);
	return first;
}

/* For every n: the n-th write or sync of a vote fails. */
static void a_failed_write_stops_all_writes_and_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	struct err why;
	bool failed = true;

	tape_install();
	assert_ok(store_open(f->dir, f->home, &s, err));
	int64_t id = fill(s);
	store_close(s);
	int64_t first = first_cell(f->dir, id);
	for (int n = 0; failed; n++) {
		assert_true(n < 100);
		assert_ok(store_open(f->dir, f->home, &s, err));
		assert_ok(vote_now(s, first, true, err));
		tape.fail_with = SQLITE_IOERR_WRITE;
		tape.fail_after = n;
		failed = vote_now(s, first + 64, true, &why) != ERR_OK;
		if (failed) {
			assert_string_equal(why.key, "err_store_io");
			tape.fail_after = -1; /* the disk is well again, but the store stays closed for writes */
			assert_err(vote_now(s, first + 128, true, err), ERR_IO, "err_store_io");
		}
		tape.fail_after = -1;
		store_close(s);
		queue_drain(f->home);
		assert_ok(store_open(f->dir, f->home, &s, err));
		assert_ok(vote_now(s, first, false, err));
		assert_ok(vote_now(s, first + 64, false, err));
		store_close(s);
		queue_drain(f->home);
	}
	tape_remove();
}

static void a_full_disk_refuses_gives_up_its_reserve_and_goes_on(void **state)
{
	struct fixture *f = *state;
	char *ballast = fs_join(f->dir, "ballast");
	struct store *s = NULL;

	tape_install();
	assert_ok(store_open(f->dir, f->home, &s, err));
	assert_true(fs_exists(ballast));
	int64_t id = fill(s);
	store_close(s);
	int64_t first = first_cell(f->dir, id);
	assert_ok(store_open(f->dir, f->home, &s, err));
	assert_ok(vote_now(s, first, true, err));
	tape.fail_with = SQLITE_FULL;
	tape.fail_after = 0;
	assert_err(vote_now(s, first + 64, true, err), ERR_IO, "err_disk_full");
	assert_false(fs_exists(ballast));
	tape.fail_after = -1;
	assert_ok(vote_now(s, first + 64, true, err));
	store_close(s);
	queue_drain(f->home);
	mem_free(ballast);
	tape_remove();
}

static void with_only_the_reserve_left_votes_go_on_and_answers_wait(void **state)
{
	(void)state;
	struct db *db = NULL;
	int64_t likes, column_likes;
	struct cell_row late;
	struct run_row run = { .name = "", .params = gen_params_default() };
	struct column_row column = column_of("m", NAN);
	struct question q = question_of("q", "");
	bool equal;

	assert_ok(db_open_plain(":memory:", &db, err));
	int64_t id = add_run_of(db, 2, 1);
	answer(db, cell_id_of(db, id, 0, 0), "there");
	late = answer_of(cell_id_of(db, id, 1, 0), "late", "t");
	db->low_space = true;
	assert_ok(vote_store_set(db, cell_id_of(db, id, 0, 0), 1, true, &likes, &column_likes, err));
	assert_err(run_store_answer(db, &late, &equal, err), ERR_IO, "err_disk_full");
	assert_err(run_store_add(db, &run, &column, 1, &q, 1, err), ERR_IO, "err_disk_full");
	assert_err(run_store_add_questions(db, id, &q, 1, err), ERR_IO, "err_disk_full");
	db->low_space = false;
	assert_ok(run_store_answer(db, &late, &equal, err));
	db_close(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(acknowledged_votes_survive_kill_9),
		TEST(acknowledged_votes_survive_power_loss),
		TEST(a_failed_write_stops_all_writes_and_loses_nothing),
		TEST(a_full_disk_refuses_gives_up_its_reserve_and_goes_on),
		TEST(with_only_the_reserve_left_votes_go_on_and_answers_wait),
	};
	log_set_quiet(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
