/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/sp_vocab.h"

#include <ctype.h>
#include <string.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "convert/hf_tokens.h"
#include "convert/merge_scores.h"
#include "convert/sp_model.h"

#define ADDED_SCORE (-1000.0f)

static enum err_code bad_id(const struct vocab_list *l, const struct hf_files *f, const char *text, int64_t id,
			    struct err *err)
{
	return err_set(err, ERR_DATA, "err_vocab_id", "path=%.300s|token=%.100s|id=%lld|limit=%llu", f->dir, text,
		       (long long)id, (unsigned long long)(l->n - 1));
}

/* --- tokenizer.model --- */

static enum err_code read_model(struct arena *a, const struct hf_files *f, struct sp_model *out, struct err *err)
{
	char *path = fs_join(f->dir, "tokenizer.model");
	struct buf bytes = BUF_INIT(LIMIT_UPLOAD);
	enum err_code rc = fs_read(path, &bytes, err);
	if (rc == ERR_OK)
		rc = sp_model_parse(a, buf_str(&bytes), path, out, err);
	/* llama.cpp joins pieces by their scores; the other kinds look for the best of all ways to cut a text. */
	if (rc == ERR_OK && out->kind != SP_BPE)
		rc = err_set(err, ERR_UNSUPPORTED, "err_vocab_sp_kind", "path=%.400s", path);
	buf_release(&bytes);
	mem_free(path);
	return rc;
}

static void set_pieces(struct vocab_list *l, const struct sp_model *m)
{
	for (uint64_t i = 0; i < m->n && i < l->n; i++) {
		enum sp_type type = m->pieces[i].type;
		/* Tokens of the user's are written as normal ones; tokenizer_config.json corrects most of them. */
		vocab_list_set(l, i, m->pieces[i].text,
			       type == SP_USER_DEFINED ? VOCAB_NORMAL : (enum vocab_type)type, m->pieces[i].score);
	}
}

/* --- the same from tokenizer.json --- */

bool sp_vocab_in_json(const struct hf_files *f)
{
	const json_t *model = json_object_get(f->tokenizer, "model");
	return hf_is_type(model, "BPE") && json_is_true(json_object_get(model, "byte_fallback")) &&
	       hf_is_type(json_object_get(f->tokenizer, "decoder"), "Sequence");
}

static bool is_byte(const char *text)
{
	return strlen(text) == 6 && strncmp(text, "<0x", 3) == 0 && isxdigit((unsigned char)text[3]) &&
	       isxdigit((unsigned char)text[4]) && text[5] == '>';
}

/* What transformers makes of Gemma's "<0x09>": a tabulator in its place, or nothing where a tabulator follows later. */
static bool is_tab_byte(const struct hf_tokens *t, uint64_t id)
{
	const char *text = t->texts[id], *before = id ? t->texts[id - 1] : NULL;
	return before && strcmp(before, "<0x08>") == 0 && (!text || strcmp(text, "\t") == 0);
}

static enum err_code set_json_piece(struct vocab_list *l, const struct hf_tokens *t, uint64_t id, const char *unknown,
				    struct err *err)
{
	const char *text = is_tab_byte(t, id) ? "<0x09>" : t->texts[id];
	if (!text)
		return err_set(err, ERR_DATA, "err_vocab_hole", "path=%.400s|id=%llu", t->files->dir, (unsigned long long)id);
	enum vocab_type type = is_byte(text) ? VOCAB_BYTE : strcmp(text, unknown) == 0 ? VOCAB_UNKNOWN : VOCAB_NORMAL;
	vocab_list_set(l, id, arena_strdup(l->arena, text), type, 0);
	return ERR_OK;
}

static enum err_code set_json_pieces(struct vocab_list *l, const struct hf_tokens *t, const atomic_bool *cancel, struct err *err)
{
	const char *unknown = json_string_value(json_object_get(json_object_get(t->files->tokenizer, "model"), "unk_token"));
	for (uint64_t i = 0; i < t->base_end && i < l->n; i++)
		if (set_json_piece(l, t, i, unknown ? unknown : "", err) != ERR_OK)
			return err->code;
	return merge_scores_set(l, t, cancel, err);
}

