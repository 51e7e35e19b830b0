/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/metrics - what all metrics of many answers cost; bench/metrics (the script beside it) makes the answers and compares.
 *
 *     bench_metrics FILE [SHOWN]
 *
 * FILE has one JSON array a line: a reference and the answers to it.  Times preparing the texts and every metric of score.h, 5
 * times over; then prints one line with the median, least and greatest seconds, and for the first SHOWN answers a line with all
 * scores, in the order of the first line. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "metric/score.h"

#define REPEATS 5

struct line {
	struct str reference;
	struct str *answers;
	size_t n_answers;
};

static struct line *lines;
static size_t n_lines, n_answers;

static struct str text_of(const json_t *value)
{
	return (struct str){ json_string_value(value), json_string_length(value) };
}

static void read_lines(const char *path)
{
	json_error_t error;
	FILE *file = fopen(path, "r");
	json_t *row;

	if (!file) {
		fprintf(stderr, "bench_metrics: cannot open %s\n", path);
		exit(1);
	}
	while ((row = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error))) {
		struct line *line;
		lines = mem_grow(lines, (n_lines + 1) * sizeof *lines);
		line = &lines[n_lines++];
		line->reference = text_of(json_array_get(row, 0));
		line->n_answers = json_array_size(row) - 1;
		line->answers = mem_array(line->n_answers + 1, sizeof *line->answers);
		for (size_t i = 0; i < line->n_answers; i++)
			line->answers[i] = text_of(json_array_get(row, i + 1));
		n_answers += line->n_answers;
	}
	fclose(file);
}

static double score_everything(double *scores)
{
	struct text_space *space = text_space_new();
	clock_t start = clock(); /* processor time: others may use the machine */

	for (size_t i = 0; i < n_lines; i++) {
		struct text *reference = text_new(space, lines[i].reference);
		for (size_t k = 0; k < lines[i].n_answers; k++, scores += SCORE_COUNT)
			score_all(text_new(space, lines[i].answers[k]), &reference, 1, scores);
		text_space_clear(space);
	}
	double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	text_space_free(space);
	return seconds;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	double seconds[REPEATS];
	uint64_t n_shown = 0;

	if (argc < 2 || (argc > 2 && !str_to_u64(str_of(argv[2]), &n_shown))) {
		fprintf(stderr, "usage: bench_metrics FILE [SHOWN]\n");
		return 2;
	}
	read_lines(argv[1]);
	double *scores = mem_array(n_answers * SCORE_COUNT + 1, sizeof *scores);
	for (int r = 0; r < REPEATS; r++)
		seconds[r] = score_everything(scores);
	qsort(seconds, REPEATS, sizeof *seconds, by_value);
	printf("%zu %.6f %.6f %.6f", n_answers, seconds[REPEATS / 2], seconds[0], seconds[REPEATS - 1]);
	for (int m = 0; m < SCORE_COUNT; m++)
		printf(" %s", score_info(m)->name);
	printf("\n");
	for (uint64_t i = 0; i < n_shown && i < n_answers; i++)
		for (int m = 0; m < SCORE_COUNT; m++)
			printf("%.17g%c", scores[i * SCORE_COUNT + (size_t)m], m + 1 < SCORE_COUNT ? ' ' : '\n');
	return 0;
}
