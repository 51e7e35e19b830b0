/* SPDX-License-Identifier: Apache-2.0
 *
 * The expressions are those of the tokenizer.json of each family; their counterparts stand in src/llama-vocab.cpp of llama.cpp
 * v0.5.0 (llm_tokenizer_bpe). */
#include "convert/pre_tokenizer.h"

#include <string.h>

#include "base/mem.h"

#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SYMBOLS_AND_SPACE "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define SYMBOLS_SLASH_AND_SPACE "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LOWER_WORD "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
#define UPPER_WORD "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"

#define LLAMA3_TOKENS 128000 /* without the added ones */

enum rules {
	RULES_UNKNOWN,
	RULES_GPT2,   /* the expression that the ByteLevel step has built in */
	RULES_DIGITS, /* the same after single digits were cut off */
	RULES_LLAMA3,
	RULES_QWEN2,
	RULES_TEKKEN,
	RULES_GPT4O,
};

static const struct {
	enum rules rules;
	const char *expression;
} known[] = {
	{ RULES_LLAMA3, CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}" SYMBOLS_AND_SPACE },
	{ RULES_QWEN2, CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" SYMBOLS_AND_SPACE },
	{ RULES_TEKKEN, LOWER_WORD "|" UPPER_WORD "|\\p{N}" SYMBOLS_SLASH_AND_SPACE },
	{ RULES_GPT4O, LOWER_WORD CONTRACTION "?|" UPPER_WORD CONTRACTION "?|\\p{N}{1,3}" SYMBOLS_SLASH_AND_SPACE },
};

/* Absent is what the library takes as its default. */
static bool flag(const json_t *step, const char *name, bool absent)
{
	const json_t *value = json_object_get(step, name);
	return json_is_boolean(value) ? json_is_true(value) : absent;
}

/* ByteLevel without a space in front; whether it cuts words itself is another question. */
static bool is_byte_level(const json_t *step, bool cuts)
{
	return hf_is_type(step, "ByteLevel") && !flag(step, "add_prefix_space", true) && flag(step, "use_regex", true) == cuts;
}

/* A Split by a known expression.  Each of them matches every character, so that cutting out the matches and dropping what
 * lies between them are the same. */
static enum rules rules_of_split(const json_t *step)
{
	const char *text = json_string_value(json_object_get(json_object_get(step, "pattern"), "Regex"));
	const char *behavior = json_string_value(json_object_get(step, "behavior"));
	if (!hf_is_type(step, "Split") || !text || !behavior)
		return RULES_UNKNOWN;
	bool inverted = flag(step, "invert", false);
	if (strcmp(behavior, inverted ? "Removed" : "Isolated") != 0)
		return RULES_UNKNOWN;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(text, known[i].expression) == 0)
			return known[i].rules;
	return RULES_UNKNOWN;
}

static enum rules rules_of(const json_t *pre)
{
	if (is_byte_level(pre, true))
		return RULES_GPT2;
	const json_t *steps = json_object_get(pre, "pretokenizers");
	if (!hf_is_type(pre, "Sequence") || json_array_size(steps) != 2)
		return RULES_UNKNOWN;
	const json_t *first = json_array_get(steps, 0), *second = json_array_get(steps, 1);
	if (hf_is_type(first, "Digits") && flag(first, "individual_digits", false) && is_byte_level(second, true))
		return RULES_DIGITS;
	return is_byte_level(second, false) ? rules_of_split(first) : RULES_UNKNOWN;
}

/* None, or composing characters (NFC), which llama.cpp leaves out without a way to ask for it. */
static bool normalizer_known(const json_t *normalizer)
{
	if (hf_is_false(normalizer) || hf_is_type(normalizer, "NFC"))
		return true;
	const json_t *steps = json_object_get(normalizer, "normalizers");
	return hf_is_type(normalizer, "Sequence") &&
	       (json_array_size(steps) == 0 || (json_array_size(steps) == 1 && hf_is_type(json_array_get(steps, 0), "NFC")));
}

/* Whether encoding a text puts a special token in front of it. */
static bool adds_first(const struct hf_files *f)
{
	const char *class = json_string_value(json_object_get(f->config, "tokenizer_class"));
	/* These classes of transformers replace what tokenizer.json says. */
	if (class && (strcmp(class, "LlamaTokenizer") == 0 || strcmp(class, "LlamaTokenizerFast") == 0))
		return flag(f->config, "add_bos_token", true);
	const json_t *post = json_object_get(f->tokenizer, "post_processor"), *step;
	const json_t *steps = json_object_get(post, "processors");
	size_t n = json_is_array(steps) ? json_array_size(steps) : 1;
	for (size_t i = 0; i < n; i++) {
		step = json_is_array(steps) ? json_array_get(steps, i) : post;
		const json_t *first = json_array_get(json_object_get(step, "single"), 0);
		if (hf_is_type(step, "TemplateProcessing") && json_object_get(first, "SpecialToken"))
			return true;
	}
	return false;
}

static const char *name_of(const struct hf_files *f, enum rules rules)
{
	const json_t *model = json_object_get(f->tokenizer, "model");
	/* Llama 3's own vocabulary may have been saved by a library that did not know ignore_merges yet. */
	bool whole_words = flag(model, "ignore_merges", false) ||
			   json_object_size(json_object_get(model, "vocab")) == LLAMA3_TOKENS;
	switch (rules) {
	case RULES_GPT2:
		return "gpt-2";
	case RULES_DIGITS:
		return "smollm";
	case RULES_LLAMA3:
		if (!whole_words)
			return "dbrx"; /* Phi-4 */
		return adds_first(f) ? "llama-bpe" : "smaug-bpe"; /* the latter is SmolLM3 */
	case RULES_QWEN2:
		return adds_first(f) ? "deepseek-r1-qwen" : "qwen2";
	case RULES_TEKKEN:
		return "tekken";
	case RULES_GPT4O:
		return "gpt-4o";
	case RULES_UNKNOWN:
		break;
	}
	return NULL;
}

const char *pre_tokenizer_name(const struct hf_files *f, struct err *err)
{
	json_t *pre = json_object_get(f->tokenizer, "pre_tokenizer");
	json_t *normalizer = json_object_get(f->tokenizer, "normalizer");
	bool plain = normalizer_known(normalizer);
	const char *name = plain ? name_of(f, rules_of(pre)) : NULL;
	if (name)
		return name;
	struct buf found = BUF_INIT(64 * 1024);
	json_t *shown = plain ? pre : normalizer;
	if (shown)
		json_write(&found, shown);
	else
		buf_add_text(&found, "null");
	err_set(err, ERR_UNSUPPORTED, plain ? "err_vocab_pre" : "err_vocab_normalizer", "path=%.200s|found=%.240s", f->dir,
		buf_text(&found));
	buf_release(&found);
	return NULL;
}
