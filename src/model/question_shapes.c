/* SPDX-License-Identifier: Apache-2.0 */
#include "model/question_shapes.h"

#include <string.h>

#include "model/question_source.h"

/* A list in a text in an object is as deep as any format goes ("answers": {"text": ["…"]}). */
#define VALUE_DEPTH 4

/* AnythingLLM's Alpaca export repeats its system prompt: in so many rows of a hundred, of at least so many rows. */
#define SAME_INSTRUCTION_PERCENT 90
#define SAME_INSTRUCTION_ROWS 3

struct question_shape {
	const char *name;
	const char *question_field, *reference_field; /* NULL: by name */
	const char *inner;                            /* the member that holds the fields, NULL: the row */
	bool (*matches)(const json_t *row);
	enum question_problem_kind (*read)(const struct question_plan *plan, const json_t *value,
					   struct question_row *row);
};

/* --- values --- */

static bool is_text(const json_t *object, const char *key)
{
	return json_is_string(json_object_get(object, key));
}

bool question_value_is_number(const json_t *value)
{
	return json_is_string(value) && json_string_value(value)[0] == QUESTION_NUMBER_MARK;
}

const char *question_value_kind(const json_t *value)
{
	if (json_is_object(value))
		return "{…}";
	if (json_is_array(value))
		return "[…]";
	if (json_is_string(value))
		return json_string_value(value) + question_value_is_number(value);
	return json_is_true(value) ? "true" : json_is_false(value) ? "false" : json_is_null(value) ? "null" : "";
}

/* The text inside {"type": "text", "text": "…"}, {"role": …, "content": …} and {"from": …, "value": …}. */
static const json_t *inner_text(const json_t *object)
{
	static const char *const names[] = { "text", "content", "value" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const json_t *found = json_object_get(object, names[i]);

		if (found)
			return found;
	}
	return NULL;
}

/* Appends one more accepted answer as a line of its own. */
static void add_line(struct buf *others, const struct buf *text)
{
	size_t start = others->len;

	if (start)
		buf_add_char(others, '\n');
	start = others->len;
	buf_add_str(others, buf_str(text));
	for (size_t i = start; i < others->len; i++) {
		if (others->ptr[i] == '\n' || others->ptr[i] == '\r')
			others->ptr[i] = ' ';
	}
}

static bool read_value(const json_t *value, struct buf *out, struct buf *others, int depth);

static bool read_list(const json_t *list, struct buf *out, struct buf *others, int depth)
{
	bool parts = json_is_string(json_object_get(json_array_get(list, 0), "type")), ok = true;
	struct buf text = BUF_INIT(out->max);
	size_t start = out->len, i;
	json_t *item;

	if (!others && !parts && json_array_size(list) > 1)
		return false;
	json_array_foreach(list, i, item) {
		buf_clear(&text);
		if (parts && !is_text(item, "text"))
			continue;
		ok = ok && read_value(item, &text, NULL, depth + 1);
		if (parts || out->len == start)
			buf_add_str(out, buf_str(&text));
		else if (text.len)
			add_line(others, &text);
	}
	buf_release(&text);
	return ok;
}

static bool read_value(const json_t *value, struct buf *out, struct buf *others, int depth)
{
	if (!value || json_is_null(value))
		return true;
	if (json_is_string(value)) {
		size_t mark = question_value_is_number(value);

		buf_add(out, json_string_value(value) + mark, json_string_length(value) - mark);
		return true;
	}
	if (json_is_boolean(value)) {
		buf_add_text(out, question_value_kind(value));
		return true;
	}
	if (depth == VALUE_DEPTH)
		return false;
	if (json_is_array(value))
		return read_list(value, out, others, depth);
	value = inner_text(value);
	return value && read_value(value, out, others, depth + 1);
}

bool question_value_read(const json_t *value, struct buf *out, struct buf *others)
{
	return read_value(value, out, others, 0);
}

