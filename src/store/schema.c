/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/backup.h"

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

/* Files that assay made, the jobs that make them, workspaces, and where else answers come from. */
static const char step_2[] =
	"CREATE TABLE provider ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	kind TEXT NOT NULL," /* ollama, openai */
	"	name TEXT NOT NULL, url TEXT NOT NULL,"
	"	key_source TEXT NOT NULL DEFAULT ''," /* '' none, 'file' (DATA/secrets), 'env:NAME': never the key itself */
	"	key_last4 TEXT NOT NULL DEFAULT '',"
	"	concurrency INTEGER NOT NULL, timeout_s INTEGER NOT NULL,"
	"	is_hidden INTEGER NOT NULL DEFAULT 0,"
	"	created_ms INTEGER NOT NULL"
	") STRICT;"
	"ALTER TABLE model ADD COLUMN provider_id INTEGER REFERENCES provider(id);"
	"CREATE TABLE artifact ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	recipe TEXT NOT NULL UNIQUE," /* hash of all that determines the bytes: the same file is never made twice */
	"	path TEXT NOT NULL UNIQUE,"
	"	model_id INTEGER NOT NULL REFERENCES model(id)," /* the file as a model that can answer */
	"	format TEXT NOT NULL, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, template_hash TEXT NOT NULL,"
	"	source_model_id INTEGER NOT NULL REFERENCES model(id),"
	"	run_id INTEGER NOT NULL, column_id INTEGER NOT NULL," /* where it was chosen, 0: nowhere; may be gone */
	"	origin TEXT NOT NULL, settings TEXT NOT NULL," /* JSON */
	"	proof TEXT NOT NULL DEFAULT ''," /* JSON, '' not checked */
	"	created_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE creation ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	state INTEGER NOT NULL, target TEXT NOT NULL," /* file, workspace, ollama */
	"	name TEXT NOT NULL, params TEXT NOT NULL," /* JSON: what was asked for */
	"	source_model_id INTEGER NOT NULL, run_id INTEGER NOT NULL, column_id INTEGER NOT NULL,"
	"	artifact_id INTEGER REFERENCES artifact(id) ON DELETE SET NULL,"
	"	steps TEXT NOT NULL, result TEXT NOT NULL, problem TEXT," /* JSON, JSON, error */
	"	created_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	"CREATE TABLE workspace ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	name TEXT NOT NULL, model_id INTEGER NOT NULL REFERENCES model(id),"
	"	artifact_id INTEGER REFERENCES artifact(id) ON DELETE SET NULL,"
	"	run_id INTEGER NOT NULL DEFAULT 0, column_id INTEGER NOT NULL DEFAULT 0,"
	"	params TEXT NOT NULL," /* as of a column: gen_params */
	"	n_passages INTEGER NOT NULL DEFAULT 4," /* of documents given with a question, 0: none */
	"	created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE chat ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	workspace_id INTEGER NOT NULL REFERENCES workspace(id) ON DELETE CASCADE,"
	"	title TEXT NOT NULL, head_id INTEGER NOT NULL DEFAULT 0," /* last message of the branch that is shown */
	"	created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX chat_workspace ON chat(workspace_id, updated_ms);"
	"CREATE TABLE message (" /* a tree: editing and answering again add branches */
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	chat_id INTEGER NOT NULL REFERENCES chat(id) ON DELETE CASCADE,"
	"	parent_id INTEGER NOT NULL," /* 0: the first */
	"	role TEXT NOT NULL, state INTEGER NOT NULL, finish INTEGER NOT NULL DEFAULT 0,"
	"	n_prompt INTEGER NOT NULL DEFAULT 0, n_reused INTEGER NOT NULL DEFAULT 0,"
	"	n_generated INTEGER NOT NULL DEFAULT 0, n_left_out INTEGER NOT NULL DEFAULT 0," /* messages that did not fit */
	"	prompt_us INTEGER NOT NULL DEFAULT 0, total_us INTEGER NOT NULL DEFAULT 0,"
	"	vote INTEGER NOT NULL DEFAULT 0," /* -1, 0, 1 */
	"	citations TEXT NOT NULL DEFAULT ''," /* JSON */
	"	problem TEXT, text TEXT NOT NULL, thinking TEXT NOT NULL DEFAULT '',"
	"	created_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX message_chat ON message(chat_id, parent_id);"
	"CREATE TABLE document ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	workspace_id INTEGER NOT NULL REFERENCES workspace(id) ON DELETE CASCADE,"
	"	name TEXT NOT NULL, format TEXT NOT NULL, sha256 TEXT NOT NULL,"
	"	size_bytes INTEGER NOT NULL, n_passages INTEGER NOT NULL, text TEXT NOT NULL,"
	"	created_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX document_workspace ON document(workspace_id);"
	"CREATE TABLE passage ("
	"	id INTEGER PRIMARY KEY,"
	"	document_id INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,"
	"	position INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL," /* bytes of the document's text */
	"	heading TEXT NOT NULL,"
	"	terms TEXT NOT NULL" /* what is searched: words, and pairs of CJK characters */
	") STRICT;"
	"CREATE INDEX passage_document ON passage(document_id, position);"
	"CREATE VIRTUAL TABLE passage_search USING fts5(terms, content='passage', content_rowid='id', detail='column');"
	"CREATE TABLE imported (" /* models that assay brought into an Ollama */
	"	provider_id INTEGER NOT NULL REFERENCES provider(id) ON DELETE CASCADE,"
	"	name TEXT NOT NULL, digest TEXT NOT NULL,"
	"	artifact_id INTEGER REFERENCES artifact(id) ON DELETE SET NULL,"
	"	run_id INTEGER NOT NULL, column_id INTEGER NOT NULL, parity TEXT NOT NULL," /* JSON */
	"	created_ms INTEGER NOT NULL,"
	"	PRIMARY KEY (provider_id, name)"
	") STRICT;"
	"CREATE TABLE api_key ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, last4 TEXT NOT NULL,"
	"	created_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL DEFAULT 0"
	") STRICT;";

