/* SPDX-License-Identifier: Apache-2.0 */
#include "model/question_shapes.h"

#include <string.h>

#include "model/question_around.h"
#include "model/question_values.h"

/* AnythingLLM's Alpaca export repeats its system prompt: in so many rows of a hundred, of at least so many rows. */
#define SAME_INSTRUCTION_PERCENT 90
#define SAME_INSTRUCTION_ROWS 3

/* Of lm-evaluation-harness: the choices that have a letter, and the field that is the question where "doc" has none. */
#define HARNESS_CHOICES 26
#define HARNESS_PROMPT "arguments"

struct question_shape {
	const char *name;
	const char *question_field, *reference_field; /* NULL: by name */
	const char *inner;                            /* the member that holds the fields, NULL: the row */
	bool (*matches)(const json_t *row);
	enum question_problem_kind (*read)(const struct question_plan *plan, const json_t *value,
					   struct question_row *row);
};

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
	question_first_read(base, names, out);
}

/* assay's own exports and API have the accepted answers after the first in a field of their own. */
static void read_others(const json_t *base, struct question_row *row)
{
	struct buf text = BUF_INIT(row->reference.max);
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(base, "other_references"), i, one) {
		buf_clear(&text);
		if (!question_value_read(one, &text, NULL) || !text.len)
			continue;
		if (row->reference.len)
			questions_add_reference(&row->other_references, buf_str(&text));
		else
			buf_add_str(&row->reference, buf_str(&text));
	}
	buf_release(&text);
	if (row->other_references.len)
		row->notes |= 1U << QUESTION_NOTE_ANSWERS;
}

static const char *const system_names[] = { "system", "system_prompt", "系統", "系统", "系統提示詞", NULL };

/* What every format may have beside question and reference. */
static void read_rest(const json_t *base, struct question_row *row)
{
	static const char *const ids[] = { "id", "question_id", "qid", "idx", "doc_id", "編號", "record_id", NULL };

	/* An empty one says that there is none: "question_id" beside it is assay's number. */
	if (!json_is_string(json_object_get(base, "id")) || json_string_length(json_object_get(base, "id")))
		question_first_read(base, ids, &row->id);
	question_first_read(base, system_names, &row->system);
	read_tags(base, &row->tags);
}

static const char *const conversation_names[] = { "conversation", "Conversation", "對話", NULL };
static const char *const turn_names[] = { "turn", "Turn", "第幾輪", NULL };

/* A file with a row for each turn says which conversation it belongs to, as assay's own exports do. */
static void read_place(const json_t *base, struct question_row *row)
{
	struct buf turn = BUF_INIT(32);
	int64_t n = 0;

	question_first_read(base, conversation_names, &row->conversation);
	question_first_read(base, turn_names, &turn);
	if (row->conversation.len && str_to_i64(str_trim(buf_str(&turn)), &n) && n >= 1 && n <= LIMIT_TURNS)
		row->turn = n;
	buf_release(&turn);
}

/* A question about a text comes with that text: the model needs both. */
static void put_context(const struct question_plan *plan, const json_t *base, struct question_row *row)
{
	struct buf *first = row->n_earlier ? &row->earlier[0].text : &row->text, question;

	if (!question_has_text(base, "context") || !json_string_length(json_object_get(base, "context")) ||
	    strcmp(plan->question_field, "context") == 0 || !first->len)
		return;
	question = *first;
	buf_init(first, question.max);
	(void)question_value_read(json_object_get(base, "context"), first, NULL);
	buf_add_text(first, "\n\n");
	buf_add_str(first, buf_str(&question));
	buf_release(&question);
	row->notes |= 1ULL << QUESTION_NOTE_CONTEXT;
}

static enum question_problem_kind read_fields(const struct question_plan *plan, const json_t *value,
					      struct question_row *row)
{
	const json_t *base = question_shape_base(plan->shape, value);
	const json_t *question = json_object_get(base, plan->question_field);