/* Sets a buffer to the first of the members that has a text. */
static void read_first(const json_t *object, const char *const *names, struct buf *out)
{
	for (; *names && !out->len; names++) {
		const json_t *value = json_object_get(object, *names);

		if (json_is_string(value))
			(void)question_value_read(value, out, NULL);
	}
}

/* --- chats --- */

enum speaker { SPEAKER_OTHER, SPEAKER_SYSTEM, SPEAKER_USER, SPEAKER_MODEL };

static enum speaker speaker_of(const json_t *turn)
{
	static const struct {
		const char *name;
		enum speaker speaker;
	} names[] = {
		{ "user", SPEAKER_USER },       { "human", SPEAKER_USER },     { "assistant", SPEAKER_MODEL },
		{ "gpt", SPEAKER_MODEL },       { "model", SPEAKER_MODEL },    { "bot", SPEAKER_MODEL },
		{ "chatgpt", SPEAKER_MODEL },   { "system", SPEAKER_SYSTEM },  { "developer", SPEAKER_SYSTEM },
	};
	const char *role = json_string_value(json_object_get(turn, "role"));

	if (!role)
		role = json_string_value(json_object_get(turn, "from"));
	for (size_t i = 0; role && i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_eq_nocase(str_of(role), names[i].name))
			return names[i].speaker;
	}
	return SPEAKER_OTHER;
}

static bool is_chat(const json_t *value)
{
	const json_t *first = json_array_get(value, 0);

	return is_text(first, "role") || is_text(first, "from");
}

/* Index of the last turn of `who` before `end`, or -1. */
static int last_turn(const json_t *turns, enum speaker who, int end)
{
	int i = end - 1;

	while (i >= 0 && speaker_of(json_array_get(turns, (size_t)i)) != who)
		i--;
	return i;
}

/* Where a turn of the conversation is read to that is followed by another: behind the earlier ones. */
static struct question_turn *add_earlier(struct question_row *row)
{
	struct question_turn *turn = &row->earlier[row->n_earlier++];

	buf_clear(&turn->text);
	buf_clear(&turn->reference);
	buf_clear(&turn->other_references);
	return turn;
}

static void read_reference(const json_t *value, struct buf *out, struct buf *others)
{
	int answer = is_chat(value) ? last_turn(value, SPEAKER_MODEL, (int)json_array_size(value)) : -1;

	if (answer >= 0)
		value = inner_text(json_array_get(value, (size_t)answer));
	if (!question_value_read(value, out, others)) {
		buf_clear(out);
		buf_clear(others);
	}
}

/* What the row holds as its last turn is one of the earlier ones: another follows. */
static bool make_earlier(struct question_row *row)
{
	if (row->n_earlier == LIMIT_TURNS - 1) {
		row->notes |= 1U << QUESTION_NOTE_TURNS;
		return false;
	}
	struct question_turn *turn = add_earlier(row), was = *turn;
	*turn = (struct question_turn){ row->text, row->reference, row->other_references };
	row->text = was.text;
	row->reference = was.reference;
	row->other_references = was.other_references;
	return true;
}

/* Every question of the chat is a turn, and the last that was answered to it is its reference.  `is_open`: what is asked last has
 * its reference elsewhere. */
static enum question_problem_kind read_chat(const json_t *turns, bool is_open, struct question_row *row)
{
	int system = last_turn(turns, SPEAKER_SYSTEM, (int)json_array_size(turns));
	int last = last_turn(turns, SPEAKER_USER, (int)json_array_size(turns));
	bool has_question = false;

	for (int i = 0; i < (int)json_array_size(turns); i++) {
		const json_t *turn = json_array_get(turns, (size_t)i);
		enum speaker speaker = speaker_of(turn);

		if (speaker == SPEAKER_MODEL && !has_question) {
			row->notes |= 1U << QUESTION_NOTE_TURNS; /* a greeting */
		} else if (speaker == SPEAKER_MODEL && !(is_open && i > last)) {
			buf_clear(&row->reference);
			buf_clear(&row->other_references);
			question_reference_read(inner_text(turn), row);
		} else if (speaker == SPEAKER_USER) {
			if (has_question && !make_earlier(row))
				break;
			has_question = true;
			if (!question_value_read(inner_text(turn), &row->text, NULL)) {
				row->found = "[…]";
				return QUESTION_NOT_TEXT;
			}
		}
	}
	if (!has_question)
		return QUESTION_NO_USER_TURN;
	if (system >= 0)
		(void)question_value_read(inner_text(json_array_get(turns, (size_t)system)), &row->system, NULL);
	return QUESTION_FINE;
}

