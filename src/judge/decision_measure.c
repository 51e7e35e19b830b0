/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/decision_measure.h"

#include <math.h>

#include "base/mem.h"
#include "metric/length_control.h"
#include "metric/multiple.h"
#include "metric/splitmix.h"

#define OPTIMISM_DRAWS 400

void measure_release(struct measure *m)
{
	mem_free(m->scores);
	mem_free(m->base_wins);
}

/* --- scores --- */

/* Takes the duel of a and b, b > a, into the counts. */
static bool count_duel(struct measure *m, struct decision *d, const struct duels *duels, size_t a, size_t b)
{
	enum layer layer = duels->layer[a][b];
	enum outcome outcome = duels->outcome[a][b];

	d->n_by_layer[layer]++;
	if (layer == LAYER_NONE)
		return false;
	d->tie_rate += outcome == OUTCOME_TIE;
	for (int side = 0; side < 2; side++) {
		size_t own = side ? b : a, other = side ? a : b;
		struct decision_candidate *c = &d->candidates[own];
		if (other != m->e->base)
			continue;
		c->wins += duels->outcome[own][other] == OUTCOME_WIN;
		c->ties += duels->outcome[own][other] == OUTCOME_TIE;
		c->losses += duels->outcome[own][other] == OUTCOME_LOSS;
	}
	return layer != LAYER_GUARDS;
}

static double mean_score(const struct measure *m, const struct duels *duels, size_t c)
{
	double sum = 0;
	size_t n = 0;

	for (size_t o = 0; o < m->e->n_candidates; o++)
		if (!m->is_out[o] && o != c && !isnan(duels->score[c][o])) {
			sum += duels->score[c][o];
			n++;
		}
	return n ? sum / (double)n : NAN;
}

static void measure_question(struct measure *m, struct decision *d, size_t q)
{
	struct duels duels;
	size_t n = m->e->n_candidates;
	bool is_judgeable = false;

	evidence_duels(m->reader, q, &duels);
	for (size_t a = 0; a < n; a++) {
		m->scores[q * n + a] = m->is_out[a] ? NAN : mean_score(m, &duels, a);
		m->base_wins[q * n + a] = m->is_out[a] || m->e->base >= n ? NAN : duels.score[a][m->e->base];
		for (size_t b = a + 1; b < n; b++)
			if (!m->is_out[a] && !m->is_out[b] && count_duel(m, d, &duels, a, b))
				is_judgeable = true;
	}
	m->n_judgeable += is_judgeable;
}

static double column_mean(const double *values, size_t n_rows, size_t n_columns, size_t column)
{
	double sum = 0;
	size_t n = 0;

	for (size_t row = 0; row < n_rows; row++)
		if (!isnan(values[row * n_columns + column])) {
			sum += values[row * n_columns + column];
			n++;
		}
	return n ? sum / (double)n : NAN;
}

/* The highest score; of equals the earliest.  `except` is left out; SIZE_MAX where nothing is left. */
static size_t highest(const struct decision *d, size_t n, size_t except, size_t also_except)
{
	size_t best = SIZE_MAX;

	for (size_t c = 0; c < n; c++)
		if (c != except && c != also_except && d->candidates[c].is_ranked && !isnan(d->candidates[c].score) &&
		    (best == SIZE_MAX || d->candidates[c].score > d->candidates[best].score))
			best = c;
	return best;
}

void measure_scores(struct measure *m, struct decision *d)
{
	size_t n = m->e->n_candidates, n_questions = m->e->n_questions, n_duels = 0;

	m->scores = mem_array(n_questions * n + 1, sizeof *m->scores);
	m->base_wins = mem_array(n_questions * n + 1, sizeof *m->base_wins);
	for (size_t q = 0; q < n_questions; q++)
		measure_question(m, d, q);
	for (int layer = LAYER_NONE + 1; layer < LAYER_COUNT; layer++)
		n_duels += d->n_by_layer[layer];
	d->tie_rate = n_duels ? d->tie_rate / (double)n_duels : 0;
	for (size_t c = 0; c < n; c++) {
		struct decision_candidate *k = &d->candidates[c];
		k->score = column_mean(m->scores, n_questions, n, c);
		k->win_rate = interval_wilson((double)k->wins, (double)(k->wins + k->losses), 0.95);
	}
	d->best = highest(d, n, SIZE_MAX, SIZE_MAX);
	d->runner_up = highest(d, n, d->best, m->e->base);
}