	row->found = plan->question_field;
	if (!question)
		return QUESTION_MISSING;
	if (question_is_elsewhere(question)) {
		row->found = json_string_value(question);
		return QUESTION_ELSEWHERE;
	}
	if (question_is_chat(question)) {
		enum question_problem_kind problem = question_chat_read(question, true, row);

		if (problem)
			return problem;
	} else if (!question_value_read(question, &row->text, NULL)) {
		row->found = question_value_kind(question);
		return QUESTION_NOT_TEXT;
	}
	if (*plan->reference_field)
		question_reference_read(json_object_get(base, plan->reference_field), row);
	if (*plan->reference_field)
		read_others(base, row);
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
	return question_has_text(row, "turns") || json_is_string(json_array_get(json_object_get(row, "turns"), 0));
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
		if (i > 0 && !question_turn_push(row))
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
		question_answer_read(reference, row->n_earlier ? &row->earlier[0].reference : &row->reference,
			       row->n_earlier ? &row->earlier[0].other_references : &row->other_references);
	read_rest(value, row);
	return QUESTION_FINE;
}

/* --- chats: ShareGPT, and the messages of OpenAI fine-tuning and TRL --- */

static bool is_sharegpt(const json_t *row)
{
	return question_is_chat(json_object_get(row, "conversations"));
}

static bool is_messages(const json_t *row)
{
	return question_is_chat(json_object_get(row, "messages"));
}

static enum question_problem_kind read_chat_row(const struct question_plan *plan, const json_t *value,
						struct question_row *row)
{
	const json_t *turns = json_object_get(value, plan->question_field);
	enum question_problem_kind problem;

	row->found = plan->question_field;
	if (!json_is_array(turns))
		return QUESTION_MISSING;
	problem = question_chat_read(turns, false, row);
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
		if (strncmp(key, "__expected", strlen("__expected")) == 0 || strcmp(key, "__prefix") == 0 || strcmp(key, "__suffix") == 0)
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
	if (is_answer_check(type) && !row->reference.len && !question_is_elsewhere(value))
		question_reference_read(value, row);
	else
		row->notes |= 1ULL << QUESTION_NOTE_CHECKS;
}

static enum question_problem_kind read_promptfoo(const struct question_plan *plan, const json_t *value,
						 struct question_row *row)
{
	enum question_problem_kind problem = read_fields(plan, value, row);
	const json_t *options = json_object_get(value, "options");
	json_t *check;
	size_t i;

	if (!problem)
		question_around_put(json_object_get(options, "prefix"), json_object_get(options, "suffix"),
				    json_object_get(value, "vars"), row);
	json_array_foreach(json_object_get(value, "assert"), i, check) {
		const char *type = json_string_value(json_object_get(check, "type"));

		read_check(str_of(type), json_object_get(check, "value"), row);
	}
	if (!row->id.len)
		read_rest(value, row);
	return problem;
}

/* The other types of check that a cell can begin with (promptfoo, src/csv.ts and src/assertions). */
static bool is_other_check(struct str type)
{
	static const char *const types[] = { "answer-relevance", "bleu", "classifier", "contains-all", "contains-any", "contains-html",
					     "contains-json", "contains-sql", "contains-xml", "context-faithfulness", "context-recall",
					     "context-relevance", "cost", "eval", "file", "finish-reason", "fn", "g-eval", "gleu", "grade",
					     "guardrails", "icontains-all", "icontains-any", "is-html", "is-json", "is-refusal", "is-sql",
					     "is-valid-function-call", "is-valid-openai-function-call", "is-valid-openai-tools-call",
					     "is-xml", "javascript", "latency", "levenshtein", "llm-rubric", "meteor", "moderation",
					     "model-graded-closedqa", "perplexity", "perplexity-score", "pi", "python", "regex", "rouge-n",
					     "ruby", "search-rubric", "select-best", "starts-with", "webhook", "word-count" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (str_eq_text(type, types[i]))
			return true;
	}
	return false;
}

