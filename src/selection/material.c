/* SPDX-License-Identifier: Apache-2.0 */
#include "selection/material.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "judge/reference.h"
#include "model/encoding.h"
#include "selection/leak.h"

/* --- rows --- */

size_t material_find_base(const struct model_row *models, size_t n)
{
	size_t found = EVIDENCE_NO_BASE, most = 0;

	for (size_t i = 0; i < n; i++) {
		size_t n_theirs = 0;
		if (models[i].model.kind != MODEL_BASE)
			continue;
		for (size_t k = 0; k < n; k++)
			n_theirs += models[k].base_model_id == models[i].id && k != i;
		if (n_theirs > most) {
			most = n_theirs;
			found = i;
		}
	}
	return found;
}

static enum err_code read_models(struct material *m, struct db *db, struct err *err)
{
	m->models = arena_array(m->arena, m->n_columns, sizeof *m->models);
	m->bases = arena_array(m->arena, m->n_columns, sizeof *m->bases);
	for (size_t i = 0; i < m->n_columns; i++) {
		if (model_store_get(db, m->arena, m->columns[i].model_id, &m->models[i], err) != ERR_OK)
			return err->code;
		m->bases[i] = m->models[i];
		if (m->models[i].model.kind == MODEL_ADAPTER && m->models[i].base_model_id &&
		    model_store_get(db, m->arena, m->models[i].base_model_id, &m->bases[i], err) != ERR_OK)
			return err->code;
	}
	m->base = material_find_base(m->models, m->n_columns);
	return ERR_OK;
}

static enum err_code read_likelihoods(struct material *m, struct db *db, struct err *err)
{
	struct likelihood_row *rows;
	size_t n, at = 0;

	m->likelihoods = arena_array(m->arena, m->n_questions * m->n_columns + 1, sizeof *m->likelihoods);
	if (likelihood_store_list(db, m->arena, m->run.id, &rows, &n, err) != ERR_OK)
		return err->code;
	for (size_t q = 0; q < m->n_questions; q++)
		for (size_t c = 0; c < m->n_columns; c++) {
			int64_t id = m->questions[q].cells[c].id;
			if (at < n && rows[at].cell_id == id)
				m->likelihoods[q * m->n_columns + c] = rows[at++];
		}
	return ERR_OK;
}

/* A candidate that failed every question is out; the rest is compared where all of them answered. */
static void find_answered(struct material *m, const int64_t *dropped, size_t n_dropped)
{
	m->answered = arena_array(m->arena, m->n_questions + 1, sizeof *m->answered);
	for (size_t c = 0; c < m->n_columns; c++) {
		m->is_out[c] = m->columns[c].n_done == 0 && m->columns[c].n_failed > 0;
		for (size_t i = 0; i < n_dropped; i++)
			m->is_out[c] |= m->columns[c].id == dropped[i];
	}
	if (m->base < m->n_columns && m->is_out[m->base])
		m->base = EVIDENCE_NO_BASE;
	for (size_t q = 0; q < m->n_questions; q++) {
		bool all = true;
		for (size_t c = 0; c < m->n_columns; c++)
			all &= m->is_out[c] || m->questions[q].cells[c].state == CELL_DONE;
		if (all)
			m->answered[m->n_answered++] = q;
	}
}

enum err_code material_read(struct db *db, int64_t run_id, const int64_t *dropped, size_t n_dropped, struct material **out,
			    const atomic_bool *cancel, struct err *err)
{
	struct arena *arena = arena_new();
	struct material *m = arena_alloc(arena, sizeof *m);
	int64_t total;

	*out = m;
	m->arena = arena;
	if (run_store_get(db, arena, run_id, &m->run, &m->columns, &m->n_columns, err) != ERR_OK)
		goto out;
	if (m->n_columns < 2) {
		err_set(err, ERR_INVALID, "err_selection_candidates", NULL);
		goto out;
	}
	if (m->run.n_questions > LIMIT_SELECTION_QUESTIONS) {
		err_set(err, ERR_LIMIT, "err_selection_questions", "found=%lld|limit=%d", (long long)m->run.n_questions,
			LIMIT_SELECTION_QUESTIONS);
		goto out;
	}
	if (read_models(m, db, err) != ERR_OK ||
	    run_store_page(db, arena, run_id, RUN_ALL, 0, LIMIT_SELECTION_QUESTIONS, &m->questions, &m->n_questions, &total, err) !=
		    ERR_OK)
		goto out;
	if (atomic_load(cancel)) {
		err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
		goto out;
	}
	if (read_likelihoods(m, db, err) == ERR_OK)
		find_answered(m, dropped, n_dropped);
out:
	if (err->code != ERR_OK) {
		material_free(m);
		*out = NULL;
	}
	return err->code;
}

