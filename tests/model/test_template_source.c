/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "model/modelfile.h"
#include "model/template_preset.h"
#include "model/template_source.h"
#include "support/temp.h"

#include <math.h>

static struct temp temp;
static struct arena *a;

static int open_temp(void **state)
{
	(void)state;
	temp_open(&temp);
	a = arena_new();
	return 0;
}

static int close_temp(void **state)
{
	(void)state;
	arena_free(a);
	temp_close(&temp);
	return 0;
}

static const struct template_sources *sources(void)
{
	return template_sources_of_folder(a, temp_path(&temp, "run/checkpoint-8"), temp_path(&temp, "run"));
}

/* --- Modelfile --- */

static void a_modelfile_gives_what_it_says(void **state)
{
	(void)state;
	struct modelfile m;
	struct err err = { 0 };
	assert_ok(modelfile_parse(a, STR("\xef\xbb\xbf# made by a trainer\r\nFROM .\r\n\r\nTEMPLATE \"\"\"{{ if .System }}<|im_start|>system\n"
					 "{{ .System }}<|im_end|>\n{{ end }}\"\"\"\nsystem \"You are \xe5\xb0\x8f\xe5\xb9\xab\xe6\x89\x8b.\"\n"
					 "PARAMETER stop \"<|im_end|>\"\nPARAMETER stop <|eot|>\nPARAMETER num_ctx 4096\nPARAMETER top_k 5\n"
					 "MESSAGE user hello\nFUTURE thing\n"),
				  "Modelfile", &m, &err));
	assert_string_equal(m.from, ".");
	assert_string_equal(m.template, "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}");
	assert_string_equal(m.system, "You are \xe5\xb0\x8f\xe5\xb9\xab\xe6\x89\x8b.");
	assert_int_equal(m.n_stops, 2);
	assert_string_equal(m.stops[0], "<|im_end|>");
	assert_string_equal(m.stops[1], "<|eot|>");
	assert_int_equal(m.num_ctx, 4096);
	assert_string_equal(modelfile_numbers[2].setting, "top_k");
	assert_true(m.numbers[2] == 5);
	assert_true(isnan(m.numbers[0]));
}

static void numbers_that_cannot_be_used_are_not_said(void **state)
{
	(void)state;
	struct modelfile m;
	struct err err = { 0 };
	assert_ok(modelfile_parse(a, STR("PARAMETER temperature 0.6\nPARAMETER TOP_P 1.5\nPARAMETER top_k 2.5\nPARAMETER min_p nan\n"
					 "PARAMETER num_predict -1\nPARAMETER repeat_penalty 1.1\n"),
				  "Modelfile", &m, &err));
	for (size_t i = 0; i < MODELFILE_NUMBERS; i++)
		assert_int_equal(!isnan(m.numbers[i]), i == 0 || i == 5);
	assert_true(m.numbers[0] == 0.6 && m.numbers[5] == 1.1);
	assert_ok(modelfile_parse(a, STR("PARAMETER num_predict 12\n"), "Modelfile", &m, &err));
	assert_true(m.numbers[4] == 12);
	assert_string_equal(modelfile_numbers[4].setting, "max_tokens");
	assert_int_equal(modelfile_parse(a, STR("PARAMETER num_predict -2\n"), "Modelfile", &m, &err), ERR_DATA);
}

static void a_broken_modelfile_names_the_line(void **state)
{
	(void)state;
	struct modelfile m;
	struct err err = { 0 };
	char line[16];
	assert_int_equal(modelfile_parse(a, STR("FROM .\n\nTEMPLATE \"\"\"{{ .Prompt }}\n"), "Modelfile", &m, &err), ERR_DATA);
	assert_err(&err, "err_modelfile");
	assert_true(err_arg(&err, "line", line, sizeof line));
	assert_string_equal(line, "3");
	err = (struct err){ 0 };
	assert_int_equal(modelfile_parse(a, STR("nothing of use\n\0\n"), "Modelfile", &m, &err), ERR_DATA);
	assert_err(&err, "err_modelfile_nothing");
	assert_int_equal(modelfile_parse(a, STR(""), "Modelfile", &m, &err), ERR_DATA);
}

