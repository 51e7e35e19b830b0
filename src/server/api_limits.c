/* SPDX-License-Identifier: Apache-2.0
 *
 * api_limits - every limit of base/limits.h for people: what it is of, how much, and what happens beyond it. */
#include <assert.h>
#include <ctype.h>

#include "base/limits.h"
#include "server/json_view.h"
#include "server/routes.h"

enum unit { COUNT, BYTES, MS, DAYS };

static const char *const unit_names[] = { "count", "bytes", "ms", "days" };

struct limit {
	const char *group; /* NULL: that of the one before */
	const char *name;  /* as in limits.h; in small letters the API's, and the end of core_limit_NAME */
	int64_t value;
	enum unit unit;
	const char *beyond; /* the end of core_beyond_NAME */
};

#define LIMIT(what, unit, beyond) { NULL, #what, (int64_t)LIMIT_##what, unit, beyond }
#define FIRST(group, what, unit, beyond) { group, #what, (int64_t)LIMIT_##what, unit, beyond }

static const struct limit table[] = {
	FIRST("questions", UPLOAD, BYTES, "refused"),
	LIMIT(QUESTIONS, COUNT, "refused"),
	LIMIT(QUESTION_BYTES, BYTES, "row"),
	LIMIT(JSON_ELEMENT, BYTES, "row"),
	LIMIT(FIELDS, COUNT, "fields"),
	LIMIT(YAML_JSON, BYTES, "refused"),
	LIMIT(TURNS, COUNT, "turns"),
	LIMIT(RECORD_BYTES, BYTES, "record"),
	LIMIT(RECORD_DEPTH, COUNT, "record"),
	FIRST("answers", COLUMNS, COUNT, "refused"),
	LIMIT(MAX_TOKENS, COUNT, "refused"),
	LIMIT(ANSWER_BYTES, BYTES, "fails"),
	LIMIT(STOPS, COUNT, "refused"),
	LIMIT(STOP_BYTES, BYTES, "refused"),
	LIMIT(NUM_CTX, COUNT, "refused"),
	LIMIT(SYSTEM_BYTES, BYTES, "refused"),
	LIMIT(TEMPLATE, BYTES, "refused"),
	LIMIT(TEMPLATE_MS, MS, "fails"),
	LIMIT(PROMPT_BYTES, BYTES, "fails"),
	LIMIT(SLOTS, COUNT, "turn"),
	LIMIT(NAME_BYTES, BYTES, "name"),
	FIRST("automatic", SELECTION_QUESTIONS, COUNT, "refused"),
	LIMIT(METRIC_BYTES, BYTES, "compared"),
	LIMIT(JUDGE_TEXT, BYTES, "judged"),
	FIRST("raters", PANELS, COUNT, "refused"),
	LIMIT(RATERS, COUNT, "refused"),
	LIMIT(VIEWERS, COUNT, "refused"),
	LIMIT(RATING_DAYS, DAYS, "refused"),
	FIRST("workspaces", DOCUMENT_BYTES, BYTES, "refused"),
	LIMIT(PASSAGES, COUNT, "refused"),
	LIMIT(CHAT_TOKENS, COUNT, "oldest"),
	LIMIT(API_KEYS, COUNT, "refused"),
	FIRST("models", FOLDER_ENTRIES, COUNT, "folder"),
	LIMIT(SCAN_ENTRIES, COUNT, "scan"),
	LIMIT(GGUF_HEADER, BYTES, "file"),
	LIMIT(GGUF_KEYS, COUNT, "file"),
	LIMIT(GGUF_TENSORS, COUNT, "file"),
	LIMIT(GGUF_STRING, BYTES, "file"),
	LIMIT(GGUF_ARRAY, COUNT, "file"),
	LIMIT(GGUF_ALIGNMENT, BYTES, "file"),
	LIMIT(SAFETENSORS_HEADER, BYTES, "file"),
	LIMIT(SAFETENSORS_TENSORS, COUNT, "file"),
	LIMIT(WEIGHT_FILES, COUNT, "file"),
	LIMIT(VOCAB, COUNT, "file"),
	LIMIT(MODEL_CACHE, BYTES, "unused"),
	FIRST("providers", REMOTE_MODELS, COUNT, "first"),
	LIMIT(REQUESTS_DEFAULT, COUNT, "requests"),
	LIMIT(REQUESTS_CHOICE, COUNT, "refused"),
	LIMIT(REMOTE_TRIES, COUNT, "tries"),
	LIMIT(ADAPTERS, COUNT, "refused"),
	LIMIT(STREAM_LINE, BYTES, "fails"),
	LIMIT(KEY_BYTES, BYTES, "refused"),
	LIMIT(CA_FILE, BYTES, "refused"),
	FIRST("hub", HUB_REPLY, BYTES, "refused"),
	LIMIT(HUB_FILES, COUNT, "refused"),
	LIMIT(HUB_CHOICES, COUNT, "refused"),
	LIMIT(HUB_FILE_BYTES, BYTES, "file"),
	LIMIT(DOWNLOADS, COUNT, "refused"),
	FIRST("server", JSON_BODY, BYTES, "refused"),
	LIMIT(OPEN_BODY, BYTES, "refused"),
	LIMIT(JSON_DEPTH, COUNT, "refused"),
	LIMIT(JSON_VALUES, COUNT, "refused"),
	LIMIT(HEAD_BYTES, BYTES, "status"),
	LIMIT(HEAD_FIELDS, COUNT, "refused"),
	LIMIT(CONNECTIONS, COUNT, "waits"),
	LIMIT(ADDRESS_CONNECTIONS, COUNT, "closed"),
	LIMIT(GUEST_REQUESTS, COUNT, "soon"),
	LIMIT(ADDRESS_REQUESTS, COUNT, "soon"),
	LIMIT(OWN_FILES, COUNT, "away"),
	LIMIT(FILES_LEAST, COUNT, "start"),
	LIMIT(SSE_CLIENTS, COUNT, "refused"),
	LIMIT(SSE_QUEUE, BYTES, "again"),
	LIMIT(FRAME, BYTES, "fails"),
	LIMIT(FRAME_VALUES, COUNT, "fails"),
};