/* Why a run was interrupted, where that is known. */
static const char step_3[] = "ALTER TABLE run ADD COLUMN problem TEXT;";

/* Automatic validation.  What is known of a run goes with it; a judge's readings belong to nobody and stay. */
static const char step_4[] =
	"ALTER TABLE question ADD COLUMN other_references TEXT NOT NULL DEFAULT '';" /* accepted answers after the first, one a line */
	"CREATE TABLE selection ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	name TEXT NOT NULL, state INTEGER NOT NULL,"
	"	run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
	"	family_id INTEGER NOT NULL, question_set_id INTEGER NOT NULL, judge_model_id INTEGER NOT NULL," /* 0: none */
	"	params TEXT NOT NULL, steps TEXT NOT NULL, result TEXT NOT NULL," /* JSON */
	"	elapsed_ms INTEGER NOT NULL DEFAULT 0, problem TEXT,"
	"	created_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	"CREATE INDEX selection_run ON selection(run_id);"
	"CREATE TABLE selection_cell (" /* what was thought of an answer */
	"	selection_id INTEGER NOT NULL REFERENCES selection(id) ON DELETE CASCADE,"
	"	cell_id INTEGER NOT NULL,"
	"	score REAL, is_right INTEGER NOT NULL, guards INTEGER NOT NULL, repeats INTEGER NOT NULL,"
	"	PRIMARY KEY (selection_id, cell_id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE selection_question (" /* what decided a question */
	"	selection_id INTEGER NOT NULL REFERENCES selection(id) ON DELETE CASCADE,"
	"	position INTEGER NOT NULL, question_id INTEGER NOT NULL,"
	"	layer INTEGER NOT NULL, outcome INTEGER NOT NULL, has_unusable INTEGER NOT NULL,"
	"	PRIMARY KEY (selection_id, position)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE likelihood (" /* of the question's reference under the cell's model */
	"	cell_id INTEGER PRIMARY KEY REFERENCES cell(id) ON DELETE CASCADE,"
	"	n_tokens INTEGER NOT NULL, log_likelihood REAL NOT NULL"
	") STRICT;"
	"CREATE TABLE verdict (" /* a judge's reading of one prompt; the key is a hash of all that it depends on */
	"	key TEXT PRIMARY KEY, a REAL NOT NULL, b REAL NOT NULL, in_words INTEGER NOT NULL, created_ms INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;";

