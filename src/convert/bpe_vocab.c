/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/bpe_vocab.h"

#include <string.h>

#include "base/limits.h"
#include "convert/hf_tokens.h"
#include "convert/pre_tokenizer.h"

bool bpe_vocab_is(const struct hf_files *f)
{
	const json_t *model = json_object_get(f->tokenizer, "model");
	return hf_is_type(model, "BPE") && !json_is_true(json_object_get(model, "byte_fallback")) &&
	       hf_is_type(json_object_get(f->tokenizer, "decoder"), "ByteLevel");
}

/* What llama.cpp has no counterpart for. */
static enum err_code check_model(const struct hf_files *f, struct err *err)
{
	static const char *const features[] = { "continuing_subword_prefix", "end_of_word_suffix", "dropout" };
	const json_t *model = json_object_get(f->tokenizer, "model");
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (!hf_is_false(json_object_get(model, features[i])))
			return err_set(err, ERR_UNSUPPORTED, "err_vocab_feature", "path=%.300s|feature=%s", f->dir,
				       features[i]);
	return ERR_OK;
}

/* --- texts --- */

/* The byte that a byte-level letter stands for, -1 for other characters: printable ones stand for themselves, the other 68
 * bytes are U+0100 and up in their order. */
static int byte_of(uint32_t c)
{
	static const struct {
		uint32_t from, to; /* bytes without a letter of their own */
	} hidden[] = { { 0x00, 0x20 }, { 0x7F, 0xA0 }, { 0xAD, 0xAD } };
	uint32_t next = 0x100;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		uint32_t n = hidden[i].to - hidden[i].from + 1;
		if (c >= next && c < next + n)
			return (int)(hidden[i].from + c - next);
		if (c >= hidden[i].from && c <= hidden[i].to)
			return -1;
		next += n;
	}
	return c <= 0xFF ? (int)c : -1;
}

/* What decoding the token gives: its letters as bytes, or the text itself where one of them is no byte-level letter. */
static const char *decoded(struct arena *a, const char *text)
{
	struct str s = str_of(text), bytes;
	char *raw = arena_strndup(a, text, s.len);
	size_t pos = 0, len = 0;
	while (pos < s.len) {
		int byte = byte_of(utf8_next(s, &pos));
		if (byte <= 0)
			return text;
		raw[len++] = (char)byte;
	}
	bytes = (struct str){ raw, len };
	if (utf8_valid(bytes, NULL)) {
		raw[len] = 0;
		return raw;
	}
	char *fixed = arena_alloc(a, 4 * len + 1), *to = fixed;
	for (pos = 0; pos < len;)
		to += utf8_put(utf8_next(bytes, &pos), to);
	*to = 0;
	return fixed;
}

/* The spaces in front of punctuation that transformers takes out of decoded text where tokenizer_config.json asks for it. */
static const char *cleaned(struct arena *a, const char *text)
{
	static const char *const pairs[][2] = { { " .", "." },	   { " ?", "?" },   { " !", "!" },     { " ,", "," },
						{ " ' ", "'" },	   { " n't", "n't" }, { " 'm", "'m" }, { " 's", "'s" },
						{ " 've", "'ve" }, { " 're", "'re" } };
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const char *at = strstr(text, pairs[i][0]);
		if (!at)
			continue;
		char *out = arena_strdup(a, text), *to = out;
		for (; at; at = strstr(text, pairs[i][0])) {
			memcpy(to, text, (size_t)(at - text));
			to += at - text;
			memcpy(to, pairs[i][1], strlen(pairs[i][1]));
			to += strlen(pairs[i][1]);
			text = at + strlen(pairs[i][0]);
		}
		memmove(to, text, strlen(text) + 1);
		text = out;
	}
	return text;
}

static void set_added(struct vocab_list *l, uint64_t id, const struct hf_added_token *token, bool clean)
{
	const char *text = token->text;
	if (!token->is_normalized) {
		text = decoded(l->arena, text);
		if (clean)
			text = cleaned(l->arena, text);
	}
	if (token->is_special || vocab_looks_special(text))
		vocab_list_set(l, id, arena_strdup(l->arena, text), VOCAB_CONTROL, 0);
	else
		vocab_list_set(l, id, arena_strdup(l->arena, vocab_with_spaces(l->arena, text)), VOCAB_USER_DEFINED, 0);
}

static void set_tokens(struct vocab_list *l, const struct hf_tokens *t)
{
	bool clean = json_is_true(json_object_get(t->files->config, "clean_up_tokenization_spaces"));
	for (uint64_t id = 0; id < t->n; id++) {
		const struct hf_added_token *added = hf_tokens_added(t, id);
		if (added)
			set_added(l, id, added, clean);
		else if (t->texts[id])
			vocab_list_set(l, id, arena_strdup(l->arena, t->texts[id]), VOCAB_NORMAL, 0);
	}
}

/* --- merges --- */

/* The halves of a merge and what they make; kept from one to the next to save memory. */
struct halves {
	struct buf left, right, both;
};

static enum err_code bad_merge(const struct hf_files *f, size_t i, const struct halves *h, struct err *err)
{
	return err_set(err, ERR_DATA, "err_vocab_merge", "path=%.200s|n=%zu|a=%.100s|b=%.100s", f->dir, i + 1,
		       buf_text(&h->left), buf_text(&h->right));
}

static bool read_pair(const json_t *merge, struct halves *h)
{
	const char *a = json_string_value(json_array_get(merge, 0)), *b = json_string_value(json_array_get(merge, 1));
	buf_add_text(&h->left, a);
	buf_add_text(&h->right, b);
	return json_array_size(merge) == 2 && a && b;
}

