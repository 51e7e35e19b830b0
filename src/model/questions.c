/* SPDX-License-Identifier: Apache-2.0 */
#include "model/questions.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/encoding.h"
#include "model/question_fields.h"
#include "model/question_problems.h"
#include "model/question_record.h"
#include "model/question_source.h"
#include "model/question_yaml.h"

/* The rows that decide what the file is. */
#define SAMPLE_ROWS 200
#define SAMPLE_TRIES 2000
#define SAMPLE_BYTES (4 * MIB)

/* Texts seen so far by their hash, with a number each.  Half empty at least. */
struct seen {
	struct {
		uint64_t hash; /* 0: free */
		int64_t value;
	} *slots;
	size_t n, cap;
};

struct import {
	struct arena *arena;
	const struct question_options *options;
	struct question_import *out;
	struct question_source source;
	struct question_plan plan;
	struct question_row row;
	struct question_problems problems;
	struct question *questions; /* grows; moves to the arena at the end */
	size_t cap;
	struct seen texts, ids;     /* the line of the first one */
	struct seen repeatable;     /* rows of which a question may have several */
	struct seen conversations;  /* the latest turn: its place in the list and its number, see link_turn() */
	uint64_t seed; /* so that nobody can make rows collide on purpose */
	struct buf composed;
	struct buf record;
	struct buf json; /* what a file in YAML became */
};

/* --- seen before? --- */

static uint64_t hash_text(uint64_t seed, struct str text)
{
	uint64_t hash = seed_mix(seed, text.len);

	for (size_t i = 0; i < text.len; i += 8) {
		uint64_t chunk = 0;

		memcpy(&chunk, text.ptr + i, text.len - i < 8 ? text.len - i : 8);
		hash = seed_mix(hash, chunk);
	}
	return hash ? hash : 1;
}

static int64_t *seen_put(struct seen *s, uint64_t hash, int64_t value)
{
	size_t i = hash & (s->cap - 1);

	while (s->slots[i].hash)
		i = (i + 1) & (s->cap - 1);
	s->slots[i].hash = hash;
	s->slots[i].value = value;
	s->n++;
	return &s->slots[i].value;
}

/* The number of this text, which is 0 where it was not seen before; valid until the next call. */
static int64_t *seen_find(struct seen *s, uint64_t hash)
{
	if (2 * (s->n + 1) > s->cap) {
		struct seen grown = { .cap = s->cap ? 2 * s->cap : 256 };

		grown.slots = mem_array(grown.cap, sizeof(*grown.slots));
		for (size_t i = 0; i < s->cap; i++) {
			if (s->slots[i].hash)
				(void)seen_put(&grown, s->slots[i].hash, s->slots[i].value);
		}
		mem_free(s->slots);
		*s = grown;
	}
	for (size_t i = hash & (s->cap - 1); s->slots[i].hash; i = (i + 1) & (s->cap - 1)) {
		if (s->slots[i].hash == hash)
			return &s->slots[i].value;
	}
	return seen_put(s, hash, 0);
}

/* The line where this text stood first, or 0; then it is remembered. */
static int64_t seen_line(struct seen *s, uint64_t hash, int64_t line)
{
	int64_t *slot = seen_find(s, hash), first = *slot;

	if (!first)
		*slot = line;
	return first;
}

/* --- one row --- */

/* The text in NFC; borrowed until the next call. */
static struct str compose(struct import *in, const struct buf *text)
{
	buf_clear(&in->composed);
	encoding_nfc(buf_str(text), &in->composed);
	return buf_str(&in->composed);
}

static struct str keep(struct import *in, const struct buf *text)
{
	struct str composed = compose(in, text);

	return (struct str){ arena_strndup(in->arena, composed.len ? composed.ptr : "", composed.len), composed.len };
}

static void note_repeats(struct import *in, int64_t line)
{
	struct str id = compose(in, &in->row.id);
	int64_t first = id.len ? seen_line(&in->ids, hash_text(in->seed, id), line) : 0;
	struct str text;

	if (first)
		question_problems_add(&in->problems, QUESTION_NOTE_DUPLICATE_ID, line, id, (unsigned long long)first);
	text = compose(in, in->row.n_earlier ? &in->row.earlier[0].text : &in->row.text);
	first = seen_line(&in->texts, hash_text(in->seed, text), line);
	if (first)
		question_problems_add(&in->problems, QUESTION_NOTE_DUPLICATE, line, text, (unsigned long long)first);
}