size_t material_follow(const struct material *old, const struct material *now, struct judged_pair *pairs, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		size_t question = old->answered[pairs[i].question], low = 0, high = now->n_answered;
		while (low < high) {
			size_t middle = (low + high) / 2;
			if (now->answered[middle] < question)
				low = middle + 1;
			else
				high = middle;
		}
		if (low == now->n_answered || now->answered[low] != question)
			continue;
		pairs[kept] = pairs[i];
		pairs[kept++].question = (uint32_t)low;
	}
	return kept;
}

void material_free(struct material *m)
{
	if (m)
		arena_free(m->arena);
}

/* --- scores --- */

/* The first reference, and the further ones, one a line. */
static void collect_references(struct material *m)
{
	size_t n = 0, cap = 0;

	for (size_t q = 0; q < m->n_questions; q++) {
		cap += m->questions[q].q.reference.len > 0;
		for (struct str rest = m->questions[q].q.other_references; rest.len > 0;)
			cap += str_split(&rest, '\n').len > 0;
	}
	m->references = arena_array(m->arena, cap + 1, sizeof *m->references);
	m->starts = arena_array(m->arena, m->n_questions + 1, sizeof *m->starts);
	for (size_t q = 0; q < m->n_questions; q++) {
		m->starts[q] = n;
		if (m->questions[q].q.reference.len == 0)
			continue;
		m->references[n++] = encoding_composed(m->arena, m->questions[q].q.reference);
		for (struct str rest = m->questions[q].q.other_references; rest.len > 0 && n < cap;) {
			struct str one = str_split(&rest, '\n');
			if (one.len > 0)
				m->references[n++] = encoding_composed(m->arena, one);
		}
	}
	m->starts[m->n_questions] = n;
}

/* What the set looks like: its references, or its questions where there are none. */
static void learn(const struct material *m, struct text_space *space, struct guard_profile *profile)
{
	bool has_references = m->starts[m->n_questions] > 0;

	for (size_t q = 0; q < m->n_questions; q++) {
		if (!has_references)
			guard_learn(profile, text_new(space, m->questions[q].q.text));
		else if (m->starts[q + 1] > m->starts[q])
			guard_learn(profile, text_new(space, m->references[m->starts[q]]));
		text_space_clear(space);
	}
}

#define REFERENCES_MAX 64 /* of one question that are looked at */

static void score_question(struct material *m, struct text_space *space, const struct guard_profile *profile, size_t q)
{
	struct text *references[REFERENCES_MAX];
	size_t n = 0, row = q * m->n_columns;
	struct arena *scratch = arena_new();
	struct text *question = text_new(space, m->questions[q].q.text);

	for (size_t i = m->starts[q]; i < m->starts[q + 1] && n < REFERENCES_MAX; i++)
		references[n++] = text_new(space, m->references[i]);
	m->is_short[q] = n > 0 && reference_is_short(references[0]);
	for (size_t c = 0; c < m->n_columns; c++) {
		const struct cell_row *cell = &m->questions[q].cells[c];
		struct selection_cell *out = &m->cells[row + c];
		*out = (struct selection_cell){ .cell_id = cell->id, .score = NAN };
		if (cell->state != CELL_DONE)
			continue;
		struct text *answer = text_new(space, encoding_composed(scratch, str_of(cell->text)));
		out->guards = guard_check(profile, answer, n > 0 ? references[0] : NULL).flags;
		m->lengths[row + c] = text_n_points(answer);
		if (n == 0)
			continue;
		struct reference_score s = reference_judge(question, answer, references, n);
		out->score = s.score;
		out->is_right = s.is_right;
	}
	arena_free(scratch);
	text_space_clear(space);
}

/* A question counts as rated where all who rated it have seen each answer that there is now. */
static bool is_rated(const struct run_question *question, size_t n_columns)
{
	for (size_t c = 0; c < n_columns; c++)
		if (question->cells[c].state == CELL_DONE && !(question->seen >> c & 1))
			return false;
	return question->n_ratings > 0;
}

static void read_thumbs(struct material *m)
{
	for (size_t q = 0; q < m->n_questions; q++) {
		const struct run_question *question = &m->questions[q];
		bool rated = is_rated(question, m->n_columns);
		for (size_t c = 0; c < m->n_columns; c++)
			m->thumbs[q * m->n_columns + c] =
				rated ? (double)question->cells[c].n_likes / (double)question->n_ratings : NAN;
	}
}

/* Which questions the training had, and which answers repeat it. */
static enum err_code find_leaks(struct material *m, const char *path, const atomic_bool *cancel, struct err *err)
{
	struct leak *l = leak_read(path, cancel, err);

	if (!l)
		return err->code;
	m->n_examples = leak_n(l);
	m->groups = arena_array(m->arena, m->n_questions + 1, sizeof *m->groups);
	for (size_t q = 0; q < m->n_questions && !atomic_load(cancel); q++) {
		m->groups[q] = (unsigned char)leak_group_of(l, m->questions[q].q.text, m->questions[q].q.reference);
		for (size_t c = 0; c < m->n_columns; c++)
			if (m->questions[q].cells[c].state == CELL_DONE)
				m->cells[q * m->n_columns + c].repeats = leak_repeats(l, str_of(m->questions[q].cells[c].text));
	}
	leak_free(l);
	return atomic_load(cancel) ? err_set(err, ERR_CANCELLED, "err_cancelled", NULL) : ERR_OK;
}

