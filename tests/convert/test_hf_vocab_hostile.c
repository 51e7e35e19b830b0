/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders with something wrong in them: each is refused with a sentence that fits, and nothing else happens. */
#include "support/check.h"
#include "support/hf_vocab_files.h"
#include "support/temp.h"

static struct temp temp;
static int n_folders;

/* --- a folder of the golden ones, to be spoiled --- */

static const char *folder;

static bool copy_file(void *user, const char *name, bool is_dir)
{
	struct buf bytes = BUF_INIT(MIB);
	char *from = fs_join(user, name);
	if (is_dir || fs_read(from, &bytes, NULL) != ERR_OK)
		BUG("cannot copy %s", from);
	temp_file(&temp, arena_printf(temp.arena, "%s/%s", fs_basename(folder), name), bytes.ptr, bytes.len);
	buf_release(&bytes);
	mem_free(from);
	return true;
}

static void copy(const char *name)
{
	struct err err = { 0 };
	char *from = fs_join(HF_VOCAB_DIR, name);
	folder = temp_path(&temp, arena_printf(temp.arena, "%d-%s", n_folders++, name));
	assert_ok(fs_list(from, 100, copy_file, from, &err));
	mem_free(from);
}

static const char *in_folder(const char *name)
{
	return arena_printf(temp.arena, "%s/%s", fs_basename(folder), name);
}

static void put(const char *name, const void *bytes, size_t len)
{
	temp_file(&temp, in_folder(name), bytes, len);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void drop(const char *name)
{
	assert_int_equal(remove(temp_path(&temp, in_folder(name))), 0);
}

static json_t *open_json(const char *name)
{
	return hf_vocab_json(temp_path(&temp, in_folder(name)));
}

static void save(const char *name, json_t *value)
{
	struct buf text = BUF_INIT(MIB);
	json_write(&text, value);
	put(name, text.ptr, text.len);
	buf_release(&text);
	json_decref(value);
}

static json_t *model(json_t *tokenizer)
{
	return json_object_get(tokenizer, "model");
}

static struct hf_vocab *read_as(const char *architecture, struct err *err)
{
	struct hf_vocab *v;
	*err = (struct err){ 0 };
	enum err_code rc = hf_vocab_read_folder(temp.arena, folder, architecture, &v, err);
	assert_int_equal(rc, err->code);
	assert_true((v != NULL) == (rc == ERR_OK));
	return v;
}

/* The sentence is there in both languages and names something of the folder. */
static void refused_as(const char *architecture, const char *key)
{
	struct err err;
	read_as(architecture, &err);
	assert_err(&err, key);
	for (int lang = 0; lang < LANG_COUNT; lang++) {
		static const char *const holes[] = { "{path}", "{id}", "{n}", "{token}", "{a}", "{found}", "{limit}", "{field}" };
		struct buf text = BUF_INIT(8 * KIB);
		err_message(&text, (enum lang)lang, &err);
		assert_true(text.len > 20);
		for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++)
			assert_null(strstr(buf_text(&text), holes[i]));
		buf_release(&text);
	}
}

static void refused(const char *key)
{
	refused_as("llama", key);
}

/* --- files --- */

static void a_folder_without_a_tokenizer(void **state)
{
	(void)state;
	copy("llama3");
	drop("tokenizer.json");
	refused("err_vocab_none");
	put_text("tekken.json", "{}");
	refused("err_vocab_tekken");
	copy("gemma2");
	drop("tokenizer.model");
	drop("tokenizer.json");
	refused_as("gemma2", "err_vocab_none");
	copy("phi3");
	drop("tokenizer.model");
	drop("tokenizer.json");
	refused_as("phi3", "err_vocab_none");
	copy("qwen2");
	refused_as("bert", "err_vocab_family");
}

