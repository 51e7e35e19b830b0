/* SPDX-License-Identifier: Apache-2.0 */
#include "model/terms.h"

#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/limits.h"
#include "base/mem.h"

#define TERMS_ASKED 64
#define TERM_BYTES 200 /* longer words are cut */

typedef void (*term_fn)(void *user, struct str term, bool is_single);

struct cutter {
	term_fn each;
	void *user;
	char word[TERM_BYTES + 16];
	size_t len;
};

static bool is_pair_script(UChar32 c)
{
	return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
	       (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0x20000 && c <= 0x3FFFF);
}

/* Letters that every version of SQLite's unicode61 tokenizer takes for letters. */
static bool is_known(UChar32 c)
{
	return c < 0x80 || (c >= 0xC0 && c <= 0x24F && c != 0xD7 && c != 0xF7) || (c >= 0x391 && c <= 0x3C9 && c != 0x3A2) ||
	       (c >= 0x400 && c <= 0x481) || (c >= 0x3041 && c <= 0x3096) || (c >= 0x30A1 && c <= 0x30FA) ||
	       (c >= 0x3400 && c <= 0x4DB5) || (c >= 0x4E00 && c <= 0x9FCC) || (c >= 0xAC00 && c <= 0xD7A3);
}

static void put(struct cutter *t, UChar32 c)
{
	if (t->len > TERM_BYTES)
		return;
	if (is_known(c))
		t->len += utf8_put((uint32_t)c, t->word + t->len);
	else if (str_format(t->word + t->len, sizeof t->word - t->len, "u%x", (unsigned)c))
		t->len += strlen(t->word + t->len);
}

static void end_word(struct cutter *t, bool is_single)
{
	if (t->len > 0)
		t->each(t->user, (struct str){ t->word, t->len }, is_single);
	t->len = 0;
}

/* Pairs of neighbours of a run; a run of one is a term of its own. */
static void cut_run(struct cutter *t, const UChar *text, int32_t from, int32_t to)
{
	UChar32 last = 0, c;
	bool paired = false;
	for (int32_t i = from; i < to; last = c) {
		U16_NEXT(text, i, to, c);
		if (!last)
			continue;
		put(t, last);
		put(t, c);
		end_word(t, false);
		paired = true;
	}
	if (!paired && last) {
		put(t, last);
		end_word(t, true);
	}
}

static void cut_word(struct cutter *t, const UChar *text, int32_t from, int32_t to)
{
	for (int32_t i = from; i < to;) {
		UChar32 c;
		U16_NEXT(text, i, to, c);
		if (u_isalnum(c))
			put(t, c);
	}
	end_word(t, false);
}

/* The end of the run of pair-script characters that begins at `from`. */
static int32_t run_end(const UChar *text, int32_t from, int32_t len)
{
	int32_t i = from, end = from;
	while (i < len) {
		UChar32 c;
		U16_NEXT(text, i, len, c);
		if (!is_pair_script(c))
			break;
		end = i;
	}
	return end;
}

/* Between runs the words as ICU cuts them. */
static void cut_text(struct cutter *t, const UChar *text, int32_t len, UBreakIterator *words)
{
	for (int32_t at = 0; at < len;) {
		int32_t end = run_end(text, at, len);
		if (end > at) {
			cut_run(t, text, at, end);
			at = end;
			continue;
		}
		int32_t next = ubrk_following(words, at);
		if (next == UBRK_DONE || next > len)
			next = len;
		/* A word of another script may be glued to a run. */
		int32_t stop = at;
		while (stop < next) {
			UChar32 c;
			int32_t i = stop;
			U16_NEXT(text, i, next, c);
			if (stop > at && is_pair_script(c))
				break;
			stop = i;
		}
		cut_word(t, text, at, stop);
		at = stop;
	}
}

/* UTF-16, NFKC and case folded; the caller frees it.  NULL where there is nothing. */
static UChar *fold(struct str text, int32_t *len)
{
	UErrorCode status = U_ZERO_ERROR;
	const UNormalizer2 *folding = unorm2_getNFKCCasefoldInstance(&status);
	int32_t room = (int32_t)text.len + 1, n = 0;
	UChar *wide = mem_array((size_t)room, sizeof *wide);
	u_strFromUTF8WithSub(wide, room, &n, text.ptr, (int32_t)text.len, 0xFFFD, NULL, &status);
	int32_t more = U_SUCCESS(status) ? unorm2_normalize(folding, wide, n, NULL, 0, &status) : 0;
	UChar *folded = NULL;
	if (status == U_BUFFER_OVERFLOW_ERROR) {
		status = U_ZERO_ERROR;
		folded = mem_array((size_t)more + 1, sizeof *folded);
		*len = unorm2_normalize(folding, wide, n, folded, more + 1, &status);
	}
	mem_free(wide);
	if (U_FAILURE(status)) {
		mem_free(folded);
		return NULL;
	}
	return folded;
}

static void each_term(struct str text, term_fn each, void *user)
{
	struct cutter t = { .each = each, .user = user };
	UErrorCode status = U_ZERO_ERROR;
	int32_t len = 0;
	if (text.len == 0 || text.len > LIMIT_UPLOAD)
		return;
	UChar *folded = fold(text, &len);
	if (!folded)
		return;
	UBreakIterator *words = ubrk_open(UBRK_WORD, "", folded, len, &status);
	if (U_SUCCESS(status))
		cut_text(&t, folded, len, words);
	ubrk_close(words);
	mem_free(folded);
}

/* --- outside --- */

static void add_term(void *user, struct str term, bool is_single)
{
	struct buf *out = user;
	(void)is_single;
	if (out->len > 0)
		buf_add_char(out, ' ');
	buf_add_str(out, term);
}

void terms_add(struct buf *out, struct str text)
{
	each_term(text, add_term, out);
}

struct match {
	struct buf *out;
	size_t start;
	int n;
};

static void add_match(void *user, struct str term, bool is_single)
{
	struct match *m = user;
	char quoted[TERM_BYTES + 24];
	/* A single character stands in the index as the first of a pair. */
	if (m->n >= TERMS_ASKED ||
	    !str_format(quoted, sizeof quoted, "\"%.*s\"%s", (int)term.len, term.ptr, is_single ? " *" : ""))
		return;
	const struct buf *out = m->out;
	if (out->len > m->start && memmem(out->ptr + m->start, out->len - m->start, quoted, strlen(quoted)))
		return;
	buf_add_text(m->out, m->n > 0 ? " OR " : "");
	buf_add_text(m->out, quoted);
	m->n++;
}

void terms_match(struct buf *out, struct str question)
{
	struct match m = { .out = out, .start = out->len };
	each_term(question, add_match, &m);
}
