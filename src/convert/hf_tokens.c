/* SPDX-License-Identifier: Apache-2.0
 *
 * Order and ids: AddedVocabulary::add_tokens() of tokenizers 0.22 and PreTrainedTokenizerFast.__init__() of transformers 4.57. */
#include "convert/hf_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

static const char *const named[] = { "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token",
				     "mask_token" };
#define N_NAMED (sizeof(named) / sizeof(named[0]))

int64_t hf_tokens_find(const struct hf_tokens *t, const char *text)
{
	const json_t *id = json_object_get(t->added_ids, text);
	if (!id)
		id = json_object_get(t->vocab, text);
	return id ? json_integer_value(id) : -1;
}

const struct hf_added_token *hf_tokens_added(const struct hf_tokens *t, uint64_t id)
{
	return id < t->n && t->added_at[id] ? &t->added[t->added_at[id] - 1] : NULL;
}

static bool has_text(const json_t *value, const char *text)
{
	const char *own = hf_token_text(value);
	return own && strcmp(own, text) == 0;
}

bool hf_tokens_is_named(const struct hf_files *f, const char *text)
{
	for (size_t i = 0; i < N_NAMED; i++)
		if (has_text(json_object_get(f->config, named[i]), text))
			return true;
	size_t i;
	json_t *value;
	json_array_foreach (json_object_get(f->config, "additional_special_tokens"), i, value)
		if (has_text(value, text))
			return true;
	return false;
}

/* --- the model's vocabulary --- */

static enum err_code bad_id(const struct hf_tokens *t, const char *text, int64_t id, struct err *err)
{
	return err_set(err, ERR_DATA, "err_vocab_id", "path=%.300s|token=%.100s|id=%lld|limit=%d", t->files->dir, text,
		       (long long)id, LIMIT_VOCAB - 1);
}

/* Makes room for an id below LIMIT_VOCAB. */
static void reserve(struct hf_tokens *t, uint64_t id)
{
	uint64_t room = t->room ? t->room : 1024;
	if (id < t->room)
		return;
	while (room <= id)
		room *= 2;
	t->texts = mem_grow((void *)t->texts, room * sizeof(t->texts[0]));
	t->added_at = mem_grow(t->added_at, room * sizeof(t->added_at[0]));
	memset((void *)(t->texts + t->room), 0, (room - t->room) * sizeof(t->texts[0]));
	memset(t->added_at + t->room, 0, (room - t->room) * sizeof(t->added_at[0]));
	t->room = room;
}

static enum err_code set_text(struct hf_tokens *t, uint64_t id, const char *text, struct err *err)
{
	reserve(t, id);
	if (t->texts[id] && strcmp(t->texts[id], text) != 0)
		return err_set(err, ERR_DATA, "err_vocab_id_twice", "path=%.200s|a=%.100s|b=%.100s|id=%llu", t->files->dir,
			       t->texts[id], text, (unsigned long long)id);
	t->n_all += t->texts[id] == NULL;
	t->texts[id] = text;
	if (id >= t->n)
		t->n = id + 1;
	return ERR_OK;
}

static enum err_code read_base(struct hf_tokens *t, const atomic_bool *cancel, struct err *err)
{
	const char *text;
	json_t *id;
	t->n_base = json_object_size(t->vocab);
	if (t->n_base == 0 || t->n_base > LIMIT_VOCAB)
		return err_set(err, ERR_DATA, "err_vocab_count", "path=%.300s|n=%llu|limit=%d", t->files->dir,
			       (unsigned long long)t->n_base, LIMIT_VOCAB);
	json_object_foreach ((json_t *)t->vocab, text, id) {
		int64_t value = json_is_integer(id) ? json_integer_value(id) : -1;
		if (cancel && atomic_load(cancel))
			return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
		if (value < 0 || value >= LIMIT_VOCAB)
			return bad_id(t, text, value, err);
		enum err_code rc = set_text(t, (uint64_t)value, text, err);
		if (rc != ERR_OK)
			return rc;
	}
	t->base_end = t->n;
	return ERR_OK;
}

