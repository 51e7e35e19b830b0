/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/tokenize.h"

#include "metric/unicode.h"

static void emit(struct tokenize_job *job, const char *from, const char *end)
{
	if (end > from)
		job->ids[job->n++] = vocab_id(job->vocab, (struct str){ from, (size_t)(end - from) });
}

static char *put(char *out, uint32_t point)
{
	if (point < 0x80) {
		*out = (char)point;
		return out + 1;
	}
	return out + utf8_put(point, out);
}

void tokenize_chars(struct tokenize_job *job)
{
	job->n = 0;
	for (size_t i = 0; i < job->n_points; i++)
		if (!point_is_space(job->points[i]))
			job->ids[job->n++] = job->points[i];
}

void tokenize_mixed(struct tokenize_job *job)
{
	char *end = job->bytes; /* of the word that is being collected */

	job->n = 0;
	for (size_t i = 0; i < job->n_points; i++) {
		uint32_t p = point_fold_mixed(job->points[i]);
		if (point_is_mixed_word(p)) {
			end = put(end, p);
			continue;
		}
		emit(job, job->bytes, end);
		end = job->bytes;
		if (point_is_mixed_single(p))
			job->ids[job->n++] = p;
	}
	emit(job, job->bytes, end);
}

static size_t lower_without_punctuation(const struct tokenize_job *job, uint32_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < job->n_points; i++)
		if (!point_is_ascii_punct(job->points[i])) /* before lower(): no letter becomes punctuation */
			n += point_lower(job->points, job->n_points, i, out + n);
	return n;
}

/* Length of the article that begins at `at`, a whole word; 0 if there is none. */
static size_t article(const uint32_t *points, size_t n, size_t at)
{
	static const char *const articles[] = { "a", "an", "the" };

	if (points[at] != 'a' && points[at] != 't')
		return 0;
	if (at > 0 && point_is_word(points[at - 1]))
		return 0;
	for (size_t k = 0; k < sizeof articles / sizeof articles[0]; k++) {
		size_t len = k + 1, same = 0;
		while (same < len && at + same < n && points[at + same] == (uint32_t)articles[k][same])
			same++;
		if (same == len && (at + len == n || !point_is_word(points[at + len])))
			return len;
	}
	return 0;
}

void tokenize_squad(struct tokenize_job *job)
{
	uint32_t *points = job->spare;
	size_t n = lower_without_punctuation(job, points), skip;
	char *end = job->bytes;

	job->n = 0;
	for (size_t i = 0; i < n; i += skip) {
		skip = article(points, n, i);
		if (!skip && !point_is_space(points[i])) {
			end = put(end, points[i]);
			skip = 1;
			continue;
		}
		emit(job, job->bytes, end);
		end = job->bytes;
		skip = skip ? skip : 1;
	}
	emit(job, job->bytes, end);
}

/* A point, comma or apostrophe between two letters or digits belongs to the word. */
static bool is_inside_word(const uint32_t *points, size_t n, size_t at)
{
	uint32_t p = points[at];

	return (p == '.' || p == ',' || p == '\'') && at > 0 && at + 1 < n && point_is_word(points[at - 1]) && point_is_word(points[at + 1]);
}

void tokenize_cmrc(struct tokenize_job *job)
{
	uint32_t *points = job->spare;
	char *end = job->bytes;
	size_t n = 0;

	for (size_t i = 0; i < job->n_points; i++)
		if (!point_is_cmrc_punct(job->points[i]))
			n += point_lower(job->points, job->n_points, i, points + n);
	job->n = 0;
	for (size_t i = 0; i < n; i++) {
		bool is_han = points[i] >= 0x4E00 && points[i] <= 0x9FA5;
		bool is_punct = point_is_ascii_punct(points[i]) && !is_inside_word(points, n, i);
		if (!is_han && !is_punct && !point_is_space(points[i])) {
			end = put(end, points[i]);
			continue;
		}
		emit(job, job->bytes, end);
		end = job->bytes;
		if (is_han || is_punct)
			job->ids[job->n++] = points[i];
	}
	emit(job, job->bytes, end);
}

void tokenize_rouge(struct tokenize_job *job)
{
	char *end = job->bytes;

	job->n = 0;
	for (size_t i = 0; i < job->n_points; i++) {
		uint32_t p = job->points[i], lower = p >= 'A' && p <= 'Z' ? p + ('a' - 'A') : p;
		if (p == 0x212A) /* the two characters outside ASCII whose small letters are in it */
			lower = 'k';
		if (p == 0x130)
			lower = 'i';
		bool is_word = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
		if (is_word)
			*end++ = (char)lower;
		if (!is_word || p == 0x130) { /* its dot above separates */
			emit(job, job->bytes, end);
			end = job->bytes;
		}
	}
	emit(job, job->bytes, end);
}

static void chrf_word(struct tokenize_job *job, const char *from, const char *end, size_t n_points)
{
	if (n_points > 1 && point_is_ascii_punct((unsigned char)end[-1])) {
		emit(job, from, end - 1);
		emit(job, end - 1, end);
	} else if (n_points > 1 && point_is_ascii_punct((unsigned char)from[0])) {
		emit(job, from, from + 1);
		emit(job, from + 1, end);
	} else {
		emit(job, from, end);
	}
}

void tokenize_chrf_words(struct tokenize_job *job)
{
	const char *from = job->text.ptr, *at = from;
	size_t in_word = 0;

	job->n = 0;
	for (size_t i = 0; i < job->n_points; i++) {
		uint32_t p = job->points[i];
		size_t len = p < 0x80 ? 1 : p < 0x800 ? 2 : p < 0x10000 ? 3 : 4;
		if (point_is_space(p)) {
			chrf_word(job, from, at, in_word);
			from = at + len;
			in_word = 0;
		} else {
			in_word++;
		}
		at += len;
	}
	chrf_word(job, from, at, in_word);
}