static void json_that_is_cut_or_no_text(void **state)
{
	(void)state;
	struct buf text = BUF_INIT(MIB);
	copy("llama3");
	struct err err = { 0 };
	assert_ok(fs_read(temp_path(&temp, in_folder("tokenizer.json")), &text, &err));
	for (size_t len = 0; len + 2 < text.len; len += 97) {
		put("tokenizer.json", text.ptr, len);
		refused("err_json_syntax");
	}
	text.ptr[text.len / 2] = (char)0xFF;
	put("tokenizer.json", text.ptr, text.len);
	refused("err_json_syntax");
	put_text("tokenizer.json", "[]");
	refused("err_vocab_field");
	buf_release(&text);
	copy("llama3");
	put_text("tokenizer_config.json", "{\"chat_template\": \"x\"");
	refused("err_json_syntax");
	copy("llama2");
	put_text("added_tokens.json", "{\"<pad>\": \"400\"}");
	refused("err_vocab_field");
	put_text("added_tokens.json", "{\"<pad>\": -1}");
	refused("err_vocab_field");
}

/* --- ids --- */

static void set_vocab(const char *text, json_int_t id)
{
	json_t *tokenizer = open_json("tokenizer.json");
	json_object_set_new(json_object_get(model(tokenizer), "vocab"), text, json_integer(id));
	save("tokenizer.json", tokenizer);
}

static void ids_that_cannot_be(void **state)
{
	(void)state;
	copy("qwen2");
	set_vocab("!", 1);
	refused_as("qwen2", "err_vocab_id_twice");
	copy("qwen2");
	set_vocab("!", 10000000);
	refused_as("qwen2", "err_vocab_id");
	copy("qwen2");
	set_vocab("!", -1);
	refused_as("qwen2", "err_vocab_id");
	copy("qwen2");
	set_vocab("!", 5000);
	refused_as("qwen2", "err_vocab_size");
	copy("qwen2");
	json_t *tokenizer = open_json("tokenizer.json");
	json_object_set_new(json_object_get(model(tokenizer), "vocab"), "!", json_string("0"));
	save("tokenizer.json", tokenizer);
	refused_as("qwen2", "err_vocab_id");
}

static void a_hole_is_filled_up(void **state)
{
	(void)state;
	struct err err;
	copy("qwen2");
	set_vocab("!", 365); /* config.json has room for it, and nothing else stands there */
	struct hf_vocab *v = read_as("qwen2", &err);
	assert_err(&err, "");
	struct buf head = BUF_INIT(MIB);
	hf_vocab_head(v, "qwen2", NULL, &head);
	assert_non_null(memmem(head.ptr, head.len, "[PAD0]", 6));
	buf_release(&head);
}

static void added_tokens_with_other_ids(void **state)
{
	(void)state;
	copy("qwen2");
	json_t *tokenizer = open_json("tokenizer.json");
	json_t *first = json_array_get(json_object_get(tokenizer, "added_tokens"), 0);
	json_object_set_new(first, "id", json_integer(json_integer_value(json_object_get(first, "id")) + 1));
	save("tokenizer.json", tokenizer);
	refused_as("qwen2", "err_vocab_added_id");
	copy("qwen2");
	json_t *config = open_json("tokenizer_config.json");
	json_object_set_new(json_object_get(config, "added_tokens_decoder"), "3", json_pack("{s:s}", "content", "<new>"));
	save("tokenizer_config.json", config);
	refused_as("qwen2", "err_vocab_added_id");
	copy("qwen2");
	config = open_json("tokenizer_config.json");
	json_object_set_new(json_object_get(config, "added_tokens_decoder"), "x", json_pack("{s:s}", "content", "<new>"));
	save("tokenizer_config.json", config);
	refused_as("qwen2", "err_vocab_field");
}