void measure_duel(const struct measure *m, size_t a, size_t b, size_t counts[3])
{
	struct duels duels;

	for (size_t q = 0; q < m->e->n_questions; q++) {
		evidence_duels(m->reader, q, &duels);
		if (duels.layer[a][b] != LAYER_NONE)
			counts[OUTCOME_WIN - duels.outcome[a][b]]++;
	}
}

/* --- doubt --- */

/* The pairs that are tested: each ranked candidate against the base model, then the best against each. */
struct plan {
	size_t n_base, n_best;
	size_t base_of[EVIDENCE_CANDIDATES_MAX], best_of[EVIDENCE_CANDIDATES_MAX];
};

static struct plan plan_tests(const struct measure *m, const struct decision *d)
{
	struct plan p = { 0 };

	for (size_t c = 0; c < m->e->n_candidates; c++) {
		if (!d->candidates[c].is_ranked)
			continue;
		if (m->e->base < m->e->n_candidates && c != m->e->base)
			p.base_of[p.n_base++] = c;
		if (c != d->best)
			p.best_of[p.n_best++] = c;
	}
	return p;
}

static double *differences_of(const struct measure *m, const struct decision *d, const struct plan *p)
{
	size_t n = m->e->n_questions;
	double *out = mem_array(n * (p->n_base + p->n_best) + 1, sizeof *out);
	struct duels duels;

	for (size_t q = 0; q < n; q++) {
		evidence_duels(m->reader, q, &duels);
		for (size_t k = 0; k < p->n_base; k++)
			out[k * n + q] = contrast_in_question(&duels, m->e->n_candidates, m->is_out, p->base_of[k], m->e->base);
		for (size_t k = 0; k < p->n_best; k++)
			out[(p->n_base + k) * n + q] =
				contrast_in_question(&duels, m->e->n_candidates, m->is_out, d->best, p->best_of[k]);
	}
	return out;
}

/* One value for each conversation instead of one for each of its turns: their mean.  `values` are `n_rows` rows with one for each
 * question; freed.  Sets `*n_units` to how long the new rows are. */
static double *merge_turns(const struct evidence *e, double *values, size_t n_rows, size_t *n_units)
{
	size_t n = e->n_questions, *place = mem_array(n + 1, sizeof *place), units = 0;

	*n_units = n;
	for (size_t q = 0; e->conversation && q < n; q++)
		if (!place[e->conversation[q]])
			place[e->conversation[q]] = ++units;
	if (units == n || !e->conversation) {
		mem_free(place);
		return values;
	}
	double *out = mem_array(n_rows * units + 1, sizeof *out);
	size_t *counts = mem_array(n_rows * units + 1, sizeof *counts);
	for (size_t i = 0; i < n_rows * n; i++) {
		size_t at = i / n * units + place[e->conversation[i % n]] - 1;
		out[at] += isnan(values[i]) ? 0 : values[i];
		counts[at] += !isnan(values[i]);
	}
	for (size_t i = 0; i < n_rows * units; i++)
		out[i] = counts[i] ? out[i] / (double)counts[i] : NAN;
	*n_units = units;
	mem_free(counts);
	mem_free(place);
	mem_free(values);
	return out;
}

static void adjust(const struct contrast *tests, size_t n, double *adjusted)
{
	for (size_t k = 0; k < n; k++)
		adjusted[k] = tests[k].p;
	holm(adjusted, n, adjusted);
}

bool measure_is_only_closer(const struct measure *m, const struct decision *d, size_t candidate)
{
	const size_t *by = d->n_by_layer;
	bool by_short_references = by[LAYER_REFERENCE] > by[LAYER_THUMBS] + by[LAYER_JUDGE] + by[LAYER_LONG_REFERENCE];

	if (m->e->base >= m->e->n_candidates || !m->e->is_right || !by_short_references || candidate == m->e->base)
		return false;
	return d->candidates[candidate].n_right <= d->candidates[m->e->base].n_right;
}