static enum err_code read_json_pieces(const struct hf_files *f, uint64_t vocab_size, struct vocab_list *out,
				      struct arena *a, const atomic_bool *cancel, struct err *err)
{
	struct hf_tokens tokens = { 0 };
	enum err_code rc = hf_tokens_read(a, f, &tokens, cancel, err);
	if (rc == ERR_OK) {
		vocab_list_init(out, a, vocab_size ? vocab_size : tokens.n);
		rc = tokens.base_end > out->n ? bad_id(out, f, tokens.texts[tokens.base_end - 1], (int64_t)tokens.base_end - 1, err) :
					      set_json_pieces(out, &tokens, cancel, err);
	}
	hf_tokens_release(&tokens);
	return rc;
}

/* --- what other files add --- */

/* added_tokens.json: text to id. */
static enum err_code add_from_file(struct vocab_list *l, const struct hf_files *f, struct err *err)
{
	json_t *map, *id;
	const char *text;
	enum err_code rc = hf_files_json(f->dir, "added_tokens.json", &map, err);
	if (rc != ERR_OK || !map)
		return rc;
	json_object_foreach (map, text, id) {
		if (!json_is_integer(id) || json_integer_value(id) < 0 || !*text) {
			rc = hf_files_bad(f->dir, "added_tokens.json", text, err);
			break;
		}
		uint64_t at = (uint64_t)json_integer_value(id);
		if (at < l->n)
			vocab_list_set(l, at, arena_strdup(l->arena, text), VOCAB_USER_DEFINED, ADDED_SCORE);
	}
	json_decref(map);
	return rc;
}

/* One token of tokenizer_config.json or tokenizer.json. */
static enum err_code add_token(struct vocab_list *l, const struct hf_files *f, int64_t id, const json_t *token, bool phi3,
			       struct err *err)
{
	const char *text = json_string_value(json_object_get(token, "content"));
	bool special = !hf_is_false(json_object_get(token, "special"));
	if (!text || !*text || id < 0)
		return hf_files_bad(f->dir, "tokenizer_config.json", "added_tokens_decoder", err);
	if ((uint64_t)id >= l->n)
		return phi3 ? bad_id(l, f, text, id, err) : ERR_OK;
	if (!phi3 && !special)
		special = vocab_looks_special(text);
	if (!phi3 && !special)
		text = vocab_with_spaces(l->arena, text);
	vocab_list_set(l, (uint64_t)id, arena_strdup(l->arena, text), special ? VOCAB_CONTROL : VOCAB_USER_DEFINED,
		       ADDED_SCORE);
	return ERR_OK;
}

static enum err_code add_from_config(struct vocab_list *l, const struct hf_files *f, bool phi3, struct err *err)
{
	json_t *map = json_object_get(f->config, "added_tokens_decoder"), *token;
	const char *key;
	json_object_foreach (map, key, token) {
		int64_t id = -1;
		if (!str_to_i64(str_of(key), &id))
			id = -1;
		enum err_code rc = add_token(l, f, id, token, phi3, err);
		if (rc != ERR_OK)
			return rc;
	}
	return ERR_OK;
}

static enum err_code add_from_json(struct vocab_list *l, const struct hf_files *f, bool phi3, struct err *err)
{
	json_t *token;
	size_t i;
	json_array_foreach (json_object_get(f->tokenizer, "added_tokens"), i, token) {
		const json_t *id = json_object_get(token, "id");
		if (!json_is_integer(id))
			return hf_files_bad(f->dir, "tokenizer.json", "added_tokens", err);
		enum err_code rc = add_token(l, f, json_integer_value(id), token, phi3, err);
		if (rc != ERR_OK)
			return rc;
	}
	return ERR_OK;
}

/* --- keys --- */

static void set_keys(struct vocab_keys *keys, const struct vocab_list *l)
{
	vocab_keys_text(keys, "tokenizer.ggml.model", "llama");
	vocab_keys_text(keys, "tokenizer.ggml.pre", "default");
	vocab_keys_texts(keys, "tokenizer.ggml.tokens", l->texts, l->n);
	vocab_keys_f32s(keys, "tokenizer.ggml.scores", l->scores, l->n);
	vocab_keys_i32s(keys, "tokenizer.ggml.token_type", l->types, l->n);
}

