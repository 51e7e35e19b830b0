/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/vocab_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define WIDE_BAR "\xEF\xBD\x9C"	/* U+FF5C */

void vocab_list_init(struct vocab_list *l, struct arena *a, uint64_t n)
{
	*l = (struct vocab_list){ .arena = a, .n = n };
	l->texts = arena_array(a, n + 1, sizeof(l->texts[0]));
	l->types = arena_array(a, n + 1, sizeof(l->types[0]));
	l->scores = arena_array(a, n + 1, sizeof(l->scores[0]));
	for (uint64_t i = 0; i < n; i++)
		vocab_list_set(l, i, NULL, VOCAB_UNUSED, -10000.0f);
}

void vocab_list_set(struct vocab_list *l, uint64_t id, const char *text, enum vocab_type type, float score)
{
	if (id >= l->n)
		BUG("token %llu of %llu", (unsigned long long)id, (unsigned long long)l->n);
	l->texts[id] = text ? text : arena_printf(l->arena, "[PAD%llu]", (unsigned long long)id);
	l->types[id] = (int32_t)type;
	l->scores[id] = score;
}

bool vocab_looks_special(const char *text)
{
	static const char *const words[] = { "<pad>", "<mask>", "<2mass>", "[@BOS@]" };
	struct str s = str_of(text);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return (str_starts(s, "<|") && str_ends(s, "|>")) ||
	       (str_starts(s, "<" WIDE_BAR) && str_ends(s, WIDE_BAR ">")) ||
	       (str_starts(s, "<unused") && str_ends(s, ">"));
}

const char *vocab_with_spaces(struct arena *a, const char *text)
{
	size_t len = 0;
	if (!strstr(text, VOCAB_SPACE_MARK))
		return text;
	char *out = arena_strdup(a, text);
	while (*text) {
		bool mark = strncmp(text, VOCAB_SPACE_MARK, 3) == 0;
		out[len++] = mark ? ' ' : *text;
		text += mark ? 3 : 1;
	}
	out[len] = 0;
	return out;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum err_code vocab_list_check(const struct vocab_list *l, const char *dir, struct err *err)
{
	enum err_code rc = ERR_OK;
	const char **sorted = mem_array(l->n + 1, sizeof(sorted[0]));
	if (l->n)
		memcpy(sorted, l->texts, l->n * sizeof(sorted[0]));
	qsort(sorted, l->n, sizeof(sorted[0]), by_text);
	for (uint64_t i = 1; rc == ERR_OK && i < l->n; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			rc = err_set(err, ERR_DATA, "err_vocab_text_twice", "path=%.300s|token=%.100s", dir, sorted[i]);
	mem_free((void *)sorted);
	return rc;
}
