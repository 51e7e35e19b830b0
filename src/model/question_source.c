/* SPDX-License-Identifier: Apache-2.0 */
#include "model/question_source.h"

#include <string.h>

#include "base/limits.h"
#include "model/encoding.h"
#include "model/question_fields.h"

/* Values in one row: what a person's question file never has, and what would make Jansson slow. */
#define ROW_VALUES_MAX 20000
/* Room for a row whose numbers all became strings. */
#define SCRATCH_MAX (LIMIT_JSON_ELEMENT + ROW_VALUES_MAX * 8ULL)

static bool has_extension(const char *file_name, const char *extension)
{
	struct str name = str_of(file_name);
	size_t len = strlen(extension);

	return name.len >= len && str_eq_nocase((struct str){ name.ptr + name.len - len, len }, extension);
}

static char first_char(struct str text)
{
	text = str_trim(text);
	return text.len ? text.ptr[0] : '\0';
}

/* The first line that is not blank, and what follows it. */
static struct str first_line(struct str text, struct str *rest)
{
	size_t end = 0;

	text = str_trim(text);
	while (end < text.len && text.ptr[end] != '\n' && text.ptr[end] != '\r')
		end++;
	*rest = str_trim((struct str){ text.ptr + end, text.len - end });
	return str_trim((struct str){ text.ptr, end });
}

/* --- one row of JSON --- */

static size_t string_length(struct str s)
{
	size_t i = 1;

	while (i < s.len && s.ptr[i] != '"')
		i += s.ptr[i] == '\\' ? 2 : 1;
	return i < s.len ? i + 1 : s.len;
}

/* Copies a row with its numbers as marked strings; refuses what is nested too deep or has too many values. */
static enum question_problem_kind mark_numbers(struct str raw, struct buf *out)
{
	size_t pos = 0, values = 0, depth = 0;

	buf_clear(out);
	while (pos < raw.len) {
		struct str rest = { raw.ptr + pos, raw.len - pos };
		char c = rest.ptr[0];
		size_t len = c == '-' || (c >= '0' && c <= '9') ? json_number_length(rest) : 0;

		values += c == ',' || c == '[' || c == '{';
		depth += c == '[' || c == '{';
		depth -= depth && (c == ']' || c == '}');
		if (depth > LIMIT_JSON_DEPTH)
			return QUESTION_DEEP;
		if (values > ROW_VALUES_MAX)
			return QUESTION_ROW_COMPLEX;
		if (len) {
			buf_add_text(out, "\"\\u0001");
			buf_add(out, rest.ptr, len);
			buf_add_char(out, '"');
		} else {
			len = c == '"' ? string_length(rest) : 1;
			buf_add(out, rest.ptr, len);
		}
		pos += len;
	}
	return out->overflow ? QUESTION_ROW_TOO_LONG : QUESTION_FINE;
}

static bool read_hex4(struct str s, size_t at, unsigned *value)
{
	*value = 0;
	for (size_t i = at; i < at + 4; i++) {
		const char *digits = "0123456789abcdef0123456789ABCDEF";
		const char *digit = i < s.len && s.ptr[i] ? strchr(digits, s.ptr[i]) : NULL;

		if (!digit)
			return false;
		*value = *value << 4 | (unsigned)((digit - digits) & 15);
	}
	return true;
}

/* True where a \uD800-\uDFFF escape has no partner: half a character, which UTF-8 cannot hold. */
static bool has_lone_surrogate(struct str raw)
{
	unsigned unit, next;

	for (size_t i = 0; i + 1 < raw.len; i++) {
		if (raw.ptr[i] != '\\')
			continue;
		i++;
		if (raw.ptr[i] != 'u' || !read_hex4(raw, i + 1, &unit) || unit < 0xD800 || unit > 0xDFFF)
			continue;
		if (unit > 0xDBFF || i + 6 >= raw.len || raw.ptr[i + 5] != '\\' || raw.ptr[i + 6] != 'u' ||
		    !read_hex4(raw, i + 7, &next) || next < 0xDC00 || next > 0xDFFF)
			return true;
		i += 10;
	}
	return false;
}

