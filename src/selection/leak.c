/* SPDX-License-Identifier: Apache-2.0 */
#include "selection/leak.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "metric/text.h"
#include "metric/tokenize.h"
#include "model/questions.h"

#define FIRST_CJK 0x2E80
#define POINTS_END 0x110000 /* numbers of words begin here (metric/vocab.h) */

/* Hashes, sorted once they are all there. */
struct hashes {
	uint64_t *list;
	size_t n, cap;
};

struct leak {
	struct vocab *vocab;
	struct text_space *space;
	struct hashes runs, questions, answers;
	size_t n;
};

static void add_hash(struct hashes *h, uint64_t value)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 1024;
		h->list = mem_grow(h->list, h->cap * sizeof *h->list);
	}
	h->list[h->n++] = value;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static bool has_hash(const struct hashes *h, uint64_t value)
{
	return h->n > 0 && bsearch(&value, h->list, h->n, sizeof value, by_value);
}

static void sort(struct hashes *h)
{
	if (h->n > 0)
		qsort(h->list, h->n, sizeof *h->list, by_value);
}

/* --- words --- */

struct words {
	uint32_t *ids;
	size_t n;
	void *memory;
};

static struct words words_of(struct leak *l, struct str utf8)
{
	struct text *t = text_new(l->space, utf8);
	size_t n_points = text_n_points(t), n_bytes = text_n_bytes(t);
	struct words w = { .memory = mem_alloc((n_bytes + 1) * sizeof(uint32_t) + 2 * n_points * sizeof(uint32_t) + 2 * n_bytes + 4) };
	struct tokenize_job job = { .text = { utf8.ptr, n_bytes }, .points = text_points(t), .n_points = n_points, .vocab = l->vocab };

	job.ids = w.memory;
	job.spare = job.ids + n_bytes + 1;
	job.bytes = (char *)(job.spare + 2 * n_points);
	tokenize_mixed(&job);
	w.ids = job.ids;
	w.n = job.n;
	text_space_clear(l->space);
	return w;
}

static uint64_t hash_of(const uint32_t *ids, size_t n)
{
	uint64_t hash = 0xcbf29ce484222325u ^ n;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ ids[i]) * 0x100000001b3u;
	return hash;
}

static bool is_character(uint32_t id)
{
	return id >= FIRST_CJK && id < POINTS_END;
}

/* How many words from `at` on make a run: 13, or 30 where most of them are single characters.  0: there are not so many. */
static size_t run_length(const struct words *w, size_t at)
{
	size_t n_characters = 0;

	if (at + LEAK_WORDS > w->n)
		return 0;
	for (size_t i = at; i < at + LEAK_WORDS; i++)
		n_characters += is_character(w->ids[i]);
	size_t n = 2 * n_characters > LEAK_WORDS ? LEAK_CHARACTERS : LEAK_WORDS;
	return at + n <= w->n ? n : 0;
}

/* --- the training file --- */

static void learn(struct leak *l, struct str question, struct str answer)
{
	struct words q = words_of(l, question), a = words_of(l, answer);

	add_hash(&l->questions, hash_of(q.ids, q.n));
	if (a.n > 0)
		add_hash(&l->answers, hash_of(a.ids, a.n));
	for (size_t i = 0; i < a.n; i++) {
		size_t n = run_length(&a, i);
		if (n > 0)
			add_hash(&l->runs, hash_of(a.ids + i, n));
	}
	mem_free(q.memory);
	mem_free(a.memory);
}

static enum err_code read_examples(struct leak *l, const char *path, const atomic_bool *cancel, struct err *err)
{
	struct buf text = BUF_INIT(LIMIT_UPLOAD);
	struct arena *arena = arena_new();
	struct question_options options = { .file_name = path };
	struct question_import found;

	if (fs_read(path, &text, err) == ERR_OK && questions_read(arena, buf_str(&text), &options, &found, cancel, err) == ERR_OK) {
		l->n = found.n_questions;
		for (size_t i = 0; i < found.n_questions && !atomic_load(cancel); i++)
			learn(l, found.questions[i].text, found.questions[i].reference);
		if (atomic_load(cancel))
			err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	}
	arena_free(arena);
	buf_release(&text);
	return err->code;
}

struct leak *leak_read(const char *path, const atomic_bool *cancel, struct err *err)
{
	struct leak *l = mem_alloc(sizeof *l);

	*l = (struct leak){ .vocab = vocab_new(), .space = text_space_new() };
	if (read_examples(l, path, cancel, err) != ERR_OK) {
		leak_free(l);
		return NULL;
	}
	sort(&l->runs);
	sort(&l->questions);
	sort(&l->answers);
	return l;
}

void leak_free(struct leak *l)
{
	if (!l)
		return;
	vocab_free(l->vocab);
	text_space_free(l->space);
	mem_free(l->runs.list);
	mem_free(l->questions.list);
	mem_free(l->answers.list);
	mem_free(l);
}

size_t leak_n(const struct leak *l)
{
	return l->n;
}

bool leak_repeats(struct leak *l, struct str answer)
{
	struct words w = words_of(l, answer);
	bool found = false;

	for (size_t i = 0; i < w.n && !found; i++) {
		size_t n = run_length(&w, i);
		found = n > 0 && has_hash(&l->runs, hash_of(w.ids + i, n));
	}
	mem_free(w.memory);
	return found;
}

static bool is_one_of(struct leak *l, const struct hashes *all, struct str text)
{
	struct words w = words_of(l, text);
	bool found = w.n > 0 && has_hash(all, hash_of(w.ids, w.n));

	mem_free(w.memory);
	return found;
}

enum leak_group leak_group_of(struct leak *l, struct str question, struct str reference)
{
	if (is_one_of(l, &l->questions, question))
		return LEAK_SEEN;
	return reference.len > 0 && is_one_of(l, &l->answers, reference) ? LEAK_REPHRASED : LEAK_GENERAL;
}
