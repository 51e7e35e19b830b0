/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/nearest.h"

#define OPTIONS_MAX 64

struct given {
	const struct arg_option *option;
	const char *value; /* "" for a flag */
};

struct args {
	struct given *given;
	size_t n_given;
	const char **words;
	size_t n_words;
};

void args_free(struct args *a)
{
	if (!a)
		return;
	mem_free(a->given);
	mem_free(a->words);
	mem_free(a);
}

static const struct arg_option *find_option(const struct arg_option *const *tables, struct str name)
{
	for (; *tables; tables++)
		for (const struct arg_option *o = *tables; o->name; o++)
			if (str_eq_text(name, o->name))
				return o;
	return NULL;
}

static enum err_code unknown_option(const struct arg_option *const *tables, struct str name, struct err *err)
{
	const char *names[OPTIONS_MAX];
	size_t n = 0;
	for (; *tables; tables++)
		for (const struct arg_option *o = *tables; o->name && n < OPTIONS_MAX; o++)
			names[n++] = o->name;
	char *given = mem_printf("%.*s", (int)name.len, name.ptr);
	const char *near = nearest_name(given, names, n);
	enum err_code code = near ? err_set(err, ERR_INVALID, "err_args_unknown_near", "option=--%s|near=--%s", given, near)
				  : err_set(err, ERR_INVALID, "err_args_unknown", "option=--%s", given);
	mem_free(given);
	return code;
}

static bool is_given(const struct args *a, const struct arg_option *option)
{
	for (size_t i = 0; i < a->n_given; i++)
		if (a->given[i].option == option)
			return true;
	return false;
}

/* Takes the option at argv[*at] (which begins with "--") and its value; moves `*at` to the last word used. */
static enum err_code take_option(struct args *a, char *const *argv, size_t n, size_t *at,
				 const struct arg_option *const *tables, struct err *err)
{
	struct str rest = str_of(argv[*at] + 2);
	struct str name = str_split(&rest, '=');
	const struct arg_option *option = find_option(tables, name);
	if (!option)
		return unknown_option(tables, name, err);
	if (!option->many && is_given(a, option))
		return err_set(err, ERR_INVALID, "err_args_twice", "option=--%s", option->name);
	if (!option->value && rest.ptr)
		return err_set(err, ERR_INVALID, "err_args_no_value", "option=--%s", option->name);
	const char *value = "";
	if (option->value && rest.ptr) {
		value = rest.ptr;
	} else if (option->value) {
		if (*at + 1 >= n || str_starts(str_of(argv[*at + 1]), "--"))
			return err_set(err, ERR_INVALID, "err_args_needs_value", "option=--%s|value=%s", option->name,
				       option->value);
		value = argv[++*at];
	}
	a->given[a->n_given++] = (struct given){ option, value };
	return ERR_OK;
}

enum err_code args_parse(char *const *argv, size_t n, const struct arg_option *const *tables, struct args **out,
			 struct err *err)
{
	struct args *a = mem_alloc(sizeof *a);
	a->given = mem_array(n + 1, sizeof *a->given);
	a->words = mem_array(n + 1, sizeof *a->words);
	bool only_words = false;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < n && code == ERR_OK; i++) {
		const char *word = argv[i];
		if (!only_words && strcmp(word, "--") == 0)
			only_words = true;
		else if (!only_words && strncmp(word, "--", 2) == 0)
			code = take_option(a, argv, n, &i, tables, err);
		else if (!only_words && word[0] == '-' && word[1])
			code = err_set(err, ERR_INVALID, "err_args_short", "option=%s", word);
		else
			a->words[a->n_words++] = word;
	}
	if (code == ERR_OK)
		*out = a;
	else
		args_free(a);
	return code;
}

size_t args_count(const struct args *a)
{
	return a->n_words;
}

const char *args_word(const struct args *a, size_t i)
{
	return a->words[i];
}

const char *args_nth(const struct args *a, const char *name, size_t i)
{
	for (size_t k = 0; k < a->n_given; k++)
		if (strcmp(a->given[k].option->name, name) == 0 && i-- == 0)
			return a->given[k].value;
	return NULL;
}

const char *args_text(const struct args *a, const char *name, const char *fallback)
{
	const char *value = args_nth(a, name, 0);
	return value ? value : fallback;
}

bool args_has(const struct args *a, const char *name)
{
	return args_nth(a, name, 0) != NULL;
}

int64_t args_int(const struct args *a, const char *name, int64_t min, int64_t max, int64_t fallback, struct err *err)
{
	const char *text = args_nth(a, name, 0);
	int64_t value = fallback;
	if (!text || err->code != ERR_OK)
		return fallback;
	if (str_to_i64(str_of(text), &value) && value >= min && value <= max)
		return value;
	err_set(err, ERR_INVALID, "err_args_integer", "option=--%s|min=%" PRId64 "|max=%" PRId64 "|found=%s", name, min, max,
		text);
	return fallback;
}

const char *args_name(const struct args *a, struct err *err)
{
	const char *name = args_nth(a, "name", 0);
	struct str text = str_of(name ? name : "");
	size_t n = 0;
	for (size_t at = 0; at < text.len; n++)
		(void)utf8_next(text, &at);
	if (n > LIMIT_NAME_BYTES && err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_length", "field=--name|min=0|max=%d|found=%zu", LIMIT_NAME_BYTES, n);
	return name;
}

enum err_code args_id(const char *text, const char *what, int64_t *out, struct err *err)
{
	if (str_to_i64(str_of(text), out) && *out > 0)
		return ERR_OK;
	return err_set(err, ERR_INVALID, "err_args_id", "what=%s|found=%s", what, text);
}

size_t args_first_word(char *const *argv, size_t n, const struct arg_option *table)
{
	const struct arg_option *const tables[] = { table, NULL };
	for (size_t i = 0; i < n; i++) {
		if (argv[i][0] != '-')
			return i;
		struct str rest = str_of(argv[i]);
		rest.ptr += str_starts(rest, "--") ? 2 : 0;
		rest.len = strlen(rest.ptr);
		struct str name = str_split(&rest, '=');
		const struct arg_option *option = find_option(tables, name);
		if (!option)
			return n;
		if (option->value && !rest.ptr)
			i++;
	}
	return n;
}