/* Why Jansson refused a row. */
static void explain(struct str raw, const json_error_t *error, struct question_source_row *row)
{
	enum json_error_code code = json_error_code(error);

	row->problem = QUESTION_WRONG_JSON;
	if (!strchr("\"{[", raw.ptr[0])) {
		row->problem = QUESTION_NOT_TEXT;
	} else if (has_lone_surrogate(raw)) {
		row->problem = QUESTION_SURROGATE;
	} else if (code == json_error_duplicate_key) {
		row->problem = QUESTION_DUPLICATE_KEY;
	} else if (code == json_error_null_character || code == json_error_null_byte_in_key) {
		row->problem = QUESTION_NUL;
	}
}

/* Reads the JSON of one row into row->value or row->problem. */
static void parse_row(struct question_source *s, struct str raw, struct question_source_row *row)
{
	json_error_t error;

	row->found = raw;
	row->number = LIMIT_JSON_ELEMENT / MIB;
	if (!raw.len) {
		row->problem = QUESTION_NOT_TEXT;
		row->found = STR(",");
	} else if (raw.len > LIMIT_JSON_ELEMENT) {
		row->problem = QUESTION_ROW_TOO_LONG;
	} else if (raw.ptr[0] == '{' || raw.ptr[0] == '[') {
		row->problem = mark_numbers(raw, &s->scratch);
		if (row->problem == QUESTION_ROW_COMPLEX)
			row->number = ROW_VALUES_MAX;
		raw = buf_str(&s->scratch);
	}
	if (row->problem)
		return;
	row->value = json_loadb(raw.ptr, raw.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	row->raw = row->found;
	if (!row->value)
		explain(row->found, &error, row);
}

/* --- CSV --- */

/* Unique names for the columns: an empty one is called by its number, a second one of the same name gets a number. */
static void name_columns(struct question_source *s, struct arena *a, const struct csv_record *record)
{
	for (size_t i = 0; i < record->n; i++) {
		struct str field = str_trim(record->fields[i]);
		char *name = field.len ? arena_strndup(a, field.ptr, field.len) : arena_printf(a, "#%zu", i + 1);

		for (size_t k = 0; k < i; k++) {
			if (strcmp(s->header[k], name) == 0) {
				name = arena_printf(a, "%s #%zu", name, i + 1);
				break;
			}
		}
		s->header[i] = name;
	}
	s->n_header = record->n;
}

static enum err_code open_csv(struct question_source *s, struct arena *a, char separator, struct err *err)
{
	struct csv_record record;

	s->container = QUESTION_CSV;
	s->separator = separator;
	s->format = separator == '\t' ? "tsv" : "csv";
	csv_reader_init(&s->csv, s->text, separator);
	s->separator = s->csv.separator;
	s->is_open = true;
	if (!csv_reader_next(&s->csv, &record))
		return err_set(err, ERR_DATA, "err_question_nothing", "file=");
	if (record.n_found > LIMIT_FIELDS)
		return err_set(err, ERR_LIMIT, "err_question_columns", "found=%zu|limit=%d", record.n_found,
			       LIMIT_FIELDS);
	/* A list of questions in one column rarely has a header; more columns cannot be told apart without one. */
	s->has_header = record.n > 1 || question_field_is_question(str_trim(record.fields[0]));
	if (s->has_header)
		name_columns(s, a, &record);
	return ERR_OK;
}

static bool record_is_blank(const struct csv_record *record)
{
	for (size_t i = 0; i < record->n; i++) {
		if (str_trim(record->fields[i]).len)
			return false;
	}
	return true;
}

/* Compares the record's width with the header's.  Too many fields mean that a text with a separator was not quoted,
 * so that the question may be cut: such a row is not taken.  Empty fields at the end are how spreadsheets fill up. */
static void check_width(const struct question_source *s, const struct csv_record *record,
			struct question_source_row *row)
{
	size_t n = record->n_found;

	while (n > s->n_header && n <= record->n && !str_trim(record->fields[n - 1]).len)
		n--;
	if (n > s->n_header)
		row->problem = QUESTION_RAGGED;
	else if (n < s->n_header)
		row->problem = QUESTION_NOTE_RAGGED;
	row->number = record->n_found;
}

static json_t *record_object(const struct question_source *s, const struct csv_record *record)
{
	json_t *object = json_object();

	for (size_t i = 0; i < s->n_header && i < record->n; i++)
		json_object_set_new(object, s->header[i], json_text(record->fields[i]));
	return object;
}

static bool next_record(struct question_source *s, struct question_source_row *row)
{
	struct csv_record record;

	do {
		if (!csv_reader_next(&s->csv, &record))
			return false;
	} while (record_is_blank(&record) && !record.unclosed && !record.too_long);
	row->line = record.line;
	row->found = record.fields[0];
	if (record.unclosed) {
		row->problem = QUESTION_CSV_QUOTE;
	} else if (record.too_long) {
		row->problem = QUESTION_ROW_TOO_LONG;
		row->number = LIMIT_JSON_ELEMENT / MIB;
	} else if (!s->has_header) {
		row->value = json_text(record.fields[0]);
	} else {
		check_width(s, &record, row);
		if (row->problem != QUESTION_RAGGED)
			row->value = record_object(s, &record);
	}
	return true;
}

/* --- what it is --- */

/* True if the text looks like rows with named columns although its extension does not say so. */
static bool looks_like_table(struct str text, char separator)
{
	struct csv_reader reader;
	struct csv_record first, second;
	bool known = false;
	size_t width;

	if (!separator)
		return false;
	csv_reader_init(&reader, text, separator);
	if (csv_reader_next(&reader, &first)) {
		for (size_t i = 0; i < first.n; i++)
			known = known || question_field_is_question(str_trim(first.fields[i]));
		width = first.n_found;
		known = known && width > 1 && csv_reader_next(&reader, &second) && second.n_found == width;
	}
	csv_reader_release(&reader);
	return known;
}

/* The text starts with a bracket, but is it JSON?  "[INST] …" and "{name}, who are you?" are not. */
static bool looks_like_json(struct str text)
{
	char open = first_char(text), next;

	text = str_trim(text);
	next = text.len ? first_char((struct str){ text.ptr + 1, text.len - 1 }) : '\0';
	if (open == '[')
		return !next || strchr("\"{[]-0123456789", next);
	return open == '{' && (!next || next == '"' || next == '}');
}

/* Two or more lines that are each a JSON value of their own. */
static bool looks_like_lines(struct str text, const char *file_name)
{
	struct str rest, line = first_line(text, &rest);
	char open = line.len ? line.ptr[0] : '\0', last = line.len ? line.ptr[line.len - 1] : '\0';

	if (has_extension(file_name, ".jsonl") || has_extension(file_name, ".ndjson"))
		return true;
	if (open == '{')
		return last == '}' && rest.len && rest.ptr[0] == '{';
	return open == '"' && string_length(line) == line.len && line.len > 1 && rest.len && rest.ptr[0] == '"' &&
	       !has_extension(file_name, ".txt");
}

static bool key_is(struct str key, const char *name)
{
	return key.len >= 2 && str_eq_text((struct str){ key.ptr + 1, key.len - 2 }, name);
}

static bool is_list_name(struct str key)
{
	static const char *const names[] = { "questions", "tests", "data", "examples", "items", "rows", "records",
					     "問題", "題目", "問題集" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (key_is(key, names[i]))
			return true;
	}
	return false;
}

/* What stands beside the list of rows: of promptfoo's configuration prompts and defaults matter, and where the tests are. */
static void look_beside(struct question_source *s, const struct json_element *member)
{
	struct str raw = { s->text.ptr + member->start, member->len };
	struct question_source_row row = { 0 };

	if (key_is(member->key, "tests") && (raw.ptr[0] == '"' || raw.ptr[0] == '{')) {
		s->elsewhere = raw;
		s->elsewhere_line = member->line;
	} else if (key_is(member->key, "prompts") && !s->prompts) {
		parse_row(s, raw, &row);
		s->prompts = row.value;
	} else if (key_is(member->key, "defaultTest") && !s->defaults) {
		parse_row(s, raw, &row);
		s->defaults = row.value;
		s->defaults_line = member->line;
	}
}

static enum err_code tests_elsewhere(const struct question_source *s, struct err *err)
{
	struct str found = s->elsewhere;

	if (found.ptr[0] == '"' && found.len >= 2)
		found = (struct str){ found.ptr + 1, found.len - 2 };
	else
		found = STR("{…}");
	return err_set(err, ERR_UNSUPPORTED, "err_question_tests_elsewhere", "line=%lld|found=%.*s", (long long)s->elsewhere_line,
		       (int)(found.len < 200 ? found.len : 200), found.ptr);
}

/* Of promptfoo's "defaultTest": the variables and options that a test does not set, and checks behind its own. */
static void add_defaults(json_t *test, const json_t *defaults)
{
	static const char *const objects[] = { "vars", "options" };
	json_t *checks = json_object_get(defaults, "assert");

	if (!json_is_object(test))
		return;
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		json_t *given = json_object_get(defaults, objects[i]), *own = json_object_get(test, objects[i]);

		if (json_is_object(given) && !own)
			json_object_set_new(test, objects[i], json_copy(given));
		else if (json_is_object(given) && json_is_object(own))
			json_object_update_missing(own, given);
	}
	if (json_is_array(checks) && !json_object_get(test, "assert"))
		json_object_set_new(test, "assert", json_copy(checks));
	else if (json_is_array(checks) && json_is_array(json_object_get(test, "assert")))
		json_array_extend(json_object_get(test, "assert"), checks);
}