static void a_vocabulary_without_end(void **state)
{
	(void)state;
	struct hf_vocab *v;
	struct err err = { 0 };
	copy("qwen2");
	struct hf_vocab_wish wish = { "qwen2", 10000000, NULL, NULL };
	assert_int_equal(hf_vocab_read(temp.arena, folder, &wish, &v, NULL, &err), ERR_LIMIT);
	assert_err(&err, "err_vocab_count");
}

static void one_text_for_two_tokens(void **state)
{
	(void)state;
	copy("qwen2");
	json_t *config = open_json("tokenizer_config.json");
	json_object_set_new(config, "mask_token", json_string("[PAD370]")); /* becomes the next token; 370 is filling */
	json_object_set_new(config, "sep_token", json_string("[PAD371]"));
	save("tokenizer_config.json", config);
	json_t *size = open_json("config.json");
	json_object_set_new(size, "vocab_size", json_integer(400));
	save("config.json", size);
	refused_as("qwen2", "err_vocab_text_twice");
}

/* --- merges and rules --- */

static void set_merge(json_t *merge)
{
	json_t *tokenizer = open_json("tokenizer.json");
	json_array_set_new(json_object_get(model(tokenizer), "merges"), 5, merge);
	save("tokenizer.json", tokenizer);
}

static void merges_of_unknown_tokens(void **state)
{
	(void)state;
	static const char *const lines[] = { "! nowhere", "nowhere !", "~ !", " !", "! ", "!", "", "a b c" };
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		copy("llama3"); /* merges as lines */
		set_merge(json_string(lines[i]));
		refused(i == 7 ? "err_vocab_field" : "err_vocab_merge");
	}
	copy("llama3");
	set_merge(json_pack("[s,s]", "!", "!"));
	refused("err_vocab_field");
	copy("qwen3"); /* merges as pairs */
	set_merge(json_pack("[s,s]", "!", "nowhere"));
	refused_as("qwen3", "err_vocab_merge");
	copy("qwen3");
	set_merge(json_pack("[s,s,s]", "!", "!", "!"));
	refused_as("qwen3", "err_vocab_field");
	json_t *tokenizer = open_json("tokenizer.json");
	json_object_set_new(model(tokenizer), "merges", json_array());
	save("tokenizer.json", tokenizer);
	refused_as("qwen3", "err_vocab_field");
}

static void set_rule(const char *name, const char *json)
{
	struct err err = { 0 };
	copy("llama3");
	json_t *tokenizer = open_json("tokenizer.json");
	json_t *value = json_parse(str_of(json), "rule", &err);
	assert_err(&err, "");
	json_object_set_new(strncmp(name, "model.", 6) == 0 ? model(tokenizer) : tokenizer, strchr(name, '.') ? name + 6 : name,
			    value);
	save("tokenizer.json", tokenizer);
}

#define SPLIT(regex, behavior, invert, use)                                                                        \
	"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex             \
	"\"},\"behavior\":\"" behavior "\",\"invert\":" invert "},{\"type\":\"ByteLevel\",\"add_prefix_space\":false," \
	"\"trim_offsets\":true,\"use_regex\":" use "}]}"
#define QWEN2                                                                                                       \
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*" \
	"|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"

static void rules_that_no_family_has(void **state)
{
	(void)state;
	static const char *const rules[] = {
		"null",
		"{\"type\":\"Whitespace\"}",
		"{\"type\":\"ByteLevel\",\"add_prefix_space\":true}",
		"{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}",
		SPLIT("\\\\p{N}{1,3}", "Isolated", "false", "false"),
		SPLIT(QWEN2, "MergedWithNext", "false", "false"),
		SPLIT(QWEN2, "Removed", "false", "false"),
		SPLIT(QWEN2, "Isolated", "true", "false"),
		SPLIT(QWEN2, "Isolated", "false", "true"),
		SPLIT(QWEN2 "x", "Isolated", "false", "false"),
	};
	struct err err;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		set_rule("pre_tokenizer", rules[i]);
		refused("err_vocab_pre");
	}
	read_as("llama", &err);
	char found[512] = "";
	assert_true(err_arg(&err, "found", found, sizeof(found)));
	assert_non_null(strstr(found, "\"Split\""));
	set_rule("pre_tokenizer", SPLIT(QWEN2, "Removed", "true", "false"));
	assert_non_null(read_as("llama", &err));
	set_rule("normalizer", "{\"type\":\"Lowercase\"}");
	refused("err_vocab_normalizer");
	set_rule("normalizer", "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Strip\"}]}");
	refused("err_vocab_normalizer");
}