static void more_stops_than_there_is_room_for_are_left_out(void **state)
{
	(void)state;
	struct modelfile m;
	struct err err = { 0 };
	struct buf text = BUF_INIT(64 * KIB);
	for (int i = 0; i < 3 * MODELFILE_STOPS_MAX; i++)
		buf_printf(&text, "PARAMETER stop s%d\nPARAMETER num_ctx nonsense\n", i);
	assert_ok(modelfile_parse(a, buf_str(&text), "Modelfile", &m, &err));
	assert_int_equal(m.n_stops, MODELFILE_STOPS_MAX);
	assert_int_equal(m.num_ctx, 0);
	buf_release(&text);
}

/* --- presets --- */

static void templates_of_other_languages_are_recognized(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>{{ end }}", "chatml" },
		{ "<|start_header_id|>user<|end_header_id|>\n\n{{ .Prompt }}<|eot_id|>", "llama3" },
		{ "<start_of_turn>user\n{{ .Prompt }}<end_of_turn>\n", "gemma" },
		{ "[INST] {{ .Prompt }}[/INST]", "mistral" },
		{ "<|user|>\n{{ .Prompt }}<|end|>\n<|assistant|>\n", "phi3" },
		{ "{{- range .Messages }}<|{{ .Role }}|>\n{{ .Content }}<|end|>\n{{ end }}<|assistant|>\n", "phi3" },
		{ "[INST] <<SYS>>{{ .System }}<</SYS>>\n\n{{ .Prompt }} [/INST]", "llama2" },
		{ "<|im_start|>{{ .Role }}<|im_sep|>\n{{ .Content }}<|im_end|>\n<|im_start|>assistant<|im_sep|>", "phi4" },
		{ "{{ if .System }}<|system|>{{ .System }}<|tool|>{{ .Tools }}<|/tool|><|end|>{{ end }}<|{{ .Role }}|>{{ .Content }}<|end|>"
		  "<|assistant|>",
		  "phi4-mini" },
		{ "<|user|>{{.Prompt}}<|end|><|assistant|>", "phi4-mini" },
		{ "{{ if .System }}<|im_start|>system\nYou are a helpful assistant<|im_end|>{{ end }}<|endoftext|>", "qwen" },
	};
	static const char *const unknown[] = {
		"### Human: {{ .Prompt }}",
		"<|im_start|>user<|im_middle|>{{ .Prompt }}<|im_end|>",
		"[SYSTEM_PROMPT]{{ .System }}[/SYSTEM_PROMPT][INST] {{ .Prompt }}[/INST]",
		"[INST] <<CONTEXT>>{{ .System }} {{ .Prompt }}[/INST]",
		"<|user|>\n{{ .Prompt }}<|end|>\n<|channel|><|assistant|>\n",
		"<|im_start|>",
		"<|",
		"<<",
		"[",
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct template_preset *p = template_preset_recognize(cases[i][0]);
		assert_non_null(p);
		assert_string_equal(p->name, cases[i][1]);
	}
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		assert_null(template_preset_recognize(unknown[i]));
	assert_null(template_preset_find("nobody"));
	size_t n = 0;
	for (const struct template_preset *p; (p = template_preset_at(n)); n++)
		assert_ptr_equal(template_preset_find(p->name), p);
	assert_int_equal(n, 9);
}

/* --- sources of a folder --- */