static bool read_line(const json_t *merge, struct halves *h)
{
	struct str rest = str_of(json_string_value(merge));
	buf_add_str(&h->left, str_split(&rest, ' '));
	buf_add_str(&h->right, rest);
	return json_is_string(merge) && !strchr(buf_text(&h->right), ' ');
}

/* Both halves and what they make are tokens. */
static bool merge_known(const struct hf_tokens *t, const struct halves *h)
{
	return !h->both.overflow && h->left.len && h->right.len && json_object_get(t->vocab, buf_text(&h->left)) &&
	       json_object_get(t->vocab, buf_text(&h->right)) && json_object_get(t->vocab, buf_text(&h->both));
}

/* Adds one half with its spaces as the letter that stands for them. */
static char *put_half(char *to, const struct buf *half)
{
	for (size_t i = 0; i < half->len; i++)
		if (half->ptr[i] == ' ')
			to += utf8_put(0x120, to);
		else
			*to++ = half->ptr[i];
	return to;
}

static enum err_code read_merge(struct arena *a, const struct hf_tokens *t, size_t i, bool pair, struct halves *h,
				const char **out, struct err *err)
{
	const json_t *merge = json_array_get(json_object_get(json_object_get(t->files->tokenizer, "model"), "merges"), i);
	buf_clear(&h->left);
	buf_clear(&h->right);
	buf_clear(&h->both);
	if (!(pair ? read_pair(merge, h) : read_line(merge, h)))
		return hf_files_bad(t->files->dir, "tokenizer.json", "model.merges", err);
	buf_add_str(&h->both, buf_str(&h->left));
	buf_add_str(&h->both, buf_str(&h->right));
	if (!merge_known(t, h))
		return bad_merge(t->files, i, h, err);
	char *text = arena_alloc(a, 2 * h->both.len + 2), *to = put_half(text, &h->left);
	*to++ = ' ';
	*put_half(to, &h->right) = 0;
	*out = text;
	return ERR_OK;
}

static enum err_code read_merges(struct arena *a, const struct hf_tokens *t, const char ***out, size_t *n,
				 const atomic_bool *cancel, struct err *err)
{
	const json_t *list = json_object_get(json_object_get(t->files->tokenizer, "model"), "merges");
	*n = json_array_size(list);
	if (!json_is_array(list) || *n == 0)
		return hf_files_bad(t->files->dir, "tokenizer.json", "model.merges", err);
	bool pairs = json_is_array(json_array_get(list, 0));
	struct halves h = { BUF_INIT(LIMIT_GGUF_STRING), BUF_INIT(LIMIT_GGUF_STRING), BUF_INIT(LIMIT_GGUF_STRING) };
	enum err_code rc = ERR_OK;
	*out = arena_array(a, *n, sizeof((*out)[0]));
	for (size_t i = 0; rc == ERR_OK && i < *n; i++) {
		rc = read_merge(a, t, i, pairs, &h, &(*out)[i], err);
		if (rc == ERR_OK && cancel && atomic_load(cancel))
			rc = err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	}
	buf_release(&h.left);
	buf_release(&h.right);
	buf_release(&h.both);
	return rc;
}

/* --- all of it --- */

static enum err_code check_size(const struct hf_tokens *t, uint64_t vocab_size, struct err *err)
{
	if (t->n <= vocab_size)
		return ERR_OK;
	return err_set(err, ERR_DATA, "err_vocab_size", "path=%.200s|n=%llu|token=%.100s|id=%llu", t->files->dir,
		       (unsigned long long)vocab_size, t->texts[t->n - 1], (unsigned long long)(t->n - 1));
}

static enum err_code read_all(struct vocab_keys *keys, const struct hf_tokens *t, uint64_t vocab_size, const char *pre,
			      struct vocab_list *out, const atomic_bool *cancel, struct err *err)
{
	const char **merges;
	size_t n_merges;
	enum err_code rc = check_size(t, vocab_size, err);
	if (rc == ERR_OK)
		rc = read_merges(keys->arena, t, &merges, &n_merges, cancel, err);
	if (rc != ERR_OK)
		return rc;
	vocab_list_init(out, keys->arena, vocab_size);
	set_tokens(out, t);
	vocab_keys_text(keys, "tokenizer.ggml.model", "gpt2");
	vocab_keys_text(keys, "tokenizer.ggml.pre", pre);
	vocab_keys_texts(keys, "tokenizer.ggml.tokens", out->texts, out->n);
	vocab_keys_i32s(keys, "tokenizer.ggml.token_type", out->types, out->n);
	vocab_keys_texts(keys, "tokenizer.ggml.merges", merges, n_merges);
	return ERR_OK;
}

enum err_code bpe_vocab_read(struct vocab_keys *keys, const struct hf_files *f, uint64_t vocab_size, struct vocab_list *out,
			     const atomic_bool *cancel, struct err *err)
{
	struct hf_tokens tokens = { 0 };
	const char *pre = NULL;
	enum err_code rc = check_model(f, err);
	if (rc == ERR_OK && !(pre = pre_tokenizer_name(f, err)))
		rc = ERR_UNSUPPORTED;
	if (rc == ERR_OK)
		rc = hf_tokens_read(keys->arena, f, &tokens, cancel, err);
	if (rc == ERR_OK)
		rc = read_all(keys, &tokens, vocab_size ? vocab_size : tokens.n_all, pre, out, cancel, err);
	hf_tokens_release(&tokens);
	return rc;
}