static void kinds_that_cannot_be_converted(void **state)
{
	(void)state;
	set_rule("model.type", "\"WordPiece\"");
	refused("err_vocab_kind");
	set_rule("model.type", "\"Unigram\"");
	refused("err_vocab_kind");
	set_rule("decoder", "null");
	refused("err_vocab_kind");
	set_rule("model.end_of_word_suffix", "\"</w>\"");
	refused("err_vocab_feature");
	set_rule("model.continuing_subword_prefix", "\"##\"");
	refused("err_vocab_feature");
	set_rule("model.vocab", "[]");
	refused("err_vocab_field");
	set_rule("model.vocab", "{}");
	refused("err_vocab_count");
	set_rule("added_tokens", "{}");
	refused("err_vocab_field");
	set_rule("added_tokens", "[{\"id\":1}]");
	refused("err_vocab_field");
	set_rule("model", "[]");
	refused("err_vocab_kind");
}

/* --- chat templates --- */

static void chat_templates_that_are_too_much(void **state)
{
	(void)state;
	copy("smollm3");
	char *text = mem_alloc(LIMIT_TEMPLATE + 2);
	memset(text, 'x', LIMIT_TEMPLATE + 1);
	json_t *config = open_json("tokenizer_config.json");
	json_object_set_new(config, "chat_template", json_string(text));
	save("tokenizer_config.json", config);
	mem_free(text);
	refused_as("smollm3", "err_vocab_template_long");
	copy("smollm3");
	put("chat_template.jinja", "a\xFFz", 3);
	refused_as("smollm3", "err_vocab_template_text");
	put("chat_template.jinja", "a\0z", 3);
	refused_as("smollm3", "err_vocab_template_text");
	copy("smollm3");
	config = open_json("tokenizer_config.json");
	json_object_set_new(config, "chat_template", json_pack("[{s:s,s:i}]", "name", "rag", "template", 1));
	save("tokenizer_config.json", config);
	refused_as("smollm3", "err_vocab_field");
}

static bool head_has(const struct hf_vocab *v, const char *text)
{
	struct buf head = BUF_INIT(MIB);
	hf_vocab_head(v, "smollm3", NULL, &head);
	bool has = memmem(head.ptr, head.len, text, strlen(text)) != NULL;
	buf_release(&head);
	return has;
}

static void templates_in_their_places(void **state)
{
	(void)state;
	struct err err;
	copy("smollm3");
	put_text("additional_chat_templates/rag.jinja", "with documents");
	put_text("additional_chat_templates/notes.txt", "no template");
	put_text("chat_template.json", "{\"chat_template\": \"not this one\"}");
	struct hf_vocab *v = read_as("smollm3", &err);
	assert_err(&err, "");
	assert_true(head_has(v, "second line\n") && head_has(v, "tokenizer.chat_template.rag") && head_has(v, "with documents"));
	assert_false(head_has(v, "no template") || head_has(v, "not this one"));
	drop("chat_template.jinja");
	v = read_as("smollm3", &err);
	assert_true(v && head_has(v, "not this one") && !head_has(v, "with documents"));
	json_t *config = open_json("tokenizer_config.json");
	json_object_set_new(config, "chat_template", json_null());
	save("tokenizer_config.json", config);
	v = read_as("smollm3", &err);
	assert_true(v && !head_has(v, "tokenizer.chat_template"));
}

