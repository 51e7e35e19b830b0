/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "report/export_private.h"

static const char style[] =
	":root{color-scheme:light dark;--line:#8885}"
	"body{font:15px/1.5 system-ui,'Noto Sans TC','Microsoft JhengHei',sans-serif;margin:1.5rem auto;max-width:110rem;"
	"padding:0 1rem}"
	"h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}"
	"table{border-collapse:collapse;width:100%}"
	"th,td{border:1px solid var(--line);padding:.4rem .6rem;text-align:left;vertical-align:top}"
	"thead th{position:sticky;top:0;background:Canvas}"
	"tbody th,.answers th{overflow-wrap:anywhere}" /* names of models; words at the top of figures stay whole */
	".scroll{overflow-x:auto}.answers td,.answers th{min-width:8.5rem}.answers th:first-child,.answers td:first-child{min-width:2rem}"
	".text{white-space:pre-wrap;overflow-wrap:anywhere}"
	".note{color:GrayText;font-size:.85em}.liked{outline:2px solid #2e7d32;outline-offset:-2px}"
	"code{overflow-wrap:anywhere;font-size:.85em}.bar{background:#2e7d32;height:.5rem;display:block}"
	"@media print{thead th{position:static}.scroll{overflow:visible}.answers td,.answers th{min-width:0}}";

static void raw(struct export *e, const char *markup)
{
	buf_add_text(&e->out, markup);
}

static void text(struct export *e, const char *plain)
{
	markup_add(&e->out, str_of(plain));
}

/* <tag>text of the program</tag> */
static void titled(struct export *e, const char *tag, const char *key)
{
	buf_printf(&e->out, "<%s>", tag);
	text(e, msg_text(e->lang, key));
	buf_printf(&e->out, "</%s>", tag);
}

static void paragraph_if(struct export *e, bool wanted, const char *key)
{
	if (wanted)
		titled(e, "p", key);
}

