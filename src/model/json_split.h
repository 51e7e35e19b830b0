/* SPDX-License-Identifier: Apache-2.0
 *
 * json_split - finds where the elements of a large JSON text begin and end, without building anything.
 *
 * A scanner over the bytes, no recursion, no allocation: it knows strings, brackets and commas, and leaves what is
 * inside an element to Jansson, which then sees at most one element of bounded size.  Values may be nested
 * LIMIT_JSON_DEPTH deep.  It goes on after damage where it safely can, so that one missing quotation mark
 * costs one question and not the rest of the file.
 *
 *     json_split_array(&s, text, 0);
 *     while (json_split_next(&s, &element))
 *             ...
 *     if (s.end != JSON_SPLIT_END) ... s.end_line
 *
 * Thread: one owner at a time.  The text must outlive the scanner. */
#ifndef ASSAY_MODEL_JSON_SPLIT_H
#define ASSAY_MODEL_JSON_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct json_element {
	size_t start, len; /* in the text, without white space around it; may be empty (two commas in a row) */
	int64_t line;      /* 1-based */
	struct str key;    /* json_split_object() only: the member's name with its quotation marks, escapes untouched */
};

enum json_split_end {
	JSON_SPLIT_MORE,      /* not at the end yet */
	JSON_SPLIT_END,       /* closed, and nothing but white space after it */
	JSON_SPLIT_TRUNCATED, /* the text ended before the closing bracket */
	JSON_SPLIT_MISMATCH,  /* a bracket closes what was not opened, or a member has no name */
	JSON_SPLIT_DEEP,      /* more than LIMIT_JSON_DEPTH brackets open */
	JSON_SPLIT_TRAILING,  /* something follows the closing bracket */
};

enum json_split_kind { JSON_SPLIT_ARRAY, JSON_SPLIT_OBJECT, JSON_SPLIT_LINES };

struct json_split {
	struct str text;
	size_t pos;
	size_t counted; /* `line` is the line of this offset */
	int64_t line;
	enum json_split_kind kind;
	enum json_split_end end;
	int64_t end_line;         /* where it stopped, unless the end is JSON_SPLIT_MORE */
	int64_t trailing_comma;   /* line of a comma right before the closing bracket, 0: none */
	int64_t missing_comma;    /* line of the last value that had none before it, 0: none */
	bool after_comma, alone;
};

/* Elements of the array whose '[' is at offset `at`.  With `alone` anything after its ']' ends as JSON_SPLIT_TRAILING;
 * without, the array is a part of something larger and the scan ends at its ']'. */
void json_split_array(struct json_split *s, struct str text, size_t at, bool alone);

/* Members of the object whose '{' is at offset `at`. */
void json_split_object(struct json_split *s, struct str text, size_t at);

/* One element a line (JSON Lines); blank lines are skipped, the content is not looked at. */
void json_split_lines(struct json_split *s, struct str text);

/* The next element; false at the end, which `s->end` then explains. */
bool json_split_next(struct json_split *s, struct json_element *out);

/* Length of the JSON number that `s` starts with, 0 where it does not start with one (RFC 8259, section 6). */
size_t json_number_length(struct str s);

#endif