enum err_code material_score(struct material *m, const char *training_path, const atomic_bool *cancel, struct err *err)
{
	struct text_space *space = text_space_new();
	struct guard_profile profile = { 0 };
	size_t n = m->n_questions * m->n_columns + 1;

	m->cells = arena_array(m->arena, n, sizeof *m->cells);
	m->thumbs = arena_array(m->arena, n, sizeof *m->thumbs);
	m->lengths = arena_array(m->arena, n, sizeof *m->lengths);
	m->is_short = arena_array(m->arena, m->n_questions + 1, sizeof *m->is_short);
	text_space_cancel_by(space, cancel);
	collect_references(m);
	learn(m, space, &profile);
	for (size_t q = 0; q < m->n_questions && !atomic_load(cancel); q++)
		score_question(m, space, &profile, q);
	read_thumbs(m);
	for (size_t i = 0; i < m->n_answered; i++) {
		size_t q = m->answered[i];
		m->n_references += m->starts[q + 1] > m->starts[q];
		m->n_rated += !isnan(m->thumbs[q * m->n_columns]);
	}
	text_space_free(space);
	if (atomic_load(cancel))
		return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	return training_path[0] ? find_leaks(m, training_path, cancel, err) : ERR_OK;
}

/* --- evidence --- */

struct arrays {
	int *epoch;
	bool *is_unusable, *is_identical, *is_right, *is_short;
	double *reference, *thumbs, *length;
};

static void fill_answer(const struct material *m, const struct arrays *to, size_t q, size_t c, size_t at)
{
	size_t from = q * m->n_columns + c;
	const struct cell_row *cells = m->questions[q].cells;

	to->is_unusable[at] = (m->cells[from].guards & MATERIAL_UNUSABLE) != 0;
	to->is_identical[at] = m->base < m->n_columns && c != m->base && cells[c].state == CELL_DONE &&
			       cells[m->base].state == CELL_DONE && strcmp(cells[c].text, cells[m->base].text) == 0;
	to->is_right[at] = m->cells[from].is_right;
	to->reference[at] = m->cells[from].score;
	to->thumbs[at] = m->thumbs[from];
	to->length[at] = (double)m->lengths[from];
}

/* Of each answered question: the place of the first answered turn of its conversation; NULL where there are no later turns. */
static uint32_t *conversations_of(const struct material *m)
{
	uint32_t *out = arena_array(m->arena, m->n_answered + 1, sizeof *out);
	uint32_t *first = arena_array(m->arena, m->n_questions + 1, sizeof *first); /* 1 + place, by the position it begins at */
	bool has_turns = false;

	for (size_t i = 0; i < m->n_answered; i++) {
		const struct run_question *q = &m->questions[m->answered[i]];
		int64_t begin = q->q.turn ? q->earlier[0].position : q->position;
		if (!first[begin])
			first[begin] = (uint32_t)i + 1;
		out[i] = first[begin] - 1;
		has_turns |= q->q.turn > 0;
	}
	return has_turns ? out : NULL;
}

/* The place in the order of the epochs where they have none. */
static int epoch_of(const struct material *m, size_t column)
{
	double epoch = m->columns[column].epoch;

	return isnan(epoch) ? (int)column : (int)ceil(epoch);
}

struct evidence material_evidence(struct material *m)
{
	size_t n = m->n_answered * m->n_columns + 1;
	struct arena *a = m->arena;
	struct arrays to = { arena_array(a, m->n_columns, sizeof(int)), arena_array(a, n, sizeof(bool)), arena_array(a, n, sizeof(bool)),
			     arena_array(a, n, sizeof(bool)), arena_array(a, m->n_answered + 1, sizeof(bool)),
			     arena_array(a, n, sizeof(double)), arena_array(a, n, sizeof(double)), arena_array(a, n, sizeof(double)) };

	for (size_t c = 0; c < m->n_columns; c++)
		to.epoch[c] = epoch_of(m, c);
	for (size_t i = 0; i < m->n_answered; i++) {
		to.is_short[i] = m->is_short[m->answered[i]];
		for (size_t c = 0; c < m->n_columns; c++)
			fill_answer(m, &to, m->answered[i], c, i * m->n_columns + c);
	}
	return (struct evidence){
		.n_questions = m->n_answered,
		.n_candidates = m->n_columns,
		.base = m->base,
		.epoch = to.epoch,
		.is_dropped = m->is_out,
		.is_unusable = to.is_unusable,
		.is_identical = to.is_identical,
		.is_right = to.is_right,
		.reference = to.reference,
		.is_short = to.is_short,
		.thumbs = to.thumbs,
		.length = to.length,
		.conversation = conversations_of(m),
	};
}