static bool measure_tests(struct measure *m, struct decision *d)
{
	struct plan p = plan_tests(m, d);
	struct contrast tests[2 * EVIDENCE_CANDIDATES_MAX];
	size_t n_units;
	double adjusted[EVIDENCE_CANDIDATES_MAX];
	double *differences = merge_turns(m->e, differences_of(m, d, &p), p.n_base + p.n_best, &n_units);
	bool done = contrast_test(differences, n_units, p.n_base + p.n_best, m->options, tests);

	mem_free(differences);
	if (!done)
		return false;
	adjust(tests, p.n_base, adjusted);
	for (size_t k = 0; k < p.n_base; k++) {
		struct decision_candidate *c = &d->candidates[p.base_of[k]];
		m->to_base[p.base_of[k]] = tests[k];
		c->p_base = adjusted[k];
		c->beats_base = tests[k].mean > 0 && adjusted[k] <= DECISION_ALPHA && !measure_is_only_closer(m, d, p.base_of[k]);
	}
	adjust(tests + p.n_base, p.n_best, adjusted);
	for (size_t k = 0; k < p.n_best; k++) {
		const struct contrast *t = &tests[p.n_base + k];
		struct decision_candidate *c = &d->candidates[p.best_of[k]];
		m->to_best[p.best_of[k]] = *t;
		c->p_best = adjusted[k];
		c->is_in_best_set = adjusted[k] > DECISION_ALPHA;
		c->is_tied = t->p >= DECISION_TIE_P || t->upper < DECISION_MARGIN;
	}
	d->candidates[d->best].is_in_best_set = d->candidates[d->best].is_tied = true;
	return true;
}

/* The scores of one candidate and how sure they are. */
static bool measure_interval(struct measure *m, struct decision_candidate *c, size_t candidate)
{
	size_t n = m->e->n_questions, n_values = 0;
	double *values = mem_array(n + 1, sizeof *values);
	uint32_t *conversations = mem_array(n + 1, sizeof *conversations);
	bool *is_seen = mem_array(n + 1, sizeof *is_seen);
	struct bootstrap_options options = *m->options;
	struct bootstrap b;
	size_t n_units = 0;

	for (size_t q = 0; q < n; q++) {
		if (isnan(m->scores[q * m->e->n_candidates + candidate]))
			continue;
		uint32_t conversation = m->e->conversation ? m->e->conversation[q] : (uint32_t)q;
		n_units += !is_seen[conversation];
		is_seen[conversation] = true;
		conversations[n_values] = conversation;
		values[n_values++] = m->scores[q * m->e->n_candidates + candidate];
	}
	options.confidence = contrast_confidence(n_units);
	bool done = bootstrap_mean(values, m->e->conversation ? conversations : NULL, n_values, m->e->conversation ? n : n_values,
				   &options, &b);
	c->score_interval = b.interval;
	mem_free(is_seen);
	mem_free(conversations);
	mem_free(values);
	return done;
}

/* One draw of the questions: who would have been chosen, and by how much better he looks in that draw than in all questions. */
static double draw_optimism(const struct measure *m, const struct decision *d, struct splitmix *dice, const double *rates)
{
	size_t n = m->e->n_candidates, counts[EVIDENCE_CANDIDATES_MAX] = { 0 }, best = SIZE_MAX;
	double scores[EVIDENCE_CANDIDATES_MAX] = { 0 }, wins[EVIDENCE_CANDIDATES_MAX] = { 0 };

	for (size_t i = 0; i < m->e->n_questions; i++) {
		size_t row = splitmix_below(dice, m->e->n_questions) * n;
		for (size_t c = 0; c < n; c++)
			if (!isnan(m->scores[row + c]) && !isnan(m->base_wins[row + c])) {
				scores[c] += m->scores[row + c];
				wins[c] += m->base_wins[row + c];
				counts[c]++;
			}
	}
	for (size_t c = 0; c < n; c++)
		if (d->candidates[c].is_ranked && counts[c] &&
		    (best == SIZE_MAX || scores[c] / (double)counts[c] > scores[best] / (double)counts[best]))
			best = c;
	return best == SIZE_MAX ? 0 : wins[best] / (double)counts[best] - rates[best];
}

