/* SPDX-License-Identifier: Apache-2.0 */
#include "model/answer.h"

#include <string.h>

#include "base/limits.h"

#define ANSWER_MAX (8 * MIB)

void answer_init(struct answer *a, const struct answer_rules *rules)
{
	*a = (struct answer){ .rules = rules, .raw = BUF_INIT(ANSWER_MAX) };
}

void answer_release(struct answer *a)
{
	buf_release(&a->raw);
}

/* Walks a NUL-separated list: NULL starts, returns NULL at the end. */
static const char *list_next(const struct buf *list, const char *item)
{
	const char *next = item ? item + strlen(item) + 1 : list->ptr;
	return next && next < list->ptr + list->len ? next : NULL;
}

/* Offset of `needle` at or behind `from`, or SIZE_MAX. */
static size_t find(const struct buf *hay, size_t from, const char *needle)
{
	size_t len = strlen(needle);
	if (len == 0 || from > hay->len)
		return SIZE_MAX;
	const char *at = memmem(hay->ptr + from, hay->len - from, needle, len);
	return at ? (size_t)(at - hay->ptr) : SIZE_MAX;
}

static size_t skip_space(const struct buf *b, size_t at)
{
	while (at < b->len && strchr(" \t\r\n", b->ptr[at]))
		at++;
	return at;
}

/* Where thinking begins (behind its tag), SIZE_MAX where the answer has none. */
static size_t think_begin(const struct answer *a)
{
	if (a->rules->think_open)
		return 0;
	const char *tag = list_next(&a->rules->think_start, NULL);
	if (!tag)
		return SIZE_MAX;
	size_t at = skip_space(&a->raw, 0), len = strlen(tag);
	if (a->raw.len - at < len || memcmp(a->raw.ptr + at, tag, len) != 0)
		return SIZE_MAX;
	return at + len;
}

static void look_for_think_end(struct answer *a, size_t old_len)
{
	size_t begin = think_begin(a);
	if (a->think_end > 0 || begin == SIZE_MAX)
		return;
	for (const char *tag = NULL; (tag = list_next(&a->rules->think_end, tag));) {
		size_t len = strlen(tag), from = old_len > len ? old_len - len : 0;
		size_t at = find(&a->raw, from > begin ? from : begin, tag);
		if (at != SIZE_MAX && (a->think_end == 0 || at + len < a->think_end)) {
			a->think_end = at + len;
			a->think_stop = at;
		}
	}
}

bool answer_add(struct answer *a, struct str piece)
{
	size_t old_len = a->raw.len, cut = SIZE_MAX;
	buf_add_str(&a->raw, piece);
	for (const char *stop = NULL; (stop = list_next(&a->rules->stops, stop));) {
		size_t len = strlen(stop), at = find(&a->raw, old_len > len ? old_len - len : 0, stop);
		if (at < cut)
			cut = at;
	}
	if (cut != SIZE_MAX) {
		a->raw.len = cut;
		a->raw.ptr[cut] = 0;
		a->stopped = true;
		if (a->think_end > cut) /* the stop text began inside of that tag */
			a->think_end = 0;
	}
	look_for_think_end(a, old_len < a->raw.len ? old_len : a->raw.len);
	return !a->stopped && !a->raw.overflow;
}

/* Bytes at the end of `text` that may be the beginning of one of the list. */
static size_t held_for(const struct buf *list, struct str text)
{
	size_t held = 0;
	for (const char *item = NULL; (item = list_next(list, item));) {
		size_t most = strlen(item) - 1;
		for (size_t n = most < text.len ? most : text.len; n > held; n--) {
			if (memcmp(text.ptr + text.len - n, item, n) == 0)
				held = n;
		}
	}
	return held;
}

/* Bytes at the end of [0, len) that begin a character whose rest has not come. */
static size_t held_for_character(const char *text, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		unsigned char c = (unsigned char)text[len - back];
		if (c < 0x80)
			return 0;
		if (c >= 0xC0) {
			size_t whole = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
			return whole > back ? back : 0;
		}
	}
	return 0;
}

static void add_valid(struct buf *out, struct str s)
{
	if (utf8_valid(s, NULL)) {
		buf_add_str(out, s);
		return;
	}
	for (size_t at = 0; at < s.len;) {
		char bytes[4];
		buf_add(out, bytes, utf8_put(utf8_next(s, &at), bytes));
	}
}

/* Parts of raw: [from, to). */
struct part {
	size_t from, to;
};

/* Nothing but what may be the beginning of the tag that starts thinking. */
static bool may_start_thinking(const struct answer *a)
{
	const char *tag = list_next(&a->rules->think_start, NULL);
	size_t at = skip_space(&a->raw, 0), len = a->raw.len - at;
	return !a->rules->think_open && tag && (len == 0 || (len < strlen(tag) && memcmp(a->raw.ptr + at, tag, len) == 0));
}

/* What is certain of thinking and of the text; at the `last` all that there is. */
static void find_parts(const struct answer *a, bool last, struct part *thinking, struct part *text)
{
	struct str all = buf_str(&a->raw);
	size_t begin = think_begin(a);
	all.len -= last ? 0 : held_for(&a->rules->stops, all);
	/* At the last, the rest of a character that was cut by the limit does not come: its begin is no text. */
	all.len -= held_for_character(all.ptr, all.len);
	*thinking = (struct part){ 0, 0 };
	*text = (struct part){ 0, !last && may_start_thinking(a) ? 0 : all.len };
	if (begin == SIZE_MAX)
		return;
	*text = a->think_end > 0 ? (struct part){ skip_space(&a->raw, a->think_end), all.len } : (struct part){ 0, 0 };
	if (a->think_end > 0 && a->think_stop < all.len)
		all.len = a->think_stop;
	else if (a->think_end == 0 && !last)
		all.len -= held_for(&a->rules->think_end, all);
	if (all.len <= begin)
		return;
	struct str inside = str_trim((struct str){ all.ptr + begin, all.len - begin });
	thinking->from = (size_t)(inside.ptr - all.ptr);
	thinking->to = thinking->from + inside.len;
}

bool answer_stream(struct answer *a, struct buf *out, bool last, bool *is_thinking)
{
	struct part parts[2];
	find_parts(a, last, &parts[0], &parts[1]);
	for (int i = 0; i < 2; i++) {
		size_t from = parts[i].from > a->streamed ? parts[i].from : a->streamed;
		if (parts[i].to <= from)
			continue;
		add_valid(out, (struct str){ a->raw.ptr + from, parts[i].to - from });
		a->streamed = parts[i].to;
		*is_thinking = i == 0;
		return true;
	}
	return false;
}

bool answer_thinking(const struct answer *a)
{
	return a->think_end == 0 && think_begin(a) != SIZE_MAX;
}

void answer_split(const struct answer *a, struct buf *thinking, struct buf *text)
{
	struct part inside, rest;
	find_parts(a, true, &inside, &rest);
	if (inside.to > inside.from)
		add_valid(thinking, (struct str){ a->raw.ptr + inside.from, inside.to - inside.from });
	if (rest.to > rest.from)
		add_valid(text, (struct str){ a->raw.ptr + rest.from, rest.to - rest.from });
}
