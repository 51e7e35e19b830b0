/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "deploy/go_template.h"
#include "deploy/parity.h"
#include "model/template_preset.h"

/* --- templates --- */

static void known_forms_are_found_by_their_marks(void **state)
{
	static const struct {
		const char *jinja, *family;
	} cases[] = {
		{ "{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>'}}", "chatml" },
		{ "{{'<|im_start|>user<|im_sep|>' + m + '<|im_end|>'}}", "phi4" },
		{ "{{'<|start_header_id|>' + r + '<|end_header_id|>\n\n' + c + '<|eot_id|>'}}", "llama3" },
		{ "{{'<start_of_turn>' + role + '\n' + c + '<end_of_turn>\n'}}", "gemma" },
		{ "{{'<|user|>\n' + c + '<|end|>\n<|assistant|>\n'}}", "phi3" },
		{ "{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' + '<|end|>' }}", "phi4-mini" },
		{ "{{'<|user|>\n' + c + eos_token}}{{'<|assistant|>\n'}}", "zephyr" },
		{ "{{ bos_token }}{{ '[INST] ' + c + ' [/INST]' }}", "mistral" },
		{ "{{ bos_token }}{{ '[INST] ' + c + '[/INST]' }}", "mistral3" },
		{ "{{ '<<SYS>>\n' + s + '\n<</SYS>>' }}[INST] x [/INST]", "llama2" },
		{ "### Instruction:\n{{ c }}\n\n### Response:\n", "alpaca" },
		{ "{{ messages[0].content }}", NULL },
		{ "", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct go_template *t = go_template_find(cases[i].jinja);
		if (!cases[i].family)
			assert_null(t);
		else
			assert_string_equal(t ? t->family : "none", cases[i].family);
	}
}

/* What a preset makes of a conversation goes to Ollama as the same family. */
static void every_preset_has_a_form_there(void **state)
{
	static const char *const others[][2] = { { "qwen", "chatml" }, { "mistral", "mistral3" } };
	const struct template_preset *p;
	(void)state;
	for (size_t i = 0; (p = template_preset_at(i)); i++) {
		const struct go_template *t = go_template_find(p->jinja);
		const char *family = p->name;
		for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
			if (strcmp(p->name, others[k][0]) == 0)
				family = others[k][1];
		assert_string_equal(t ? t->family : "none", family);
	}
}

static void what_a_model_adds_by_itself_is_taken_from_what_it_rendered(void **state)
{
	static const char rendered[] = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
				       "<|im_start|>assistant\n<think>\n\n</think>\n\n";
	const struct go_template *t = go_template_find("<|im_start|><|im_end|>");
	struct buf out = BUF_INIT(1 << 16);
	(void)state;
	assert_true(str_eq_text(go_template_system(t, str_of(rendered)), "Be kind."));
	assert_null(go_template_system(t, STR("<|im_start|>user\nHi<|im_end|>\n")).ptr);
	go_template_write(t, str_of(rendered), &out);
	assert_string_equal(buf_text(&out), "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}"
					    "<|im_start|>assistant\n<think>\n\n</think>\n\n");
	buf_clear(&out);
	go_template_write(t, STR("<|im_start|>assistant\n{{ evil }}"), &out);
	assert_null(strstr(buf_text(&out), "evil"));
	buf_release(&out);
}

static void a_long_comment_at_the_end_is_padding(void **state)
{
	char text[300] = "{{ x }}{#";
	(void)state;
	assert_false(jinja_is_padded("{{ x }}"));
	assert_false(jinja_is_padded("{{ x }}{# short #}"));
	memset(text + 9, '.', 100);
	strncat(text, "#}\n", sizeof text - strlen(text) - 1);
	assert_true(jinja_is_padded(text));
	strncat(text, "{{ y }}", sizeof text - strlen(text) - 1);
	assert_false(jinja_is_padded(text));
}

/* --- parity --- */

static void differences_are_counted_in_characters(void **state)
{
	(void)state;
	assert_int_equal(text_first_difference("abc", "abc"), -1);
	assert_int_equal(text_first_difference("", ""), -1);
	assert_int_equal(text_first_difference("abc", "ab"), 2);
	assert_int_equal(text_first_difference("\xe4\xb8\xad\xe6\x96\x87x", "\xe4\xb8\xad\xe6\x96\x87y"), 2);
	assert_string_equal(prompt_skip_bos("<|begin_of_text|><|start"), "<|start");
	assert_string_equal(prompt_skip_bos("plain"), "plain");
}

static void the_verdict_follows_from_prompt_and_answer(void **state)
{
	static const struct {
		struct parity parity;
		enum parity_state state;
		const char *words;
	} cases[] = {
		{ { .version = "1" }, PARITY_UNCHECKED, "not checked" },
		{ { .version = "1", .our_prompt = "<s>p", .their_prompt = "p", .question = "q", .our_answer = "a", .their_answer = "a" },
		  PARITY_SAME, "exactly" },
		{ { .version = "1", .question = "q", .our_answer = "a", .their_answer = "a" }, PARITY_SAME, "cannot show" },
		{ { .version = "1", .our_prompt = "p", .their_prompt = "p" }, PARITY_SIMILAR, "no answer" },
		{ { .version = "1", .our_prompt = "p", .their_prompt = "p", .question = "q", .our_answer = "ab", .their_answer = "ac" },
		  PARITY_SIMILAR, "character 2" },
		{ { .version = "1", .our_prompt = "p", .their_prompt = "p", .question = "q", .our_answer = "b", .their_answer = "c" },
		  PARITY_DIFFERENT, "first character" },
		{ { .version = "1", .our_prompt = "xp", .their_prompt = "xq", .question = "q", .our_answer = "a", .their_answer = "a" },
		  PARITY_SIMILAR, "character 2" },
		{ { .version = "1", .our_prompt = "xp", .their_prompt = "xq", .question = "q", .our_answer = "a", .their_answer = "" },
		  PARITY_DIFFERENT, "character 2" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out = BUF_INIT(1 << 16);
		json_t *json = parity_json(&cases[i].parity);
		char *text = json_dumps(json, 0);
		assert_int_equal(parity_judge(&cases[i].parity), cases[i].state);
		parity_view(&out, LANG_EN, text);
		if (!strstr(buf_text(&out), cases[i].words))
			fail_msg("%zu: %s", i, buf_text(&out));
		free(text);
		json_decref(json);
		buf_release(&out);
	}
}

static void what_is_no_parity_is_null(void **state)
{
	struct buf out = BUF_INIT(100);
	(void)state;
	parity_view(&out, LANG_EN, "");
	parity_view(&out, LANG_EN, NULL);
	parity_view(&out, LANG_EN, "[1");
	assert_string_equal(buf_text(&out), "nullnullnull");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_forms_are_found_by_their_marks),
		cmocka_unit_test(every_preset_has_a_form_there),
		cmocka_unit_test(what_a_model_adds_by_itself_is_taken_from_what_it_rendered),
		cmocka_unit_test(a_long_comment_at_the_end_is_padding),
		cmocka_unit_test(differences_are_counted_in_characters),
		cmocka_unit_test(the_verdict_follows_from_prompt_and_answer),
		cmocka_unit_test(what_is_no_parity_is_null),
	};
	return cmocka_run_group_tests_name("parity", tests, NULL, NULL);
}
