/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/chat_prompt.h"

#include "base/mem.h"

#define MESSAGES_SENT 1000 /* a template gets at most so many */

/* Where turns begin, and the messages before the first of them that always stay. */
struct turns {
	const json_t *messages;
	size_t n_fixed;
	size_t *starts;
	size_t n;
};

static const char *role_of(const json_t *messages, size_t i)
{
	const char *role = json_string_value(json_object_get(json_array_get(messages, i), "role"));
	return role ? role : "";
}

static void find_turns(struct turns *t, const json_t *messages)
{
	size_t n = json_array_size(messages);
	*t = (struct turns){ .messages = messages, .starts = mem_array(n + 1, sizeof(*t->starts)) };
	while (t->n_fixed < n && strcmp(role_of(messages, t->n_fixed), "system") == 0)
		t->n_fixed++;
	for (size_t i = t->n_fixed; i < n; i++) {
		if (t->n == 0 || strcmp(role_of(messages, i), "user") == 0)
			t->starts[t->n++] = i;
	}
}

/* The tokens of the prompt that begins with turn `first`. */
static enum err_code render(const struct turns *t, size_t first, struct column *c, struct loaded *m, uint32_t stream,
			    struct tokens *out, struct err *err)
{
	json_t *some = json_array();
	size_t n = json_array_size(t->messages);
	for (size_t i = 0; i < t->n_fixed; i++)
		json_array_append(some, json_array_get(t->messages, i));
	for (size_t i = t->n > 0 ? t->starts[first] : n; i < n; i++)
		json_array_append(some, json_array_get(t->messages, i));
	enum err_code code = column_prompt(c, m, stream, some, out, NULL, err);
	json_decref(some);
	return code;
}

/* The first turn that may be sent: what was left out stays out, and templates get a bounded list. */
static size_t first_turn(const struct turns *t, int left_out)
{
	size_t first = 0, n = json_array_size(t->messages);
	while (first + 1 < t->n &&
	       (t->starts[first] - t->n_fixed < (size_t)left_out || n - t->starts[first] > MESSAGES_SENT))
		first++;
	return first;
}

/* The earliest turn behind `first` with which the prompt has at most `most` tokens; the last turn where none has. */
static enum err_code search(const struct turns *t, size_t *first, int most, struct column *c, struct loaded *m,
			    uint32_t stream, struct tokens *out, struct err *err)
{
	size_t low = *first + 1, high = t->n - 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (render(t, middle, c, m, stream, out, err) != ERR_OK)
			return err->code;
		if (out->n <= most)
			high = middle;
		else
			low = middle + 1;
	}
	*first = low;
	return render(t, low, c, m, stream, out, err);
}

enum err_code chat_prompt(struct chat_prompt *p, struct column *c, struct loaded *m, uint32_t stream, const json_t *messages,
			  int left_out, struct tokens *out, struct err *err)
{
	struct turns t;
	int quarter = p->n_max / 4, reserve = p->max_tokens < quarter ? p->max_tokens : quarter;
	find_turns(&t, messages);
	size_t first = first_turn(&t, left_out);
	enum err_code code = render(&t, first, c, m, stream, out, err);
	if (code == ERR_OK && out->n + reserve > p->n_max && first + 1 < t.n)
		code = search(&t, &first, p->n_max - reserve - p->n_max / 8, c, m, stream, out, err);
	if (code == ERR_OK && out->n >= p->n_max)
		code = err_set(err, ERR_LIMIT, "err_prompt_tokens", "tokens=%d|limit=%d", out->n, p->n_max);
	p->n_left_out = t.n > 0 ? (int)(t.starts[first] - t.n_fixed) : 0;
	mem_free(t.starts);
	return code;
}
