/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "engine/active.h"

#define PROMPT_WORK 32	    /* what reading a question costs, in bytes of answer */
#define WINDOW_MS 240000    /* what was measured longer ago counts half: others use the machine too */
#define MEASURED_MS 2000    /* less says nothing */

void eta_begin(struct active *a)
{
	a->pace_since_ms = 0;
	a->pace_work = 0;
	for (size_t i = 0; i < a->n_columns; i++)
		a->columns[i].n_left = a->columns[i].row.n_waiting;
}

void eta_group_sent(struct active *a, size_t n_cells)
{
	if (n_cells < 2 || a->pace_since_ms)
		return;
	a->pace_since_ms = clock_mono_ms();
	a->pace_work = 0;
}

void eta_heard(struct active *a, size_t n_bytes)
{
	int64_t elapsed = clock_mono_ms() - a->pace_since_ms;

	a->pace_work += (double)n_bytes;
	if (!a->pace_since_ms || elapsed < WINDOW_MS)
		return;
	a->pace_since_ms += elapsed / 2;
	a->pace_work /= 2;
}

void eta_over(struct active *a, struct active_column *c, size_t n_bytes)
{
	c->n_left--;
	if (n_bytes == 0)
		return;
	c->n_heard++;
	c->work += (double)n_bytes + PROMPT_WORK;
	if (!c->remote)
		eta_heard(a, PROMPT_WORK);
}

/* What an answer of a column takes in the mean of all columns that have any. */
static double mean_work(const struct active *a)
{
	double sum = 0, n = 0;

	for (size_t i = 0; i < a->n_columns; i++) {
		const struct active_column *c = &a->columns[i];
		if (c->n_heard == 0 || c->remote)
			continue;
		sum += c->work / (double)c->n_heard;
		n++;
	}
	return n > 0 ? sum / n : 0;
}

/* Columns are answered one after the other; where one has few answers yet, it is taken to be a little like the others. */
static double work_left(const struct active *a)
{
	double mean = mean_work(a), left = 0;

	for (size_t i = 0; i < a->n_columns; i++) {
		const struct active_column *c = &a->columns[i];
		if (!c->remote && c->state != COLUMN_FAILED)
			left += (double)c->n_left * (c->work + mean) / (double)(c->n_heard + 1);
	}
	for (int i = 0; i < FLIGHTS_MAX; i++)
		for (size_t k = 0; k < a->flights[i].n_cells; k++) {
			const struct live_cell *cell = &a->flights[i].cells[k];
			left -= cell->over ? 0 : (double)(cell->text.said.len + cell->thinking.said.len);
		}
	return left;
}

/* Providers answer beside each other: the slowest counts. */
static int64_t remote_ms(const struct active *a)
{
	int64_t most = 0, elapsed = clock_mono_ms() - a->started_ms;

	for (size_t i = 0; i < a->n_columns; i++) {
		const struct active_column *c = &a->columns[i];
		if (!c->remote || c->state == COLUMN_FAILED || c->n_left == 0)
			continue;
		int64_t its = c->n_heard > 0 ? elapsed * c->n_left / c->n_heard : -1;
		if (its < 0)
			return -1;
		most = its > most ? its : most;
	}
	return most;
}

/* Nothing is known yet of what is to be answered here. */
static bool has_unheard(const struct active *a)
{
	int64_t n_left = 0, n_heard = 0;

	for (size_t i = 0; i < a->n_columns; i++) {
		const struct active_column *c = &a->columns[i];
		if (c->remote || c->state == COLUMN_FAILED)
			continue;
		n_left += c->n_left;
		n_heard += c->n_heard;
	}
	return n_left > 0 && n_heard == 0;
}

int64_t eta_ms(const struct active *a)
{
	int64_t elapsed = clock_mono_ms() - a->pace_since_ms, remote = remote_ms(a);
	double left = work_left(a);

	if (remote < 0 || left <= 0)
		return has_unheard(a) ? -1 : remote;
	if (!a->pace_since_ms || elapsed < MEASURED_MS || a->pace_work <= 0)
		return -1;
	int64_t here = (int64_t)(left / a->pace_work * (double)elapsed);
	return here > remote ? here : remote;
}
