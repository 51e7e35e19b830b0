/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/special_keys.h"

#include <string.h>

#include "base/mem.h"
#include "convert/chat_template.h"

#define MAX_TYPES 10

/* What is collected for one set of keys, each list in the order in which its entries were found. */
struct special {
	const struct hf_files *files;
	json_t *config; /* a copy of tokenizer_config.json that the post-processor's tokens go into; NULL for none */
	uint64_t n_vocab;
	const char *types[MAX_TYPES]; /* "bos" ... */
	size_t n_types;
	struct {
		const char *type;
		uint32_t id;
	} ids[MAX_TYPES];
	size_t n_ids;
	struct {
		const char *type;
		bool value;
	} adds[MAX_TYPES];
	size_t n_adds;
	int lowercase, strip_accents; /* -1 for not said */
};

static void set_add(struct special *s, const char *type, bool value)
{
	size_t i = 0;
	while (i < s->n_adds && strcmp(s->adds[i].type, type) != 0)
		i++;
	s->n_adds += i == s->n_adds;
	s->adds[i].type = type;
	s->adds[i].value = value;
}

static bool has_type(const struct special *s, const char *type)
{
	for (size_t i = 0; i < s->n_types; i++)
		if (strcmp(s->types[i], type) == 0)
			return true;
	return false;
}

/* The first id of a type wins.  -1 means "none" in some files. */
static enum err_code set_id(struct special *s, const char *type, const json_t *value, const char *file, struct err *err)
{
	if (!json_is_integer(value) || json_integer_value(value) == -1)
		return ERR_OK;
	if (json_integer_value(value) < 0 || json_integer_value(value) > UINT32_MAX) {
		char field[64];
		(void)str_format(field, sizeof(field), "%s_token_id", type);
		return hf_files_bad(s->files->dir, file, field, err);
	}
	uint64_t id = (uint64_t)json_integer_value(value);
	for (size_t i = 0; i < s->n_ids; i++)
		if (strcmp(s->ids[i].type, type) == 0)
			return ERR_OK;
	if (id >= s->n_vocab)
		return ERR_OK;
	s->ids[s->n_ids].type = type;
	s->ids[s->n_ids++].id = (uint32_t)id;
	return ERR_OK;
}

/* --- the post-processor --- */

/* The tokens that tokenizer_config.json names, borrowed. */
struct names {
	const json_t *bos, *cls, *eos, *sep;
};

static bool same(const json_t *a, const json_t *b)
{
	return json_is_string(a) && json_is_string(b) && strcmp(json_string_value(a), json_string_value(b)) == 0;
}

/* The special token of one piece of a template, NULL for others. */
static const json_t *token_of(const json_t *piece)
{
	const json_t *id = json_object_get(json_object_get(piece, "SpecialToken"), "id");
	return hf_is_false(id) ? NULL : id;
}

static void set_config(struct special *s, const char *key, const json_t *value)
{
	if (s->config)
		json_object_set_new(s->config, key, value ? json_deep_copy(value) : json_null());
}

static void read_first(struct special *s, struct names *n, const json_t *first)
{
	if (!s->config)
		n->bos = first;
	else if (!same(first, n->bos) && !same(first, n->cls)) {
		if (hf_is_false(n->bos)) {
			set_config(s, "bos_token", first);
			n->bos = first;
		}
		if (hf_is_false(n->cls)) {
			set_config(s, "cls_token", first);
			n->cls = first;
		}
	}
	set_add(s, "bos", same(first, n->bos) || same(first, n->cls));
}

static void read_last(struct special *s, struct names *n, const json_t *last)
{
	if (s->config && !same(last, n->eos)) {
		const char *type = !has_type(s, "eot") ? "eot" : !has_type(s, "eom") ? "eom" : NULL;
		if (type && s->n_types < MAX_TYPES) {
			s->types[s->n_types++] = type;
			set_config(s, *(type + 2) == 't' ? "eot_token" : "eom_token", n->eos);
		}
		set_config(s, "eos_token", last);
	}
	n->eos = last;
	set_add(s, "eos", true);
}

static bool is_sequence(const json_t *piece, const char *name)
{
	const char *id = json_string_value(json_object_get(json_object_get(piece, "Sequence"), "id"));
	return id && strcmp(id, name) == 0;
}

