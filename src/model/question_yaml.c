/* SPDX-License-Identifier: Apache-2.0 */
#include "model/question_yaml.h"

#include <string.h>

#include "base/limits.h"
#include "model/question_fields.h"
#include "model/yaml.h"

/* The next line without what ends it; false at the end. */
static bool next_line(struct str *rest, struct str *line)
{
	if (!rest->ptr || !rest->len)
		return false;
	*line = str_split(rest, '\n');
	if (line->len && line->ptr[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* The name that stands before a colon at the very start of the line, "" for none; `*after` is what follows it. */
static struct str line_key(struct str line, struct str *after)
{
	size_t n = 0;

	while (n < line.len && ((line.ptr[n] >= 'a' && line.ptr[n] <= 'z') || (line.ptr[n] >= 'A' && line.ptr[n] <= 'Z') ||
				line.ptr[n] == '_' || (line.ptr[n] & 0x80)))
		n++;
	if (!n || n == line.len || line.ptr[n] != ':' || (n + 1 < line.len && line.ptr[n + 1] != ' '))
		return STR("");
	*after = str_trim((struct str){ line.ptr + n + 1, line.len - n - 1 });
	return (struct str){ line.ptr, n };
}

static bool is_one_of(struct str name, const char *const *names)
{
	for (; *names; names++) {
		if (str_eq_text(name, *names))
			return true;
	}
	return false;
}

/* Neither blank nor a comment nor the start of a document. */
static bool has_content(struct str line)
{
	line = str_trim(line);
	return line.len && line.ptr[0] != '#' && line.ptr[0] != '%' && !str_eq_text(line, "---");
}

/* "- question: …": an entry of a list of objects. */
static bool starts_entry(struct str line)
{
	static const char *const others[] = { "vars", "turns", "messages", "conversations", "description", NULL };
	struct str key, after;

	if (!str_starts(line, "- "))
		return false;
	key = line_key(str_trim((struct str){ line.ptr + 2, line.len - 2 }), &after);
	return key.len && (question_field_is_question(key) || is_one_of(key, others));
}

/* Text that was typed or pasted is YAML where a list of objects starts it, or where a name of promptfoo or of a list of
 * questions stands alone on its line and what belongs to it below. */
static bool looks_like_yaml(struct str text)
{
	static const char *const lists[] = { "prompts", "tests", "providers", "questions", "問題", "題目", NULL };
	struct str rest = text, line, after, key = STR("");
	bool is_first = true, is_open = false, is_entry = false;

	while (next_line(&rest, &line)) {
		if (!has_content(line))
			continue;
		if (is_entry) /* one line alone is what somebody asks */
			return true;
		if (is_open && (str_starts(line, "- ") || str_starts(line, " ")))
			return true;
		is_entry = is_first && starts_entry(line);
		key = line_key(line, &after);
		if (is_first && !is_entry && !key.len)
			return false;
		is_open = key.len && !after.len && is_one_of(key, lists);
		is_first = false;
	}
	return false;
}

/* A task says where its questions are, with templates and Python functions that make them out of a data set. */
static bool is_harness_task(struct str text)
{
	static const char *const tasks[] = { "task", "group", "tag", NULL };
	static const char *const sources[] = { "dataset_path", "dataset_name", "doc_to_text", "include", "output_type", NULL };
	struct str line, after, key;
	bool has_task = false, has_source = false;

	while (next_line(&text, &line)) {
		key = line_key(line, &after);
		has_task = has_task || is_one_of(key, tasks);
		has_source = has_source || is_one_of(key, sources);
	}
	return has_task && has_source;
}

bool question_yaml_is(struct str text, const char *file_name)
{
	struct str name = str_of(file_name);

	if (str_ends(name, ".yaml") || str_ends(name, ".yml") || str_ends(name, ".YAML") || str_ends(name, ".YML"))
		return true;
	return !strchr(file_name, '.') && (looks_like_yaml(text) || is_harness_task(text));
}

enum err_code question_yaml_read(struct str text, struct buf *json, const atomic_bool *cancel, struct err *err)
{
	enum err_code code;
	char first;

	if (is_harness_task(text))
		return err_set(err, ERR_UNSUPPORTED, "err_question_harness_task", NULL);
	buf_init(json, LIMIT_YAML_JSON);
	code = yaml_to_json(text, json, cancel, err);
	first = str_trim(buf_str(json)).len ? str_trim(buf_str(json)).ptr[0] : '\0';
	if (!code && first != '{' && first != '[')
		buf_clear(json);
	return code;
}
