/* SPDX-License-Identifier: Apache-2.0 */
#include "report/export.h"

#include "base/limits.h"
#include "model/checkpoint_name.h"
#include "report/export_private.h"

/* An answer of LIMIT_ANSWER_BYTES may grow sixfold (\u0001 in JSON, &quot; in HTML). */
#define FIELD_MAX (8 * LIMIT_ANSWER_BYTES)

static const struct {
	const char *name, *mime, *extension;
	enum err_code (*write)(struct export *e, struct err *err);
} formats[] = {
	[EXPORT_CSV_EXCEL] = { "csv-excel", "text/csv; charset=utf-8; header=present", "csv", export_csv },
	[EXPORT_CSV] = { "csv", "text/csv; charset=utf-8; header=present", "csv", export_csv },
	[EXPORT_JSONL] = { "jsonl", "application/x-ndjson; charset=utf-8", "jsonl", export_jsonl },
	[EXPORT_HTML] = { "html", "text/html; charset=utf-8", "html", export_html },
	[EXPORT_JUNIT] = { "junit", "application/xml; charset=utf-8", "xml", export_junit },
};
#define N_FORMATS (sizeof formats / sizeof *formats)

const char *export_format_name(enum export_format format)
{
	return formats[format].name;
}

const char *export_mime(enum export_format format)
{
	return formats[format].mime;
}

const char *export_extension(enum export_format format)
{
	return formats[format].extension;
}

enum err_code export_format_parse(const char *name, enum export_format *out, struct err *err)
{
	for (size_t i = 0; i < N_FORMATS; i++) {
		if (strcmp(name, formats[i].name) != 0)
			continue;
		*out = (enum export_format)i;
		return ERR_OK;
	}
	return err_set(err, ERR_INVALID, "err_export_format", "name=%s", name);
}

/* --- chunks --- */

/* Passes on chunks and leaves at most `keep` bytes. */
static bool pass(struct export *e, size_t keep)
{
	size_t at = 0;

	if (e->failed.code == ERR_OK && e->out.overflow)
		err_set(&e->failed, ERR_LIMIT, "err_export_too_long", "limit=%llu", FIELD_MAX / MIB);
	if (e->failed.code != ERR_OK)
		return false;
	while (e->out.len - at > keep) {
		size_t n = e->out.len - at < EXPORT_CHUNK ? e->out.len - at : EXPORT_CHUNK;
		if (!e->sink(e->user, (struct str){ e->out.ptr + at, n })) {
			err_set(&e->failed, ERR_CANCELLED, "err_export_stopped", NULL);
			return false;
		}
		at += n;
	}
	if (at > 0)
		buf_consume(&e->out, at);
	return true;
}

int64_t export_conversation(const struct run_question *q)
{
	return (q->q.turn ? q->earlier[0].position : q->position) + 1;
}

const char *export_turn(struct export *e, const struct run_question *q)
{
	return export_text(e, "report_turn_of", "turn=%lld|question=%lld", (long long)q->q.turn + 1, (long long)export_conversation(q));
}

bool export_pass_on(struct export *e)
{
	/* Something stays: the CSV writer looks at the last byte to know whether a row has begun. */
	return pass(e, EXPORT_CHUNK);
}

bool export_flush(struct export *e)
{
	return pass(e, 0);
}

/* --- texts --- */

const char *export_text(struct export *e, const char *key, const char *args, ...)
{
	struct buf text = BUF_INIT(MIB);
	struct err packed;
	va_list list;
	char joined[sizeof packed.args] = "";

	va_start(list, args);
	if (args)
		vsnprintf(joined, sizeof joined, args, list);
	va_end(list);
	for (char *c = joined; *c != '\0'; c++)
		if (*c == '|')
			*c = ERR_ARG_SEP;
	err_restore(&packed, ERR_INTERNAL, key, joined);
	msg_render(&text, e->lang, key, packed.args);
	const char *copy = arena_strdup(e->arena, buf_text(&text));
	buf_release(&text);
	return copy;
}

int64_t export_n_reused(const struct export *e)
{
	int64_t n = 0;

	for (size_t i = 0; i < e->n_columns; i++)
		n += e->columns[i].n_reused;
	return n;
}

const char *export_reused(struct export *e)
{
	return export_text(e, "report_reused", "n=%lld|of=%lld", (long long)export_n_reused(e), (long long)e->run.n_done);
}

int64_t export_n_q8(const struct export *e)
{
	int64_t n = 0;

	for (size_t i = 0; i < e->n_columns; i++)
		n += e->columns[i].params.weights == WEIGHTS_Q8_0;
	return n;
}

const char *export_q8(struct export *e)
{
	return export_text(e, "report_q8", "n=%lld|of=%zu", (long long)export_n_q8(e), e->n_columns);
}

const char *export_state(const struct export *e, enum cell_state state)
{
	static const char *const keys[] = { "report_state_waiting", "report_state_done", "report_state_failed",
					    "report_state_cancelled" };

	return msg_text(e->lang, keys[state]);
}