void question_reference_read(const json_t *value, struct question_row *row)
{
	read_reference(value, &row->reference, &row->other_references);
	if (row->other_references.len)
		row->notes |= 1U << QUESTION_NOTE_ANSWERS;
}

void question_references_read(const json_t *value, struct question_row *row)
{
	bool is_list = row->n_earlier && json_is_array(value) && !is_chat(value);

	for (size_t i = 0; i < row->n_earlier; i++) {
		struct question_turn *turn = &row->earlier[i];

		buf_clear(&turn->reference);
		buf_clear(&turn->other_references);
		if (is_list)
			read_reference(json_array_get(value, i), &turn->reference, &turn->other_references);
	}
	buf_clear(&row->reference);
	buf_clear(&row->other_references);
	question_reference_read(is_list ? json_array_get(value, row->n_earlier) : value, row);
}

/* --- rows of named fields --- */

static void read_tags(const json_t *base, struct buf *out)
{
	static const char *const names[] = { "tags", "category", "類別", "分類", "标签", NULL };
	const json_t *tags = json_object_get(base, "tags");
	json_t *tag;
	size_t i;

	json_array_foreach(tags, i, tag) {
		if (json_is_string(tag) && out->len)
			buf_add_char(out, ',');
		if (json_is_string(tag))
			(void)question_value_read(tag, out, NULL);
	}
	read_first(base, names, out);
}

/* What every format may have beside question and reference. */
static void read_rest(const json_t *base, struct question_row *row)
{
	static const char *const ids[] = { "id", "question_id", "qid", "idx", "doc_id", "編號", NULL };
	static const char *const systems[] = { "system", "system_prompt", "系統", "系统", "系統提示詞", NULL };

	read_first(base, ids, &row->id);
	read_first(base, systems, &row->system);
	read_tags(base, &row->tags);
}

/* A file with a row for each turn says which conversation it belongs to, as assay's own exports do. */
static void read_place(const json_t *base, struct question_row *row)
{
	static const char *const conversations[] = { "conversation", "Conversation", "對話", NULL };
	static const char *const turns[] = { "turn", "Turn", "第幾輪", NULL };
	struct buf turn = BUF_INIT(32);
	int64_t n = 0;

	read_first(base, conversations, &row->conversation);
	read_first(base, turns, &turn);
	if (row->conversation.len && str_to_i64(str_trim(buf_str(&turn)), &n) && n >= 1 && n <= LIMIT_TURNS)
		row->turn = n;
	buf_release(&turn);
}

/* A question about a text comes with that text: the model needs both. */
static void put_context(const struct question_plan *plan, const json_t *base, struct question_row *row)
{
	struct buf *first = row->n_earlier ? &row->earlier[0].text : &row->text, question;

	if (!is_text(base, "context") || !json_string_length(json_object_get(base, "context")) ||
	    strcmp(plan->question_field, "context") == 0 || !first->len)
		return;
	question = *first;
	buf_init(first, question.max);
	(void)question_value_read(json_object_get(base, "context"), first, NULL);
	buf_add_text(first, "\n\n");
	buf_add_str(first, buf_str(&question));
	buf_release(&question);
	row->notes |= 1U << QUESTION_NOTE_CONTEXT;
}

static enum question_problem_kind read_fields(const struct question_plan *plan, const json_t *value,
					      struct question_row *row)
{
	const json_t *base = question_shape_base(plan->shape, value);
	const json_t *question = json_object_get(base, plan->question_field);