/* A JSON object: either the rows are an array inside it, or it is the only row itself. */
static enum err_code open_object(struct question_source *s, size_t at, struct err *err)
{
	struct json_element member = { 0 };
	size_t arrays = 0, array_at = 0, list_at = 0;
	bool is_row = false;

	json_split_object(&s->json, s->text, at);
	for (;;) {
		bool whole = json_split_next(&s->json, &member);
		bool broken_off = !whole && s->json.end != JSON_SPLIT_END && s->json.end != JSON_SPLIT_TRAILING &&
				  member.key.len && member.start < s->text.len;

		/* Of an array that breaks off the first elements can still be read. */
		if (!whole && !broken_off)
			break;
		if (s->text.ptr[member.start] == '[') {
			arrays++;
			array_at = member.start;
			if (!list_at && is_list_name(member.key))
				list_at = member.start;
		}
		is_row = is_row || question_field_is_row(member.key, s->text.ptr[member.start]);
		if (!whole)
			break;
		look_beside(s, &member);
		member = (struct json_element){ 0 };
	}
	if (!list_at && !is_row && s->elsewhere.len)
		return tests_elsewhere(s, err);
	s->container = QUESTION_JSON_ARRAY;
	s->array_at = list_at ? list_at : array_at;
	if (list_at || (!is_row && arrays == 1))
		return ERR_OK;
	if (!is_row && arrays > 1)
		return err_set(err, ERR_DATA, "err_question_which_array", "found=%zu", arrays);
	if (s->json.end == JSON_SPLIT_DEEP)
		return err_set(err, ERR_DATA, "err_question_deep", "place=@core_line_place|line=%lld|others=0", (long long)s->json.end_line);
	s->container = QUESTION_JSON_OBJECT;
	s->array_at = at;
	return ERR_OK;
}

