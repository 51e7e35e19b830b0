/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/merge_scores.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define MERGES_MAX (16u << 20)
#define PIECE_MAX 1024 /* bytes: the time to find every way to make one grows with its square; known vocabularies stay below 300 */

struct merges {
	const struct hf_tokens *t;
	uint64_t *pairs; /* ids of left and right, sorted once all are there */
	size_t n;
	int32_t *rank; /* of a piece by its id, -1: no merge makes it */
	int32_t n_ranked;
	struct buf text;
};

/* --- what happens to a text before --- */

static bool is_space_mark(const json_t *step, const char *key)
{
	const char *text = json_string_value(json_object_get(step, key));
	return text && strcmp(text, VOCAB_SPACE_MARK) == 0;
}

/* The steps of a normalizer, which is a list of them or the only one. */
static const json_t *step_at(const json_t *normalizer, size_t i)
{
	if (hf_is_type(normalizer, "Sequence"))
		return json_array_get(json_object_get(normalizer, "normalizers"), i);
	return i == 0 && json_is_object(normalizer) ? normalizer : NULL;
}

/* Spaces become U+2581, and one may be put in front: llama.cpp does that and nothing else. */
static bool is_known_step(const json_t *step)
{
	const char *space = json_string_value(json_object_get(json_object_get(step, "pattern"), "String"));
	if (hf_is_type(step, "Prepend"))
		return is_space_mark(step, "prepend");
	return hf_is_type(step, "Replace") && space && strcmp(space, " ") == 0 && is_space_mark(step, "content");
}

/* Where words are cut, pieces that reach into the next one cannot arise, and llama.cpp would make them. */
static bool has_inner_space(const struct hf_tokens *t)
{
	for (uint64_t i = 0; i < t->base_end; i++)
		if (t->texts[i] && *t->texts[i] && !hf_tokens_added(t, i) && strstr(t->texts[i] + 1, VOCAB_SPACE_MARK))
			return true;
	return false;
}

/* Gemma's: it cuts at spaces, and none is left by then. */
static bool is_idle_split(const json_t *pre, const json_t *normalizer)
{
	const char *pattern = json_string_value(json_object_get(json_object_get(pre, "pattern"), "String"));
	const json_t *step;
	if (!hf_is_type(pre, "Split") || !pattern || strcmp(pattern, " ") != 0)
		return false;
	for (size_t i = 0; (step = step_at(normalizer, i)); i++)
		if (hf_is_type(step, "Replace") && is_known_step(step))
			return true;
	return false;
}

static enum err_code check_steps(const struct hf_tokens *t, struct err *err)
{
	const json_t *root = t->files->tokenizer, *step, *pre = json_object_get(root, "pre_tokenizer");
	const json_t *model = json_object_get(root, "model"), *normalizer = json_object_get(root, "normalizer");
	const char *feature = NULL;
	for (size_t i = 0; (step = step_at(normalizer, i)); i++)
		if (!is_known_step(step))
			feature = "normalizer";
	if (pre && !json_is_null(pre) && !hf_is_type(pre, "Metaspace") && !is_idle_split(pre, normalizer))
		feature = "pre_tokenizer";
	else if (hf_is_type(pre, "Metaspace") && !json_is_false(json_object_get(pre, "split")) && has_inner_space(t))
		feature = "pre_tokenizer";
	static const char *const others[] = { "ignore_merges", "dropout", "continuing_subword_prefix", "end_of_word_suffix" };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (!hf_is_false(json_object_get(model, others[i])))
			feature = others[i];
	return feature ? err_set(err, ERR_UNSUPPORTED, "err_vocab_feature", "path=%.300s|feature=%s", t->files->dir, feature) : ERR_OK;
}

bool merge_scores_has_prefix(const struct hf_files *f)
{
	const json_t *pre = json_object_get(f->tokenizer, "pre_tokenizer"), *step;
	const char *scheme = json_string_value(json_object_get(pre, "prepend_scheme"));
	for (size_t i = 0; (step = step_at(json_object_get(f->tokenizer, "normalizer"), i)); i++)
		if (hf_is_type(step, "Prepend"))
			return true;
	return hf_is_type(pre, "Metaspace") && (!scheme || strcmp(scheme, "never") != 0) &&
	       !json_is_false(json_object_get(pre, "add_prefix_space"));
}

/* --- merges --- */

/* Added tokens are cut out of a text before anything is joined, so that none is ever joined to or from others. */
static bool is_cut_out(const struct merges *m, int64_t id)
{
	const struct hf_added_token *added = id >= 0 ? hf_tokens_added(m->t, (uint64_t)id) : NULL;
	return added && !added->is_single_word;
}

/* The id of a piece of the model's own vocabulary, -1 for none. */
static int64_t id_of(struct merges *m, struct str piece)
{
	buf_clear(&m->text);
	buf_add_str(&m->text, piece);
	const json_t *id = json_object_get(m->t->vocab, buf_text(&m->text));
	return id ? json_integer_value(id) : -1;
}

static enum err_code cannot_say(const struct merges *m, const char *piece, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED, "err_vocab_merges", "path=%.300s|token=%.100s", m->t->files->dir, piece);
}