	row->found = plan->question_field;
	if (!question)
		return QUESTION_MISSING;
	if (is_chat(question)) {
		enum question_problem_kind problem = read_chat(question, true, row);

		if (problem)
			return problem;
	} else if (!question_value_read(question, &row->text, NULL)) {
		row->found = question_value_kind(question);
		return QUESTION_NOT_TEXT;
	}
	if (*plan->reference_field)
		question_reference_read(json_object_get(base, plan->reference_field), row);
	read_rest(base, row);
	read_place(base, row);
	put_context(plan, base, row);
	return QUESTION_FINE;
}

/* --- OpenAI Evals --- */

static bool is_evals(const json_t *row)
{
	return json_object_get(row, "ideal") && json_object_get(row, "input");
}

static bool is_hosted_evals(const json_t *row)
{
	return json_is_object(json_object_get(row, "item"));
}

/* --- MT-Bench (FastChat llm_judge, question.jsonl) --- */

static bool is_mt_bench(const json_t *row)
{
	return is_text(row, "turns") || json_is_string(json_array_get(json_object_get(row, "turns"), 0));
}

static enum question_problem_kind read_mt_bench(const struct question_plan *plan, const json_t *value,
						struct question_row *row)
{
	const json_t *turns = json_object_get(value, "turns");
	const json_t *reference = json_object_get(value, "reference");
	json_t *turn;
	size_t i;

	(void)plan;
	row->found = "turns";
	if (!json_is_string(json_array_get(turns, 0)))
		return QUESTION_MISSING;
	json_array_foreach(turns, i, turn) {
		if (i > 0 && !make_earlier(row))
			break;
		if (!json_is_string(turn)) {
			row->found = question_value_kind(turn);
			return QUESTION_NOT_TEXT;
		}
		(void)question_value_read(turn, &row->text, NULL);
	}
	if (json_is_array(reference) && !row->n_earlier)
		question_reference_read(json_array_get(reference, 0), row);
	else if (json_is_array(reference))
		question_references_read(reference, row);
	else /* of the first turn */
		read_reference(reference, row->n_earlier ? &row->earlier[0].reference : &row->reference,
			       row->n_earlier ? &row->earlier[0].other_references : &row->other_references);
	read_rest(value, row);
	return QUESTION_FINE;
}

/* --- chats: ShareGPT, and the messages of OpenAI fine-tuning and TRL --- */

static bool is_sharegpt(const json_t *row)
{
	return is_chat(json_object_get(row, "conversations"));
}

static bool is_messages(const json_t *row)
{
	return is_chat(json_object_get(row, "messages"));
}

static enum question_problem_kind read_chat_row(const struct question_plan *plan, const json_t *value,
						struct question_row *row)
{
	const json_t *turns = json_object_get(value, plan->question_field);
	enum question_problem_kind problem;

	row->found = plan->question_field;
	if (!json_is_array(turns))
		return QUESTION_MISSING;
	problem = read_chat(turns, false, row);
	read_rest(value, row);
	return problem;
}

/* --- promptfoo (site/docs/configuration/test-cases.md) --- */

static bool is_promptfoo(const json_t *row)
{
	return json_is_object(json_object_get(row, "vars"));
}

static bool is_promptfoo_csv(const json_t *row)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)row, key, value) {
		if (strncmp(key, "__expected", strlen("__expected")) == 0)
			return true;
	}
	return false;
}

/* Checks whose value is an answer.  A rubric or a pattern is not one: comparing answers with it would mislead. */
static bool is_answer_check(struct str type)
{
	static const char *const types[] = { "equals", "iequals", "contains", "icontains", "similar", "factuality",
					     "model-graded-factuality" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (str_eq_text(type, types[i]))
			return true;
	}
	return false;
}

static void read_check(struct str type, const json_t *value, struct question_row *row)
{
	if (is_answer_check(type) && !row->reference.len)
		question_reference_read(value, row);
	else
		row->notes |= 1U << QUESTION_NOTE_CHECKS;
}

static enum question_problem_kind read_promptfoo(const struct question_plan *plan, const json_t *value,
						 struct question_row *row)
{
	enum question_problem_kind problem = read_fields(plan, value, row);
	json_t *check;
	size_t i;