/* --- tokenizer.model --- */

static void bytes_that_are_no_model(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t len;
	} wrong[] = {
		{ "", 0 },
		{ "IQ== 0\nIg== 1\n", 14 },		  /* Llama 3's own form */
		{ "\x0A\xFF\xFF\xFF\xFF\x0F", 6 },	  /* a piece of 4 GiB */
		{ "\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11 },
		{ "\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 11 },
		{ "\x0A\x05\x0A\x09" "abc", 7 },	  /* a text longer than its piece */
		{ "\x0A\x03\x0A\x01\xFF", 5 },		  /* no UTF-8 */
		{ "\x0A\x03\x0A\x01\x00", 5 },		  /* NUL */
		{ "\x0A\x02\x0A\x00", 4 },		  /* no text */
		{ "\x0A\x00", 2 },
		{ "\x0A\x05\x0A\x01" "a\x18\x07", 7 },	  /* a type that is none */
		{ "\x0A\x08\x0A\x01" "a\x15\x00\x00\xC0\x7F", 10 }, /* a score that is no number */
		{ "\x0A\x05\x0A\x01" "a\x10\x01", 7 },	  /* a score as a varint */
		{ "\x0B\x0C", 2 },			  /* a group */
		{ "\x00\x01", 2 },			  /* field 0 */
		{ "\x08\x01", 2 },			  /* pieces as a number */
		{ "\x0A\x03\x0A\x01" "a\x12\x02\x18\x09", 9 }, /* a kind that is none */
	};
	copy("llama2");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		put("tokenizer.model", wrong[i].bytes, wrong[i].len);
		refused("err_vocab_sp_file");
	}
	put("tokenizer.model", "\x0A\x03\x0A\x01" "a\x12\x02\x18\x01", 9);
	refused("err_vocab_sp_kind");
	put("tokenizer.model", "\x0A\x03\x0A\x01" "a", 5); /* says nothing, which means unigram */
	refused("err_vocab_sp_kind");
	put("tokenizer.model", "\x0A\x03\x0A\x01" "a\x12\x02\x18\x02\xA2\x06\x01z", 13); /* with an unknown field */
	struct err err;
	assert_non_null(read_as("llama", &err));
}

static void a_model_that_is_cut_or_changed(void **state)
{
	(void)state;
	struct buf bytes = BUF_INIT(MIB);
	struct err err = { 0 };
	copy("llama2");
	drop("tokenizer.json");
	assert_ok(fs_read(temp_path(&temp, in_folder("tokenizer.model")), &bytes, &err));
	for (size_t len = 0; len < 3000; len += 13) {
		put("tokenizer.model", bytes.ptr, len);
		read_as("llama", &err);
		assert_true(strcmp(err.key, "err_vocab_sp_file") == 0 || strcmp(err.key, "err_vocab_sp_kind") == 0);
	}
	for (size_t at = 0; at < bytes.len; at += 31) {
		bytes.ptr[at] ^= 0x55;
		put("tokenizer.model", bytes.ptr, bytes.len);
		read_as("llama", &err);
		bytes.ptr[at] ^= 0x55;
	}
	buf_release(&bytes);
}

static void ids_of_phi3_that_have_no_place(void **state)
{
	(void)state;
	copy("phi3");
	json_t *tokenizer = open_json("tokenizer.json");
	json_object_set_new(json_array_get(json_object_get(tokenizer, "added_tokens"), 0), "id", json_integer(100000));
	save("tokenizer.json", tokenizer);
	refused_as("phi3", "err_vocab_id");
	copy("phi3");
	json_t *config = open_json("config.json");
	json_object_set_new(config, "vocab_size", json_integer(100));
	save("config.json", config);
	refused_as("phi3", "err_vocab_id");
	copy("llama2");
	config = open_json("config.json");
	json_object_set_new(config, "bos_token_id", json_integer(-7));
	save("config.json", config);
	struct err err;
	read_as("llama", &err); /* tokenizer_config.json has none, so that config.json counts */
	assert_err(&err, "err_vocab_field");
}

