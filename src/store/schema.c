/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

#define CHECK_WHOLE_BYTES (64 << 20)

/* Ids that others remember (links, votes, reports) are never used twice: AUTOINCREMENT.
 * A cell's id is question_id * 64 + position of its column: the cells of a question lie side by side in the file, so that
 * pages and exports read them in one go and need no index.  Counters in "column" and question are kept by cell_store.c and
 * vote_store.c in the same transaction; they make lists and filters independent of the size of the answers. */
static const char step_1[] =
	"CREATE TABLE family ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	path TEXT NOT NULL UNIQUE,"
	"	name TEXT NOT NULL,"
	"	found_name TEXT NOT NULL," /* what the last scan called it: a name that differs was given by the user */
	"	base_name TEXT NOT NULL,"
	"	num_train_epochs INTEGER NOT NULL,"
	"	is_hidden INTEGER NOT NULL DEFAULT 0,"
	"	created_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE loss_point ("
	"	family_id INTEGER NOT NULL REFERENCES family(id) ON DELETE CASCADE,"
	"	position INTEGER NOT NULL,"
	"	epoch REAL, step INTEGER NOT NULL, loss REAL, eval_loss REAL,"
	"	PRIMARY KEY (family_id, position)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE model ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	path TEXT NOT NULL UNIQUE,"
	"	name TEXT NOT NULL,"
	"	found_name TEXT NOT NULL,"
	"	family_id INTEGER REFERENCES family(id),"
	"	base_model_id INTEGER REFERENCES model(id),"
	"	is_hidden INTEGER NOT NULL DEFAULT 0,"
	"	kind INTEGER NOT NULL, adapter_format INTEGER NOT NULL,"
	"	size_bytes INTEGER NOT NULL,"
	"	architecture TEXT NOT NULL, file_type TEXT NOT NULL,"
	"	n_params INTEGER NOT NULL, n_layer INTEGER NOT NULL, n_ctx_train INTEGER NOT NULL,"
	"	kv_bytes_per_token INTEGER NOT NULL, has_template INTEGER NOT NULL,"
	"	epoch REAL, step INTEGER NOT NULL, train_loss REAL, eval_loss REAL,"
	"	base_name TEXT NOT NULL, rank INTEGER NOT NULL, alpha REAL,"
	"	sha256 TEXT NOT NULL DEFAULT '',"
	"	created_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX model_family ON model(family_id, epoch, step);"
	"CREATE TABLE refusal (path TEXT PRIMARY KEY, problem TEXT NOT NULL, seen_ms INTEGER NOT NULL) STRICT;"
	"CREATE TABLE question_set ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	name TEXT NOT NULL, format TEXT NOT NULL, created_ms INTEGER NOT NULL,"
	"	n_questions INTEGER NOT NULL, n_with_reference INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE run ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	name TEXT NOT NULL, created_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL DEFAULT 0,"
	"	state INTEGER NOT NULL,"
	"	is_fast INTEGER NOT NULL, is_blind INTEGER NOT NULL, is_drifted INTEGER NOT NULL DEFAULT 0,"
	"	seed INTEGER NOT NULL, params TEXT NOT NULL,"
	"	question_set_id INTEGER NOT NULL," /* 0: typed; the set may be gone, the questions are the run's own */
	"	n_questions INTEGER NOT NULL, n_columns INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE question (" /* of a set or of a run; counters are the run's */
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	set_id INTEGER REFERENCES question_set(id),"
	"	run_id INTEGER REFERENCES run(id),"
	"	position INTEGER NOT NULL,"
	"	differs INTEGER NOT NULL DEFAULT 0,"
	"	n_likes INTEGER NOT NULL DEFAULT 0,"
	"	n_failed INTEGER NOT NULL DEFAULT 0," /* failed and cancelled cells */
	"	line INTEGER NOT NULL,"
	"	text TEXT NOT NULL, reference TEXT NOT NULL, system TEXT NOT NULL, tags TEXT NOT NULL, source_id TEXT NOT NULL,"
	"	CHECK ((set_id IS NULL) <> (run_id IS NULL))"
	") STRICT;"
	"CREATE UNIQUE INDEX question_set_position ON question(set_id, position) WHERE set_id IS NOT NULL;"
	"CREATE INDEX question_run_position ON question(run_id, position, differs, n_likes, n_failed)"
	"	WHERE run_id IS NOT NULL;"
	"CREATE TABLE part (" /* where each addition of questions begins: no group of answers crosses it */
	"	run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
	"	first INTEGER NOT NULL,"
	"	PRIMARY KEY (run_id, first)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE \"column\" ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	run_id INTEGER NOT NULL REFERENCES run(id),"
	"	position INTEGER NOT NULL,"
	"	model_id INTEGER NOT NULL," /* no reference: the run keeps its own snapshot */
	"	label TEXT NOT NULL, epoch REAL, params TEXT NOT NULL, own_params INTEGER NOT NULL,"
	"	slots INTEGER NOT NULL DEFAULT 0, kv_tokens INTEGER NOT NULL DEFAULT 0,"
	"	model_hash TEXT NOT NULL, adapter_hash TEXT NOT NULL, template_hash TEXT NOT NULL,"
	"	build TEXT NOT NULL, device TEXT NOT NULL, problem TEXT,"
	"	n_done INTEGER NOT NULL DEFAULT 0, n_failed INTEGER NOT NULL DEFAULT 0,"
	"	n_cancelled INTEGER NOT NULL DEFAULT 0, n_waiting INTEGER NOT NULL DEFAULT 0,"
	"	n_likes INTEGER NOT NULL DEFAULT 0, n_rated INTEGER NOT NULL DEFAULT 0,"
	"	sum_generated INTEGER NOT NULL DEFAULT 0, sum_us INTEGER NOT NULL DEFAULT 0,"
	"	UNIQUE (run_id, position)"
	") STRICT;"
	"CREATE TABLE cell ("
	"	id INTEGER PRIMARY KEY,"
	"	column_id INTEGER NOT NULL,"
	"	state INTEGER NOT NULL,"
	"	finish INTEGER NOT NULL DEFAULT 0,"
	"	n_prompt INTEGER NOT NULL DEFAULT 0, n_generated INTEGER NOT NULL DEFAULT 0,"
	"	n_thinking INTEGER NOT NULL DEFAULT 0,"
	"	prompt_us INTEGER NOT NULL DEFAULT 0, total_us INTEGER NOT NULL DEFAULT 0,"
	"	mean_ll REAL, tokens TEXT, problem TEXT, text TEXT, thinking TEXT"
	") STRICT;"
	"CREATE INDEX cell_open ON cell(column_id, state) WHERE state <> 1;"
	"CREATE TABLE rater (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;"
	"INSERT INTO rater(id, name, created_ms) VALUES (1, 'owner', 0);"
	"CREATE TABLE vote ("
	"	cell_id INTEGER NOT NULL REFERENCES cell(id) ON DELETE CASCADE,"
	"	rater_id INTEGER NOT NULL REFERENCES rater(id),"
	"	created_ms INTEGER NOT NULL,"
	"	PRIMARY KEY (cell_id, rater_id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE session ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	cookie_hash TEXT NOT NULL, key_hash TEXT NOT NULL, expires_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE calibration ("
	"	key TEXT PRIMARY KEY, slots INTEGER NOT NULL, rates TEXT NOT NULL, created_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE audit ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL,"
	"	who TEXT NOT NULL, what TEXT NOT NULL, source TEXT NOT NULL"
	") STRICT;";

