/* SPDX-License-Identifier: Apache-2.0 */
#include "model/encoding.h"

#include <string.h>
#include <unicode/ucnv.h>
#include <unicode/ucsdet.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/limits.h"
#include "base/mem.h"

/* How much is looked at between two looks at `cancel`. */
#define SLICE MIB
/* How much the guesser sees, and how sure it has to be before Big5 is doubted. */
#define GUESS_BYTES (64 * KIB)
#define GUESS_SURE 50
/* Percent of rare characters that Big5 text of any kind stays below. */
#define RARE_SHARE 15

struct magic {
	const char *bytes;
	size_t len;
	const char *kind; /* the name of the format, the same in every language */
};

/* What people drop by mistake; longer signatures first where one is the start of another. */
static const struct magic magics[] = {
	{ "PK\x03\x04", 4, "XLSX/ZIP" },
	{ "\xD0\xCF\x11\xE0", 4, "XLS" },
	{ "\x1F\x8B", 2, "GZIP" },
	{ "%PDF-", 5, "PDF" },
	{ "GGUF", 4, "GGUF" },
	{ "SQLite format 3", 15, "SQLite" },
	{ "\x28\xB5\x2F\xFD", 4, "Zstandard" },
	{ "PAR1", 4, "Parquet" },
	{ "\x89PNG", 4, "PNG" },
	{ "\xFF\xD8\xFF", 3, "JPEG" },
	{ "GIF8", 4, "GIF" },
	{ "RIFF", 4, "WebP/WAV/AVI" },
	{ "II*\x00", 4, "TIFF" },
	{ "MM\x00*", 4, "TIFF" },
	{ "PK\x05\x06", 4, "ZIP" },
	{ "7z\xBC\xAF\x27\x1C", 6, "7-Zip" },
	{ "Rar!\x1A\x07", 6, "RAR" },
	{ "\xFD" "7zXZ\x00", 6, "XZ" },
	{ "\x7F" "ELF", 4, "ELF" },
	{ "\x93NUMPY", 6, "NumPy" },
	{ "ID3", 3, "MP3" },
	{ "OggS", 4, "Ogg" },
	{ "\xFF\xFE\x00\x00", 4, "UTF-32" },
	{ "\x00\x00\xFE\xFF", 4, "UTF-32" },
};

