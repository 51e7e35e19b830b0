/* SPDX-License-Identifier: Apache-2.0
 *
 * str - views of text that somebody else owns, number reading without surprises, UTF-8.
 *
 * Thread: any. */
#ifndef ASSAY_BASE_STR_H
#define ASSAY_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Not NUL-terminated; may hold NUL bytes. */
struct str {
	const char *ptr;
	size_t len;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })

/* View of a NUL-terminated string; NULL gives the empty view. */
struct str str_of(const char *text);

/* Byte by byte. */
bool str_eq(struct str a, struct str b);
/* str_eq() with a C string. */
bool str_eq_text(struct str a, const char *text);
/* Whether it begins with `prefix`. */
bool str_starts(struct str s, const char *prefix);
/* Whether it ends with `suffix`. */
bool str_ends(struct str s, const char *suffix);

/* ASCII case is ignored. */
bool str_eq_nocase(struct str a, const char *text);

/* Without ASCII white space at both ends. */
struct str str_trim(struct str s);

/* Cuts `*rest` at the first `sep`: returns what was before it; `*rest` is then what follows (or empty, ptr NULL). */
struct str str_split(struct str *rest, char sep);

/* Whether `word` is one of those that `list` has with `sep` between them. */
bool str_list_has(const char *list, char sep, const char *word);

/* Strict decimal numbers: the whole view must be one number in range, no sign for unsigned, no white space, no "0x". */
bool str_to_u64(struct str s, uint64_t *out);
/* As str_to_u64(), with an optional '-'. */
bool str_to_i64(struct str s, int64_t *out);
/* Finite decimal number, '.' as the point in every locale. */
bool str_to_double(struct str s, double *out);

/* True if the bytes are well-formed UTF-8 without surrogates or overlong forms.  `*bad_at` (may be NULL) is the offset of
 * the first wrong byte. */
bool utf8_valid(struct str s, size_t *bad_at);

/* Decodes the code point at `s.ptr[*pos]` and advances; U+FFFD for a wrong byte (advances by one). */
uint32_t utf8_next(struct str s, size_t *pos);

/* Writes up to 4 bytes to `out` and returns how many. */
size_t utf8_put(uint32_t code_point, char out[4]);

/* Length of the longest prefix that is whole UTF-8 (a cut character at the end is left out); used when streaming. */
size_t utf8_whole(struct str s);

/* Makes text from a file or another process safe to print, in place: drops control characters (but `keep`, if not 0),
 * line separators and bidirectional overrides, turns tabs and line ends into spaces and wrong UTF-8 into '?'.
 * Returns the new length and writes a NUL there: `text` has room for len + 1 bytes. */
size_t utf8_clean(char *text, size_t len, char keep);

/* snprintf for fixed arrays that says whether all of it fitted. */
bool str_format(char *out, size_t out_size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