const char *const schema_steps[] = { step_1 };
const size_t schema_n_steps = sizeof schema_steps / sizeof *schema_steps;

/* Copies the file as it is, by the backup API (a plain copy would miss the WAL and drop SQLite's locks). */
static enum err_code backup_copy(struct db *db, int64_t version, const char *backup_dir, struct err *err)
{
	char *path = mem_printf("%s/assay-v%lld-%lld.db", backup_dir, (long long)version, (long long)clock_wall_ms());
	sqlite3 *copy = NULL;
	sqlite3_backup *backup = NULL;
	enum err_code code = fs_make_dirs(backup_dir, err);
	int rc = SQLITE_OK;

	if (code != ERR_OK)
		goto out;
	rc = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		backup = sqlite3_backup_init(copy, "main", db->conn, "main");
	if (backup) {
		sqlite3_backup_step(backup, -1);
		rc = sqlite3_backup_finish(backup);
	}
	if (rc != SQLITE_OK || !backup)
		code = err_set(err, ERR_IO, "err_store_backup", "path=%s|reason=%s", path,
			       copy ? sqlite3_errmsg(copy) : sqlite3_errstr(rc));
	else
		log_info("store", "backup before migration path=%s", path);
out:
	sqlite3_close(copy);
	mem_free(path);
	return code;
}

