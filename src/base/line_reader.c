/* SPDX-License-Identifier: Apache-2.0 */
#include "base/line_reader.h"

#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void line_reader_init(struct line_reader *r, size_t line_max)
{
	*r = (struct line_reader){ .line = BUF_INIT(line_max) };
}

void line_reader_release(struct line_reader *r)
{
	buf_release(&r->line);
}

static bool give_line(struct line_reader *r, line_fn each, void *user)
{
	struct str line = buf_str(&r->line);

	if (!r->started && str_starts(line, BYTE_ORDER_MARK))
		line = (struct str){ line.ptr + 3, line.len - 3 };
	r->started = true;
	bool more = each(user, line);
	buf_clear(&r->line);
	return more;
}

bool line_reader_feed(struct line_reader *r, struct str bytes, line_fn each, void *user)
{
	size_t from = 0;

	for (size_t i = 0; i < bytes.len && !r->is_broken; i++) {
		char c = bytes.ptr[i];
		bool ends = c == '\n' || c == '\r', is_second = c == '\n' && r->after_cr;
		r->after_cr = c == '\r';
		if (!ends)
			continue;
		if (!is_second) {
			buf_add(&r->line, bytes.ptr + from, i - from);
			r->is_broken = r->line.overflow;
			if (r->is_broken || !give_line(r, each, user))
				return false;
		}
		from = i + 1;
	}
	if (!r->is_broken && from < bytes.len)
		buf_add(&r->line, bytes.ptr + from, bytes.len - from);
	r->is_broken = r->is_broken || r->line.overflow;
	return !r->is_broken;
}

bool line_reader_finish(struct line_reader *r, line_fn each, void *user)
{
	if (r->is_broken)
		return false;
	return r->line.len == 0 || give_line(r, each, user);
}

/* --- events --- */

void event_reader_init(struct event_reader *r, size_t data_max)
{
	*r = (struct event_reader){ .data = BUF_INIT(data_max) };
	line_reader_init(&r->lines, data_max);
}

void event_reader_release(struct event_reader *r)
{
	line_reader_release(&r->lines);
	buf_release(&r->data);
}

struct feeding {
	struct event_reader *reader;
	event_fn each;
	void *user;
};

static bool give_event(struct feeding *f)
{
	struct event_reader *r = f->reader;
	bool more = true;

	if (r->data.overflow)
		r->lines.is_broken = true;
	else if (r->has_data)
		more = f->each(f->user, r->event, buf_str(&r->data));
	buf_clear(&r->data);
	r->has_data = false;
	r->event[0] = 0;
	return more && !r->lines.is_broken;
}

static struct str field_value(struct str line, size_t name_len)
{
	struct str value = { line.ptr + name_len, line.len - name_len };

	if (value.len > 0 && value.ptr[0] == ' ')
		value = (struct str){ value.ptr + 1, value.len - 1 };
	return value;
}

/* A whole object, or the end mark: what follows can only be another event. */
static bool is_whole(struct str data)
{
	int depth = 0;
	bool in_text = false;

	data = str_trim(data);
	if (str_eq_text(data, "[DONE]"))
		return true;
	if (data.len == 0 || data.ptr[0] != '{')
		return false;
	for (size_t i = 0; i < data.len; i++) {
		char c = data.ptr[i];
		if (in_text && c == '\\')
			i++;
		else if (c == '"')
			in_text = !in_text;
		else if (!in_text && (c == '{' || c == '}'))
			depth += c == '{' ? 1 : -1;
	}
	return depth == 0 && !in_text;
}

static bool take_line(void *user, struct str line)
{
	struct feeding *f = user;
	struct event_reader *r = f->reader;

	if (line.len == 0)
		return give_event(f);
	if (str_starts(line, "data:") || line.ptr[0] == '{') {
		if (r->has_data && is_whole(buf_str(&r->data)) && !give_event(f))
			return false;
		if (r->has_data)
			buf_add_char(&r->data, '\n');
		buf_add_str(&r->data, line.ptr[0] == '{' ? line : field_value(line, sizeof "data:" - 1));
		r->has_data = true;
	} else if (str_starts(line, "event:")) {
		struct str name = field_value(line, sizeof "event:" - 1);
		(void)str_format(r->event, sizeof r->event, "%.*s", (int)(name.len < sizeof r->event ? name.len : 0), name.ptr);
	}
	return true; /* comments, ids, retry times, and what is none of ours */
}

bool event_reader_feed(struct event_reader *r, struct str bytes, event_fn each, void *user)
{
	struct feeding f = { r, each, user };
	return line_reader_feed(&r->lines, bytes, take_line, &f);
}

bool event_reader_finish(struct event_reader *r, event_fn each, void *user)
{
	struct feeding f = { r, each, user };
	return line_reader_finish(&r->lines, take_line, &f) && give_event(&f);
}