static void a_checkpoint_folder_goes_before_its_run(void **state)
{
	(void)state;
	temp_text(&temp, "run/chat_template.jinja", "of the run");
	temp_text(&temp, "run/Modelfile", "TEMPLATE [INST] {{ .Prompt }}[/INST]\nSYSTEM Be brief.\nPARAMETER num_ctx 2048\n");
	temp_text(&temp, "run/checkpoint-8/adapter_config.json", "{}");
	const struct template_sources *s = sources();
	assert_int_equal(s->n, 2);
	assert_string_equal(s->items[0].text, "of the run");
	assert_int_equal(s->items[1].origin, TEMPLATE_OF_MODELFILE);
	assert_string_equal(s->items[1].preset, "mistral");
	assert_string_equal(s->items[1].text, template_preset_find("mistral")->jinja);
	assert_string_equal(s->items[1].system, "Be brief.");
	assert_int_equal(s->items[1].modelfile->num_ctx, 2048);

	temp_text(&temp, "run/checkpoint-8/tokenizer_config.json", "{\"chat_template\": \"of the checkpoint\", \"x\": NaN}");
	s = sources();
	assert_string_equal(s->items[0].text, "of the checkpoint");
	assert_true(str_ends(str_of(s->items[0].path), "checkpoint-8/tokenizer_config.json"));

	temp_text(&temp, "run/checkpoint-8/chat_template.json", "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"t\"},"
								" {\"name\": \"default\", \"template\": \"default of a list\"}]}");
	assert_string_equal(sources()->items[0].text, "default of a list");
	temp_text(&temp, "run/checkpoint-8/chat_template.jinja", "newest form");
	assert_string_equal(sources()->items[0].text, "newest form");
}

static void a_folder_that_says_nothing_has_no_source(void **state)
{
	(void)state;
	temp_text(&temp, "run/checkpoint-8/tokenizer_config.json", "{\"bos_token\": \"<s>\", \"chat_template\": null}");
	assert_int_equal(sources()->n, 0);
	assert_int_equal(template_sources_of_folder(a, temp_path(&temp, "nowhere"), NULL)->n, 0);
}

static void note(const char *name, const char *text, size_t len, const char *key)
{
	temp_file(&temp, name, text, len);
	const struct template_sources *s = sources();
	assert_int_equal(s->n, 1);
	assert_err(&s->items[0].problem, key);
	assert_string_equal(s->items[0].text, "");
	unlink(temp_path(&temp, name));
}

static void what_cannot_be_read_is_a_note(void **state)
{
	(void)state;
	char *huge = mem_alloc(LIMIT_TEMPLATE + 2);
	memset(huge, 'x', LIMIT_TEMPLATE + 1);
	note("run/checkpoint-8/tokenizer_config.json", "{\"chat_template\": ", 18, "err_json_syntax");
	note("run/checkpoint-8/tokenizer_config.json", "{\"chat_template\": 7}", 20, "err_template_text");
	note("run/checkpoint-8/chat_template.jinja", "a\xff\xfe", 3, "err_template_text");
	note("run/checkpoint-8/chat_template.jinja", "a\0b", 3, "err_template_text");
	note("run/checkpoint-8/chat_template.jinja", huge, LIMIT_TEMPLATE + 1, "err_fs_too_big");
	note("run/checkpoint-8/Modelfile", "TEMPLATE \"\"\"open", 16, "err_modelfile");
	note("run/checkpoint-8/Modelfile", "FROM .\nTEMPLATE ### Human: {{ .Prompt }}\n", 41, "err_modelfile_template");
	static const char other[] = "FROM .\nTEMPLATE <|im_start|>user<|im_middle|>{{ .Prompt }}<|im_end|>\n";
	note("run/checkpoint-8/Modelfile", other, sizeof other - 1, "err_modelfile_template");
	char *config = mem_printf("{\"chat_template\": \"%s\"}", huge);
	note("run/checkpoint-8/tokenizer_config.json", config, strlen(config), "err_template_file_size");
	mem_free(config);
	mem_free(huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_modelfile_gives_what_it_says, open_temp, close_temp),
		cmocka_unit_test_setup_teardown(numbers_that_cannot_be_used_are_not_said, open_temp, close_temp),
		cmocka_unit_test_setup_teardown(a_broken_modelfile_names_the_line, open_temp, close_temp),
		cmocka_unit_test_setup_teardown(more_stops_than_there_is_room_for_are_left_out, open_temp, close_temp),
		cmocka_unit_test(templates_of_other_languages_are_recognized),
		cmocka_unit_test_setup_teardown(a_checkpoint_folder_goes_before_its_run, open_temp, close_temp),
		cmocka_unit_test_setup_teardown(a_folder_that_says_nothing_has_no_source, open_temp, close_temp),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_a_note, open_temp, close_temp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