static enum err_code read_model_pieces(const struct hf_files *f, uint64_t vocab_size, bool phi3, struct vocab_list *out,
				       struct arena *a, struct err *err)
{
	struct sp_model model;
	enum err_code rc = read_model(a, f, &model, err);
	if (rc != ERR_OK)
		return rc;
	vocab_list_init(out, a, vocab_size ? vocab_size : model.n);
	if (phi3 && model.n > out->n)
		return bad_id(out, f, model.pieces[out->n].text, (int64_t)out->n, err);
	set_pieces(out, &model);
	return ERR_OK;
}

enum err_code sp_vocab_read(struct vocab_keys *keys, const struct hf_files *f, uint64_t vocab_size, bool phi3,
			    struct vocab_list *out, const atomic_bool *cancel, struct err *err)
{
	bool has_model = hf_files_has(f->dir, "tokenizer.model");
	/* What transformers 5 writes lists added tokens in tokenizer.json alone. */
	bool listed = json_object_get(f->config, "added_tokens_decoder") != NULL;
	enum err_code rc = has_model ? read_model_pieces(f, vocab_size, phi3, out, keys->arena, err) :
				       read_json_pieces(f, vocab_size, out, keys->arena, cancel, err);
	if (rc == ERR_OK)
		rc = add_from_file(out, f, err);
	if (rc == ERR_OK)
		rc = add_from_config(out, f, phi3, err);
	if (rc == ERR_OK && (phi3 || (!has_model && !listed)))
		rc = add_from_json(out, f, phi3, err);
	if (rc == ERR_OK)
		set_keys(keys, out);
	return rc;
}

/* --- tokenizer.json as llama.cpp's converter takes it --- */

/* A named token; transformers' class for these tokenizers names three where the file does not. */
static bool is_named(const struct hf_files *f, const char *text)
{
	static const char *const own[][2] = { { "bos_token", "<s>" }, { "eos_token", "</s>" }, { "unk_token", "<unk>" } };
	const char *class = json_string_value(json_object_get(f->config, "tokenizer_class"));
	bool llama = !class || strncmp(class, "LlamaTokenizer", 14) == 0;
	for (size_t i = 0; llama && i < sizeof(own) / sizeof(own[0]); i++)
		if (!json_object_get(f->config, own[i][0]) && strcmp(text, own[i][1]) == 0)
			return true;
	return hf_tokens_is_named(f, text);
}

static enum err_code set_json_tokens(struct vocab_list *l, const struct hf_tokens *t, struct err *err)
{
	for (uint64_t i = 0; i < t->n; i++) {
		const char *text = t->texts[i];
		if (!text)
			return err_set(err, ERR_DATA, "err_vocab_hole", "path=%.400s|id=%llu", t->files->dir,
				       (unsigned long long)i);
		enum vocab_type type = is_named(t->files, text) ? VOCAB_CONTROL :
				       i < t->n_base		? VOCAB_NORMAL :
								  VOCAB_USER_DEFINED;
		if (i < t->n_base && is_byte(text))
			type = VOCAB_BYTE;
		vocab_list_set(l, i, arena_strdup(l->arena, text), type, ADDED_SCORE);
	}
	return ERR_OK;
}

enum err_code sp_vocab_read_json(struct vocab_keys *keys, const struct hf_files *f, struct vocab_list *out,
				 const atomic_bool *cancel, struct err *err)
{
	struct hf_tokens tokens = { 0 };
	enum err_code rc = hf_tokens_read(keys->arena, f, &tokens, cancel, err);
	if (rc == ERR_OK) {
		vocab_list_init(out, keys->arena, tokens.n);
		rc = set_json_tokens(out, &tokens, err);
	}
	if (rc == ERR_OK)
		rc = merge_scores_set(out, &tokens, cancel, err);
	if (rc == ERR_OK)
		set_keys(keys, out);
	hf_tokens_release(&tokens);
	return rc;
}
