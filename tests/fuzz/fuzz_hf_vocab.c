/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as tokenizer.model, and as tokenizer.json with tokenizer_config.json behind the first NUL: no crash, a cause for
 * every refusal, and what is accepted becomes a GGUF that our own strict reader takes, with a text, a type and a place for every
 * token. */
#include <string.h>

#include "base/limits.h"
#include "convert/bpe_vocab.h"
#include "convert/sp_model.h"
#include "convert/sp_vocab.h"
#include "convert/special_keys.h"
#include "fuzz_memory.h"
#include "model/gguf.h"

static void check_model(struct arena *a, struct str bytes)
{
	struct sp_model m;
	struct err err = { 0 };
	if (sp_model_parse(a, bytes, "fuzz", &m, &err) != ERR_OK) {
		if (!err.key[0])
			BUG("refused without a cause");
		return;
	}
	for (uint64_t i = 0; i < m.n; i++)
		if (!m.pieces[i].text[0] || m.pieces[i].type < SP_NORMAL || m.pieces[i].type > SP_BYTE)
			BUG("piece %llu", (unsigned long long)i);
}

/* A SentencePiece model in tokenizer.json is read in two ways and with two rules for added tokens. */
enum way { WAY_LLAMA, WAY_GEMMA, WAY_PHI, WAY_COUNT };

static enum err_code read_vocab(struct vocab_keys *keys, const struct hf_files *f, enum way way, struct vocab_list *list, struct err *err)
{
	if (bpe_vocab_is(f))
		return bpe_vocab_read(keys, f, 0, list, NULL, err);
	if (!sp_vocab_in_json(f))
		return err_set(err, ERR_UNSUPPORTED, "err_vocab_kind", NULL);
	return way == WAY_LLAMA ? sp_vocab_read_json(keys, f, list, NULL, err) :
				  sp_vocab_read(keys, f, way == WAY_PHI ? 300 : 0, way == WAY_PHI, list, NULL, err);
}

static void check_gguf(const struct vocab_keys *keys, const struct vocab_list *list)
{
	struct buf head = BUF_INIT(LIMIT_GGUF_HEADER);
	struct err err = { 0 };
	struct gguf_writer *w = gguf_writer_new();
	vocab_keys_write(keys, w);
	if (gguf_writer_head(w, &head, &err) != ERR_OK)
		BUG("%s", err.key);
	struct gguf *g = gguf_read(fuzz_file((const uint8_t *)head.ptr, head.len), head.len, "fuzz", &err);
	if (!g)
		BUG("%s (%s)", err.key, err.args);
	if (gguf_array_len(g, "tokenizer.ggml.tokens") != list->n || gguf_array_len(g, "tokenizer.ggml.token_type") != list->n)
		BUG("%llu tokens", (unsigned long long)list->n);
	gguf_close(g);
	gguf_writer_free(w);
	buf_release(&head);
}

static void check_way(struct arena *a, const struct hf_files *f, enum way way)
{
	struct vocab_keys keys = { .arena = a };
	struct vocab_list list;
	struct err err = { 0 };
	enum err_code rc = read_vocab(&keys, f, way, &list, &err);
	if (rc == ERR_OK)
		rc = vocab_list_check(&list, f->dir, &err);
	if (rc == ERR_OK)
		rc = special_keys_set(&keys, f, f->config, list.n, &err);
	if (rc == ERR_OK)
		check_gguf(&keys, &list);
	else if (!err.key[0])
		BUG("refused without a cause");
}

static void check_json(struct arena *a, struct str text)
{
	struct str config = text, tokenizer = str_split(&config, 0);
	struct hf_files f = { .dir = "/nowhere" };
	struct err err = { 0 };
	f.tokenizer = json_parse_python(tokenizer, "fuzz", &err);
	f.config = json_parse_python(config, "fuzz", NULL);
	for (enum way way = WAY_LLAMA; f.tokenizer && way < WAY_COUNT; way++)
		check_way(a, &f, way);
	if (!f.tokenizer && !err.key[0])
		BUG("refused without a cause");
	hf_files_release(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str bytes = { (const char *)data, size };
	check_model(a, bytes);
	check_json(a, bytes);
	arena_free(a);
	return 0;
}
