/* SPDX-License-Identifier: Apache-2.0
 *
 * question_source - the rows of an uploaded text, whatever container they stand in: a JSON array, JSON Lines, one JSON
 * object, CSV or plain lines.
 *
 * Every row becomes a JSON value: a string (plain lines, arrays of strings) or an object (everything else; a CSV record
 * has its header's names).  A number in an object is turned into a string that starts with QUESTION_NUMBER_MARK and
 * keeps its digits: ids such as 2^53+1, -0 and 1e999 come out as they were written.
 * Thread: one owner at a time. */
#ifndef ASSAY_MODEL_QUESTION_SOURCE_H
#define ASSAY_MODEL_QUESTION_SOURCE_H

#include "base/json.h"
#include "model/csv.h"
#include "model/json_split.h"
#include "model/question_problems.h"

#define QUESTION_NUMBER_MARK '\x01'

enum question_container {
	QUESTION_JSON_ARRAY,
	QUESTION_JSON_LINES,
	QUESTION_JSON_OBJECT, /* the whole text is one row */
	QUESTION_CSV,
	QUESTION_TXT,
};

struct question_source {
	struct str text;
	enum question_container container;
	const char *format; /* "jsonl", "csv", "tsv", "txt", or NULL: what the rows say */
	size_t array_at;    /* QUESTION_JSON_ARRAY: offset of its '[' */
	bool array_alone;
	struct json_split json;
	struct csv_reader csv;
	char separator;
	bool has_header;
	const char *header[LIMIT_FIELDS];
	size_t n_header;
	bool is_open, object_taken;
	size_t n_comments; /* passed so far */
	int64_t comment_line;
	struct buf scratch;
	bool by_item;       /* an array that stands in one line: its items are numbered instead of lines */
	int64_t n_items;    /* given so far */
	json_t *prompts;    /* beside the list of rows, NULL: none */
	json_t *defaults;   /* promptfoo's "defaultTest": is put into the rows */
	int64_t defaults_line;
	struct str elsewhere; /* what "tests" is where it is no list: the name of another file */
	int64_t elsewhere_line;
};

struct question_source_row {
	int64_t line;
	int64_t place;                      /* for sentences: the line, or the number of the item: see question_source.by_item */
	json_t *value;                      /* the caller's; NULL where there is a problem */
	enum question_problem_kind problem; /* also with a value: a note */
	struct str found;                   /* borrowed, until the next row */
	struct str raw;                     /* with a value that is JSON in the file: as it stands there, borrowed from the text */
	unsigned long long number;
};

/* Looks at `text` (UTF-8) and its file name and finds out what it is.  ERR_DATA, ERR_UNSUPPORTED or ERR_LIMIT where
 * nothing in it can be read as rows.  The text must outlive the source; names are the arena's. */
MUST_USE enum err_code question_source_open(struct question_source *s, struct arena *a, struct str text,
					    const char *file_name, struct err *err);
void question_source_close(struct question_source *s);

/* Starts again at the first row. */
void question_source_rewind(struct question_source *s);

/* The next row; false at the end. */
bool question_source_next(struct question_source *s, struct question_source_row *row);

/* Steps over all that is left and returns how many rows that were. */
size_t question_source_skip(struct question_source *s);

/* After the last row: adds what is to be said about the file as a whole (broken off, trailing comma, comments). */
void question_source_end(const struct question_source *s, struct question_problems *problems);

#endif