/* Answers that are used again: where they were computed, and the groups of answers by all that their texts depend on. */
static const char step_5[] =
	"ALTER TABLE cell ADD COLUMN reused_run_id INTEGER NOT NULL DEFAULT 0;" /* both may be gone; 0: computed here */
	"ALTER TABLE cell ADD COLUMN reused_cell_id INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE \"column\" ADD COLUMN n_reused INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE answer_group ("
	"	key TEXT NOT NULL," /* engine/group_key.h */
	"	column_id INTEGER NOT NULL REFERENCES \"column\"(id) ON DELETE CASCADE,"
	"	first INTEGER NOT NULL,"   /* position of its first question */
	"	made_ms INTEGER NOT NULL," /* when its prompts were made; 0: before and after midnight */
	"	PRIMARY KEY (key, column_id, first)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX answer_group_column ON answer_group(column_id);";

/* What a killed server may leave in an Ollama: written before it is made, gone when it is. */
static const char step_6[] =
	"CREATE TABLE unfinished_import ("
	"	provider_id INTEGER NOT NULL REFERENCES provider(id) ON DELETE CASCADE,"
	"	url TEXT NOT NULL," /* where it answered then */
	"	name TEXT NOT NULL," /* what is being made; '': it stands, and only its backup is to be deleted */
	"	backup TEXT NOT NULL," /* the model that had the name before; '': none had */
	"	PRIMARY KEY (provider_id, url, name, backup)"
	") STRICT, WITHOUT ROWID;";

/* What a workspace is called in OpenAI's API: its own for as long as it keeps its name, whatever others are called. */
static const char step_7[] =
	"ALTER TABLE workspace ADD COLUMN api_name TEXT NOT NULL DEFAULT '';"
	"UPDATE workspace SET api_name = name || CASE WHEN EXISTS"
	" (SELECT 1 FROM workspace o WHERE o.name = workspace.name AND o.id < workspace.id) THEN '-' || id ELSE '' END;"
	"UPDATE workspace SET api_name = api_name || '-' || id WHERE EXISTS" /* one that was called "Bot-7" anyway */
	" (SELECT 1 FROM workspace o WHERE o.api_name = workspace.api_name AND o.id <> workspace.id);";

/* Chat templates by their text, where each model's may come from and which was chosen; and what was found out about the base of
 * an adapter, by what both files are. */
static const char step_8[] =
	"CREATE TABLE template_text (sha256 TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE template_source ("
	"	model_id INTEGER NOT NULL REFERENCES model(id) ON DELETE CASCADE,"
	"	origin INTEGER NOT NULL," /* enum template_origin */
	"	path TEXT NOT NULL, sha256 TEXT NOT NULL," /* of its text; '': it has none */
	"	preset TEXT NOT NULL, system TEXT NOT NULL, stops TEXT NOT NULL, num_ctx INTEGER NOT NULL," /* of a Modelfile */
	"	problem TEXT NOT NULL,"
	"	PRIMARY KEY (model_id, origin)"
	") STRICT, WITHOUT ROWID;"
	"ALTER TABLE model ADD COLUMN template_choice TEXT NOT NULL DEFAULT '';" /* '': the first source */
	"ALTER TABLE family ADD COLUMN template_choice TEXT NOT NULL DEFAULT '';"
	"CREATE TABLE base_match ("
	"	adapter_sha256 TEXT NOT NULL, base_sha256 TEXT NOT NULL,"
	"	verdict INTEGER NOT NULL," /* enum match_verdict */
	"	n_answers INTEGER NOT NULL, n_better INTEGER NOT NULL, n_tokens INTEGER NOT NULL,"
	"	without_ll REAL, with_ll REAL, p REAL," /* mean log-likelihood of a token */
	"	source TEXT NOT NULL, checked_ms INTEGER NOT NULL,"
	"	PRIMARY KEY (adapter_sha256, base_sha256)"
	") STRICT, WITHOUT ROWID;";