/* --- added tokens --- */

static unsigned flags_of(const json_t *token)
{
	static const char *const names[] = { "special", "single_word", "lstrip", "rstrip" };
	unsigned flags = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_is_true(json_object_get(token, names[i])))
			flags |= 1u << i;
	const json_t *normalized = json_object_get(token, "normalized");
	if (json_is_boolean(normalized) ? json_is_true(normalized) : !(flags & 1))
		flags |= 16;
	return flags;
}

/* A token that tokenizer_config.json names is special, whatever its entry says. */
static unsigned flags_as_named(const struct hf_tokens *t, const json_t *token, const char *text)
{
	return flags_of(token) | (hf_tokens_is_named(t->files, text) ? 1u : 0u);
}

static struct hf_added_token *new_added(struct hf_tokens *t)
{
	if (t->n_added == t->room_added) {
		uint64_t room = t->room_added ? 2 * t->room_added : 64;
		struct hf_added_token *more = arena_array(t->arena, room, sizeof(more[0]));
		if (t->n_added)
			memcpy(more, t->added, t->n_added * sizeof(more[0]));
		t->added = more;
		t->room_added = room;
	}
	return &t->added[t->n_added++];
}

/* Adds a token or changes its flags.  `said` is the id that the file gives it, -1 for none. */
static enum err_code add(struct hf_tokens *t, const char *text, unsigned flags, int64_t said, struct err *err)
{
	int64_t id = hf_tokens_find(t, text);
	if (id < 0)
		id = t->last_added >= (int64_t)t->n_base ? t->last_added + 1 : (int64_t)t->n_base;
	if (id >= LIMIT_VOCAB || said >= LIMIT_VOCAB)
		return bad_id(t, text, id > said ? id : said, err);
	if (said >= 0 && said != id)
		return err_set(err, ERR_DATA, "err_vocab_added_id", "path=%.200s|token=%.100s|said=%lld|id=%lld",
			       t->files->dir, text, (long long)said, (long long)id);
	enum err_code rc = set_text(t, (uint64_t)id, text, err);
	if (rc != ERR_OK)
		return rc;
	struct hf_added_token *token = t->added_at[id] ? &t->added[t->added_at[id] - 1] : new_added(t);
	*token = (struct hf_added_token){ text, flags & 1, (flags & 2) != 0, (flags & 16) != 0, flags };
	t->added_at[id] = (uint32_t)(token - t->added) + 1;
	json_object_set_new(t->added_ids, text, json_integer(id));
	if (id > t->last_added)
		t->last_added = id;
	return ERR_OK;
}

static enum err_code read_added(struct hf_tokens *t, struct err *err)
{
	json_t *list = json_object_get(t->files->tokenizer, "added_tokens"), *token;
	/* The flags that count are those of tokenizer_config.json, where that lists added tokens. */
	bool listed = json_object_get(t->files->config, "added_tokens_decoder") != NULL;
	size_t i;
	if (list && !json_is_null(list) && !json_is_array(list))
		return hf_files_bad(t->files->dir, "tokenizer.json", "added_tokens", err);
	json_array_foreach (list, i, token) {
		const char *text = json_string_value(json_object_get(token, "content"));
		const json_t *id = json_object_get(token, "id");
		if (!text || !json_is_integer(id) || json_integer_value(id) < 0)
			return hf_files_bad(t->files->dir, "tokenizer.json", "added_tokens", err);
		unsigned flags = listed ? flags_of(token) : flags_as_named(t, token, text);
		enum err_code rc = *text ? add(t, text, flags, json_integer_value(id), err) : ERR_OK;
		if (rc != ERR_OK)
			return rc;
	}
	return ERR_OK;
}

struct config_token {
	uint64_t id;
	const json_t *token;
};

