/* SPDX-License-Identifier: Apache-2.0 */
#include "model/modelfile.h"

#include <math.h>

#include "base/limits.h"

const struct modelfile_number modelfile_numbers[MODELFILE_NUMBERS] = {
	{ "temperature", "temperature", 0, 5, false }, { "top_p", "top_p", 0, 1, false },
	{ "top_k", "top_k", 0, 100000, true },	       { "min_p", "min_p", 0, 1, false },
	{ "num_predict", "max_tokens", 1, LIMIT_MAX_TOKENS, true },
	{ "repeat_penalty", "repeat_penalty", 0.1, 10, false },
};

struct reader {
	struct arena *arena;
	struct str rest;
	int64_t line;
};

static void skip(struct reader *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		r->line += r->rest.ptr[i] == '\n';
	r->rest.ptr += n;
	r->rest.len -= n;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct reader *r, bool lines)
{
	size_t n = 0;

	while (n < r->rest.len && (is_blank(r->rest.ptr[n]) || (lines && r->rest.ptr[n] == '\n')))
		n++;
	skip(r, n);
}

/* Up to the next white space. */
static struct str take_word(struct reader *r)
{
	struct str word = r->rest;

	word.len = 0;
	while (word.len < r->rest.len && !is_blank(word.ptr[word.len]) && word.ptr[word.len] != '\n')
		word.len++;
	skip(r, word.len);
	return word;
}

static struct str take_line(struct reader *r)
{
	struct str line = r->rest;

	line.len = 0;
	while (line.len < r->rest.len && line.ptr[line.len] != '\n')
		line.len++;
	skip(r, line.len);
	return str_trim(line);
}

/* What stands between `mark` and `mark`; false where the second one is missing. */
static bool take_quoted(struct reader *r, const char *mark, struct str *out)
{
	size_t n = strlen(mark);

	skip(r, n);
	for (size_t i = 0; i + n <= r->rest.len; i++) {
		if (memcmp(r->rest.ptr + i, mark, n) != 0)
			continue;
		*out = (struct str){ r->rest.ptr, i };
		skip(r, i + n);
		return true;
	}
	return false;
}

/* A value in three quotation marks (several lines), in one, or bare up to the end of the line. */
static bool take_value(struct reader *r, struct str *out)
{
	skip_blanks(r, false);
	if (str_starts(r->rest, "\"\"\""))
		return take_quoted(r, "\"\"\"", out);
	if (str_starts(r->rest, "\""))
		return take_quoted(r, "\"", out);
	*out = take_line(r);
	return true;
}

static const char *keep(struct reader *r, struct str s)
{
	return arena_strndup(r->arena, s.ptr ? s.ptr : "", s.len);
}

static double number_of(const struct modelfile_number *n, struct str value)
{
	double number;
	int64_t whole;

	if (n->is_whole ? !str_to_i64(value, &whole) : !str_to_double(value, &number))
		return NAN;
	if (n->is_whole)
		number = (double)whole;
	return number >= n->min && number <= n->max ? number : NAN;
}

static bool has_numbers(const struct modelfile *m)
{
	for (size_t i = 0; i < MODELFILE_NUMBERS; i++)
		if (!isnan(m->numbers[i]))
			return true;
	return false;
}

static bool take_parameter(struct reader *r, struct modelfile *out)
{
	struct str value;

	skip_blanks(r, false);
	struct str name = take_word(r);
	if (!take_value(r, &value))
		return false;
	if (str_eq_nocase(name, "stop") && value.len > 0 && value.len <= LIMIT_STOP_BYTES &&
	    out->n_stops < MODELFILE_STOPS_MAX)
		out->stops[out->n_stops++] = keep(r, value);
	if (str_eq_nocase(name, "num_ctx") && (!str_to_i64(value, &out->num_ctx) || out->num_ctx < 0 || out->num_ctx > LIMIT_NUM_CTX))
		out->num_ctx = 0;
	for (size_t i = 0; i < MODELFILE_NUMBERS; i++)
		if (str_eq_nocase(name, modelfile_numbers[i].name))
			out->numbers[i] = number_of(&modelfile_numbers[i], value);
	return true;
}

/* False where a quotation does not end. */
static bool take_command(struct reader *r, struct str name, struct modelfile *out)
{
	static const char *const others[] = { "ADAPTER", "LICENSE", "MESSAGE", "REQUIRES", "RENDERER", "PARSER" };
	struct str value;

	if (str_eq_nocase(name, "PARAMETER"))
		return take_parameter(r, out);
	const char **field = str_eq_nocase(name, "FROM")     ? &out->from :
			     str_eq_nocase(name, "TEMPLATE") ? &out->template :
			     str_eq_nocase(name, "SYSTEM")   ? &out->system :
							       NULL;
	bool is_known = field != NULL;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		is_known |= str_eq_nocase(name, others[i]);
	if (!is_known) {
		(void)take_line(r);
		return true;
	}
	if (!take_value(r, &value))
		return false;
	if (field)
		*field = keep(r, value);
	return true;
}

enum err_code modelfile_parse(struct arena *a, struct str text, const char *what, struct modelfile *out, struct err *err)
{
	struct reader r = { .arena = a, .rest = text, .line = 1 };

	*out = (struct modelfile){ .from = "", .template = "", .system = "" };
	for (size_t i = 0; i < MODELFILE_NUMBERS; i++)
		out->numbers[i] = NAN;
	if (str_starts(r.rest, "\xef\xbb\xbf"))
		skip(&r, 3);
	for (;;) {
		skip_blanks(&r, true);
		if (r.rest.len == 0)
			break;
		int64_t line = r.line;
		if (r.rest.ptr[0] == '#') {
			(void)take_line(&r);
			continue;
		}
		if (!take_command(&r, take_word(&r), out))
			return err_set(err, ERR_DATA, "err_modelfile", "path=%s|line=%lld", what, (long long)line);
	}
	if (!*out->from && !*out->template && !*out->system && !out->n_stops && !out->num_ctx && !has_numbers(out))
		return err_set(err, ERR_DATA, "err_modelfile_nothing", "path=%s", what);
	return ERR_OK;
}