static bool is_cancelled(const atomic_bool *cancel)
{
	return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

struct str encoding_composed(struct arena *a, struct str text)
{
	struct buf out = BUF_INIT(4 * LIMIT_ANSWER_BYTES);

	if (!text.ptr)
		return text;
	encoding_nfc(text, &out);
	struct str copy = { arena_strndup(a, buf_text(&out), out.len), out.len };
	buf_release(&out);
	return copy;
}

int64_t encoding_count_lines(struct str text, size_t from, size_t to)
{
	int64_t lines = 0;

	for (size_t i = from; i < to; i++) {
		char c = text.ptr[i];

		if (c == '\n' || (c == '\r' && (i + 1 == text.len || text.ptr[i + 1] != '\n')))
			lines++;
	}
	return lines;
}

/* Names the place of a wrong byte: its line, and the bytes from the start of that line. */
static enum err_code bad_byte(struct str bytes, size_t at, struct err *err)
{
	size_t start = at;

	while (start > 0 && bytes.ptr[start - 1] != '\n' && bytes.ptr[start - 1] != '\r')
		start--;
	return err_set(err, ERR_DATA, "err_question_encoding", "line=%lld|column=%zu|byte=%02X",
		       (long long)encoding_count_lines(bytes, 0, at) + 1, at - start + 1,
		       at < bytes.len ? (unsigned)(unsigned char)bytes.ptr[at] : 0U);
}

/* utf8_valid() in slices, so that a cancelled import ends soon.  `*bad_at` is bytes.len where all is well. */
static enum err_code check_utf8(struct str bytes, size_t *bad_at, const atomic_bool *cancel, struct err *err)
{
	size_t at = 0;

	while (at < bytes.len) {
		struct str slice = { bytes.ptr + at, bytes.len - at };
		size_t wrong = 0;

		if (is_cancelled(cancel))
			return err_set(err, ERR_CANCELLED, "err_cancelled", "what=");
		if (slice.len > SLICE) {
			slice.len = SLICE;
			/* Not in the middle of a character: the rest of it belongs to the next slice. */
			while (slice.len > SLICE - 4 && ((unsigned char)slice.ptr[slice.len] & 0xC0) == 0x80)
				slice.len--;
		}
		if (!utf8_valid(slice, &wrong)) {
			*bad_at = at + wrong;
			return ERR_OK;
		}
		at += slice.len;
	}
	*bad_at = bytes.len;
	return ERR_OK;
}

/* Appends UTF-16 as UTF-8 at `out`; returns the end.  The converter has already refused lone surrogates; a pair that
 * the caller's buffer cut is kept in `*high` for the next call. */
static char *put_utf16(const UChar *from, const UChar *to, uint32_t *high, char *out)
{
	for (; from < to; from++) {
		uint32_t c = *from;

		if (U16_IS_LEAD(c)) {
			*high = c;
			continue;
		}
		if (U16_IS_TRAIL(c) && *high)
			c = (uint32_t)U16_GET_SUPPLEMENTARY(*high, c);
		*high = 0;
		out += utf8_put(c, out);
	}
	return out;
}

/* Decodes with ICU into `text`, which has room for it, stopping at the first wrong byte: then `*bad_at` is its offset,
 * else bytes.len. */
static enum err_code convert(struct str bytes, const char *charset, char *text, struct str *out, size_t *bad_at,
			     const atomic_bool *cancel, struct err *err)
{
	enum err_code code = ERR_OK;
	UErrorCode status = U_ZERO_ERROR;
	UConverter *converter = ucnv_open(charset, &status);
	char *end = text;
	const char *from = bytes.ptr;
	const char *limit = bytes.ptr + bytes.len;
	uint32_t high = 0;
	UChar chunk[4096];

	*bad_at = bytes.len;
	if (U_FAILURE(status))
		return err_set(err, ERR_UNSUPPORTED, "err_question_encoding_other", "name=%s", charset);
	ucnv_setToUCallBack(converter, UCNV_TO_U_CALLBACK_STOP, NULL, NULL, NULL, &status);
	do {
		UChar *to = chunk;
		const char *before = from;

		status = U_ZERO_ERROR;
		if (is_cancelled(cancel)) {
			code = err_set(err, ERR_CANCELLED, "err_cancelled", "what=");
			break;
		}
		ucnv_toUnicode(converter, &to, chunk + 4096, &from, limit, NULL, true, &status);
		end = put_utf16(chunk, to, &high, end);
		if (U_FAILURE(status) && status != U_BUFFER_OVERFLOW_ERROR) {
			char wrong[16];
			int8_t wrong_len = sizeof(wrong);
			UErrorCode ignored = U_ZERO_ERROR;

			ucnv_getInvalidChars(converter, wrong, &wrong_len, &ignored);
			*bad_at = (size_t)(from - bytes.ptr);
			*bad_at -= *bad_at >= (size_t)wrong_len ? (size_t)wrong_len : 0;
			break;
		}
		if (from == before && to == chunk)
			break;
	} while (status == U_BUFFER_OVERFLOW_ERROR);
	ucnv_close(converter);
	*out = (struct str){ text, (size_t)(end - text) };
	return code;
}

/* How many characters that are seldom written the bytes would stand for in either encoding; `n` are all but punctuation. */
struct rarity {
	size_t n, gb, big5;
};

/* True where the bytes are well-formed in both Big5 and GB 2312, whose common characters begin at B0 and end at D7. */
static bool is_both(struct str bytes, struct rarity *r)
{
	size_t len = bytes.len < GUESS_BYTES ? bytes.len : GUESS_BYTES;

	*r = (struct rarity){ 0 };
	for (size_t i = 0; i < len; i++) {
		unsigned char lead = (unsigned char)bytes.ptr[i];

		if (lead < 0x80)
			continue;
		if (++i == bytes.len || (unsigned char)bytes.ptr[i] < 0xA1 || (unsigned char)bytes.ptr[i] > 0xFE)
			return false;
		if (lead < 0xA1 || (lead > 0xA9 && lead < 0xB0) || lead > 0xF7)
			return false;
		r->n += lead > 0xA3;
		r->gb += (lead > 0xA3 && lead < 0xB0) || lead > 0xD7;
		r->big5 += lead > 0xC6;
	}
	return r->n > 0;
}

/* Text of the mainland that happens to be well-formed as Big5 would be full of characters that hardly anybody uses. */
static bool is_rather_gb(struct str bytes)
{
	struct rarity r;

	return is_both(bytes, &r) && r.big5 > 1 && r.big5 > r.gb && 100 * r.big5 > RARE_SHARE * r.n;
}

bool encoding_is_doubtful(struct str bytes)
{
	struct rarity r;

	return is_both(bytes, &r) && r.gb < r.n;
}

/* The name of the East Asian encoding that these bytes are much more likely in than in Big5, or NULL. */
static const char *guess_other(struct str bytes)
{
	static const char *const rivals[] = { "GB18030", "EUC-KR", "EUC-JP", "Shift_JIS" };
	UErrorCode status = U_ZERO_ERROR;
	UCharsetDetector *detector = ucsdet_open(&status);
	const UCharsetMatch **matches;
	const char *found = NULL;
	int32_t n = 0, best = GUESS_SURE - 1, big5 = 0;

	ucsdet_setText(detector, bytes.ptr, (int32_t)(bytes.len < GUESS_BYTES ? bytes.len : GUESS_BYTES), &status);
	matches = ucsdet_detectAll(detector, &n, &status);
	for (int32_t i = 0; U_SUCCESS(status) && i < n; i++) {
		const char *name = ucsdet_getName(matches[i], &status);
		int32_t confidence = ucsdet_getConfidence(matches[i], &status);

		if (strcmp(name, "Big5") == 0)
			big5 = confidence;
		for (size_t k = 0; k < sizeof(rivals) / sizeof(rivals[0]); k++) {
			if (strcmp(name, rivals[k]) == 0 && confidence > best) {
				best = confidence;
				found = rivals[k];
			}
		}
	}
	ucsdet_close(detector);
	return best > big5 ? found : NULL;
}

/* True if UTF-8 text has a character of the private use area or U+0080: ICU lets every byte pair that Big5 leaves to
 * its users, and the bytes 80 and FF, become one, so that damaged UTF-8 would pass as Big5. */
static bool has_no_meaning(struct str text)
{
	for (size_t i = 0; i + 1 < text.len; i++) {
		unsigned char lead = (unsigned char)text.ptr[i], next = (unsigned char)text.ptr[i + 1];

		if (lead == 0xEE || (lead == 0xEF && next < 0xA4) || (lead == 0xC2 && next == 0x80))
			return true;
	}
	return false;
}

/* Bytes that are not UTF-8: Big5, if they are that from the first to the last. */
static enum err_code decode_big5(struct arena *a, struct str bytes, size_t bad_utf8, struct str *out,
				 const char **name, const atomic_bool *cancel, struct err *err)
{
	const char *other = is_rather_gb(bytes) ? "GB18030" : guess_other(bytes);
	size_t bad_at = 0;
	enum err_code code;

	if (other)
		return err_set(err, ERR_DATA, "err_question_encoding_other", "name=%s", other);
	/* One byte alone may become a character of the private use area: three bytes. */
	code = convert(bytes, "windows-950", arena_alloc(a, 3 * bytes.len + 1), out, &bad_at, cancel, err);
	if (code)
		return code;
	if (has_no_meaning(*out))
		bad_at = 0;
	/* Text that was meant as UTF-8 and has one wrong byte is told where UTF-8 went wrong, not where Big5 did. */
	if (bad_at < bytes.len)
		return bad_byte(bytes, bad_utf8, err);
	*name = "big5";
	return ERR_OK;
}

static enum err_code decode_utf16(struct arena *a, struct str bytes, bool big_endian, struct str *out,
				  const atomic_bool *cancel, struct err *err)
{
	struct str body = { bytes.ptr + 2, bytes.len - 2 };
	size_t bad_at = 0;
	char *text = arena_alloc(a, body.len / 2 * 3 + 1); /* two bytes become at most three */
	enum err_code code = convert(body, big_endian ? "UTF-16BE" : "UTF-16LE", text, out, &bad_at, cancel, err);

	if (code || bad_at == body.len)
		return code;
	return err_set(err, ERR_DATA, "err_question_encoding", "line=%lld|column=%zu|byte=%02X",
		       (long long)encoding_count_lines(*out, 0, out->len) + 1, bad_at + 3,
		       (unsigned)(unsigned char)body.ptr[bad_at]);
}

enum err_code encoding_decode(struct arena *a, struct str bytes, struct str *out, const char **name,
			      const atomic_bool *cancel, struct err *err)
{
	enum err_code code;
	size_t bad_at = 0;
	const char *nul;

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		if (bytes.len >= magics[i].len && memcmp(bytes.ptr, magics[i].bytes, magics[i].len) == 0)
			return err_set(err, ERR_DATA, "err_question_binary", "kind=%s", magics[i].kind);
	}
	*out = bytes;
	*name = "utf-8";
	if (str_starts(bytes, "\xFF\xFE") || str_starts(bytes, "\xFE\xFF")) {
		bool big_endian = bytes.ptr[0] == '\xFE';

		*name = big_endian ? "utf-16be" : "utf-16le";
		code = decode_utf16(a, bytes, big_endian, out, cancel, err);
	} else {
		if (str_starts(bytes, "\xEF\xBB\xBF")) {
			*out = (struct str){ bytes.ptr + 3, bytes.len - 3 };
			*name = "utf-8-bom";
		}
		code = check_utf8(*out, &bad_at, cancel, err);
		if (!code && bad_at < out->len && out->len != bytes.len)
			return bad_byte(*out, bad_at, err);
		if (!code && bad_at < out->len)
			code = decode_big5(a, bytes, bad_at, out, name, cancel, err);
	}
	if (code)
		return code;
	nul = out->len ? memchr(out->ptr, 0, out->len) : NULL;
	if (nul)
		return err_set(err, ERR_DATA, "err_question_nul", "place=@core_line_place|line=%lld",
			       (long long)encoding_count_lines(*out, 0, (size_t)(nul - out->ptr)) + 1);
	return ERR_OK;
}

