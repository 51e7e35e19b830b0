/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/remote_answer.h"

#include <string.h>

#include "base/limits.h"

#define BYTES_A_TOKEN 16
#define BYTES_SPARE 4096
#define COUNT_MAX (1LL << 31)
#define REASON_MAX 300

const struct provider_dialect *provider_dialect_of(enum provider_kind kind)
{
	return kind == PROVIDER_OPENAI ? &dialect_openai : &dialect_ollama;
}

void remote_answer_init(struct remote_answer *a, const struct remote *remote, int64_t max_tokens)
{
	size_t max = (size_t)max_tokens * BYTES_A_TOKEN + BYTES_SPARE;

	if (max > LIMIT_ANSWER_BYTES)
		max = LIMIT_ANSWER_BYTES;
	*a = (struct remote_answer){ .remote = remote, .dialect = provider_dialect_of(remote->row.kind), .text = BUF_INIT(max),
				     .thinking = BUF_INIT(max) };
	line_reader_init(&a->lines, LIMIT_STREAM_LINE);
	event_reader_init(&a->events, LIMIT_STREAM_LINE);
}

void remote_answer_release(struct remote_answer *a)
{
	line_reader_release(&a->lines);
	event_reader_release(&a->events);
	buf_release(&a->text);
	buf_release(&a->thinking);
}

static void malformed(struct remote_answer *a, const char *what)
{
	if (a->err.code != ERR_OK)
		return;
	remote_wrong(a->remote, what, &a->err);
	a->may_retry = true;
}

void remote_answer_refuse(struct remote_answer *a, const char *reason, bool may_retry)
{
	char text[REASON_MAX];

	if (a->err.code != ERR_OK)
		return;
	(void)str_format(text, sizeof text, "%.*s", (int)utf8_whole((struct str){ reason, strnlen(reason, REASON_MAX - 1) }), reason);
	utf8_clean(text, strlen(text), 0);
	err_set(&a->err, may_retry ? ERR_IO : ERR_DATA, "err_remote_refused", "provider=%s|reason=%s", a->remote->row.name, text);
	a->may_retry = may_retry;
}

static void add(struct remote_answer *a, struct buf *out, const json_t *text)
{
	const char *part = json_string_value(text);
	size_t len = part ? json_string_length(text) : 0;

	if (len == 0 || a->err.code != ERR_OK)
		return;
	buf_add(out, part, len);
	if (out->overflow)
		err_set(&a->err, ERR_LIMIT, "err_remote_too_long", "provider=%s|limit=%zu", a->remote->row.name, out->max);
}

void remote_answer_text(struct remote_answer *a, const json_t *text)
{
	size_t before = a->text.len;

	add(a, &a->text, text);
	if (a->text.len > before && a->on_text)
		a->on_text(a->user, (struct str){ a->text.ptr + before, a->text.len - before });
}

void remote_answer_thinking(struct remote_answer *a, const json_t *text)
{
	add(a, &a->thinking, text);
}

int64_t remote_count(const json_t *object, const char *key)
{
	int64_t n = json_integer_value(json_object_get(object, key));
	return n > 0 && n < COUNT_MAX ? n : 0;
}

static bool read_object(struct remote_answer *a, struct str text)
{
	struct err syntax = { 0 };
	json_t *object = json_parse(text, "reply", &syntax);

	if (!json_is_object(object))
		malformed(a, "a line that is no JSON object");
	else
		a->dialect->read(a, object);
	json_decref(object);
	return a->err.code == ERR_OK;
}

static bool on_line(void *user, struct str line)
{
	return str_trim(line).len == 0 || read_object(user, line);
}

static bool on_event(void *user, const char *event, struct str data)
{
	struct remote_answer *a = user;

	if (str_eq_text(str_trim(data), "[DONE]") || str_trim(data).len == 0)
		return true;
	if (strcmp(event, "error") == 0 && str_trim(data).ptr[0] != '{') {
		char reason[REASON_MAX];
		remote_reason(data, reason, sizeof reason);
		remote_answer_refuse(a, reason, true);
		return false;
	}
	return read_object(a, data);
}

bool remote_answer_feed(struct remote_answer *a, struct str bytes)
{
	bool events = a->dialect->has_events;
	bool good = events ? event_reader_feed(&a->events, bytes, on_event, a) : line_reader_feed(&a->lines, bytes, on_line, a);

	if (!good && (events ? a->events.lines.is_broken : a->lines.is_broken))
		malformed(a, "an endless line");
	return good;
}

enum err_code remote_answer_finish(struct remote_answer *a)
{
	bool events = a->dialect->has_events;

	if (a->err.code == ERR_OK)
		(void)(events ? event_reader_finish(&a->events, on_event, a) : line_reader_finish(&a->lines, on_line, a));
	if (a->err.code == ERR_OK && a->finish == FINISH_NONE) {
		err_set(&a->err, ERR_IO, "err_remote_incomplete", "provider=%s", a->remote->row.name);
		a->may_retry = true;
	}
	return a->err.code;
}
