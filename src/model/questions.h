/* SPDX-License-Identifier: Apache-2.0
 *
 * questions - reads question sets in whatever format people have them.
 *
 * Detection: encoding (BOM, UTF-8, UTF-16, Big5/CP950) -> first character -> shape (product formats: seed array of strings,
 * array of objects, JSONL, CSV/TSV, TXT, MT-Bench, Alpaca, AnythingLLM, ShareGPT, chat messages, promptfoo, OpenAI Evals,
 * lm-evaluation-harness, Open WebUI).  YAML becomes JSON first (question_yaml).
 * Input is split into elements of at most 1 MiB by our own scanner before Jansson sees any of it.
 * Nothing is dropped silently: every row that is not taken has a problem with its line.
 * A conversation gives one question for each of its turns.
 * A problem whose key starts with "err_question_note_" is a note: its row was taken all the same, or says nothing new.
 * Thread: work.  Results belong to the arena. */
#ifndef ASSAY_MODEL_QUESTIONS_H
#define ASSAY_MODEL_QUESTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

struct question {
	struct str text;      /* never empty, NFC */
	struct str reference; /* empty: none */
	struct str system;    /* empty: none */
	struct str tags;      /* comma separated, empty: none */
	struct str id;        /* the file's own id as text, empty: none */
	int64_t line;         /* 1-based line where the row starts */
	/* Accepted answers after the first, one a line (line breaks inside them became spaces); empty: none. */
	struct str other_references;
	/* A later turn of a conversation is asked after the turn before it and the model's own answer to that. */
	int64_t turn; /* turns before it; 0: it begins */
	int64_t back; /* the turn before stands so many places before it in the list; 0 where `turn` is */
	struct str record;   /* the other fields of its row, see question_record; the first turn of a row has it; empty: none */
	int64_t record_of;   /* instead, where it was read from the store: the question there that has the record; 0: none */
};

struct question_problem {
	int64_t line;
	struct err err; /* key err_question_* */
};

struct question_options {
	const char *file_name;       /* for the extension; "" if typed */
	const char *question_field;  /* NULL: detect */
	const char *reference_field; /* NULL: detect, "": none */
	size_t max_preview;          /* 0: read all; otherwise stop collecting questions after this many but count all, and leave
				      * them in the order of the file */
};

struct question_import {
	const char *format;    /* "strings", "objects", "jsonl", "csv", "tsv", "txt", "mt_bench", "alpaca", "anythingllm",
				* "sharegpt", "messages", "promptfoo", "openai_evals", "lm_eval", "open_webui" */
	const char *encoding;  /* "utf-8", "utf-8-bom", "utf-16le", "utf-16be", "big5" */
	const char *question_field, *reference_field; /* "" where the format has none */
	const char *fields[LIMIT_FIELDS]; /* choices for the user */
	size_t n_fields;
	struct question *questions;
	size_t n_questions;    /* collected */
	size_t n_total;        /* good rows in the file */
	size_t n_with_reference;
	size_t n_conversations, n_turns; /* of more than one turn, and the questions that are turns of them */
	struct question_problem *problems; /* the first 100 */
	size_t n_problems;     /* all, and how many of them were not taken; the others are notes */
	size_t n_refused;
};

/* Reads `text`.  Fails only where nothing can be read at all (err_question_*: with line), over a limit, or cancelled. */
MUST_USE enum err_code questions_read(struct arena *a, struct str text, const struct question_options *options,
				      struct question_import *out, const atomic_bool *cancel, struct err *err);

/* Appends one more accepted answer to `other_references`, as a line of its own. */
void questions_add_reference(struct buf *other_references, struct str text);

/* All first turns, then all second ones and so on, each in the order that it has: what a turn needs is answered before it.
 * `back` follows. */
void questions_order(struct question *questions, size_t n);

/* As people read them: `order` gets the places of all `n`, the turns of a conversation one after another, conversations as their
 * first turns stand.  `back` as in struct question; one that leads out of the list begins a conversation. */
void questions_reading_order(const int64_t *back, size_t n, int64_t *order);

#endif