static_assert(LIMIT_TEMPLATE_MS % 1000 == 0, "told in seconds");

/* "65,536", as both languages write it. */
static void put_number(struct buf *out, int64_t value)
{
	if (value >= 1000) {
		put_number(out, value / 1000);
		buf_printf(out, ",%03d", (int)(value % 1000));
	} else {
		buf_printf(out, "%d", (int)value);
	}
}

/* The value and its unit: "64 MiB", "90 days". */
static void put_value(struct buf *out, enum lang lang, const struct limit *l)
{
	static const char *const sizes[] = { "", "KiB", "MiB", "GiB", "TiB" };
	static const char *const words[] = { "", "core_unit_bytes", "core_unit_seconds", "core_unit_days" };
	struct buf number = BUF_INIT(64);
	int64_t value = l->unit == MS ? l->value / 1000 : l->value;
	size_t size = 0;

	for (; l->unit == BYTES && value % (int64_t)KIB == 0 && size + 1 < sizeof sizes / sizeof sizes[0]; size++)
		value /= (int64_t)KIB;
	put_number(&number, value);
	if (l->unit == COUNT)
		buf_add_str(out, buf_str(&number));
	else if (size > 0)
		buf_printf(out, "%s %s", buf_text(&number), sizes[size]);
	else
		msg_format(out, lang, words[l->unit], "n=%s", buf_text(&number));
	buf_release(&number);
}

static void view_limit(struct request *r, const struct limit *l)
{
	struct buf name = BUF_INIT(64), text = BUF_INIT(KIB);

	for (const char *c = l->name; *c; c++)
		buf_printf(&name, "%c", tolower((unsigned char)*c));
	put_value(&text, r->lang, l);
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "name", buf_text(&name));
	json_cstr(&r->out, "label", msg_text(r->lang, arena_printf(r->arena, "core_limit_%s", buf_text(&name))));
	json_int(&r->out, "value", l->value);
	json_cstr(&r->out, "unit", unit_names[l->unit]);
	json_str(&r->out, "text", buf_str(&text));
	json_cstr(&r->out, "beyond", msg_text(r->lang, arena_printf(r->arena, "core_beyond_%s", l->beyond)));
	json_close(&r->out, '}');
	buf_release(&name);
	buf_release(&text);
}

void api_list_limits(struct request *r)
{
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "groups", '[');
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (table[i].group) {
			json_open(&r->out, NULL, '{');
			json_cstr(&r->out, "name", table[i].group);
			json_cstr(&r->out, "label", msg_text(r->lang, arena_printf(r->arena, "core_limits_%s", table[i].group)));
			json_open(&r->out, "limits", '[');
		}
		view_limit(r, &table[i]);
		if (i + 1 == sizeof table / sizeof table[0] || table[i + 1].group) {
			json_close(&r->out, ']');
			json_close(&r->out, '}');
		}
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	request_reply(r, 200);
}
