/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/follow.h"
#include "cli/new_run.h"
#include "cli/show.h"

#define EXPORT_MAX (1 * GIB)
#define PAGE_QUESTIONS 1000

static bool keep_chunk(void *user, const void *data, size_t len)
{
	struct buf *text = user;

	buf_add(text, data, len);
	return !text->overflow;
}

/* The lines of an export stand as people read them; questions are asked, and compared, by their positions.  Takes `rows`. */
static json_t *by_position(json_t *rows)
{
	size_t n = json_array_size(rows);
	const json_t **sorted = mem_array(n, sizeof(*sorted));
	json_t *out = json_array(), *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		size_t place = i > 0 ? (size_t)show_int(row, "position") + 1 : 0; /* the first row is the run */
		if (place < n)
			sorted[place] = row;
	}
	for (i = 0; i < n; i++)
		json_array_append(out, (json_t *)(uintptr_t)sorted[i]);
	json_decref(rows);
	mem_free(sorted);
	return out;
}

/* The lossless export as a list of its lines. */
static json_t *export_of(struct client *client, int64_t run_id, struct err *err)
{
	struct buf text = BUF_INIT(EXPORT_MAX);
	char *path = mem_printf("/runs/%lld/export?format=jsonl", (long long)run_id);
	json_t *rows = json_array();
	enum err_code code = client_download(client, path, keep_chunk, &text, err);
	struct str rest = buf_str(&text);

	while (code == ERR_OK && rest.len > 0) {
		struct str line = str_split(&rest, '\n');
		json_t *row = line.len > 0 ? json_parse_python(line, "export", err) : NULL;
		if (row)
			json_array_append_new(rows, row);
		else if (line.len > 0)
			code = err->code;
	}
	mem_free(path);
	buf_release(&text);
	if (code == ERR_OK)
		return by_position(rows);
	json_decref(rows);
	return NULL;
}

/* The questions travel as a file, so that their number does not matter. */
static enum err_code upload_questions(struct client *client, const json_t *rows, const char *name, int64_t *set_id, struct err *err)
{
	static const char *const fields[][2] = { { "question", "question" }, { "reference", "answer" }, { "system", "system" },
						 { "tags", "tags" }, { "id", "id" } };
	static const char *const places[] = { "conversation", "turn" };
	struct buf text = BUF_INIT(LIMIT_UPLOAD);
	json_t *upload = NULL, *set = NULL;

	for (size_t i = 1; i < json_array_size(rows); i++) { /* the first row is the run */
		const json_t *row = json_array_get(rows, i);
		json_t *line = json_object();
		for (size_t k = 0; k < sizeof fields / sizeof fields[0]; k++) {
			const json_t *value = json_object_get(row, fields[k][0]);
			if (json_is_string(value) && json_string_length(value) > 0)
				json_object_set(line, fields[k][1], (json_t *)(uintptr_t)value);
		}
		json_object_set(line, "other_references", json_object_get(row, "other_references"));
		for (size_t k = 0; k < sizeof places / sizeof places[0]; k++)
			json_object_set_new(line, places[k], json_integer(show_int(row, places[k])));
		json_write(&text, line);
		buf_add_char(&text, '\n');
		json_decref(line);
	}
	enum err_code code = client_upload(client, "/uploads?name=replay.jsonl", buf_text(&text), text.len, &upload, err);
	if (code == ERR_OK) {
		json_t *body = json_pack("{s:O, s:s}", "upload", json_object_get(upload, "upload"), "name", name);
		code = client_call(client, "POST", "/question-sets", body, &set, err);
		json_decref(body);
	}
	if (code == ERR_OK)
		*set_id = json_integer_value(json_object_get(set, "id"));
	json_decref(upload);
	json_decref(set);
	buf_release(&text);
	return code;
}

static bool is_question(const json_t *question, const json_t *row)
{
	static const char *const members[][2] = { { "text", "question" }, { "reference", "reference" }, { "system", "system" },
						  { "tags", "tags" }, { "id", "id" } };
	const json_t *others = json_object_get(question, "other_references"); /* absent where there are none */
	const json_t *others_then = json_object_get(row, "other_references");

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		if (strcmp(show_text(question, members[i][0]), show_text(row, members[i][1])) != 0)
			return false;
	return json_array_size(others) + json_array_size(others_then) == 0 || json_equal(others, others_then);
}

/* The set that the run was made of, where it is still there and the run has no other questions; else 0. */
static int64_t set_of(struct client *client, const json_t *run, const json_t *rows)
{
	int64_t id = show_int(run, "question_set_id");
	size_t n = json_array_size(rows) - 1, at = 0; /* the first row is the run */
	bool is_same = id > 0;

	while (is_same && at < n) {
		char *path = mem_printf("/question-sets/%lld?offset=%zu&limit=%d", (long long)id, at, PAGE_QUESTIONS);
		json_t *page = NULL;
		const json_t *question;
		size_t i;
		is_same = client_call(client, "GET", path, NULL, &page, NULL) == ERR_OK && show_int(page, "total") == (int64_t)n &&
			  json_array_size(json_object_get(page, "questions")) > 0;
		json_array_foreach(json_object_get(page, "questions"), i, question)
			is_same = is_same && is_question(question, json_array_get(rows, 1 + at++));
		json_decref(page);
		mem_free(path);
	}
	return is_same ? id : 0;
}

