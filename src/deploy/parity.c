/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/parity.h"

#include <string.h>

#include "base/limits.h"

static const char *const state_names[] = { "unchecked", "same", "similar", "different" };

int64_t text_first_difference(const char *a, const char *b)
{
	struct str x = str_of(a), y = str_of(b);
	int64_t n = 0;

	for (size_t i = 0, k = 0;; n++) {
		if (i >= x.len && k >= y.len)
			return -1;
		if (i >= x.len || k >= y.len || utf8_next(x, &i) != utf8_next(y, &k))
			return n;
	}
}

const char *prompt_skip_bos(const char *prompt)
{
	static const char *const marks[] = { "<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>", "[CLS]",
					     "<｜begin▁of▁sentence｜>" };

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if (strncmp(prompt, marks[i], strlen(marks[i])) == 0)
			return prompt + strlen(marks[i]);
	return prompt;
}

static bool has_prompts(const struct parity *p)
{
	return p->our_prompt && p->their_prompt;
}

static bool has_answers(const struct parity *p)
{
	return p->our_answer && p->their_answer;
}

static int64_t prompt_difference(const struct parity *p)
{
	return text_first_difference(prompt_skip_bos(p->our_prompt), prompt_skip_bos(p->their_prompt));
}

enum parity_state parity_judge(const struct parity *p)
{
	bool prompt_differs = has_prompts(p) && prompt_difference(p) >= 0;
	int64_t at = has_answers(p) ? text_first_difference(p->our_answer, p->their_answer) : -1;

	if (!has_prompts(p) && !has_answers(p))
		return PARITY_UNCHECKED;
	if (prompt_differs)
		return has_answers(p) && at < 0 ? PARITY_SIMILAR : PARITY_DIFFERENT;
	if (!has_answers(p))
		return PARITY_SIMILAR;
	return at < 0 ? PARITY_SAME : at > 0 ? PARITY_SIMILAR : PARITY_DIFFERENT;
}

json_t *parity_json(const struct parity *p)
{
	json_t *out = json_pack("{s:s, s:o}", "state", state_names[parity_judge(p)], "ollama_version", json_text(str_of(p->version)));
	json_t *template = json_null(), *answer = json_null();

	if (has_prompts(p)) {
		int64_t at = prompt_difference(p);
		template = json_pack("{s:b, s:o, s:o, s:o}", "is_equal", at < 0, "first_difference",
				     at < 0 ? json_null() : json_integer(at), "ours", json_text(str_of(prompt_skip_bos(p->our_prompt))),
				     "theirs", json_text(str_of(prompt_skip_bos(p->their_prompt))));
	}
	if (has_answers(p)) {
		int64_t at = text_first_difference(p->our_answer, p->their_answer);
		answer = json_pack("{s:o, s:b, s:o, s:o, s:o}", "question", json_text(str_of(p->question)), "is_equal", at < 0,
				   "first_difference", at < 0 ? json_null() : json_integer(at), "ours",
				   json_text(str_of(p->our_answer)), "theirs", json_text(str_of(p->their_answer)));
	}
	json_object_set_new(out, "template", template);
	json_object_set_new(out, "answer", answer);
	if (p->problem.code != ERR_OK)
		json_object_set_new(out, "problem", json_pack("{s:s, s:s, s:o}", "code", err_code_name(p->problem.code), "key",
							      p->problem.key, "args", json_text(str_of(p->problem.args))));
	return out;
}

/* --- in words --- */

static const char *explanation(const json_t *parity)
{
	const json_t *template = json_object_get(parity, "template"), *answer = json_object_get(parity, "answer");
	bool has_template = json_is_object(template), has_answer = json_is_object(answer);
	bool template_equal = json_is_true(json_object_get(template, "is_equal"));
	bool answer_equal = json_is_true(json_object_get(answer, "is_equal"));

	if (!has_template && !has_answer)
		return "core_parity_unchecked";
	if (has_template && !template_equal)
		return has_answer && answer_equal ? "core_parity_template_only" : "core_parity_template";
	if (!has_answer)
		return "core_parity_no_answer";
	if (answer_equal)
		return has_template ? "core_parity_same" : "core_parity_same_answer";
	if (!has_template)
		return "core_parity_answer_alone";
	bool begins_same = json_integer_value(json_object_get(answer, "first_difference")) > 0;
	return begins_same ? "core_parity_answer" : "core_parity_answer_other";
}

static void write_explanation(struct buf *out, enum lang lang, const json_t *parity)
{
	const json_t *at_template = json_object_get(json_object_get(parity, "template"), "first_difference");
	const json_t *at_answer = json_object_get(json_object_get(parity, "answer"), "first_difference");
	const json_t *problem = json_object_get(parity, "problem");
	const char *version = json_string_value(json_object_get(parity, "ollama_version"));
	const json_t *at = json_is_integer(at_template) ? at_template : at_answer;

	msg_format(out, lang, explanation(parity), "version=%s|n=%lld", version ? version : "",
		   (long long)json_integer_value(at) + 1);
	const char *key = json_string_value(json_object_get(problem, "key"));
	const char *args = json_string_value(json_object_get(problem, "args"));
	if (key && msg_text(lang, key)) {
		buf_add_char(out, ' ');
		msg_render(out, lang, key, args ? args : "");
	}
}

void parity_view(struct buf *out, enum lang lang, const char *json)
{
	struct err ignored = { 0 };
	json_t *parity = json && *json ? json_parse_frame(str_of(json), &ignored) : NULL;

	if (!json_is_object(parity)) {
		buf_add_text(out, "null");
		json_decref(parity);
		return;
	}
	struct buf text = BUF_INIT(8 * KIB);
	write_explanation(&text, lang, parity);
	json_object_del(parity, "problem");
	json_object_set_new(parity, "explanation", json_text(buf_str(&text)));
	json_write(out, parity);
	buf_release(&text);
	json_decref(parity);
}