/* Conversations: a question for each turn. */
static const char step_9[] =
	"ALTER TABLE question ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;" /* turns before it */
	"ALTER TABLE question ADD COLUMN back INTEGER NOT NULL DEFAULT 0;" /* so many positions before it is the turn before */
	"ALTER TABLE question_set ADD COLUMN n_later INTEGER NOT NULL DEFAULT 0;" /* questions that follow others */
	"ALTER TABLE cell ADD COLUMN is_late INTEGER NOT NULL DEFAULT 0;"; /* its group was asked without it */

/* Whose certificate a provider is believed with; a key_source may be 'cmd:COMMAND' too. */
static const char step_10[] =
	"ALTER TABLE provider ADD COLUMN ca_file TEXT NOT NULL DEFAULT '';" /* '': this machine's authorities */
	"ALTER TABLE provider ADD COLUMN pin TEXT NOT NULL DEFAULT '';";    /* SHA-256 of the certificate; '': none */

/* What a Modelfile says of sampling; the ones that were read before are read again, when models without a source are looked for. */
static const char step_11[] =
	"ALTER TABLE template_source ADD COLUMN sampling TEXT NOT NULL DEFAULT '{}';"
	"DELETE FROM template_source WHERE model_id IN (SELECT model_id FROM template_source WHERE origin = 2);"; /* TEMPLATE_OF_MODELFILE */

/* Weights that are used as 8-bit: the user's choice for a model, and what the file was that it became then. */
static const char step_12[] =
	"ALTER TABLE model ADD COLUMN weights TEXT NOT NULL DEFAULT '';" /* weights_name(); '': as stored */
	"ALTER TABLE model ADD COLUMN q8_sha256 TEXT NOT NULL DEFAULT '';"; /* as sha256: with what the file was like */

/* What a model may use of GPUs where that was chosen for it alone. */
static const char step_13[] =
	"ALTER TABLE model ADD COLUMN gpu_layers INTEGER;" /* NULL: as the settings say; -1 as many as fit, 0 none */
	"ALTER TABLE model ADD COLUMN gpu_device TEXT NOT NULL DEFAULT '';"; /* ids with commas between them, '' all */

/* What was done to is no place that it came from; and what stands here stays as it is. */
static const char step_14[] =
	"ALTER TABLE audit ADD COLUMN subject TEXT NOT NULL DEFAULT '';"
	"UPDATE audit SET subject = source, source = '' WHERE what NOT IN ('login', 'logout');"
	"UPDATE audit SET what = 'set_key', subject = subject || ': command' WHERE what = 'key from a command';"
	"UPDATE audit SET what = lower(replace(what, ' ', '_'));"
	"CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;"
	"CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;";

/* People who are invited by a link to rate one run.  A rating says that somebody looked at a question's answers, and at which: a bit
 * for each column's position; what they liked of them are votes.  The owner sees whatever comes. */