	json_array_foreach(json_object_get(value, "assert"), i, check) {
		const char *type = json_string_value(json_object_get(check, "type"));

		read_check(str_of(type), json_object_get(check, "value"), row);
	}
	if (!row->id.len)
		read_rest(value, row);
	return problem;
}

/* One cell "type:value"; a bare value is "equals". */
static void read_expected(const char *text, struct question_row *row)
{
	struct str value = str_trim(str_of(text)), type = value, rest = value;
	json_t *inner;

	if (!value.len)
		return;
	type = str_split(&rest, ':');
	for (size_t i = 0; i < type.len; i++) {
		/* Types are lower-case words: a colon after anything else belongs to the answer. */
		if (!rest.ptr || !((type.ptr[i] >= 'a' && type.ptr[i] <= 'z') || type.ptr[i] == '-'))
			type.len = 0;
	}
	if (!rest.ptr || !type.len || (!is_answer_check(type) && rest.len && rest.ptr[0] == ' ')) {
		type = STR("equals");
		rest = value;
	}
	inner = json_text(str_trim(rest));
	read_check(type, inner, row);
	json_decref(inner);
}

static enum question_problem_kind read_promptfoo_csv(const struct question_plan *plan, const json_t *value,
						     struct question_row *row)
{
	enum question_problem_kind problem = read_fields(plan, value, row);
	const char *key;
	json_t *cell;

	json_object_foreach((json_t *)value, key, cell) {
		if (strncmp(key, "__expected", strlen("__expected")) == 0 && json_is_string(cell))
			read_expected(json_string_value(cell), row);
	}
	return problem;
}

/* --- AnythingLLM (server/utils/helpers/chat/convertTo.js) --- */

static bool is_anythingllm(const json_t *row)
{
	return is_text(row, "prompt") && is_text(row, "response") &&
	       (json_object_get(row, "rating") || json_object_get(row, "workspace") || json_object_get(row, "sent_at"));
}

static enum question_problem_kind read_anythingllm(const struct question_plan *plan, const json_t *value,
						   struct question_row *row)
{
	const json_t *rating = json_object_get(value, "rating");
	enum question_problem_kind problem = read_fields(plan, value, row);

	/* Only an answer that somebody called good can tell a good one from a bad one. */
	if (!problem && row->reference.len && !str_eq_nocase(str_of(json_string_value(rating)), "GOOD")) {
		buf_clear(&row->reference);
		buf_clear(&row->other_references);
		row->notes = (row->notes & ~(1U << QUESTION_NOTE_ANSWERS)) | 1U << QUESTION_NOTE_RATING;
	}
	return problem;
}

/* Its Alpaca export has the system prompt where Alpaca has the task. */
static enum question_problem_kind read_anythingllm_alpaca(const struct question_plan *plan, const json_t *value,
							  struct question_row *row)
{
	enum question_problem_kind problem = read_fields(plan, value, row);

	if (!row->system.len)
		(void)question_value_read(json_object_get(value, "instruction"), &row->system, NULL);
	return problem;
}

/* --- Alpaca (LLaMA-Factory data/README.md) --- */

static bool is_alpaca(const json_t *row)
{
	return is_text(row, "instruction") && (is_text(row, "input") || is_text(row, "output"));
}

/* What was said before: [[question, answer]...]. */
static void read_history(const json_t *history, struct question_row *row)
{
	json_t *pair;
	size_t i;

	json_array_foreach(history, i, pair) {
		const json_t *question = json_array_get(pair, 0);

		if (row->n_earlier == LIMIT_TURNS - 1 || !json_is_string(question)) {
			row->notes |= 1U << QUESTION_NOTE_TURNS;
			return;
		}
		struct question_turn *turn = add_earlier(row);
		(void)question_value_read(question, &turn->text, NULL);
		read_reference(json_array_get(pair, 1), &turn->reference, &turn->other_references);
	}
}

