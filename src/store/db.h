/* SPDX-License-Identifier: Apache-2.0
 *
 * db - the one database file, its lock and its two threads.
 *
 * The store thread is the only writer: tasks posted to it run inside one transaction a batch (each in its own savepoint),
 * and go home only after the commit is on the disk (WAL, synchronous=FULL).  The reader thread has a read-only connection.
 * The noun_store.h functions take a `struct db *` and belong to a task on one of the two threads: those marked "store"
 * write, all others may run on either.  After an I/O error the store refuses further writes (db_failed) until reopened. */
#ifndef ASSAY_STORE_DB_H
#define ASSAY_STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/queue.h"

struct db;    /* one connection; belongs to one thread */
struct store; /* data directory, lock, both threads */

/* Creates the directory if needed, takes DATA/LOCK for life (ERR_BUSY "err_data_in_use" names the holder's pid), backs up and
 * migrates (a newer schema is ERR_DATA "err_schema_newer"), checks, starts the threads.  `home` gets the finished tasks. */
MUST_USE enum err_code store_open(const char *data_dir, struct queue *home, struct store **out, struct err *err);

/* Finishes what was posted, closes, releases the lock.  Drain the home queue afterwards.  NULL is fine. */
void store_close(struct store *s);

const char *store_data_dir(const struct store *s);

/* The address that a second start on the same directory shows to its user ("" until set).  Thread: loop. */
void store_set_address(struct store *s, const char *url);

/* True while the disk is nearly full: votes and settings are still taken, answers, runs and question sets are refused with
 * ERR_IO "err_disk_full" until there is room again.  Thread: any. */
bool store_low_space(const struct store *s);

/* Thread: loop.  `task->run` gets the `struct db *` as its context.  A write task that sets task->err is undone alone; a
 * read task sees one state of the database from its start to its end. */
void store_write(struct store *s, struct task *task);
void store_read(struct store *s, struct task *task);

/* Blocking forms for start-up, tests and the command line: post and wait.  Thread: the one that owns `home`. */
MUST_USE enum err_code store_write_now(struct store *s, struct task *task, struct err *err);
MUST_USE enum err_code store_read_now(struct store *s, struct task *task, struct err *err);

/* One more read-only connection for a long read on a thread of its own: it sees one state of the database until
 * db_close().  Thread: any. */
MUST_USE enum err_code store_open_reader(const struct store *s, struct db **out, struct err *err);

/* For tests: a connection without threads or lock on `path` (":memory:" works), migrated. */
MUST_USE enum err_code db_open_plain(const char *path, struct db **out, struct err *err);
void db_close(struct db *db);

#endif