static enum err_code open_json(struct question_source *s, const char *file_name, struct err *err)
{
	size_t at = (size_t)(str_trim(s->text).ptr - s->text.ptr);

	if (looks_like_lines(s->text, file_name)) {
		s->container = QUESTION_JSON_LINES;
		s->format = "jsonl";
		return ERR_OK;
	}
	if (s->text.ptr[at] == '{')
		return open_object(s, at, err);
	s->container = QUESTION_JSON_ARRAY;
	s->array_at = at;
	s->array_alone = true;
	return ERR_OK;
}

enum err_code question_source_open(struct question_source *s, struct arena *a, struct str text,
				   const char *file_name, struct err *err)
{
	bool is_csv = has_extension(file_name, ".csv");
	bool is_tsv = has_extension(file_name, ".tsv") || has_extension(file_name, ".tab");
	enum err_code code = ERR_OK;
	char separator;

	*s = (struct question_source){ .text = text };
	buf_init(&s->scratch, SCRATCH_MAX);
	if (!str_trim(text).len)
		return err_set(err, ERR_DATA, "err_question_nothing", "file=%s", file_name);
	separator = is_tsv ? '\t' : csv_sniff(text);
	if (is_csv || is_tsv) {
		code = open_csv(s, a, separator, err);
	} else if (looks_like_json(text) || has_extension(file_name, ".json") || looks_like_lines(text, file_name)) {
		code = open_json(s, file_name, err);
	} else if (looks_like_table(text, separator)) {
		code = open_csv(s, a, separator, err);
	} else {
		s->container = QUESTION_TXT;
		s->format = "txt";
	}
	text = str_trim(text);
	s->by_item = s->container == QUESTION_JSON_ARRAY && !memchr(text.ptr, '\n', text.len) && !memchr(text.ptr, '\r', text.len);
	if (!code)
		question_source_rewind(s);
	return code;
}