void export_html_head(struct export *e, struct str title)
{
	buf_printf(&e->out, "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">", lang_name(e->lang));
	/* Nothing in this file may load or run anything, whatever a model wrote into it. */
	raw(e, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
	       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	       "<meta name=\"referrer\" content=\"no-referrer\"><title>");
	markup_add(&e->out, title);
	buf_printf(&e->out, "</title><style>%s</style></head><body><h1 dir=\"auto\">", style);
	markup_add(&e->out, title);
	raw(e, "</h1>");
}

/* "name" may hold anything, so it does not pass through a printf-like list. */
static void head(struct export *e)
{
	struct buf args = BUF_INIT(64 * 1024), line = BUF_INIT(64 * 1024);
	char when[32];

	buf_printf(&args, "name=%s", e->run.name);
	msg_render(&line, e->lang, "report_title", buf_text(&args));
	export_html_head(e, buf_str(&line));
	buf_release(&args);
	buf_release(&line);
	raw(e, "<p>");
	clock_format_utc(e->run.created_ms, when);
	for (char *c = when; *c != '\0'; c++)
		if (*c == 'T' || *c == 'Z')
			*c = *c == 'T' ? ' ' : '\0';
	text(e, export_text(e, "report_made", "when=%s|questions=%lld|done=%lld|cells=%lld", when,
			    (long long)e->run.n_questions, (long long)e->run.n_done, (long long)e->run.n_cells));
	raw(e, "</p>");
	if (export_n_reused(e) > 0) {
		raw(e, "<p>");
		text(e, export_reused(e));
		raw(e, "</p>");
	}
	paragraph_if(e, e->run.is_blind, "report_blind");
	paragraph_if(e, e->run.is_fast, "report_fast");
	paragraph_if(e, e->run.is_drifted, "report_drifted");
}

static void tally_row(struct export *e, size_t i)
{
	const struct column_row *c = &e->columns[i];
	/* A like for each question of every rater. */
	int64_t most = e->run.n_questions * (e->run.n_raters > 1 ? e->run.n_raters : 1);
	int64_t share = most > 0 ? 100 * c->n_likes / most : 0;

	raw(e, "<tr><th scope=\"row\" dir=\"auto\">");
	text(e, e->titles[i]);
	raw(e, "</th><td>");
	text(e, export_text(e, e->run.n_raters > 1 ? "report_likes_people" : "report_likes_of", "n=%lld|of=%lld", (long long)c->n_likes, (long long)most));
	buf_printf(&e->out, "<span class=\"bar\" style=\"width:%lld%%\"></span></td><td>%lld</td><td>%lld</td><td>",
		   (long long)share, (long long)c->n_done, (long long)c->n_failed);
	if (c->sum_us > 0)
		buf_printf(&e->out, "%.1f", (double)c->sum_generated * 1e6 / (double)c->sum_us);
	raw(e, "</td></tr>");
}

static void tally(struct export *e)
{
	titled(e, "h2", "report_tally");
	raw(e, "<div class=\"scroll\"><table><thead><tr>");
	titled(e, "th", "report_column_head");
	titled(e, "th", "report_likes_head");
	titled(e, "th", "report_done_head");
	titled(e, "th", "report_failed_head");
	titled(e, "th", "report_speed_head");
	raw(e, "</tr></thead><tbody>");
	for (size_t i = 0; i < e->n_columns; i++)
		tally_row(e, i);
	raw(e, "</tbody></table></div>\n");
}

static void code_line(struct export *e, const char *value)
{
	if (value[0] == '\0')
		return;
	raw(e, "<code>");
	text(e, value);
	raw(e, "</code><br>");
}

void export_html_provenance(struct export *e)
{
	titled(e, "h2", "report_provenance");
	raw(e, "<div class=\"scroll\"><table><thead><tr>");
	titled(e, "th", "report_column_head");
	titled(e, "th", "report_settings_head");
	titled(e, "th", "report_system");
	titled(e, "th", "report_files_head");
	titled(e, "th", "report_build_head");
	raw(e, "</tr></thead><tbody>");
	for (size_t i = 0; i < e->n_columns; i++) {
		const struct column_row *c = &e->columns[i];
		raw(e, "<tr><th scope=\"row\" dir=\"auto\">");
		text(e, e->titles[i]);
		raw(e, "</th><td>");
		code_line(e, export_settings(e, c));
		raw(e, "</td><td class=\"text\" dir=\"auto\">");
		text(e, c->params.system);
		raw(e, "</td><td>");
		code_line(e, c->model_hash);
		code_line(e, c->adapter_hash);
		code_line(e, c->template_hash);
		raw(e, "</td><td>");
		code_line(e, c->build);
		code_line(e, c->device);
		raw(e, "</td></tr>");
		export_pass_on(e);
	}
	raw(e, "</tbody></table></div>");
	buf_printf(&e->out, "<p class=\"note\">assay %s</p></body></html>\n", ASSAY_VERSION);
}

static bool cell(struct export *e, const struct column_row *c, const struct cell_row *cell)
{
	struct buf remark = BUF_INIT(64 * 1024);

	raw(e, cell->n_likes > 0 ? "<td class=\"liked\">" : "<td>");
	if (cell->thinking[0] != '\0') {
		raw(e, "<details><summary>");
		text(e, msg_text(e->lang, "report_thinking"));
		raw(e, "</summary><div class=\"text\" dir=\"auto\">");
		text(e, cell->thinking);
		raw(e, "</div></details>");
	}
	raw(e, "<div class=\"text\" dir=\"auto\">");
	text(e, cell->text);
	raw(e, "</div><div class=\"note\">");
	export_remark(e, &remark, c, cell);
	markup_add(&e->out, buf_str(&remark));
	if (cell->state == CELL_DONE) {
		raw(e, remark.len ? " · " : "");
		buf_clear(&remark);
		msg_format(&remark, e->lang, "report_cell_note", "tokens=%lld|seconds=%.1f", (long long)cell->n_generated,
			   (double)cell->total_us / 1e6);
		markup_add(&e->out, buf_str(&remark));
	}
	if (cell->n_likes > 0)
		buf_printf(&e->out, " · <b>%s: %lld</b>", msg_text(e->lang, "report_likes_head"), (long long)cell->n_likes);
	raw(e, "</div></td>");
	buf_release(&remark);
	return export_pass_on(e);
}

static bool row(void *user, const struct run_question *q, size_t n_columns)
{
	struct export *e = user;

	if (e->has_turns) /* where later turns lead to */
		buf_printf(&e->out, "<tr id=\"q%lld\">", (long long)q->position + 1);
	else
		raw(e, "<tr>");
	buf_printf(&e->out, "<td>%lld</td><td class=\"text\" dir=\"auto\">", (long long)q->position + 1);
	if (q->q.turn) {
		buf_printf(&e->out, "<a class=\"note\" href=\"#q%lld\">", (long long)(q->position - q->q.back + 1));
		text(e, export_turn(e, q));
		raw(e, "</a><br>");
	}
	markup_add(&e->out, q->q.text);
	raw(e, "</td><td class=\"text\" dir=\"auto\">");
	markup_add(&e->out, q->q.reference);
	raw(e, "</td>");
	for (size_t i = 0; i < n_columns && i < e->n_columns; i++)
		if (!cell(e, &e->columns[i], &q->cells[i]))
			return false;
	raw(e, "</tr>\n");
	return export_pass_on(e);
}

enum err_code export_html(struct export *e, struct err *err)
{
	head(e);
	tally(e);
	titled(e, "h2", "report_answers");
	raw(e, "<div class=\"scroll\"><table class=\"answers\"><thead><tr><th>#</th>");
	titled(e, "th", "report_question");
	titled(e, "th", "report_reference");
	for (size_t i = 0; i < e->n_columns; i++) {
		raw(e, "<th dir=\"auto\">");
		text(e, e->titles[i]);
		raw(e, "</th>");
	}
	raw(e, "</tr></thead><tbody>\n");
	enum err_code code = run_store_each(e->db, e->run.id, row, e, err);
	raw(e, "</tbody></table></div>\n");
	if (code == ERR_OK)
		code = export_html_made(e, err);
	export_html_provenance(e);
	return code;
}