static void refuse_changed(void (*change)(json_t *tokenizer), const char *key)
{
	copy("llama-fast");
	json_t *tokenizer = open_json("tokenizer.json");
	change(tokenizer);
	save("tokenizer.json", tokenizer);
	refused_as("llama", key);
}

/* The first piece that can be made in two ways, or the second way of it, goes to the end. */
static void tear_apart(json_t *tokenizer)
{
	json_t *merges = json_object_get(model(tokenizer), "merges");
	char made[2][256] = { "", "" };
	for (size_t i = 0; i < json_array_size(merges); i++) {
		const json_t *merge = json_array_get(merges, i);
		str_format(made[i % 2], sizeof made[0], "%s%s", json_string_value(json_array_get(merge, 0)),
			   json_string_value(json_array_get(merge, 1)));
		if (strcmp(made[0], made[1]) != 0)
			continue;
		json_t *moved = json_incref(json_array_get(merges, i));
		json_array_remove(merges, i);
		json_array_append_new(merges, moved);
		return;
	}
	fail_msg("no piece has two ways");
}

static void leave_out_last(json_t *tokenizer)
{
	json_t *merges = json_object_get(model(tokenizer), "merges");
	json_array_remove(merges, json_array_size(merges) - 1);
}

static bool is_merged(json_t *tokenizer, const char *piece)
{
	json_t *merges = json_object_get(model(tokenizer), "merges"), *merge;
	size_t i;
	json_array_foreach(merges, i, merge)
		if (strcmp(json_string_value(json_array_get(merge, 0)), piece) == 0 || strcmp(json_string_value(json_array_get(merge, 1)), piece) == 0)
			return true;
	return false;
}

/* Every way to make it would take longer than anyone waits. */
static void lengthen_a_piece(json_t *tokenizer)
{
	json_t *vocab = json_object_get(model(tokenizer), "vocab"), *id;
	char text[4097] = { 0 };
	const char *piece;
	memset(text, 'x', sizeof text - 1);
	json_object_foreach(vocab, piece, id) {
		size_t at = 0;
		(void)utf8_next(str_of(piece), &at);
		if (piece[at] || is_merged(tokenizer, piece)) /* no single character */
			continue;
		json_object_set(vocab, text, id);
		json_object_del(vocab, piece);
		return;
	}
	fail_msg("every piece is merged");
}

static void make_nothing(json_t *tokenizer)
{
	json_array_append_new(json_object_get(model(tokenizer), "merges"), json_pack("[s, s]", "in", "in"));
}

static void name_three(json_t *tokenizer)
{
	json_array_append_new(json_object_get(model(tokenizer), "merges"), json_string("a b c"));
}

static void no_list(json_t *tokenizer)
{
	json_object_set_new(model(tokenizer), "merges", json_integer(1));
}

static void take_whole_words(json_t *tokenizer)
{
	json_object_set_new(model(tokenizer), "ignore_merges", json_true());
}

static void cut_digits(json_t *tokenizer)
{
	json_object_set_new(tokenizer, "pre_tokenizer", json_pack("{s:s, s:b}", "type", "Digits", "individual_digits", 1));
}

static void cut_words(json_t *tokenizer)
{
	json_object_set_new(tokenizer, "pre_tokenizer", json_pack("{s:s, s:s, s:s}", "type", "Metaspace", "replacement", "\u2581",
								  "prepend_scheme", "first"));
}

static void lower(json_t *tokenizer)
{
	json_object_set_new(tokenizer, "normalizer", json_pack("{s:s}", "type", "Lowercase"));
}