static enum question_problem_kind read_alpaca(const struct question_plan *plan, const json_t *value,
					      struct question_row *row)
{
	enum question_problem_kind problem = read_fields(plan, value, row);
	const json_t *input = json_object_get(value, "input");

	if (!problem && json_is_string(input) && json_string_length(input)) {
		if (row->text.len)
			buf_add_char(&row->text, '\n');
		(void)question_value_read(input, &row->text, NULL);
	}
	if (!problem)
		read_history(json_object_get(value, "history"), row);
	return problem;
}

/* --- the table: the first shape that matches a row is its shape --- */

static bool is_object(const json_t *row)
{
	return json_is_object(row);
}

static const struct question_shape shapes[] = {
	{ "mt_bench", "turns", "reference", NULL, is_mt_bench, read_mt_bench },
	{ "sharegpt", "conversations", "", NULL, is_sharegpt, read_chat_row },
	{ "messages", "messages", "", NULL, is_messages, read_chat_row },
	{ "openai_evals", "input", "ideal", NULL, is_evals, read_fields },
	{ "openai_evals", NULL, NULL, "item", is_hosted_evals, read_fields },
	{ "promptfoo", NULL, "", "vars", is_promptfoo, read_promptfoo },
	{ "promptfoo", NULL, "", NULL, is_promptfoo_csv, read_promptfoo_csv },
	{ "anythingllm", "prompt", "response", NULL, is_anythingllm, read_anythingllm },
	{ "alpaca", "instruction", "output", NULL, is_alpaca, read_alpaca },
	{ NULL, NULL, NULL, NULL, is_object, read_fields },
};

#define N_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static const struct question_shape anythingllm_alpaca = { "anythingllm", "input", "output", NULL, is_alpaca,
							  read_anythingllm_alpaca };

/* True if the same instruction stands in nearly all rows, with a question in "input". */
static bool instruction_repeats(const json_t *samples)
{
	const json_t *first = json_object_get(json_array_get(samples, 0), "instruction");
	size_t same = 0, i, n = json_array_size(samples);
	json_t *row;

	json_array_foreach(samples, i, row) {
		const json_t *input = json_object_get(row, "input");

		same += json_is_string(input) && json_string_length(input) &&
			json_equal(json_object_get(row, "instruction"), first);
	}
	return n >= SAME_INSTRUCTION_ROWS && 100 * same >= SAME_INSTRUCTION_PERCENT * n;
}

const struct question_shape *question_shape_find(const json_t *samples)
{
	size_t votes[N_SHAPES] = { 0 }, best = 0, i;
	json_t *row;

	json_array_foreach(samples, i, row) {
		for (size_t k = 0; k < N_SHAPES; k++) {
			if (shapes[k].matches(row)) {
				votes[k]++;
				break;
			}
		}
	}
	for (size_t k = 0; k < N_SHAPES; k++) {
		if (votes[k] > votes[best])
			best = k;
	}
	if (shapes[best].matches == is_alpaca && instruction_repeats(samples))
		return &anythingllm_alpaca;
	return &shapes[best];
}

const char *question_shape_name(const struct question_shape *shape)
{
	return shape->name;
}

bool question_shape_is_open(const struct question_shape *shape)
{
	return !shape->reference_field || shape->read == read_promptfoo_csv;
}

void question_shape_fields(const struct question_shape *shape, const json_t *samples, const char **question_field,
			   const char **reference_field)
{
	json_t *row;
	size_t i;

	if (shape->question_field)
		*question_field = shape->question_field;
	/* A reference that the format knows but no row has is none. */
	json_array_foreach(samples, i, row) {
		if (shape->reference_field && json_object_get(row, shape->reference_field))
			*reference_field = shape->reference_field;
	}
}

const json_t *question_shape_base(const struct question_shape *shape, const json_t *row)
{
	return shape && shape->inner ? json_object_get(row, shape->inner) : row;
}

enum question_problem_kind question_shape_read(const struct question_plan *plan, const json_t *value,
					       struct question_row *row)
{
	return plan->chosen_question ? read_fields(plan, value, row) : plan->shape->read(plan, value, row);
}