static enum err_code apply_step(struct db *db, const char *sql, int64_t version, struct err *err)
{
	char pragma[64];

	enum err_code code = db_exec(db, "BEGIN IMMEDIATE", err);
	if (code != ERR_OK)
		return code;
	str_format(pragma, sizeof pragma, "PRAGMA user_version = %lld", (long long)version);
	code = db_exec(db, sql, err);
	if (code == ERR_OK)
		code = db_exec(db, pragma, err);
	if (code == ERR_OK)
		code = db_exec(db, "COMMIT", err);
	if (code != ERR_OK && !sqlite3_get_autocommit(db->conn)) {
		struct err ignored;
		if (db_exec(db, "ROLLBACK", &ignored) != ERR_OK)
			log_error("store", "rollback of migration %s failed", pragma);
	}
	return code;
}

enum err_code schema_migrate(struct db *db, const char *const *steps, size_t n_steps, const char *backup_dir,
			     struct err *err)
{
	int64_t version = 0;

	enum err_code code = db_number(db, err, &version, 0, "PRAGMA user_version", "");
	if (code != ERR_OK)
		return code;
	if (version < 0 || version > (int64_t)n_steps)
		return err_set(err, ERR_DATA, "err_schema_newer", "found=%lld|known=%zu", (long long)version, n_steps);
	if (version > 0 && version < (int64_t)n_steps && backup_dir)
		code = backup_copy(db, version, backup_dir, err);
	for (size_t i = (size_t)version; i < n_steps && code == ERR_OK; i++)
		code = apply_step(db, steps[i], (int64_t)i + 1, err);
	return code;
}

static enum err_code check_with(struct db *db, const char *sql, struct err *err)
{
	struct query q = query_start(db, err, sql, "");
	enum err_code wrong = ERR_OK;

	if (query_next(&q) && strcmp(row_peek(&q, 0), "ok") != 0)
		wrong = err_set(err, ERR_DATA, "err_store_corrupt", "reason=%s", row_peek(&q, 0));
	enum err_code code = query_end(&q);
	return wrong != ERR_OK ? wrong : code;
}

enum err_code schema_check(struct db *db, struct err *err)
{
	static const char *const small[] = {
		"PRAGMA quick_check('family')",  "PRAGMA quick_check('model')",   "PRAGMA quick_check('question_set')",
		"PRAGMA quick_check('run')",     "PRAGMA quick_check('column')",  "PRAGMA quick_check('vote')",
		"PRAGMA quick_check('setting')", "PRAGMA quick_check('session')", "PRAGMA quick_check('rater')",
	};
	int64_t pages = 0, page_size = 0;

	enum err_code code = db_number(db, err, &pages, 0, "PRAGMA page_count", "");
	if (code == ERR_OK)
		code = db_number(db, err, &page_size, 0, "PRAGMA page_size", "");
	if (code != ERR_OK)
		return code;
	if (pages * page_size <= CHECK_WHOLE_BYTES)
		return check_with(db, "PRAGMA quick_check(1)", err);
	for (size_t i = 0; i < sizeof small / sizeof *small && code == ERR_OK; i++)
		code = check_with(db, small[i], err);
	return code;
}