/* One cell "type:value", "type(number):value" or "not-type:value"; anything else is an answer, a colon in it or not. */
static void read_expected(const char *text, struct question_row *row)
{
	struct str value = str_trim(str_of(text)), rest = value, type = str_split(&rest, ':');
	bool is_not = str_starts(type, "not-");
	json_t *inner;

	if (!value.len)
		return;
	if (is_not)
		type = (struct str){ type.ptr + strlen("not-"), type.len - strlen("not-") };
	type = str_trim(str_split(&type, '('));
	/* Without a colon a word such as "cost" can be an answer, one such as "is-json" is none. */
	if (is_other_check(type) ? rest.ptr || memchr(type.ptr, '-', type.len) : rest.ptr && is_answer_check(type)) {
		if (is_not)
			type = STR("");
	} else {
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

	if (!problem)
		question_around_put(json_object_get(value, "__prefix"), json_object_get(value, "__suffix"), value, row);
	json_object_foreach((json_t *)value, key, cell) {
		if (strncmp(key, "__expected", strlen("__expected")) == 0 && json_is_string(cell))
			read_expected(json_string_value(cell), row);
	}
	return problem;
}

/* --- AnythingLLM (server/utils/helpers/chat/convertTo.js) --- */

static bool is_anythingllm(const json_t *row)
{
	return question_has_text(row, "prompt") && question_has_text(row, "response") &&
	       (json_object_get(row, "rating") || json_object_get(row, "workspace") || json_object_get(row, "sent_at"));
}

/* Only an answer that somebody called good can tell a good one from a bad one. */
static void drop_reference(struct question_row *row)
{
	if (!row->reference.len)
		return;
	buf_clear(&row->reference);
	buf_clear(&row->other_references);
	row->notes = (row->notes & ~(1ULL << QUESTION_NOTE_ANSWERS)) | 1ULL << QUESTION_NOTE_RATING;
}

static enum question_problem_kind read_anythingllm(const struct question_plan *plan, const json_t *value,
						   struct question_row *row)
{
	const json_t *rating = json_object_get(value, "rating");
	enum question_problem_kind problem = read_fields(plan, value, row);

	if (!problem && !str_eq_nocase(str_of(json_string_value(rating)), "GOOD"))
		drop_reference(row);
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

/* --- lm-evaluation-harness (--log_samples: lm_eval/evaluator.py, loggers/evaluation_tracker.py) --- */

static bool is_harness(const json_t *row)
{
	return json_is_object(json_object_get(row, "doc")) && json_object_get(row, "doc_id") && json_object_get(row, "arguments");
}

/* What the model was sent: [[prompt, …], …] or {"gen_args_0": {"arg_0": prompt, …}, …}. */
static const json_t *harness_prompt(const json_t *row)
{
	const json_t *arguments = json_object_get(row, "arguments"), *first = json_object_get(arguments, "gen_args_0");

	if (first)
		return json_object_get(first, "arg_0");
	return json_array_get(json_array_get(arguments, 0), 0);
}

/* The list that one answer is chosen from; NULL: none. */
static const json_t *harness_choices(const json_t *row)
{
	const json_t *choices = json_object_get(json_object_get(row, "doc"), "choices"), *choice;
	size_t i;

	if (json_is_object(choices))
		choices = json_object_get(choices, "text");
	if (!json_array_size(choices) || json_array_size(choices) > HARNESS_CHOICES)
		return NULL;
	json_array_foreach(choices, i, choice) {
		if (!json_is_string(choice))
			return NULL;
	}
	return choices;
}

static void put_choices(const json_t *choices, struct buf *text)
{
	const json_t *choice;
	size_t i;

	json_array_foreach(choices, i, choice) {
		buf_printf(text, "\n%c. ", (char)('A' + i));
		(void)question_value_read(choice, text, NULL);
	}
}

/* "target" is an answer, or which of the choices is: its place counted from 0, or its letter. */
static void read_target(const json_t *target, const json_t *choices, struct question_row *row)
{
	struct buf text = BUF_INIT(LIMIT_JSON_ELEMENT);
	struct str word;
	uint64_t place = HARNESS_CHOICES;

	if (json_is_array(target) || !question_value_read(target, &text, NULL)) {
		question_reference_read(target, row);
		buf_release(&text);
		return;
	}
	word = str_trim(buf_str(&text));
	if (word.len == 1 && word.ptr[0] >= 'A' && word.ptr[0] <= 'Z')
		place = (uint64_t)(word.ptr[0] - 'A');
	else if (!str_to_u64(word, &place))
		place = HARNESS_CHOICES;
	if (choices && place < json_array_size(choices))
		question_reference_read(json_array_get(choices, (size_t)place), row);
	else if (!str_starts(word, "['") && !str_starts(word, "[\"")) /* a list as Python prints it is no answer */
		buf_add_str(&row->reference, word);
	buf_release(&text);
}

static enum question_problem_kind read_harness(const struct question_plan *plan, const json_t *value, struct question_row *row)
{
	const json_t *choices = harness_choices(value), *prompt = harness_prompt(value);
	enum question_problem_kind problem = QUESTION_FINE;

	row->is_repeatable = true;
	if (strcmp(plan->question_field, HARNESS_PROMPT) != 0) {
		problem = read_fields(plan, value, row);
		if (!problem)
			put_choices(choices, &row->text);
	} else if (json_is_string(prompt)) {
		(void)question_value_read(prompt, &row->text, NULL);
	} else {
		row->found = HARNESS_PROMPT;
		problem = QUESTION_MISSING;
	}
	if (!problem)
		read_target(json_object_get(value, "target"), choices, row);
	read_rest(value, row);
	return problem;
}

/* --- Open WebUI (backend/open_webui/models/feedbacks.py; the export of its evaluations) --- */

/* The messages of the chat that an answer was rated in, by their ids. */
static const json_t *feedback_messages(const json_t *row)
{
	const json_t *chat = json_object_get(json_object_get(row, "snapshot"), "chat");
	const json_t *inner = json_object_get(chat, "chat");

	return json_object_get(json_object_get(inner ? inner : chat, "history"), "messages");
}

static bool is_feedback(const json_t *row)
{
	return json_is_object(feedback_messages(row)) && question_has_text(json_object_get(row, "meta"), "message_id");
}

/* The chat from its beginning to the answer that was rated: no other branches. */
static json_t *feedback_branch(const json_t *row)
{
	const json_t *messages = feedback_messages(row);
	const char *id = json_string_value(json_object_get(json_object_get(row, "meta"), "message_id"));
	json_t *branch = json_array(), *message = json_object_get(messages, id);

	while (message && json_array_size(branch) < json_object_size(messages)) {
		json_array_insert(branch, 0, message);
		id = json_string_value(json_object_get(message, "parentId"));
		message = id ? json_object_get(messages, id) : NULL;
	}
	return branch;
}

static enum question_problem_kind read_feedback(const struct question_plan *plan, const json_t *value, struct question_row *row)
{
	json_t *branch = feedback_branch(value), *rating = json_object_get(json_object_get(value, "data"), "rating");
	enum question_problem_kind problem = json_array_size(branch) ? question_chat_read(branch, false, row) : QUESTION_MISSING;
	struct buf stars = BUF_INIT(32);
	int64_t n = 0;

	(void)plan;
	if (problem == QUESTION_MISSING)
		row->found = "message_id";
	for (size_t i = 0; i < row->n_earlier; i++) { /* nobody said how good these answers are */
		buf_clear(&row->earlier[i].reference);
		buf_clear(&row->earlier[i].other_references);
	}
	if (!question_value_read(rating, &stars, NULL) || !str_to_i64(buf_str(&stars), &n) || n < 1)
		drop_reference(row);
	read_rest(value, row);
	read_tags(json_object_get(value, "meta"), &row->tags);
	buf_release(&stars);
	json_decref(branch);
	return problem;
}

/* --- Alpaca (LLaMA-Factory data/README.md) --- */

static bool is_alpaca(const json_t *row)
{
	return question_has_text(row, "instruction") && (question_has_text(row, "input") || question_has_text(row, "output"));
}

/* What was said before: [[question, answer]...]. */
static void read_history(const json_t *history, struct question_row *row)
{
	json_t *pair;
	size_t i;

	json_array_foreach(history, i, pair) {
		const json_t *question = json_array_get(pair, 0);

		if (row->n_earlier == LIMIT_TURNS - 1 || !json_is_string(question)) {
			row->notes |= 1ULL << QUESTION_NOTE_TURNS;
			return;
		}
		struct question_turn *turn = question_turn_add(row);
		(void)question_value_read(question, &turn->text, NULL);
		question_answer_read(json_array_get(pair, 1), &turn->reference, &turn->other_references);
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
	{ "lm_eval", NULL, "", "doc", is_harness, read_harness },
	{ "open_webui", "snapshot", "", NULL, is_feedback, read_feedback },
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

const char *question_shape_instead(const struct question_shape *shape)
{
	return shape->read == read_harness ? HARNESS_PROMPT : NULL;
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
	/* Of lm-evaluation-harness the reference answer stands beside the fields, whichever of them is the question. */
	if (plan->chosen_question && plan->shape->read != read_harness)
		return read_fields(plan, value, row);
	return plan->shape->read(plan, value, row);
}

/* --- what is left of a row --- */

static bool is_among(const char *key, const char *const *names)
{
	for (; *names; names++) {
		if (strcmp(key, *names) == 0)
			return true;
	}
	return false;
}

/* The fields that a format reads besides those of the plan. */
static bool reads_also(const struct question_shape *shape, const char *key)
{
	static const char *const alpaca[] = { "input", "history", NULL };

	if (shape->read == read_alpaca)
		return is_among(key, alpaca);
	if (shape->read == read_anythingllm_alpaca)
		return strcmp(key, "instruction") == 0;
	return false;
}

/* False where the reference answer is another one, or none: what stood there is then in no other place. */
static bool gave_reference(const struct question_row *row, const json_t *value)
{
	if (row->notes & 1ULL << QUESTION_NOTE_RATING)
		return false;
	return row->reference.len || row->n_earlier || json_is_null(value) || (json_is_string(value) && !json_string_length(value));
}

static bool is_system_prompt(const struct question_row *row, const char *key, const json_t *value)
{
	return is_among(key, system_names) && row->system.len && json_is_string(value) &&
	       str_eq(buf_str(&row->system), (struct str){ json_string_value(value), json_string_length(value) });
}

bool question_shape_uses(const struct question_plan *plan, const struct question_row *row, const char *key, const json_t *value,
			 bool is_base)
{
	bool is_harness_row = plan->shape->read == read_harness;

	if ((is_base || is_harness_row) && strcmp(key, plan->question_field) == 0)
		return true;
	if (is_base && *plan->reference_field && strcmp(key, plan->reference_field) == 0)
		return gave_reference(row, value);
	if (is_harness_row && !is_base && strcmp(key, "target") == 0)
		return gave_reference(row, value);
	if (is_base && *plan->reference_field && strcmp(key, "other_references") == 0)
		return true;
	if (!plan->chosen_question && reads_also(plan->shape, key))
		return true;
	if (is_base && row->turn && (is_among(key, conversation_names) || is_among(key, turn_names)))
		return true;
	return is_system_prompt(row, key, value);
}
