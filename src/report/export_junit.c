/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "report/export_private.h"

#define NAME_BYTES 200

static void raw(struct export *e, const char *markup)
{
	buf_add_text(&e->out, markup);
}

void export_attribute(struct export *e, const char *name, struct str value)
{
	buf_printf(&e->out, " %s=\"", name);
	/* In an attribute a parser turns line breaks and tabs into blanks: do it here, so that all see the same. */
	size_t start = 0;
	for (size_t i = 0; i <= value.len; i++) {
		if (i < value.len && value.ptr[i] != '\n' && value.ptr[i] != '\r' && value.ptr[i] != '\t')
			continue;
		markup_add(&e->out, (struct str){ value.ptr + start, i - start });
		if (i < value.len)
			buf_add_char(&e->out, ' ');
		start = i + 1;
	}
	buf_add_char(&e->out, '"');
}

void export_property(struct export *e, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	raw(e, "   <property");
	export_attribute(e, "name", str_of(name));
	export_attribute(e, "value", str_of(value));
	raw(e, "/>\n");
}

static void suite_head(struct export *e, size_t i)
{
	const struct column_row *c = &e->columns[i];
	char when[32];

	clock_format_utc(e->run.created_ms, when);
	if (strlen(when) > 19)
		when[19] = '\0'; /* JUnit wants no zone */
	raw(e, " <testsuite");
	export_attribute(e, "name", str_of(e->titles[i]));
	buf_printf(&e->out, " tests=\"%lld\" failures=\"0\" errors=\"%lld\" skipped=\"%lld\" time=\"%.3f\" timestamp=\"%s\">\n",
		   (long long)e->run.n_questions, (long long)c->n_failed, (long long)(c->n_cancelled + c->n_waiting),
		   (double)c->sum_us / 1e6, when);
	raw(e, "  <properties>\n");
	export_property(e, "settings", export_settings(e, c));
	export_property(e, "system", c->params.system);
	export_property(e, "model_sha256", c->model_hash);
	export_property(e, "adapter_sha256", c->adapter_hash);
	export_property(e, "template_sha256", c->template_hash);
	export_property(e, "build", c->build);
	export_property(e, "device", c->device);
	export_property(e, "reused", arena_printf(e->arena, "%lld", (long long)c->n_reused));
	export_property(e, "likes", arena_printf(e->arena, "%lld", (long long)c->n_likes));
	raw(e, "  </properties>\n");
}

/* "3: first words of the question", cut at a whole character; "4 (turn 2 of question 3): ..." in a conversation. */
static void case_name(struct export *e, const struct run_question *q)
{
	struct buf name = BUF_INIT(NAME_BYTES + 64);
	struct str words = q->q.text;

	if (words.len > NAME_BYTES)
		words.len = utf8_whole((struct str){ words.ptr, NAME_BYTES });
	buf_printf(&name, "%lld", (long long)q->position + 1);
	if (q->q.turn)
		buf_printf(&name, " (%s)", export_turn(e, q));
	buf_add_text(&name, ": ");
	buf_add_str(&name, words);
	export_attribute(e, "name", buf_str(&name));
	buf_release(&name);
}

struct suite {
	struct export *e;
	size_t column;
};

static bool test_case(void *user, const struct run_question *q, size_t n_columns)
{
	const struct suite *s = user;
	struct export *e = s->e;
	size_t column = s->column;
	const struct cell_row *cell = &q->cells[0];
	struct buf remark = BUF_INIT(64 * 1024);

	(void)n_columns; /* one */
	raw(e, "  <testcase");
	case_name(e, q);
	export_attribute(e, "classname", str_of(e->titles[column]));
	buf_printf(&e->out, " time=\"%.3f\">", cell->reused_cell_id ? 0.0 : (double)cell->total_us / 1e6);
	export_remark(e, &remark, &e->columns[column], cell);
	if (cell->state == CELL_FAILED) {
		raw(e, "<error");
		export_attribute(e, "type", str_of(cell->problem.key));
		export_attribute(e, "message", buf_str(&remark));
		raw(e, "/>");
	} else if (cell->state != CELL_DONE) {
		raw(e, "<skipped");
		export_attribute(e, "message", buf_str(&remark));
		raw(e, "/>");
	} else {
		raw(e, "<system-out>");
		markup_add(&e->out, str_of(cell->text));
		raw(e, "</system-out>");
	}
	raw(e, "</testcase>\n");
	buf_release(&remark);
	return export_pass_on(e);
}

static enum err_code suite(struct export *e, size_t column, struct err *err)
{
	struct suite s = { e, column };

	suite_head(e, column);
	enum err_code code = run_store_each_of(e->db, &e->columns[column], test_case, &s, err);
	raw(e, " </testsuite>\n");
	return code;
}

enum err_code export_junit(struct export *e, struct err *err)
{
	enum err_code code = ERR_OK;

	raw(e, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	export_attribute(e, "name", str_of(e->run.name));
	raw(e, ">\n");
	for (size_t i = 0; i < e->n_columns && code == ERR_OK && e->failed.code == ERR_OK; i++)
		code = suite(e, i, err);
	raw(e, "</testsuites>\n");
	return code;
}