/* Win rates against the base model, and how much the choice flatters the chosen one. */
static bool measure_rate(struct measure *m, struct decision *d, double *rates, double *optimism)
{
	size_t n = m->e->n_candidates, skipped = m->e->n_selection;
	struct splitmix dice = { m->options->seed };
	bool is_raced = skipped && m->e->n_questions >= skipped + DECISION_FRESH_MIN;

	skipped = is_raced ? skipped : 0;
	for (size_t c = 0; c < n; c++)
		rates[c] = column_mean(m->base_wins + skipped * n, m->e->n_questions - skipped, n, c);
	*optimism = 0;
	for (int i = 0; !is_raced && m->e->base < n && i < OPTIMISM_DRAWS; i++) {
		if (m->options->cancel && atomic_load_explicit(m->options->cancel, memory_order_relaxed))
			return false;
		*optimism += draw_optimism(m, d, &dice, rates) / OPTIMISM_DRAWS;
	}
	return true;
}

/* How often each candidate is first when conversations are drawn again. */
static bool measure_first(const struct measure *m, double *first)
{
	size_t n = m->e->n_candidates, n_questions = m->e->n_questions, n_units;
	double *rows = mem_array(n * n_questions + 1, sizeof *rows), *scores = mem_array(n * n_questions + 1, sizeof *scores);

	for (size_t i = 0; i < n * n_questions; i++)
		rows[i % n * n_questions + i / n] = m->scores[i];
	rows = merge_turns(m->e, rows, n, &n_units);
	for (size_t i = 0; i < n * n_units; i++)
		scores[i] = rows[i % n * n_units + i / n];
	bool done = bootstrap_first(scores, n_units, n, m->options, first);
	mem_free(scores);
	mem_free(rows);
	return done;
}

bool measure_doubt(struct measure *m, struct decision *d)
{
	size_t n = m->e->n_candidates;
	double first[EVIDENCE_CANDIDATES_MAX], rates[EVIDENCE_CANDIDATES_MAX], optimism;

	if (!measure_tests(m, d) || !measure_first(m, first) || !measure_rate(m, d, rates, &optimism))
		return false;
	for (size_t c = 0; c < n; c++) {
		d->candidates[c].first = d->candidates[c].is_ranked ? first[c] : 0;
		if (d->candidates[c].is_ranked && !measure_interval(m, &d->candidates[c], c))
			return false;
	}
	d->win_rate = m->e->base < n ? rates[d->best] - optimism : NAN;
	return true;
}

/* --- length --- */

struct taste {
	struct comparison *list;
	double *length_difference;
	size_t n;
};

static void add_judged(const struct measure *m, const struct duels *duels, size_t q, struct taste *t)
{
	size_t n = m->e->n_candidates;

	for (size_t a = 0; a < n; a++)
		for (size_t b = a + 1; b < n; b++) {
			if (m->is_out[a] || m->is_out[b] || duels->layer[a][b] != LAYER_JUDGE)
				continue;
			t->list[t->n] = (struct comparison){ (uint32_t)q, (uint16_t)a, (uint16_t)b, duels->score[a][b] };
			t->length_difference[t->n++] = m->e->length[q * n + a] - m->e->length[q * n + b];
		}
}

static void fit_taste(const struct measure *m, const struct taste *t, struct decision *d)
{
	struct length_control fit;
	size_t best = SIZE_MAX;

	length_control(t->list, t->length_difference, t->n, m->e->n_candidates, &fit);
	d->length_taste = fit.gamma;
	if (!fit.converged || !(fabs(fit.gamma) > 1.96 * fit.gamma_se))
		return;
	for (size_t c = 0; c < m->e->n_candidates; c++)
		if (!m->is_out[c] && (best == SIZE_MAX || fit.theta[c] > fit.theta[best]))
			best = c;
	d->best_at_equal_length = best;
}

void measure_length(const struct measure *m, struct decision *d)
{
	size_t n = m->e->n_candidates, room = m->e->n_questions * (n * (n - 1) / 2);
	struct taste t = { NULL, NULL, 0 };
	struct duels duels;

	d->length_taste = NAN;
	d->best_at_equal_length = d->best;
	if (!m->e->length || !d->n_by_layer[LAYER_JUDGE])
		return;
	t.list = mem_array(room, sizeof *t.list);
	t.length_difference = mem_array(room, sizeof *t.length_difference);
	for (size_t q = 0; q < m->e->n_questions; q++) {
		evidence_duels(m->reader, q, &duels);
		add_judged(m, &duels, q, &t);
	}
	fit_taste(m, &t, d);
	mem_free(t.list);
	mem_free(t.length_difference);
}