/* Of a row that is one turn: which row it follows, where that was taken.  The number of a conversation is the place of its latest
 * turn, counted from 1, and how many turns there are. */
static void link_turn(struct import *in, struct question *q, int64_t line)
{
	const struct question_row *row = &in->row;
	int64_t place = (int64_t)in->out->n_total + 1;

	if (!row->turn || row->n_earlier)
		return;
	int64_t *latest = seen_find(&in->conversations, hash_text(in->seed, compose(in, &row->conversation)));
	if (row->turn > 1 && *latest % (LIMIT_TURNS + 1) == row->turn - 1) {
		q->turn = row->turn - 1;
		q->back = place - *latest / (LIMIT_TURNS + 1);
		in->out->n_conversations += row->turn == 2;
		in->out->n_turns += row->turn == 2 ? 2 : 1;
	} else if (row->turn > 1) {
		question_problems_note(&in->problems, QUESTION_NOTE_TURN_ALONE, line, 1);
	}
	*latest = place * (LIMIT_TURNS + 1) + q->turn + 1;
}

static bool has_enough(const struct import *in)
{
	return in->options->max_preview && in->out->n_questions == in->options->max_preview;
}

/* Reads what else stands in the row, for the question that is taken next. */
static void read_record(struct import *in, const struct question_source_row *from)
{
	bool is_short = from->raw.len && from->raw.len <= LIMIT_RECORD_BYTES;

	buf_clear(&in->record);
	if (has_enough(in) && is_short)
		return;
	question_record_read(&in->plan, &in->row, from->raw, from->value, &in->record);
	if (!in->record.overflow)
		return;
	buf_clear(&in->record);
	question_problems_note(&in->problems, QUESTION_NOTE_RECORD, from->place, 1);
}

/* Counts a question and keeps it, unless this is a preview that has enough. */
static void take_question(struct import *in, const struct question *place, const struct buf *text, const struct buf *reference,
			  const struct buf *other_references)
{
	struct question_import *out = in->out;

	out->n_total++;
	out->n_with_reference += reference->len > 0;
	if (has_enough(in))
		return;
	if (out->n_questions == in->cap) {
		in->cap = in->cap ? 2 * in->cap : 64;
		in->questions = mem_grow(in->questions, in->cap * sizeof(*in->questions));
	}
	struct question *q = &in->questions[out->n_questions++];
	*q = *place;
	q->text = keep(in, text);
	q->reference = keep(in, reference);
	q->other_references = keep(in, other_references);
	q->system = keep(in, &in->row.system);
	q->tags = keep(in, &in->row.tags);
	q->id = keep(in, &in->row.id);
	if (in->record.len)
		q->record = (struct str){ arena_strndup(in->arena, in->record.ptr, in->record.len), in->record.len };
	buf_clear(&in->record);
}

/* True for the second row of a question of which a file has several. */
static bool is_again(struct import *in, int64_t line)
{
	uint64_t hash;

	if (!in->row.is_repeatable || !in->row.id.len)
		return false;
	hash = hash_text(in->seed, compose(in, &in->row.id));
	hash = seed_mix(hash, hash_text(in->seed, compose(in, &in->row.text)));
	return seen_line(&in->repeatable, hash ? hash : 1, line) > 0;
}

/* A good row: one question, or one for each turn. */
static void take(struct import *in, const struct question_source_row *from)
{
	struct question_import *out = in->out;
	const struct question_row *row = &in->row;
	struct question place = { .line = from->line };

	if (is_again(in, from->place)) {
		question_problems_note(&in->problems, QUESTION_NOTE_AGAIN, from->place, 1);
		return;
	}
	link_turn(in, &place, from->place);
	if (!place.turn)
		note_repeats(in, from->place);
	for (int kind = 0; kind < QUESTION_PROBLEM_KINDS; kind++) {
		if (row->notes & 1ULL << kind)
			question_problems_note(&in->problems, (enum question_problem_kind)kind, from->place, 1);
	}
	read_record(in, from);
	out->n_conversations += row->n_earlier > 0;
	out->n_turns += row->n_earlier ? row->n_earlier + 1 : 0;
	for (size_t i = 0; i < row->n_earlier; i++) {
		const struct question_turn *t = &row->earlier[i];

		take_question(in, &place, &t->text, &t->reference, &t->other_references);
		place.turn++;
		place.back = 1;
	}
	take_question(in, &place, &row->text, &row->reference, &row->other_references);
}