static int by_id(const void *a, const void *b)
{
	const struct config_token *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static enum err_code add_config_token(struct hf_tokens *t, const struct config_token *c, struct err *err)
{
	const char *text = json_string_value(json_object_get(c->token, "content"));
	if (!text)
		return hf_files_bad(t->files->dir, "tokenizer_config.json", "added_tokens_decoder", err);
	unsigned flags = flags_as_named(t, c->token, text);
	int64_t id = json_object_get(t->added_ids, text) ? hf_tokens_find(t, text) : -1;
	const struct hf_added_token *old = id >= 0 ? hf_tokens_added(t, (uint64_t)id) : NULL;
	if (!*text || (old && old->flags == flags))
		return ERR_OK;
	return add(t, text, flags, (int64_t)c->id, err);
}

static enum err_code read_config_tokens(struct hf_tokens *t, struct err *err)
{
	json_t *map = json_object_get(t->files->config, "added_tokens_decoder"), *token;
	const char *key;
	size_t n = 0;
	enum err_code rc = ERR_OK;
	if (map && !json_is_null(map) && !json_is_object(map))
		return hf_files_bad(t->files->dir, "tokenizer_config.json", "added_tokens_decoder", err);
	struct config_token *tokens = mem_array(json_object_size(map) + 1, sizeof(tokens[0]));
	json_object_foreach (map, key, token) {
		if (!str_to_u64(str_of(key), &tokens[n].id) || tokens[n].id >= LIMIT_VOCAB)
			rc = hf_files_bad(t->files->dir, "tokenizer_config.json", "added_tokens_decoder", err);
		tokens[n++].token = token;
	}
	qsort(tokens, n, sizeof(tokens[0]), by_id);
	for (size_t i = 0; rc == ERR_OK && i < n; i++)
		rc = add_config_token(t, &tokens[i], err);
	mem_free(tokens);
	return rc;
}

/* A named token becomes an added one, and a special one.  Written as an object it brings its own flags, but for those that
 * are listed with the added tokens. */
static enum err_code add_named(struct hf_tokens *t, const json_t *value, bool extra, struct err *err)
{
	const char *text = hf_token_text(value);
	if (!text || !*text)
		return ERR_OK;
	bool known = json_object_get(t->added_ids, text) != NULL;
	if (json_is_object(value) && (extra || !known))
		return add(t, text, flags_of(value) | 1, -1, err);
	return known ? ERR_OK : add(t, text, 1, -1, err);
}

static enum err_code read_named(struct hf_tokens *t, struct err *err)
{
	enum err_code rc = ERR_OK;
	json_t *value;
	size_t i;
	for (i = 0; rc == ERR_OK && i < N_NAMED; i++)
		rc = add_named(t, json_object_get(t->files->config, named[i]), false, err);
	if (rc != ERR_OK)
		return rc;
	json_array_foreach (json_object_get(t->files->config, "additional_special_tokens"), i, value) {
		rc = add_named(t, value, true, err);
		if (rc != ERR_OK)
			return rc;
	}
	return ERR_OK;
}

enum err_code hf_tokens_read(struct arena *a, const struct hf_files *files, struct hf_tokens *out, const atomic_bool *cancel,
			     struct err *err)
{
	*out = (struct hf_tokens){ .arena = a, .files = files, .last_added = -1, .added_ids = json_object() };
	out->vocab = json_object_get(json_object_get(files->tokenizer, "model"), "vocab");
	if (!json_is_object(out->vocab))
		return hf_files_bad(files->dir, "tokenizer.json", "model.vocab", err);
	enum err_code rc = read_base(out, cancel, err);
	if (rc == ERR_OK)
		rc = read_added(out, err);
	if (rc == ERR_OK)
		rc = read_config_tokens(out, err);
	return rc == ERR_OK ? read_named(out, err) : rc;
}

void hf_tokens_release(struct hf_tokens *t)
{
	json_decref(t->added_ids);
	mem_free((void *)t->texts);
	mem_free(t->added_at);
	t->added_ids = NULL;
	t->texts = NULL;
	t->added_at = NULL;
}
