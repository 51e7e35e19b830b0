/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/remote_answer.h"

#include <string.h>

#include "base/limits.h"

#define BYTES_A_TOKEN 16
#define BYTES_SPARE 4096
#define COUNT_MAX (1LL << 31)
#define REASON_MAX 300
/* What models write where their server does not tell their thinking apart. */
#define THINK_START "<think>"
#define THINK_END "</think>"

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
	a->rules.stops = a->rules.think_start = a->rules.think_end = BUF_INIT(KIB);
	buf_add(&a->rules.think_start, THINK_START, sizeof THINK_START);
	buf_add(&a->rules.think_end, THINK_END, sizeof THINK_END);
	answer_init(&a->said, &a->rules);
	a->said.raw.max = max;
	line_reader_init(&a->lines, LIMIT_STREAM_LINE);
	event_reader_init(&a->events, LIMIT_STREAM_LINE);
}

void remote_answer_release(struct remote_answer *a)
{
	line_reader_release(&a->lines);
	event_reader_release(&a->events);
	answer_release(&a->said);
	buf_release(&a->rules.think_start);
	buf_release(&a->rules.think_end);
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

static void too_long(struct remote_answer *a, const struct buf *b)
{
	err_set(&a->err, ERR_LIMIT, "err_remote_too_long", "provider=%s|limit=%zu", a->remote->row.name, b->max);
}

static void add(struct remote_answer *a, struct str part, bool is_thinking)
{
	struct buf *out = is_thinking ? &a->thinking : &a->text;

	if (part.len == 0 || a->err.code != ERR_OK)
		return;
	buf_add_str(out, part);
	if (out->overflow)
		too_long(a, out);
	else if (a->on_text)
		a->on_text(a->user, part, is_thinking);
}

static void add_said(struct remote_answer *a, bool last)
{
	struct buf part = BUF_INIT(LIMIT_ANSWER_BYTES);
	bool is_thinking;

	while (answer_stream(&a->said, &part, last, &is_thinking)) {
		add(a, buf_str(&part), is_thinking);
		buf_clear(&part);
	}
	buf_release(&part);
}

static struct str text_of(const json_t *text)
{
	const char *part = json_string_value(text);
	return (struct str){ part ? part : "", part ? json_string_length(text) : 0 };
}

void remote_answer_text(struct remote_answer *a, const json_t *text)
{
	if (answer_add(&a->said, text_of(text)))
		add_said(a, false);
	else if (a->err.code == ERR_OK)
		too_long(a, &a->said.raw);
}

void remote_answer_thinking(struct remote_answer *a, const json_t *text)
{
	add(a, text_of(text), true);
}

void remote_answer_flush(struct remote_answer *a)
{
	add_said(a, true);
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
	remote_answer_flush(a);
	if (a->err.code == ERR_OK && a->finish == FINISH_NONE) {
		err_set(&a->err, ERR_IO, "err_remote_incomplete", "provider=%s", a->remote->row.name);
		a->may_retry = true;
	}
	return a->err.code;
}