static enum question_problem_kind check_text(const struct buf *text, unsigned long long *number)
{
	if (!str_trim(buf_str(text)).len)
		return QUESTION_EMPTY;
	if (!text->overflow && text->len <= LIMIT_QUESTION_BYTES)
		return QUESTION_FINE;
	*number = LIMIT_QUESTION_BYTES / KIB;
	return QUESTION_TOO_LONG;
}

static void read_row(struct import *in, const struct question_source_row *from)
{
	enum question_problem_kind problem = question_plan_read(&in->plan, from->value, &in->row);
	struct str found = *in->row.found ? str_of(in->row.found) : from->found;
	unsigned long long number = 0;

	for (size_t i = 0; i < in->row.n_earlier && !problem; i++)
		problem = check_text(&in->row.earlier[i].text, &number);
	if (!problem)
		problem = check_text(&in->row.text, &number);
	if (problem)
		question_problems_add(&in->problems, problem, from->place, found, number);
	else
		take(in, from);
}

void questions_add_reference(struct buf *other_references, struct str text)
{
	if (other_references->len)
		buf_add_char(other_references, '\n');
	size_t start = other_references->len;
	buf_add_str(other_references, text);
	for (size_t i = start; i < other_references->len; i++) {
		if (other_references->ptr[i] == '\n' || other_references->ptr[i] == '\r')
			other_references->ptr[i] = ' ';
	}
}

/* --- order --- */

void questions_order(struct question *questions, size_t n)
{
	struct question *sorted = mem_array(n, sizeof(*sorted));
	size_t *place = mem_array(n, sizeof(*place)), ends[LIMIT_TURNS + 1] = { 0 };

	for (size_t i = 0; i < n; i++)
		ends[questions[i].turn + 1]++;
	for (size_t t = 1; t <= LIMIT_TURNS; t++)
		ends[t] += ends[t - 1];
	for (size_t i = 0; i < n; i++) {
		place[i] = ends[questions[i].turn]++;
		sorted[place[i]] = questions[i];
		if (questions[i].turn)
			sorted[place[i]].back = (int64_t)(place[i] - place[i - (size_t)questions[i].back]);
	}
	if (n)
		memcpy(questions, sorted, n * sizeof(*questions));
	mem_free(place);
	mem_free(sorted);
}

void questions_reading_order(const int64_t *back, size_t n, int64_t *order)
{
	size_t *begin = mem_array(n, sizeof(*begin)), *ends = mem_array(n + 1, sizeof(*ends));

	for (size_t i = 0; i < n; i++) {
		begin[i] = back[i] > 0 && (size_t)back[i] <= i ? begin[i - (size_t)back[i]] : i;
		ends[begin[i] + 1]++;
	}
	for (size_t i = 1; i <= n; i++)
		ends[i] += ends[i - 1];
	for (size_t i = 0; i < n; i++)
		order[ends[begin[i]]++] = (int64_t)i;
	mem_free(begin);
	mem_free(ends);
}

/* --- the file --- */

/* The first rows, as a JSON array. */
static json_t *sample_rows(struct question_source *source)
{
	json_t *samples = json_array();
	struct question_source_row row;
	size_t bytes = 0;

	for (int i = 0; i < SAMPLE_TRIES && json_array_size(samples) < SAMPLE_ROWS && bytes < SAMPLE_BYTES; i++) {
		if (!question_source_next(source, &row))
			break;
		bytes += row.found.len;
		if (row.value)
			json_array_append_new(samples, row.value);
	}
	question_source_rewind(source);
	return samples;
}

static enum err_code make_plan(struct import *in, struct err *err)
{
	struct question_import *out = in->out;
	json_t *samples = sample_rows(&in->source);
	enum err_code code = question_plan_make(&in->plan, in->arena, samples, in->source.prompts, in->options, err);

	json_decref(samples);
	out->format = in->plan.format ? in->plan.format : in->source.format;
	if (!out->format)
		out->format = in->plan.plain ? "strings" : "objects";
	out->question_field = in->plan.question_field;
	out->reference_field = in->plan.reference_field;
	out->n_fields = in->plan.n_fields;
	memcpy(out->fields, in->plan.fields, sizeof(out->fields));
	return code;
}