/* "left right", or a list of the two. */
static bool read_pair(const json_t *merge, struct str *left, struct str *right)
{
	const json_t *a = json_array_get(merge, 0), *b = json_array_get(merge, 1);
	if (json_is_string(merge)) {
		*right = (struct str){ json_string_value(merge), json_string_length(merge) };
		*left = str_split(right, ' ');
		return left->len > 0 && right->len > 0 && !memchr(right->ptr, ' ', right->len);
	}
	*left = (struct str){ json_string_value(a), json_string_length(a) };
	*right = (struct str){ json_string_value(b), json_string_length(b) };
	return left->len > 0 && right->len > 0 && json_array_size(merge) == 2;
}

static enum err_code take_merge(struct merges *m, const json_t *merge, int64_t *last, struct err *err)
{
	struct str left, right;
	if (!read_pair(merge, &left, &right))
		return hf_files_bad(m->t->files->dir, "tokenizer.json", "model.merges", err);
	int64_t a = id_of(m, left), b = id_of(m, right);
	buf_clear(&m->text);
	buf_add_str(&m->text, left);
	buf_add_str(&m->text, right);
	const json_t *made = json_object_get(m->t->vocab, buf_text(&m->text));
	if (a < 0 || b < 0 || !made)
		return hf_files_bad(m->t->files->dir, "tokenizer.json", "model.merges", err);
	int64_t id = json_integer_value(made);
	if (is_cut_out(m, id))
		return ERR_OK;
	if (id != *last && m->rank[id] >= 0)
		return cannot_say(m, buf_text(&m->text), err);
	if (id != *last)
		m->rank[id] = m->n_ranked++;
	*last = id;
	m->pairs[m->n++] = (uint64_t)a << 32 | (uint64_t)b;
	return ERR_OK;
}

static int by_pair(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static enum err_code read_merges(struct merges *m, const atomic_bool *cancel, struct err *err)
{
	const json_t *list = json_object_get(json_object_get(m->t->files->tokenizer, "model"), "merges"), *merge;
	int64_t last = -1;
	size_t i;
	if (!json_is_array(list) || json_array_size(list) > MERGES_MAX)
		return hf_files_bad(m->t->files->dir, "tokenizer.json", "model.merges", err);
	m->pairs = mem_array(json_array_size(list) + 1, sizeof(m->pairs[0]));
	json_array_foreach (list, i, merge) {
		if (cancel && atomic_load(cancel))
			return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
		if (take_merge(m, merge, &last, err) != ERR_OK)
			return err->code;
	}
	qsort(m->pairs, m->n, sizeof(m->pairs[0]), by_pair);
	return ERR_OK;
}

/* --- every way to make a piece --- */

/* Whether llama.cpp can have it as a symbol: one character, known or not, or something that merges make. */
static bool can_be(const struct merges *m, struct str part, int64_t id)
{
	size_t pos = 0;
	if (is_cut_out(m, id))
		return false;
	(void)utf8_next(part, &pos);
	return pos == part.len || (id >= 0 && m->rank[id] >= 0);
}

static enum err_code check_piece(struct merges *m, const char *piece, struct err *err)
{
	struct str all = str_of(piece);
	size_t at = 0;
	for (utf8_next(all, &at); at < all.len; utf8_next(all, &at)) {
		struct str left = { all.ptr, at }, right = { all.ptr + at, all.len - at };
		int64_t a = id_of(m, left), b = id_of(m, right);
		uint64_t pair = (uint64_t)a << 32 | (uint64_t)b;
		if (!can_be(m, left, a) || !can_be(m, right, b))
			continue;
		if (a < 0 || b < 0 || !bsearch(&pair, m->pairs, m->n, sizeof(m->pairs[0]), by_pair))
			return cannot_say(m, piece, err);
	}
	return ERR_OK;
}

static enum err_code set_scores(struct merges *m, struct vocab_list *l, const atomic_bool *cancel, struct err *err)
{
	const struct hf_tokens *t = m->t;
	int32_t next = m->n_ranked;
	for (uint64_t i = 0; i < t->base_end && i < l->n; i++) {
		bool is_piece = l->types[i] == VOCAB_NORMAL && !hf_tokens_added(t, i);
		if (cancel && atomic_load(cancel))
			return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
		if (is_piece && strlen(t->texts[i]) > PIECE_MAX)
			return cannot_say(m, t->texts[i], err);
		if (is_piece && check_piece(m, t->texts[i], err) != ERR_OK)
			return err->code;
		l->scores[i] = !is_piece ? 0 : (float)-(m->rank[i] >= 0 ? m->rank[i] : next++);
	}
	return ERR_OK;
}

enum err_code merge_scores_set(struct vocab_list *l, const struct hf_tokens *t, const atomic_bool *cancel, struct err *err)
{
	struct merges m = { .t = t, .text = BUF_INIT(64 * KIB) };
	if (check_steps(t, err) != ERR_OK)
		return err->code;
	m.rank = mem_array(t->n + 1, sizeof(m.rank[0]));
	for (uint64_t i = 0; i < t->n; i++)
		m.rank[i] = -1;
	enum err_code rc = read_merges(&m, cancel, err);
	if (rc == ERR_OK)
		rc = set_scores(&m, l, cancel, err);
	mem_free(m.pairs);
	mem_free(m.rank);
	buf_release(&m.text);
	return rc;
}