/* Scores would say something else than the merges, and llama.cpp would make other tokens without an error. */
static void merges_that_scores_cannot_say(void **state)
{
	(void)state;
	refuse_changed(tear_apart, "err_vocab_merges");
	refuse_changed(leave_out_last, "err_vocab_merges");
	refuse_changed(lengthen_a_piece, "err_vocab_merges");
	refuse_changed(make_nothing, "err_vocab_field");
	refuse_changed(name_three, "err_vocab_field");
	refuse_changed(no_list, "err_vocab_field");
	refuse_changed(take_whole_words, "err_vocab_feature");
	refuse_changed(cut_digits, "err_vocab_feature");
	refuse_changed(cut_words, "err_vocab_feature");
	refuse_changed(lower, "err_vocab_feature");
}

static void merges_as_older_files_write_them(void **state)
{
	(void)state;
	copy("llama-fast");
	json_t *tokenizer = open_json("tokenizer.json"), *merges = json_object_get(model(tokenizer), "merges"), *merge, *old = json_array();
	size_t i;
	json_array_foreach(merges, i, merge)
		json_array_append_new(old, json_sprintf("%s %s", json_string_value(json_array_get(merge, 0)),
							 json_string_value(json_array_get(merge, 1))));
	struct err err;
	struct buf before = BUF_INIT(LIMIT_GGUF_HEADER), after = BUF_INIT(LIMIT_GGUF_HEADER);
	hf_vocab_head(read_as("llama", &err), "llama", NULL, &before);
	json_object_set_new(model(tokenizer), "merges", old);
	save("tokenizer.json", tokenizer);
	hf_vocab_head(read_as("llama", &err), "llama", NULL, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.ptr, after.ptr, before.len);
	/* Without a space in front of the text, the GGUF says so. */
	tokenizer = open_json("tokenizer.json");
	json_array_remove(json_object_get(json_object_get(tokenizer, "normalizer"), "normalizers"), 0);
	save("tokenizer.json", tokenizer);
	buf_clear(&after);
	hf_vocab_head(read_as("llama", &err), "llama", NULL, &after);
	assert_null(memmem(before.ptr, before.len, "add_space_prefix", 16));
	assert_non_null(memmem(after.ptr, after.len, "add_space_prefix", 16));
	buf_release(&before);
	buf_release(&after);
}

static void it_stops_on_request(void **state)
{
	(void)state;
	static const char *const names[][2] = { { "llama3", "llama" }, { "llama2", "llama" }, { "llama-fast", "llama" } };
	for (size_t i = 0; i < 3; i++) {
		struct err err = { 0 };
		struct hf_vocab *v;
		atomic_bool cancel = true;
		struct hf_vocab_wish wish = { names[i][1], 0, NULL, NULL };
		copy(names[i][0]);
		assert_int_equal(hf_vocab_read(temp.arena, folder, &wish, &v, &cancel, &err), ERR_CANCELLED);
		assert_null(v);
	}
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_close(&temp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_without_a_tokenizer),
		cmocka_unit_test(json_that_is_cut_or_no_text),
		cmocka_unit_test(ids_that_cannot_be),
		cmocka_unit_test(a_hole_is_filled_up),
		cmocka_unit_test(added_tokens_with_other_ids),
		cmocka_unit_test(a_vocabulary_without_end),
		cmocka_unit_test(one_text_for_two_tokens),
		cmocka_unit_test(merges_of_unknown_tokens),
		cmocka_unit_test(merges_that_scores_cannot_say),
		cmocka_unit_test(merges_as_older_files_write_them),
		cmocka_unit_test(rules_that_no_family_has),
		cmocka_unit_test(kinds_that_cannot_be_converted),
		cmocka_unit_test(chat_templates_that_are_too_much),
		cmocka_unit_test(templates_in_their_places),
		cmocka_unit_test(bytes_that_are_no_model),
		cmocka_unit_test(a_model_that_is_cut_or_changed),
		cmocka_unit_test(ids_of_phi3_that_have_no_place),
		cmocka_unit_test(it_stops_on_request),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