const char *export_settings(struct export *e, const struct column_row *c)
{
	const struct gen_params *p = &c->params;

	return arena_printf(e->arena,
			    "max_tokens=%lld temperature=%g top_p=%g top_k=%lld min_p=%g repeat_penalty=%g thinking=%s seed=%lld%s%s%s%s",
			    (long long)p->max_tokens, p->temperature, p->top_p, (long long)p->top_k, p->min_p,
			    p->repeat_penalty, p->thinking ? "on" : "off", (long long)e->run.seed,
			    p->num_ctx > 0 ? arena_printf(e->arena, " num_ctx=%lld", (long long)p->num_ctx) : "",
			    p->stop && *p->stop ? arena_printf(e->arena, " stop=%s", p->stop) : "",
			    p->weights == WEIGHTS_STORED ? "" : " weights=", p->weights == WEIGHTS_STORED ? "" : weights_name(p->weights));
}

void export_remark(const struct export *e, struct buf *out, const struct column_row *c, const struct cell_row *cell)
{
	bool is_cut = cell->state == CELL_DONE && cell->finish == FINISH_LENGTH, is_reused = cell->reused_cell_id > 0;

	if (is_cut)
		msg_format(out, e->lang, "report_length", "n=%lld", (long long)c->params.max_tokens);
	if (is_reused)
		buf_add_text(out, is_cut ? " · " : "");
	if (is_reused)
		msg_format(out, e->lang, "report_reused_cell", "id=%lld", (long long)cell->reused_run_id);
	if (cell->state == CELL_FAILED && cell->problem.code != ERR_OK)
		err_message(out, e->lang, &cell->problem);
	else if (cell->state != CELL_DONE)
		buf_add_text(out, export_state(e, cell->state));
}

static bool title_taken(const struct export *e, size_t n, const char *title)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(e->titles[i], title) == 0)
			return true;
	return false;
}

/* A name may hold '|', which separates arguments: they are put in by hand. */
static const char *with_args(struct export *e, const char *key, const char *args)
{
	struct buf text = BUF_INIT(MIB);

	msg_render(&text, e->lang, key, args);
	const char *title = arena_strdup(e->arena, buf_text(&text));
	buf_release(&text);
	return title;
}

static const char *title_of(struct export *e, const struct column_row *c)
{
	const char *title = c->label;
	char epoch[32];

	epoch_label(c->epoch, epoch);
	if (*epoch)
		title = with_args(e, "report_epoch", arena_printf(e->arena, "name=%s%cepoch=%s", title, ERR_ARG_SEP, epoch));
	if (c->params.weights == WEIGHTS_Q8_0)
		title = with_args(e, "report_title_q8", arena_printf(e->arena, "name=%s", title));
	return title;
}

static void make_titles(struct export *e)
{
	e->titles = arena_array(e->arena, e->n_columns + 1, sizeof *e->titles);
	for (size_t i = 0; i < e->n_columns; i++) {
		const char *title = title_of(e, &e->columns[i]), *unique = title;
		for (int n = 2; title_taken(e, i, unique); n++)
			unique = arena_printf(e->arena, "%s (%d)", title, n);
		e->titles[i] = unique;
	}
}

/* --- markup --- */

static const char *entity_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && !entity_of((char)c);
}

/* XML 1.0, production Char. */
static bool is_xml_char(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD) ||
	       (c >= 0x10000 && c <= 0x10FFFF);
}

void markup_add(struct buf *out, struct str text)
{
	size_t pos = 0;

	while (pos < text.len) {
		size_t start = pos;
		while (pos < text.len && is_plain((unsigned char)text.ptr[pos]))
			pos++;
		buf_add(out, text.ptr + start, pos - start);
		if (pos == text.len)
			return;
		const char *entity = entity_of(text.ptr[pos]);
		if (entity) {
			buf_add_text(out, entity);
			pos++;
			continue;
		}
		char bytes[4];
		uint32_t c = utf8_next(text, &pos);
		buf_add(out, bytes, utf8_put(is_xml_char(c) ? c : 0xFFFD, bytes));
	}
}

/* --- all formats --- */

enum err_code export_open(struct export *e, struct db *db, int64_t run_id, enum lang lang, export_sink_fn sink, void *user,
			  struct err *err)
{
	*e = (struct export){
		.db = db,
		.arena = arena_new(),
		.lang = lang,
		.sink = sink,
		.user = user,
		.out = BUF_INIT(FIELD_MAX),
	};

	enum err_code code = run_store_get(db, e->arena, run_id, &e->run, &e->columns, &e->n_columns, err);
	if (code == ERR_OK)
		code = run_store_parts(db, e->arena, run_id, &e->parts, &e->n_parts, err);
	if (code == ERR_OK)
		code = run_store_has_turns(db, run_id, &e->has_turns, err);
	if (code == ERR_OK)
		make_titles(e);
	return code;
}

enum err_code export_close(struct export *e, enum err_code code, struct err *err)
{
	if (code == ERR_OK && !export_flush(e)) {
		code = e->failed.code;
		if (err)
			*err = e->failed;
	}
	buf_release(&e->out);
	arena_free(e->arena);
	return code;
}

enum err_code run_export(struct db *db, int64_t run_id, enum export_format format, enum lang lang, export_sink_fn sink,
			 void *user, struct err *err)
{
	struct export e;

	enum err_code code = export_open(&e, db, run_id, lang, sink, user, err);
	e.format = format;
	if (code == ERR_OK && (format == EXPORT_CSV || format == EXPORT_CSV_EXCEL || format == EXPORT_JSONL))
		code = run_store_records(db, run_id, &e.records, err);
	if (code == ERR_OK)
		code = formats[format].write(&e, err);
	return export_close(&e, code, err);
}