/* Whether a template of two texts puts a separator between them: A [sep] [eos] B. */
static void read_pair(struct special *s, const struct names *n, const json_t *pair, const json_t *first, const json_t *last)
{
	size_t from = 0, to = json_array_size(pair);
	from += to && first && same(token_of(json_array_get(pair, 0)), first);
	to -= to && last && same(token_of(json_array_get(pair, to - 1)), last);
	if (to < from + 3 || !is_sequence(json_array_get(pair, from), "A") || !is_sequence(json_array_get(pair, to - 1), "B"))
		return;
	const json_t *one = token_of(json_array_get(pair, from + 1)), *two = token_of(json_array_get(pair, from + 2));
	bool add = (same(one, n->sep) || same(one, n->eos)) && !last;
	if (to - from == 4 && (same(two, n->sep) || same(two, n->eos)))
		add = true;
	set_add(s, "sep", add);
	if (add && hf_is_false(n->sep))
		set_config(s, "sep_token", n->eos);
}

static void read_template(struct special *s, struct names *n, const json_t *step)
{
	const json_t *single = json_object_get(step, "single"), *first = NULL, *last = NULL;
	size_t len = json_array_size(single);
	if (len > 1) {
		first = token_of(json_array_get(single, 0));
		if (first)
			read_first(s, n, first);
		last = token_of(json_array_get(single, len - 1));
		if (last)
			read_last(s, n, last);
	}
	read_pair(s, n, json_object_get(step, "pair"), first, last);
}

static void read_roberta(struct special *s, struct names *n, const json_t *step)
{
	set_add(s, "bos", true);
	set_add(s, "eos", true);
	set_add(s, "sep", true);
	if (!s->config)
		return;
	if (hf_is_false(n->cls)) {
		n->cls = json_object_get(step, "cls") ? json_array_get(json_object_get(step, "cls"), 0) : n->bos;
		set_config(s, "cls_token", n->cls);
	}
	if (hf_is_false(n->sep)) {
		n->sep = json_object_get(step, "sep") ? json_array_get(json_object_get(step, "sep"), 0) : n->eos;
		set_config(s, "sep_token", n->sep);
	}
}

static void read_post_processor(struct special *s)
{
	/* From the file itself, not from our copy of it: what is set there must not pull these away. */
	const json_t *config = s->config ? s->files->config : NULL;
	struct names n = { json_object_get(config, "bos_token"), json_object_get(config, "cls_token"),
			   json_object_get(config, "eos_token"), json_object_get(config, "sep_token") };
	const json_t *post = json_object_get(s->files->tokenizer, "post_processor");
	if (hf_is_false(n.bos) && !hf_is_false(n.cls)) {
		n.bos = n.cls;
		set_config(s, "bos_token", n.cls);
	}
	if (hf_is_false(n.eos) && !hf_is_false(n.sep)) {
		n.eos = n.sep;
		set_config(s, "eos_token", n.sep);
	}
	const json_t *steps = json_object_get(post, "processors");
	size_t count = steps ? json_array_size(steps) : post != NULL;
	for (size_t i = 0; i < count; i++) {
		const json_t *step = steps ? json_array_get(steps, i) : post;
		const char *type = json_string_value(json_object_get(step, "type"));
		if (type && strcmp(type, "TemplateProcessing") == 0)
			read_template(s, &n, step);
		else if (type && strcmp(type, "RobertaProcessing") == 0)
			read_roberta(s, &n, step);
	}
}

static void read_normalizer(struct special *s, const json_t *normalizer)
{
	const char *type = json_string_value(json_object_get(normalizer, "type"));
	const json_t *lower = json_object_get(normalizer, "lowercase"), *strip = json_object_get(normalizer, "strip_accents");
	json_t *step;
	size_t i;
	if (!type)
		return;
	if (strcmp(type, "Lowercase") == 0)
		s->lowercase = 1;
	else if (strcmp(type, "StripAccents") == 0)
		s->strip_accents = 1;
	else if (strcmp(type, "BertNormalizer") == 0) {
		if (lower)
			s->lowercase = json_is_boolean(lower) ? json_is_true(lower) : -1;
		if (strip)
			s->strip_accents = json_is_boolean(strip) ? json_is_true(strip) : -1;
	} else if (strcmp(type, "Sequence") == 0)
		json_array_foreach (json_object_get(normalizer, "normalizers"), i, step)
			read_normalizer(s, step);
}

/* --- ids --- */

/* The id that tokenizer.json's added tokens give a text. */
static const json_t *added_id(const struct special *s, const char *text)
{
	json_t *token;
	size_t i;
	json_array_foreach (json_object_get(s->files->tokenizer, "added_tokens"), i, token) {
		const char *own = json_string_value(json_object_get(token, "content"));
		if (own && strcmp(own, text) == 0)
			return json_object_get(token, "id");
	}
	return NULL;
}

