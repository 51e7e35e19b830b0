/* SPDX-License-Identifier: Apache-2.0 */
#include "model/question_fields.h"

#include <string.h>

#include "base/limits.h"
#include "model/question_shapes.h"
#include "model/question_values.h"

/* Names are compared without case, spaces and signs: "Best Answer" is "bestanswer". */
#define NAME_MAX_BYTES 64

/* In the order of preference. */
static const char *const question_names[] = { "question", "prompt", "query", "input", "instruction", "user", "text",
	"問題", "提問", "題目", "题目", "问题", "提问", "userinput" };
static const char *const reference_names[] = { "answer", "reference", "references", "referenceanswer", "expected",
	"expectedoutput", "expectedanswer", "ideal", "target", "output", "response", "completion", "chosen", "gold",
	"groundtruth", "bestanswer", "correctanswer", "label", "answers", "答案", "參考答案", "標準答案", "参考答案",
	"标准答案", "回答" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void question_row_init(struct question_row *row)
{
	struct buf *all[] = { &row->text, &row->reference, &row->other_references, &row->system, &row->tags, &row->id,
			      &row->conversation };

	for (size_t i = 0; i < COUNT(all); i++)
		buf_init(all[i], 2 * LIMIT_JSON_ELEMENT);
	for (size_t i = 0; i < COUNT(row->earlier); i++) {
		buf_init(&row->earlier[i].text, 2 * LIMIT_JSON_ELEMENT);
		buf_init(&row->earlier[i].reference, 2 * LIMIT_JSON_ELEMENT);
		buf_init(&row->earlier[i].other_references, 2 * LIMIT_JSON_ELEMENT);
	}
	row->n_earlier = 0;
	row->turn = 0;
	row->is_repeatable = false;
	row->notes = 0;
	row->found = "";
}

void question_row_release(struct question_row *row)
{
	buf_release(&row->text);
	buf_release(&row->reference);
	buf_release(&row->other_references);
	buf_release(&row->system);
	buf_release(&row->tags);
	buf_release(&row->id);
	buf_release(&row->conversation);
	for (size_t i = 0; i < COUNT(row->earlier); i++) {
		buf_release(&row->earlier[i].text);
		buf_release(&row->earlier[i].reference);
		buf_release(&row->earlier[i].other_references);
	}
}

static void row_clear(struct question_row *row)
{
	buf_clear(&row->text);
	buf_clear(&row->reference);
	buf_clear(&row->other_references);
	buf_clear(&row->system);
	buf_clear(&row->tags);
	buf_clear(&row->id);
	buf_clear(&row->conversation);
	row->n_earlier = 0;
	row->turn = 0;
	row->is_repeatable = false;
	row->notes = 0;
	row->found = "";
}

/* --- names --- */

static void plain_name(struct str name, char out[NAME_MAX_BYTES])
{
	size_t len = 0;

	for (size_t i = 0; i < name.len && len + 1 < NAME_MAX_BYTES; i++) {
		char c = name.ptr[i];

		if (c == ' ' || c == '_' || c == '-')
			continue;
		out[len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	out[len] = '\0';
}

bool question_field_is_question(struct str name)
{
	char plain[NAME_MAX_BYTES];

	plain_name(name, plain);
	for (size_t i = 0; i < COUNT(question_names); i++) {
		if (strcmp(plain, question_names[i]) == 0)
			return true;
	}
	return false;
}

bool question_field_is_row(struct str key, char first)
{
	static const char *const lists[] = { "turns", "messages", "conversations", "ideal" };

	if (key.len < 2)
		return false;
	key = (struct str){ key.ptr + 1, key.len - 2 };
	for (size_t i = 0; i < COUNT(lists); i++) {
		if (str_eq_text(key, lists[i]))
			return true;
	}
	if (first == '{')
		return str_eq_text(key, "vars") || str_eq_text(key, "item") || str_eq_text(key, "doc") || str_eq_text(key, "snapshot");
	return first != '[' && question_field_is_question(key);
}

/* --- the plan --- */

static bool has_field(const struct question_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_fields; i++) {
		if (strcmp(plan->fields[i], name) == 0)
			return true;
	}
	return false;
}

static void collect_fields(struct question_plan *plan, struct arena *a, const json_t *samples)
{
	const char *key;
	json_t *row, *value;
	size_t i;

	json_array_foreach(samples, i, row) {
		json_object_foreach((json_t *)question_shape_base(plan->shape, row), key, value) {
			/* "__expected" and its like steer promptfoo: no questions and no answers stand there. */
			if (strncmp(key, "__", 2) != 0 && plan->n_fields < LIMIT_FIELDS &&
			    !has_field(plan, key))
				plan->fields[plan->n_fields++] = arena_strdup(a, key);
		}
	}
}

/* In how many sample rows `field` can be read as text (`several`: also as a list of texts).  A number is no "label"
 * that a model could answer with. */
static size_t usable_rows(const struct question_plan *plan, const json_t *samples, const char *field, bool several)
{
	struct buf text = BUF_INIT(2 * LIMIT_JSON_ELEMENT), others = text;
	bool numbers = !str_eq_nocase(str_of(field), "label");
	size_t i, n = 0;
	json_t *row;

	json_array_foreach(samples, i, row) {
		const json_t *value = json_object_get(question_shape_base(plan->shape, row), field);

		buf_clear(&text);
		buf_clear(&others);
		n += (numbers || !question_value_is_number(value)) &&
		     question_value_read(value, &text, several ? &others : NULL) && text.len;
	}
	buf_release(&others);
	buf_release(&text);
	return n;
}

/* The first name of the list that at least half of the rows have; else the one that most have; NULL: none.  `except` is
 * the question's field when a reference is looked for, NULL when a question is. */
static const char *find_field(const struct question_plan *plan, const json_t *samples, const char *const *names,
			      size_t n_names, const char *except)
{
	const char *best = NULL;
	size_t best_rows = 0;

	for (size_t i = 0; i < n_names; i++) {
		for (size_t k = 0; k < plan->n_fields; k++) {
			char plain[NAME_MAX_BYTES];
			size_t rows;

			plain_name(str_of(plan->fields[k]), plain);
			if (strcmp(plain, names[i]) != 0 || (except && strcmp(plan->fields[k], except) == 0))
				continue;
			rows = usable_rows(plan, samples, plan->fields[k], except != NULL);
			if (2 * rows >= json_array_size(samples))
				return plan->fields[k];
			if (rows > best_rows) {
				best = plan->fields[k];
				best_rows = rows;
			}
		}
	}
	return best;
}

/* "a, b, c" of the fields, for a sentence. */
static const char *field_list(const struct question_plan *plan, struct arena *a)
{
	struct buf list = BUF_INIT(400);
	const char *text;

	for (size_t i = 0; i < plan->n_fields && !list.overflow; i++) {
		if (i)
			buf_add_text(&list, ", ");
		buf_add_text(&list, plan->fields[i]);
	}
	text = arena_strdup(a, buf_text(&list));
	buf_release(&list);
	return text;
}

static enum err_code choose(struct question_plan *plan, struct arena *a, const char *field, const char **slot,
			    bool *chosen, struct err *err)
{
	*chosen = field && strcmp(field, *slot) != 0;
	if (!*chosen)
		return ERR_OK;
	if (*field && !has_field(plan, field))
		return err_set(err, ERR_DATA, "err_question_field_missing", "field=%s|fields=%s", field,
			       field_list(plan, a));
	*slot = arena_strdup(a, field);
	return ERR_OK;
}

/* True where a prompt holds "{{ name }}", with or without a filter behind the name. */
static bool prompt_uses(const char *prompt, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strstr(prompt, "{{"); at; at = strstr(at + 2, "{{")) {
		const char *word = at + 2 + strspn(at + 2, " -");

		if (strncmp(word, name, len) == 0 && word[len] && strchr(" }|.[-", word[len]))
			return true;
	}
	return false;
}

/* `prompts` is one, or a list of them: texts or {"raw": text}. */
static bool prompts_use(const json_t *prompts, const char *name)
{
	const json_t *prompt;
	size_t i;

	if (json_is_string(prompts))
		return prompt_uses(json_string_value(prompts), name);
	json_array_foreach(prompts, i, prompt) {
		if (json_is_object(prompt))
			prompt = json_object_get(prompt, "raw");
		if (json_is_string(prompt) && prompt_uses(json_string_value(prompt), name))
			return true;
	}
	return false;
}

/* The only field that the prompts use; NULL where they use none or several. */
static const char *prompted_field(const struct question_plan *plan, const json_t *prompts)
{
	const char *found = NULL;

	for (size_t i = 0; i < plan->n_fields; i++) {
		if (!prompts_use(prompts, plan->fields[i]))
			continue;
		if (found)
			return NULL;
		found = plan->fields[i];
	}
	return found;
}

/* The fields of a format that has none of its own: what the prompts ask, by their names, for want of those the only field
 * there is or what the format has instead. */
static void detect_fields(struct question_plan *plan, const json_t *samples, const json_t *prompts)
{
	const char *field;

	if (!*plan->question_field) {
		field = prompted_field(plan, prompts);
		if (!field)
			field = find_field(plan, samples, question_names, COUNT(question_names), NULL);
		if (!field && (field = question_shape_instead(plan->shape)) && plan->n_fields < LIMIT_FIELDS)
			plan->fields[plan->n_fields++] = field;
		if (!field && plan->n_fields == 1)
			field = plan->fields[0];
		plan->question_field = field ? field : "";
	}
	if (!*plan->reference_field && question_shape_is_open(plan->shape)) {
		field = find_field(plan, samples, reference_names, COUNT(reference_names), plan->question_field);
		plan->reference_field = field ? field : "";
	}
}

enum err_code question_plan_make(struct question_plan *plan, struct arena *a, const json_t *samples, const json_t *prompts,
				 const struct question_options *options, struct err *err)
{
	const char *wanted = NULL;
	size_t objects = 0, i;
	enum err_code code;
	json_t *row;

	*plan = (struct question_plan){ .question_field = "", .reference_field = "" };
	json_array_foreach(samples, i, row)
		objects += json_is_object(row);
	plan->plain = 2 * objects < json_array_size(samples) || !objects;
	if (plan->plain)
		return ERR_OK;
	plan->shape = question_shape_find(samples);
	plan->format = question_shape_name(plan->shape);
	collect_fields(plan, a, samples);
	question_shape_fields(plan->shape, samples, &plan->question_field, &plan->reference_field);
	detect_fields(plan, samples, prompts);
	if (options->question_field && *options->question_field)
		wanted = options->question_field;
	code = choose(plan, a, wanted, &plan->question_field, &plan->chosen_question, err);
	if (!code)
		code = choose(plan, a, options->reference_field, &plan->reference_field, &plan->chosen_reference, err);
	if (!code && plan->n_fields == 0)
		code = err_set(err, ERR_DATA, "err_question_no_fields", NULL);
	else if (!code && !*plan->question_field)
		code = err_set(err, ERR_DATA, "err_question_no_field", "fields=%s", field_list(plan, a));
	return code;
}

/* --- a row --- */

static enum question_problem_kind read_plain(const json_t *value, struct question_row *row)
{
	if (!json_is_string(value)) {
		row->found = question_value_kind(value);
		return QUESTION_NOT_TEXT;
	}
	if (question_is_elsewhere(value)) {
		row->found = json_string_value(value);
		return QUESTION_ELSEWHERE;
	}
	buf_add(&row->text, json_string_value(value), json_string_length(value));
	return QUESTION_FINE;
}

static enum question_problem_kind read_object(const struct question_plan *plan, const json_t *value, struct question_row *row)
{
	enum question_problem_kind problem;

	if (!json_is_object(value)) {
		row->found = question_value_kind(value);
		return question_is_elsewhere(value) ? QUESTION_ELSEWHERE : QUESTION_NOT_OBJECT;
	}
	problem = question_shape_read(plan, value, row);
	if (!problem && plan->chosen_reference) {
		const json_t *base = question_shape_base(plan->shape, value);

		row->notes &= ~(1ULL << QUESTION_NOTE_ANSWERS | 1ULL << QUESTION_NOTE_RATING);
		question_references_read(*plan->reference_field ? json_object_get(base, plan->reference_field) : NULL, row);
	}
	return problem;
}

enum question_problem_kind question_plan_read(const struct question_plan *plan, const json_t *value,
					      struct question_row *row)
{
	row_clear(row);
	return plan->plain ? read_plain(value, row) : read_object(plan, value, row);
}