/* Everything below U+0300 is its own composed form: two-byte sequences up to CC 80 exclusive. */
static bool is_plainly_composed(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.ptr[i] >= 0xCC)
			return false;
	}
	return true;
}

void encoding_nfc(struct str text, struct buf *out)
{
	UErrorCode status = U_ZERO_ERROR;
	const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
	int32_t len = 0, composed_len;
	UChar *wide, *composed = NULL;

	if (is_plainly_composed(text)) {
		buf_add_str(out, text);
		return;
	}
	wide = mem_array(text.len + 1, sizeof(*wide));
	u_strFromUTF8(wide, (int32_t)text.len + 1, &len, text.ptr, (int32_t)text.len, &status);
	if (unorm2_isNormalized(nfc, wide, len, &status)) {
		buf_add_str(out, text);
		goto out;
	}
	status = U_ZERO_ERROR;
	/* Composing never needs more than three times the UTF-16 units (UAX 15, expansion factors of NFC). */
	composed = mem_array(3 * (size_t)len + 1, sizeof(*composed));
	composed_len = unorm2_normalize(nfc, wide, len, composed, 3 * len + 1, &status);
	if (U_FAILURE(status)) {
		buf_add_str(out, text);
	} else {
		char *text_out = mem_alloc(3 * (size_t)composed_len + 1);
		uint32_t high = 0;
		char *end = put_utf16(composed, composed + composed_len, &high, text_out);

		buf_add(out, text_out, (size_t)(end - text_out));
		mem_free(text_out);
	}
out:
	mem_free(composed);
	mem_free(wide);
}
