/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "report/export_private.h"
#include "report/proof_text.h"
#include "store/artifact_store.h"

static void raw(struct export *e, const char *markup)
{
	buf_add_text(&e->out, markup);
}

static void text(struct export *e, const char *plain)
{
	markup_add(&e->out, str_of(plain));
}

static void head_cell(struct export *e, const char *key)
{
	raw(e, "<th>");
	text(e, msg_text(e->lang, key));
	raw(e, "</th>");
}

static void message_cell(struct export *e, const char *key)
{
	const char *sentence = msg_text(e->lang, key);

	raw(e, "<td>");
	text(e, sentence ? sentence : key);
	raw(e, "</td>");
}

static void number_cell(struct export *e, const json_t *row, const char *name)
{
	const json_t *value = json_object_get(row, name);

	raw(e, "<td>");
	if (json_is_number(value))
		buf_printf(&e->out, "%.4g", json_number_value(value));
	raw(e, "</td>");
}

static void proof_row(struct export *e, const json_t *row)
{
	const char *name = json_string_value(json_object_get(row, "name"));
	const char *verdict = json_string_value(json_object_get(row, "verdict"));
	char key[PROOF_KEY_SIZE];

	if (!name || !verdict)
		return;
	raw(e, "<tr>");
	proof_row_key(name, key);
	message_cell(e, key);
	number_cell(e, row, "before");
	number_cell(e, row, "after");
	number_cell(e, row, "low");
	number_cell(e, row, "high");
	number_cell(e, row, "control");
	proof_verdict_key(verdict, key);
	message_cell(e, key);
	raw(e, "</tr>");
}

static void proof_table(struct export *e, const json_t *proof)
{
	static const char *const heads[] = { "proof_head_measure", "proof_head_before", "proof_head_after", "proof_head_low",
					     "proof_head_high",    "proof_head_control", "proof_head_verdict" };
	struct buf advice = BUF_INIT(64 * KIB);
	const json_t *row;
	size_t i;

	proof_advice(&advice, e->lang, proof);
	raw(e, "<p>");
	markup_add(&e->out, buf_str(&advice));
	raw(e, "</p><div class=\"scroll\"><table><thead><tr>");
	for (i = 0; i < sizeof heads / sizeof *heads; i++)
		head_cell(e, heads[i]);
	raw(e, "</tr></thead><tbody>");
	json_array_foreach(json_object_get(proof, "rows"), i, row)
		proof_row(e, row);
	raw(e, "</tbody></table></div>");
	buf_release(&advice);
}

static void made_file(struct export *e, const struct artifact_row *made)
{
	struct err err = { 0 };
	json_t *proof = made->proof[0] ? json_parse(str_of(made->proof), "proof", &err) : NULL;

	raw(e, "<h3 dir=\"auto\">");
	text(e, fs_basename(made->path));
	raw(e, "</h3><p class=\"note\">");
	text(e, export_text(e, "report_made_file", "format=%s|size=%.1f MB", made->format, (double)made->size_bytes / 1e6));
	raw(e, "<br><code>SHA-256 ");
	text(e, made->sha256);
	raw(e, "</code></p>");
	if (json_is_object(proof))
		proof_table(e, proof);
	json_decref(proof);
	export_pass_on(e);
}

enum err_code export_html_made(struct export *e, struct err *err)
{
	struct artifact_row *rows;
	size_t n = 0;
	bool any = false;

	if (artifact_store_list(e->db, e->arena, &rows, &n, err) != ERR_OK)
		return err ? err->code : ERR_INTERNAL;
	for (size_t i = 0; i < n; i++) {
		if (rows[i].run_id != e->run.id)
			continue;
		if (!any) {
			raw(e, "<h2>");
			text(e, msg_text(e->lang, "report_made_head"));
			raw(e, "</h2>");
		}
		any = true;
		made_file(e, &rows[i]);
	}
	return ERR_OK;
}