static enum err_code read_named(struct special *s, struct err *err)
{
	for (size_t i = 0; i < s->n_types; i++) {
		char key[64];
		(void)str_format(key, sizeof(key), "add_%s_token", s->types[i]);
		const json_t *add = json_object_get(s->config, key);
		if (json_is_boolean(add))
			set_add(s, s->types[i], json_is_true(add));
		const char *text = hf_token_text(json_object_get(s->config, key + 4));
		enum err_code rc = text ? set_id(s, s->types[i], added_id(s, text), "tokenizer.json", err) : ERR_OK;
		if (rc != ERR_OK)
			return rc;
	}
	return ERR_OK;
}

static enum err_code read_config(struct special *s, const json_t *config, struct err *err)
{
	for (size_t i = 0; i < s->n_types; i++) {
		char key[64];
		(void)str_format(key, sizeof(key), "%s_token_id", s->types[i]);
		const json_t *id = json_object_get(config, key);
		if (!id || json_is_null(id))
			id = json_object_get(json_object_get(config, "text_config"), key);
		enum err_code rc = set_id(s, s->types[i], id, "config.json", err);
		if (rc != ERR_OK)
			return rc;
	}
	return ERR_OK;
}

static enum err_code load(struct special *s, const json_t *config, struct err *err)
{
	enum err_code rc = ERR_OK;
	s->lowercase = s->strip_accents = -1;
	if (!hf_is_false(s->files->config))
		s->config = json_copy(s->files->config);
	if (!hf_is_false(s->files->tokenizer)) {
		read_normalizer(s, json_object_get(s->files->tokenizer, "normalizer"));
		read_post_processor(s);
	}
	if (s->config)
		rc = read_named(s, err);
	return rc == ERR_OK ? read_config(s, config, err) : rc;
}

/* --- keys --- */

static void set_ids(struct vocab_keys *keys, const struct special *s)
{
	static const char *const names[][2] = {
		{ "bos", "tokenizer.ggml.bos_token_id" },     { "eos", "tokenizer.ggml.eos_token_id" },
		{ "unk", "tokenizer.ggml.unknown_token_id" }, { "sep", "tokenizer.ggml.seperator_token_id" },
		{ "pad", "tokenizer.ggml.padding_token_id" }, { "mask", "tokenizer.ggml.mask_token_id" },
		{ "eot", "tokenizer.ggml.eot_token_id" },     { "eom", "tokenizer.ggml.eom_token_id" },
	};
	for (size_t i = 0; i < s->n_ids; i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (strcmp(s->ids[i].type, names[k][0]) == 0)
				vocab_keys_u32(keys, names[k][1], s->ids[i].id);
}

static void set_adds(struct vocab_keys *keys, const struct special *s)
{
	static const char *const names[][2] = { { "bos", "tokenizer.ggml.add_bos_token" },
						{ "eos", "tokenizer.ggml.add_eos_token" },
						{ "sep", "tokenizer.ggml.add_sep_token" } };
	for (size_t i = 0; i < s->n_adds; i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (strcmp(s->adds[i].type, names[k][0]) == 0)
				vocab_keys_bool(keys, names[k][1], s->adds[i].value);
}

static void set_normalizer(struct vocab_keys *keys, const struct special *s)
{
	if (s->lowercase >= 0)
		vocab_keys_bool(keys, "tokenizer.ggml.normalizer.lowercase", s->lowercase);
	if (s->strip_accents >= 0)
		vocab_keys_bool(keys, "tokenizer.ggml.normalizer.strip_accents", s->strip_accents);
}

enum err_code special_keys_set(struct vocab_keys *keys, const struct hf_files *f, const json_t *config, uint64_t n_vocab,
			       struct err *err)
{
	struct special s = { .files = f, .n_vocab = n_vocab, .n_types = 7,
			     .types = { "bos", "eos", "unk", "sep", "pad", "cls", "mask" } };
	enum err_code rc = load(&s, config, err);
	if (rc == ERR_OK) {
		set_ids(keys, &s);
		set_adds(keys, &s);
		rc = s.config || f->template_dir ? chat_template_set(keys, f, err) : ERR_OK;
	}
	if (rc == ERR_OK)
		set_normalizer(keys, &s);
	json_decref(s.config);
	return rc;
}

enum err_code special_keys_set_eot(struct vocab_keys *keys, const struct hf_files *f, const json_t *config, uint32_t eot_id,
				   struct err *err)
{
	struct special s = { .files = f, .n_vocab = UINT64_MAX, .n_types = 1, .types = { "eot" } };
	json_t *eot = json_integer(eot_id);
	enum err_code rc = load(&s, config, err);
	if (rc == ERR_OK)
		rc = set_id(&s, "eot", eot, "config.json", err);
	if (rc == ERR_OK) {
		set_ids(keys, &s);
		set_adds(keys, &s);
		set_normalizer(keys, &s);
	}
	json_decref(eot);
	json_decref(s.config);
	return rc;
}
