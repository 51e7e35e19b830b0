/* SPDX-License-Identifier: Apache-2.0 */
#include "model/template_preset.h"

#include <stdbool.h>
#include <string.h>

#include "base/str.h"

#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define WORD CAPITALS "abcdefghijklmnopqrstuvwxyz0123456789-"

#define CHATML_TURNS \
	"{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}" \
	"{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

/* For families without a role of that name: what it says goes before the first question. */
#define SYSTEM_FIRST \
	"{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\\n\\n' %}{% set turns = messages[1:] %}" \
	"{% else %}{% set first = '' %}{% set turns = messages %}{% endif %}"

static const struct template_preset table[] = {
	{ .name = "chatml", .jinja = CHATML_TURNS },
	{
		.name = "llama3",
		.jinja = "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
			 " + message['content'] + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
			 "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
	},
	{
		.name = "llama2",
		.jinja = "{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}"
			 "{% set first = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}"
			 "{% else %}{% set turns = messages %}{% set first = '' %}{% endif %}"
			 "{% for message in turns %}{% if loop.first %}{% set content = first + message['content'] %}{% else %}"
			 "{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
			 "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% else %}"
			 "{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
	},
	{
		.name = "gemma",
		.jinja = "{{ bos_token }}" SYSTEM_FIRST
			 "{% for message in turns %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}"
			 "{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' }}{% if loop.first %}{{ first }}"
			 "{% endif %}{{ message['content'] + '<end_of_turn>\\n' }}{% endfor %}"
			 "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
	},
	{
		.name = "mistral",
		.jinja = "{{ bos_token }}" SYSTEM_FIRST
			 "{% for message in turns %}{% if message['role'] == 'user' %}{{ '[INST] ' }}{% if loop.first %}{{ first }}{% endif %}"
			 "{{ message['content'] + '[/INST]' }}{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}",
	},
	{
		.name = "phi3",
		.jinja = "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endfor %}"
			 "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}",
	},
	{
		.name = "phi4",
		.jinja = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '<|im_sep|>' + message['content'] + '<|im_end|>' }}"
			 "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}",
	},
	{
		.name = "phi4-mini",
		.jinja = "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
			 "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}",
	},
	{
		.name = "qwen",
		.jinja = "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}"
			 "{% endif %}" CHATML_TURNS,
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

/* --- which one a template in another language is of --- */

/* What stands for the end of a text, tools, pictures and gaps to fill may be in any template: without them it says the same. */
static const char *const harmless[] = {
	"<|endoftext|>", "<|begin_of_text|>", "<|end_of_text|>", "<|eom_id|>", "<|python_tag|>", "<|tool|>", "<|/tool|>", "<|tool_call|>",
	"<|/tool_call|>", "<|tool_response|>", "<|/tool_response|>", "<|image|>", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
	"[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "[PREFIX]", "[SUFFIX]",
};

#define CHATML_MARKS "<|im_start|>", "<|im_end|>"
#define INST_MARKS "[INST]", "[/INST]"
#define PHI_MARKS "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"

/* A template of a family has all of `has`, and of marks like these no other than `marks`.  The more special ones first: a template
 * may have the marks of several. */
static const struct form {
	const char *name;
	const char *has[2], *marks[5];
} forms[] = {
	{ "phi4", { "<|im_start|>", "<|im_sep|>" }, { CHATML_MARKS, "<|im_sep|>" } },
	{ "qwen", { "<|im_start|>", "You are a helpful assistant" }, { CHATML_MARKS } },
	{ "chatml", { CHATML_MARKS }, { CHATML_MARKS } },
	{ "llama3", { "<|start_header_id|>", "<|eot_id|>" }, { "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>" } },
	{ "llama2", { "<<SYS>>", "[/INST]" }, { INST_MARKS, "<<SYS>>", "<</SYS>>" } },
	{ "mistral", { INST_MARKS }, { INST_MARKS } },
	{ "gemma", { "<start_of_turn>", "<end_of_turn>" }, { NULL } },
	/* Phi-3 goes on in the next line behind the role, Phi-4-mini at once. */
	{ "phi4-mini", { "<|end|>", "|>{{ ." }, { PHI_MARKS } },
	{ "phi4-mini", { "<|end|>", "|>{{." }, { PHI_MARKS } },
	{ "phi3", { "<|end|>", "<|assistant|>" }, { PHI_MARKS } },
};

static bool is_among(struct str mark, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n && list[i]; i++)
		if (str_eq_text(mark, list[i]))
			return true;
	return false;
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* The mark that `text` starts with: <|word|>, <<WORD>> or [WORD], the word perhaps behind a slash; empty: none. */
static struct str mark_at(const char *text)
{
	static const char *const ends[][2] = { { "<|", "|>" }, { "<<", ">>" }, { "[", "]" } };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		if (!starts(text, ends[i][0]))
			continue;
		const char *word = text + strlen(ends[i][0]);
		word += *word == '/';
		size_t n = strspn(word, i == 0 ? WORD : CAPITALS);
		if (n > 0 && starts(word + n, ends[i][1]))
			return (struct str){ text, (size_t)(word - text) + n + strlen(ends[i][1]) };
	}
	return (struct str){ 0 };
}

static bool has_no_other(const struct form *f, const char *text)
{
	for (; *text; text++) {
		struct str mark = mark_at(text);
		if (mark.len > 0 && !is_among(mark, f->marks, sizeof f->marks / sizeof *f->marks) &&
		    !is_among(mark, harmless, sizeof harmless / sizeof *harmless))
			return false;
	}
	return true;
}

const struct template_preset *template_preset_recognize(const char *text)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (strstr(text, forms[i].has[0]) && strstr(text, forms[i].has[1]))
			return has_no_other(&forms[i], text) ? template_preset_find(forms[i].name) : NULL;
	return NULL;
}
