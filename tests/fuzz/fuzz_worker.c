/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what a worker says to the engine: it is believed or ended, no answer is announced twice, what was announced
 * is stored as it was, and the counts are right.
 *
 * An input that begins with 'R' is the raw stream.  Otherwise it is lines: a message's kind (its number as a character,
 * '@' is MSG_READY), its stream ('0'.. the number, '=' that of the newest request), and its body; MSG_TEXT has its cell as
 * a number and a space before the text, which is thinking where it begins with '?'.  Lines that begin with one of these are something else:
 *   !  the worker dies      .  the timers fire      ~  the user stops the run      +  the user asks for a prompt
 *   >  the run is started (again) */
#include "base/frame.h"
#include "fuzz_engine.h"
#include "worker/protocol.h"

#define CELLS_MAX 64

static struct {
	struct engine *engine;
	struct frame_reader *reader;
	struct {
		int64_t id;
		enum cell_state state;
		char *text;
	} said[CELLS_MAX];
	size_t n_said;
} t;

static void on_event(void *user, const struct engine_event *event)
{
	(void)user;
	if (event->kind != ENGINE_CELL)
		return;
	for (size_t i = 0; i < t.n_said; i++) {
		if (t.said[i].id == event->cell_id)
			BUG("cell %lld announced twice", (long long)event->cell_id);
	}
	if (t.n_said == CELLS_MAX)
		BUG("more cells than there are");
	t.said[t.n_said].id = event->cell_id;
	t.said[t.n_said].state = event->cell->state;
	t.said[t.n_said++].text = mem_strdup(event->cell->text);
}

static void on_prompt(void *user, struct str prompt, int64_t n_tokens, const struct err *err)
{
	(void)user;
	if (!err || (err->code == ERR_OK && (n_tokens < 0 || !utf8_valid(prompt, NULL))))
		BUG("prompt");
}

/* --- what the input does --- */

static void worker_dies(void)
{
	struct err cause = fuzz_worker.cause;

	if (!fuzz_worker.alive)
		return;
	if (!fuzz_worker.killed)
		err_set(&cause, ERR_IO, "err_worker_crashed", "signal=%s|log=", "Segmentation fault");
	fuzz_worker.events->died(fuzz_worker.user, &cause);
	fuzz_settle();
}

static void hear(const struct frame *f)
{
	if (!fuzz_worker.alive || fuzz_worker.killed)
		return;
	if (f->kind != MSG_LOG || f->stream != 0) /* as worker_process.c */
		fuzz_worker.events->frame(fuzz_worker.user, f);
	fuzz_settle();
	if (fuzz_worker.killed)
		worker_dies();
}

static void hear_stream(struct str bytes)
{
	struct frame f;
	struct err err = { 0 };
	bool got = true;

	frame_reader_feed(t.reader, bytes.ptr, bytes.len);
	while (got && fuzz_worker.alive) {
		if (frame_reader_next(t.reader, &f, &got, &err) != ERR_OK) {
			if (err.code == ERR_OK || !err.key[0])
				BUG("refused without a cause");
			__wrap_worker_process_kill(&fuzz_worker, &err);
			worker_dies();
			return;
		}
		if (got)
			hear(&f);
	}
}

static void hear_line(struct str line)
{
	struct buf body = BUF_INIT(LIMIT_FRAME);
	struct frame f = { .kind = (uint8_t)line.ptr[0] };
	struct str rest = { line.ptr + 2, line.len - 2 };

	f.stream = line.ptr[1] == '=' ? fuzz_worker.last_stream : (uint32_t)(line.ptr[1] - '0');
	if (f.kind == MSG_TEXT) {
		struct str number = str_split(&rest, ' ');
		uint64_t id = 0;
		(void)!str_to_u64(number, &id);
		buf_add_u64le(&body, id);
		buf_add_char(&body, (char)(rest.len && rest.ptr[0] == '?'));
	}
	buf_add_str(&body, rest);
	f.body = buf_str(&body);
	hear(&f);
	buf_release(&body);
}