static const char step_15[] =
	"CREATE TABLE panel ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
	"	title TEXT NOT NULL," /* what its raters read; models have no names there */
	"	code_hash TEXT NOT NULL UNIQUE," /* SHA-256 of what stands in the link */
	"	max_raters INTEGER NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	"	closed_ms INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	"CREATE INDEX panel_run ON panel(run_id);"
	"ALTER TABLE rater ADD COLUMN panel_id INTEGER REFERENCES panel(id) ON DELETE CASCADE;" /* NULL: the owner */
	"ALTER TABLE rater ADD COLUMN cookie_hash TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE rater ADD COLUMN key_hash TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE rater ADD COLUMN salt TEXT NOT NULL DEFAULT '';" /* the order of answers, for nobody to know */
	"ALTER TABLE rater ADD COLUMN nonce_hash TEXT NOT NULL DEFAULT '';" /* by which its browser may come in again */
	"CREATE UNIQUE INDEX rater_name ON rater(panel_id, name) WHERE panel_id IS NOT NULL;"
	"CREATE TABLE rating ("
	"	question_id INTEGER NOT NULL REFERENCES question(id) ON DELETE CASCADE,"
	"	rater_id INTEGER NOT NULL REFERENCES rater(id) ON DELETE CASCADE,"
	"	seen INTEGER NOT NULL, rated_ms INTEGER NOT NULL,"
	"	PRIMARY KEY (question_id, rater_id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX rating_rater ON rating(rater_id);"
	"CREATE INDEX vote_rater ON vote(rater_id);"
	"ALTER TABLE question ADD COLUMN n_ratings INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE question ADD COLUMN seen INTEGER NOT NULL DEFAULT -1;" /* by everybody who rated it */
	"INSERT INTO rating(question_id, rater_id, seen, rated_ms)"
	" SELECT cell_id / 64, rater_id, -1, min(created_ms) FROM vote GROUP BY 1, 2;"
	"UPDATE question SET n_ratings = (SELECT count(*) FROM rating r WHERE r.question_id = question.id) WHERE n_likes > 0;"
	"CREATE INDEX question_rated ON question(run_id) WHERE n_ratings > 0;";

/* What else stood in a question's row of its file: one JSON object, NULL where there was nothing. */
static const char step_16[] = "ALTER TABLE question ADD COLUMN record TEXT;";

/* What a provider that may cost something is asked at most in one validation; those that are there may. */
static const char step_17[] =
	"ALTER TABLE provider ADD COLUMN max_requests INTEGER NOT NULL DEFAULT 0;"
	"UPDATE provider SET max_requests = 10000 WHERE url LIKE 'https://%';"; /* LIMIT_REQUESTS_DEFAULT */

/* A link may also show the results of its run to people who rate nothing.  They have no name: a viewer is a browser that opened it. */
static const char step_18[] =
	"ALTER TABLE panel ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;" /* enum panel_kind */
	"CREATE TABLE viewer ("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	panel_id INTEGER NOT NULL REFERENCES panel(id) ON DELETE CASCADE,"
	"	cookie_hash TEXT NOT NULL, key_hash TEXT NOT NULL, created_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX viewer_panel ON viewer(panel_id);";

const char *const schema_steps[] = { step_1, step_2, step_3, step_4, step_5, step_6,
				      step_7, step_8, step_9, step_10, step_11, step_12, step_13, step_14, step_15, step_16,
				      step_17, step_18 };
const size_t schema_n_steps = sizeof schema_steps / sizeof *schema_steps;

static enum err_code backup_before(struct db *db, int64_t version, const char *backup_dir, struct err *err)
{
	char *path = mem_printf("%s/assay-v%lld-%lld.db", backup_dir, (long long)version, (long long)clock_wall_ms());

	enum err_code code = fs_make_dirs(backup_dir, err);
	if (code == ERR_OK)
		code = backup_write(db, path, NULL, err);
	if (code == ERR_OK)
		log_info("store", "backup before migration path=%s", path);
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
		code = backup_before(db, version, backup_dir, err);
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

enum err_code schema_check_all(struct db *db, struct err *err)
{
	return check_with(db, "PRAGMA quick_check(1)", err);
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
		return schema_check_all(db, err);
	for (size_t i = 0; i < sizeof small / sizeof *small && code == ERR_OK; i++)
		code = check_with(db, small[i], err);
	return code;
}