void question_source_close(struct question_source *s)
{
	if (s->is_open)
		csv_reader_release(&s->csv);
	s->is_open = false;
	json_decref(s->prompts);
	json_decref(s->defaults);
	s->prompts = s->defaults = NULL;
	buf_release(&s->scratch);
}

void question_source_rewind(struct question_source *s)
{
	struct csv_record header;

	s->object_taken = false;
	s->n_comments = 0;
	s->n_items = 0;
	switch (s->container) {
	case QUESTION_JSON_ARRAY:
		json_split_array(&s->json, s->text, s->array_at, s->array_alone);
		break;
	case QUESTION_JSON_LINES:
	case QUESTION_TXT:
		json_split_lines(&s->json, s->text);
		break;
	case QUESTION_JSON_OBJECT:
		break;
	case QUESTION_CSV:
		csv_reader_release(&s->csv);
		csv_reader_init(&s->csv, s->text, s->separator);
		if (s->has_header)
			(void)csv_reader_next(&s->csv, &header);
		break;
	}
}

/* Counts "# …" as in a shell script; "#include" and "#1" may well start a question. */
static bool skip_comment(struct question_source *s, struct str text, int64_t line)
{
	if (text.ptr[0] != '#' || (text.len > 1 && text.ptr[1] != ' ' && text.ptr[1] != '!'))
		return false;
	if (!s->n_comments++)
		s->comment_line = line;
	return true;
}

bool question_source_next(struct question_source *s, struct question_source_row *row)
{
	struct json_element element;
	struct str raw;

	*row = (struct question_source_row){ 0 };
	if (s->container == QUESTION_CSV) {
		bool more = next_record(s, row);
		row->place = row->line;
		return more;
	}
	if (s->container == QUESTION_JSON_OBJECT) {
		if (s->object_taken)
			return false;
		s->object_taken = true;
		row->line = row->place = encoding_count_lines(s->text, 0, s->array_at) + 1;
		parse_row(s, str_trim(s->text), row);
		return true;
	}
	do {
		if (!json_split_next(&s->json, &element))
			return false;
		raw = (struct str){ s->text.ptr + element.start, element.len };
	} while (s->container == QUESTION_TXT && skip_comment(s, raw, element.line));
	s->n_items++;
	row->line = element.line;
	row->place = s->by_item ? s->n_items : element.line;
	if (s->container == QUESTION_TXT)
		row->value = json_text(raw);
	else
		parse_row(s, raw, row);
	add_defaults(row->value, s->defaults);
	return true;
}

size_t question_source_skip(struct question_source *s)
{
	struct json_element element;
	struct csv_record record;
	size_t n = 0;

	if (s->container == QUESTION_CSV) {
		while (csv_reader_next(&s->csv, &record))
			n++;
	} else if (s->container != QUESTION_JSON_OBJECT) {
		while (json_split_next(&s->json, &element))
			n++;
	}
	return n;
}

void question_source_end(const struct question_source *s, struct question_problems *problems)
{
	const struct json_split *json = &s->json;
	int64_t end = s->by_item ? s->n_items + 1 : json->end_line;

	if (s->n_comments)
		question_problems_note(problems, QUESTION_NOTE_COMMENTS, s->comment_line, s->n_comments);
	if (s->container != QUESTION_JSON_ARRAY)
		return;
	if (json_is_string(s->defaults))
		question_problems_add(problems, QUESTION_ELSEWHERE, s->by_item ? 1 : s->defaults_line,
				      str_of(json_string_value(s->defaults)), 0);
	if (json->trailing_comma)
		question_problems_add(problems, QUESTION_NOTE_TRAILING_COMMA, s->by_item ? s->n_items : json->trailing_comma,
				      STR(""), 0);
	if (json->missing_comma)
		question_problems_add(problems, QUESTION_NOTE_MISSING_COMMA, json->missing_comma, STR(""), 0);
	if (json->end == JSON_SPLIT_TRUNCATED || json->end == JSON_SPLIT_MISMATCH)
		question_problems_add(problems, QUESTION_JSON_STOPPED, end, STR(""), 0);
	else if (json->end == JSON_SPLIT_DEEP)
		question_problems_add(problems, QUESTION_DEEP, end, STR(""), LIMIT_JSON_DEPTH);
	else if (json->end == JSON_SPLIT_TRAILING)
		question_problems_add(problems, QUESTION_AFTER_END, s->by_item ? s->n_items : end, STR(""), 0);
}