static void do_line(struct str line)
{
	switch (line.len ? line.ptr[0] : 0) {
	case '!':
		worker_dies();
		break;
	case '.':
		fuzz_fire();
		if (fuzz_worker.killed)
			worker_dies();
		break;
	case '~':
		engine_stop(t.engine, fuzz_rows.run_id);
		break;
	case '+':
		engine_prompt(t.engine, 64, on_prompt, NULL);
		break;
	case '>':
		engine_start(t.engine, fuzz_rows.run_id);
		break;
	default:
		if (line.len >= 2)
			hear_line(line);
	}
	fuzz_settle();
}

/* --- what must hold --- */

static void check_cell(const struct cell_row *cell)
{
	if (cell->state == CELL_DONE && (strlen(cell->tokens) != 64 || !utf8_valid(str_of(cell->text), NULL)))
		BUG("answer %lld", (long long)cell->id);
	if (cell->state == CELL_FAILED && !cell->problem.key[0])
		BUG("failed without a cause: %lld", (long long)cell->id);
	for (size_t i = 0; i < t.n_said; i++) {
		if (t.said[i].id == cell->id && (t.said[i].state != cell->state || strcmp(t.said[i].text, cell->text) != 0))
			BUG("cell %lld is not what was announced", (long long)cell->id);
	}
}

static void check_store(void)
{
	struct arena *a = arena_new();
	struct err err = { 0 };
	struct run_row run;
	struct column_row *columns;
	struct run_question *questions;
	size_t n_columns, n, n_done[FUZZ_COLUMNS] = { 0 };
	int64_t total, n_waiting = 0;

	if (run_store_get(fuzz_db, a, fuzz_rows.run_id, &run, &columns, &n_columns, &err) != ERR_OK ||
	    run_store_page(fuzz_db, a, fuzz_rows.run_id, RUN_ALL, 0, 1000, &questions, &n, &total, &err) != ERR_OK)
		BUG("%s %s", err.key, err.args);
	for (size_t q = 0; q < n; q++) {
		for (size_t c = 0; c < n_columns; c++) {
			check_cell(&questions[q].cells[c]);
			n_done[c] += questions[q].cells[c].state == CELL_DONE;
		}
	}
	for (size_t c = 0; c < n_columns; c++) {
		const struct column_row *r = &columns[c];
		if (r->n_done != (int64_t)n_done[c] || r->n_done + r->n_failed + r->n_cancelled + r->n_waiting != FUZZ_QUESTIONS)
			BUG("counts of column %zu", c);
		n_waiting += r->n_waiting;
	}
	if (run.state == RUN_RUNNING || run.state == RUN_WAITING)
		BUG("the run was left %s", run_state_name(run.state));
	if (run.state == RUN_DONE && n_waiting != 0)
		BUG("done with %lld cells waiting", (long long)n_waiting);
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size };

	if (!fuzz_db)
		fuzz_world();
	fuzz_exec("SAVEPOINT input");
	t.engine = fuzz_engine_new();
	t.reader = frame_reader_new(LIMIT_FRAME);
	engine_listen(t.engine, on_event, NULL);
	engine_start(t.engine, fuzz_rows.run_id);
	fuzz_settle();
	if (size && data[0] == 'R') {
		for (rest.ptr++, rest.len--; rest.len > 0;) { /* in pieces, as from a socket */
			size_t n = rest.len < 100 ? rest.len : 100;
			hear_stream((struct str){ rest.ptr, n });
			rest.ptr += n;
			rest.len -= n;
		}
	}
	while (rest.len > 0)
		do_line(str_split(&rest, '\n'));
	engine_free(t.engine);
	fuzz_settle();
	check_store();
	frame_reader_free(t.reader);
	for (size_t i = 0; i < t.n_said; i++)
		mem_free(t.said[i].text);
	memset(&t, 0, sizeof t);
	fuzz_exec("ROLLBACK TO input");
	fuzz_exec("RELEASE input");
	return 0;
}
