/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields: ModelProto in src/sentencepiece_model.proto of SentencePiece 0.2. */
#include "convert/sp_model.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
	uint64_t number;
	enum wire wire;
	uint64_t value;	 /* of a varint or of fixed size */
	struct str bytes; /* of WIRE_BYTES */
};

static bool read_varint(struct str *s, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; shift < 64 && s->len > 0; shift += 7) {
		uint8_t byte = (uint8_t)*s->ptr;
		s->ptr++;
		s->len--;
		if (shift == 63 && byte > 1)
			return false;
		*out |= (uint64_t)(byte & 0x7F) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool read_fixed(struct str *s, size_t size, uint64_t *out)
{
	*out = 0;
	if (s->len < size)
		return false;
	for (size_t i = 0; i < size; i++)
		*out |= (uint64_t)(uint8_t)s->ptr[i] << (8 * i);
	s->ptr += size;
	s->len -= size;
	return true;
}

/* Takes one field from the front; false where the bytes are no field. */
static bool next_field(struct str *s, struct field *f)
{
	uint64_t tag, len;
	*f = (struct field){ 0 };
	if (!read_varint(s, &tag) || tag >> 3 == 0 || tag >> 3 > 536870911)
		return false;
	f->number = tag >> 3;
	f->wire = (enum wire)(tag & 7);
	switch (f->wire) {
	case WIRE_VARINT:
		return read_varint(s, &f->value);
	case WIRE_64:
		return read_fixed(s, 8, &f->value);
	case WIRE_32:
		return read_fixed(s, 4, &f->value);
	case WIRE_BYTES:
		if (!read_varint(s, &len) || len > s->len)
			return false;
		f->bytes = (struct str){ s->ptr, (size_t)len };
		s->ptr += len;
		s->len -= (size_t)len;
		return true;
	}
	return false;
}

static bool is_text(struct str s)
{
	return s.len > 0 && utf8_valid(s, NULL) && !memchr(s.ptr, 0, s.len);
}

/* SentencePiece { piece = 1, score = 2, type = 3 } */
static bool read_piece(struct arena *a, struct str s, struct sp_piece *out)
{
	struct str text = { NULL, 0 };
	struct field f;
	*out = (struct sp_piece){ .type = SP_NORMAL };
	while (s.len > 0) {
		if (!next_field(&s, &f))
			return false;
		if (f.number == 1 && f.wire == WIRE_BYTES)
			text = f.bytes;
		else if (f.number == 2 && f.wire == WIRE_32) {
			uint32_t bits = (uint32_t)f.value;
			memcpy(&out->score, &bits, sizeof(bits));
		} else if (f.number == 3 && f.wire == WIRE_VARINT) {
			if (f.value < SP_NORMAL || f.value > SP_BYTE)
				return false;
			out->type = (enum sp_type)f.value;
		} else if (f.number <= 3)
			return false;
	}
	if (!is_text(text) || !isfinite(out->score))
		return false;
	out->text = arena_strndup(a, text.ptr, text.len);
	return true;
}

/* TrainerSpec { model_type = 3 } */
static bool read_trainer(struct str s, struct sp_model *out)
{
	struct field f;
	while (s.len > 0) {
		if (!next_field(&s, &f))
			return false;
		if (f.number != 3)
			continue;
		if (f.wire != WIRE_VARINT || f.value < SP_UNIGRAM || f.value > SP_CHAR)
			return false;
		out->kind = (enum sp_kind)f.value;
	}
	return true;
}

/* Walks over the fields at the top: counts the pieces where `out->pieces` is NULL, else fills them.  Returns where it
 * stopped, `bytes.len` at the end. */
static size_t walk(struct arena *a, struct str bytes, struct sp_model *out)
{
	struct str rest = bytes;
	out->n = 0;
	while (rest.len > 0) {
		struct field f;
		size_t at = bytes.len - rest.len;
		if (!next_field(&rest, &f))
			return at;
		bool pieces = f.number == 1, trainer = f.number == 2;
		if ((pieces || trainer) && f.wire != WIRE_BYTES)
			return at;
		if (trainer && !read_trainer(f.bytes, out))
			return at;
		if (pieces && out->pieces && !read_piece(a, f.bytes, &out->pieces[out->n]))
			return at;
		out->n += pieces;
	}
	return bytes.len;
}

enum err_code sp_model_parse(struct arena *a, struct str bytes, const char *what, struct sp_model *out, struct err *err)
{
	*out = (struct sp_model){ .kind = SP_UNIGRAM };
	size_t at = walk(a, bytes, out);
	uint64_t n = out->n;
	if (at == bytes.len && n > LIMIT_VOCAB)
		return err_set(err, ERR_LIMIT, "err_vocab_count", "path=%.300s|n=%llu|limit=%d", what,
			       (unsigned long long)n, LIMIT_VOCAB);
	if (at == bytes.len && n > 0) {
		out->pieces = arena_array(a, n, sizeof(out->pieces[0]));
		at = walk(a, bytes, out);
	}
	if (at < bytes.len || n == 0)
		return err_set(err, ERR_DATA, "err_vocab_sp_file", "path=%.400s|at=%zu", what, at);
	return ERR_OK;
}
