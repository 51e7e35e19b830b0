/* SPDX-License-Identifier: Apache-2.0 */
#include "model/template_preset.h"

#include <string.h>

#define CHATML_TURNS \
	"{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}" \
	"{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

/* For families without a role of that name: what it says goes before the first question. */
#define SYSTEM_FIRST \
	"{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\\n\\n' %}{% set turns = messages[1:] %}" \
	"{% else %}{% set first = '' %}{% set turns = messages %}{% endif %}"

static const struct template_preset table[] = {
	{ .name = "chatml", .jinja = CHATML_TURNS, .marks = { "<|im_start|>", "<|im_end|>" } },
	{
		.name = "llama3",
		.jinja = "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
			 " + message['content'] + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
			 "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
		.marks = { "<|start_header_id|>", "<|eot_id|>" },
	},
	{
		.name = "gemma",
		.jinja = "{{ bos_token }}" SYSTEM_FIRST
			 "{% for message in turns %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}"
			 "{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' }}{% if loop.first %}{{ first }}"
			 "{% endif %}{{ message['content'] + '<end_of_turn>\\n' }}{% endfor %}"
			 "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
		.marks = { "<start_of_turn>", "<end_of_turn>" },
	},
	{
		.name = "mistral",
		.jinja = "{{ bos_token }}" SYSTEM_FIRST
			 "{% for message in turns %}{% if message['role'] == 'user' %}{{ '[INST] ' }}{% if loop.first %}{{ first }}{% endif %}"
			 "{{ message['content'] + '[/INST]' }}{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}",
		.marks = { "[INST]", "[/INST]" },
	},
	{
		.name = "phi3",
		.jinja = "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endfor %}"
			 "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}",
		.marks = { "<|end|>", "<|assistant|>" },
	},
	{
		.name = "qwen",
		.jinja = "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}"
			 "{% endif %}" CHATML_TURNS,
		.marks = { "<|im_start|>", "You are a helpful assistant" },
	},
};

#define N_PRESETS (sizeof table / sizeof *table)

const struct template_preset *template_preset_at(size_t i)
{
	return i < N_PRESETS ? &table[i] : NULL;
}

const struct template_preset *template_preset_find(const char *name)
{
	for (size_t i = 0; i < N_PRESETS; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* Backwards: qwen has the marks of chatml, and one more. */
const struct template_preset *template_preset_recognize(const char *text)
{
	for (size_t i = N_PRESETS; i-- > 0;)
		if (strstr(text, table[i].marks[0]) && (!table[i].marks[1] || strstr(text, table[i].marks[1])))
			return &table[i];
	return NULL;
}