static json_t *copy_of(const json_t *run, int64_t set_id)
{
	json_t *columns = json_array();
	const json_t *column;
	size_t i;

	json_array_foreach(json_object_get(run, "columns"), i, column) {
		json_t *copy = json_object();
		json_object_set(copy, "model_id", json_object_get(column, "model_id"));
		/* Also what followed from the model then: it may have another template by now. */
		if (json_is_true(json_object_get(column, "own_params")) ||
		    !json_equal(json_object_get(column, "params"), json_object_get(run, "params")))
			json_object_set(copy, "params", json_object_get(column, "params"));
		json_array_append_new(columns, copy);
	}
	json_t *body = json_pack("{s:o, s:I}", "columns", columns, "question_set_id", (json_int_t)set_id);
	json_object_set(body, "params", json_object_get(run, "params"));
	json_object_set(body, "seed", json_object_get(run, "seed"));
	json_object_set(body, "mode", json_object_get(run, "mode"));
	return body;
}

/* Answers depend on the groups they were given in, and groups begin anew where questions were added: here too. */
static enum err_code start_copy(struct client *client, const json_t *run, const json_t *rows, int64_t *copy_id, struct err *err)
{
	const json_t *parts = json_object_get(json_array_get(rows, 0), "parts");
	int64_t set_id = set_of(client, run, rows);
	enum err_code code = set_id ? ERR_OK : upload_questions(client, rows, show_text(run, "name"), &set_id, err);

	if (code != ERR_OK)
		return code;
	json_t *body = copy_of(run, set_id);
	json_object_set(body, "parts", (json_t *)(uintptr_t)parts);
	code = new_run_start(client, body, copy_id, err);
	json_decref(body);
	return code;
}

struct difference {
	int64_t total, differ, first;
};

static struct difference compare(const json_t *before, const json_t *after)
{
	struct difference d = { 0 };
	const json_t *row, *cell;
	size_t i, k;

	json_array_foreach(before, i, row) {
		const json_t *other = json_array_get(after, i), *cells = json_object_get(row, "answers");
		json_array_foreach(cells, k, cell) {
			const json_t *again = json_array_get(json_object_get(other, "answers"), k);
			if (strcmp(show_text(cell, "state"), "done") != 0)
				continue;
			d.total++;
			if (strcmp(show_text(cell, "tokens_sha256"), show_text(again, "tokens_sha256")) == 0)
				continue;
			if (d.differ++ == 0)
				d.first = (int64_t)i;
		}
	}
	return d;
}

/* Provenance that differs explains a drift: the API's name of the first fact that does, "fast", or "". */
static const char *why(const json_t *before, const json_t *after)
{
	static const char *const facts[] = { "model_hash", "adapter_hash", "template_hash", "build", "device", "slots" };
	const json_t *a = json_object_get(json_array_get(before, 0), "columns"), *column;
	const json_t *b = json_object_get(json_array_get(after, 0), "columns");
	size_t i;

	json_array_foreach(a, i, column) {
		for (size_t k = 0; k < sizeof facts / sizeof facts[0]; k++) {
			if (!json_equal(json_object_get(column, facts[k]), json_object_get(json_array_get(b, i), facts[k])))
				return facts[k];
		}
	}
	return json_is_true(json_object_get(json_array_get(before, 0), "fast")) ? "fast" : "";
}

static int report(const struct cli *cli, const json_t *before, const json_t *after)
{
	struct difference d = compare(before, after);
	const char *fact = d.differ ? why(before, after) : "";
	long long again = (long long)show_int(json_array_get(after, 0), "id");

	if (cli->json) {
		json_t *out = json_pack("{s:b, s:I, s:I, s:s, s:I}", "identical", d.differ == 0, "answers", (json_int_t)d.total,
					"differ", (json_int_t)d.differ, "because", fact, "run_id", (json_int_t)again);
		cli_print_json(out);
		json_decref(out);
	} else if (d.differ == 0) {
		cli_say(cli, stdout, "cli_replay_same", "n=%lld", (long long)d.total);
	} else {
		char key[64];
		(void)str_format(key, sizeof key, "cli_replay_why_%s", *fact ? fact : "unknown");
		cli_say(cli, stdout, "cli_replay_drifted", "n=%lld|total=%lld|first=%lld|why=%s|id=%lld", (long long)d.differ,
			(long long)d.total, (long long)d.first, msg_text(cli->lang, key), again);
	}
	return d.differ == 0 ? EXIT_DONE : EXIT_GATE;
}

enum err_code replay_run(struct cli *cli, struct client *client, int64_t run_id, int *result, struct err *err)
{
	char *path = mem_printf("/runs/%lld", (long long)run_id);
	json_t *run = NULL, *before = NULL, *after = NULL;
	struct followed f = { 0 };
	int64_t copy_id = 0;

	enum err_code code = client_call(client, "GET", path, NULL, &run, err);
	mem_free(path);
	if (code == ERR_OK && !(before = export_of(client, run_id, err)))
		code = err->code;
	if (code == ERR_OK)
		code = start_copy(client, run, before, &copy_id, err);
	if (code == ERR_OK)
		code = follow_run(cli, client, copy_id, NULL, NULL, &f, err);
	if (code == ERR_OK && (f.interrupted || strcmp(show_text(f.run, "state"), "done") != 0)) {
		*result = follow_verdict(cli, client, &f, false);
		goto out;
	}
	if (code == ERR_OK && !(after = export_of(client, copy_id, err)))
		code = err->code;
	if (code == ERR_OK)
		*result = report(cli, before, after);
out:
	followed_release(&f);
	json_decref(run);
	json_decref(before);
	json_decref(after);
	return code;
}