static enum err_code read_rows(struct import *in, const atomic_bool *cancel, struct err *err)
{
	struct question_source_row row;
	size_t n = 0;

	while (question_source_next(&in->source, &row)) {
		if (cancel && atomic_load_explicit(cancel, memory_order_relaxed)) {
			json_decref(row.value);
			return err_set(err, ERR_CANCELLED, "err_cancelled", "what=");
		}
		if (++n > LIMIT_QUESTIONS) {
			json_decref(row.value);
			n += question_source_skip(&in->source);
			return err_set(err, ERR_LIMIT, "err_question_too_many", "found=%zu|limit=%d", n,
				       LIMIT_QUESTIONS);
		}
		if (row.problem)
			question_problems_add(&in->problems, row.problem, row.place, row.found, row.number);
		if (row.value)
			read_row(in, &row);
		json_decref(row.value);
		if (in->out->n_total > LIMIT_QUESTIONS) /* several of one row */
			return err_set(err, ERR_LIMIT, "err_question_too_many", "found=%zu|limit=%d", in->out->n_total,
				       LIMIT_QUESTIONS);
	}
	question_source_end(&in->source, &in->problems);
	return ERR_OK;
}

/* Nothing could be read: the first row that was not taken says why. */
static enum err_code nothing_read(const struct import *in, struct err *err)
{
	size_t kept = in->problems.n < QUESTION_PROBLEMS_KEPT ? in->problems.n : QUESTION_PROBLEMS_KEPT;

	for (size_t i = 0; i < kept; i++) {
		if (in->problems.kept[i].kind >= QUESTION_NOTE_DUPLICATE)
			continue;
		if (err)
			*err = in->out->problems[i].err;
		return ERR_DATA;
	}
	return err_set(err, ERR_DATA, "err_question_nothing", "file=%s", in->options->file_name);
}

static void import_release(struct import *in)
{
	question_source_close(&in->source);
	question_row_release(&in->row);
	buf_release(&in->composed);
	buf_release(&in->record);
	buf_release(&in->json);
	mem_free(in->questions);
	mem_free(in->texts.slots);
	mem_free(in->ids.slots);
	mem_free(in->conversations.slots);
	mem_free(in->repeatable.slots);
}

enum err_code questions_read(struct arena *a, struct str text, const struct question_options *options,
			     struct question_import *out, const atomic_bool *cancel, struct err *err)
{
	struct import in = { .arena = a, .options = options, .out = out, .seed = random_u64() };
	const char *name = options->file_name ? options->file_name : "";
	struct str bytes = text;
	enum err_code code;

	*out = (struct question_import){ .format = "", .encoding = "", .question_field = "", .reference_field = "" };
	if (text.len > LIMIT_UPLOAD)
		return err_set(err, ERR_LIMIT, "err_question_file_size", "found=%llu|limit=%llu",
			       (unsigned long long)((text.len + MIB - 1) / MIB), (unsigned long long)(LIMIT_UPLOAD / MIB));
	question_row_init(&in.row);
	buf_init(&in.composed, 8 * LIMIT_JSON_ELEMENT);
	buf_init(&in.record, LIMIT_RECORD_BYTES);
	code = encoding_decode(a, bytes, &text, &out->encoding, cancel, err);
	if (!code && question_yaml_is(text, name)) {
		code = question_yaml_read(text, &in.json, cancel, err);
		text = buf_str(&in.json);
		name = "as.json";
	}
	if (code)
		goto out;
	code = question_source_open(&in.source, a, text, name, err);
	if (!strcmp(out->encoding, "big5") && encoding_is_doubtful(bytes))
		question_problems_note(&in.problems, QUESTION_NOTE_ENCODING, 1, 1);
	in.problems.by_item = in.source.by_item;
	if (!code)
		code = make_plan(&in, err);
	if (!code)
		code = read_rows(&in, cancel, err);
	if (code) {
		out->n_questions = out->n_total = out->n_with_reference = out->n_conversations = out->n_turns = 0;
		goto out;
	}
	question_problems_finish(&in.problems, a, out);
	if (!out->n_total) {
		code = nothing_read(&in, err);
		goto out;
	}
	out->questions = arena_array(a, out->n_questions, sizeof(*out->questions));
	memcpy(out->questions, in.questions, out->n_questions * sizeof(*out->questions));
	if (!options->max_preview)
		questions_order(out->questions, out->n_questions);
out:
	import_release(&in);
	return code;
}
