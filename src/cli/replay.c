/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/follow.h"
#include "cli/show.h"

#define EXPORT_MAX (1 * GIB)

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
		json_object_del(row, "record"); /* long, and nothing here looks at it */
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

static enum err_code start_again(struct client *client, int64_t run_id, int64_t *again_id, struct err *err)
{
	char *path = mem_printf("/runs/%lld/replay", (long long)run_id);
	json_t *again = NULL;
	enum err_code code = client_call(client, "POST", path, NULL, &again, err);

	*again_id = show_int(again, "id");
	json_decref(again);
	mem_free(path);
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
	static const char *const facts[] = { "model_hash", "adapter_hash", "template_hash", "build", "device" };
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
	json_t *before = export_of(client, run_id, err), *after = NULL;
	enum err_code code = before ? ERR_OK : err->code;
	struct followed f = { 0 };
	int64_t copy_id = 0;

	if (code == ERR_OK)
		code = start_again(client, run_id, &copy_id, err);
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
	json_decref(before);
	json_decref(after);
	return code;
}
