/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/go_template.h"

#include <string.h>

#define PADDING 100

/* For families whose system prompt is part of the first question. */
#define FIRST_USER \
	"{{- $first := -1 }}{{ range $i, $_ := .Messages }}{{ if and (eq .Role \"user\") (eq $first -1) }}{{ $first = $i }}" \
	"{{ end }}{{ end }}{{ range $i, $_ := .Messages }}"

/* The more special ones first: a template may have the marks of several. */
static const struct go_template table[] = {
	{
		.family = "phi4",
		.marks = { "<|im_sep|>", "<|im_start|>" },
		.turns = "{{- range .Messages }}<|im_start|>{{ .Role }}<|im_sep|>{{ .Content }}<|im_end|>{{ end }}",
		.header = "<|im_start|>assistant<|im_sep|>",
		.stops = { "<|im_end|>" },
		.system_from = "<|im_start|>system<|im_sep|>",
		.system_to = "<|im_end|>",
	},
	{
		.family = "chatml",
		.marks = { "<|im_start|>", "<|im_end|>" },
		.turns = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}",
		.header = "<|im_start|>assistant\n",
		.stops = { "<|im_start|>", "<|im_end|>" },
		.system_from = "<|im_start|>system\n",
		.system_to = "<|im_end|>",
	},
	{
		.family = "llama3",
		.marks = { "<|start_header_id|>", "<|eot_id|>" },
		.turns = "{{- range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>\n\n{{ .Content }}<|eot_id|>{{ end }}",
		.header = "<|start_header_id|>assistant<|end_header_id|>\n\n",
		.stops = { "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>" },
		.system_from = "<|start_header_id|>system<|end_header_id|>\n\n",
		.system_to = "<|eot_id|>",
	},
	{
		.family = "granite",
		.marks = { "<|start_of_role|>", "<|end_of_role|>" },
		.turns = "{{- range .Messages }}<|start_of_role|>{{ .Role }}<|end_of_role|>{{ .Content }}<|end_of_text|>\n{{ end }}",
		.header = "<|start_of_role|>assistant<|end_of_role|>",
		.stops = { "<|start_of_role|>", "<|end_of_text|>" },
		.system_from = "<|start_of_role|>system<|end_of_role|>",
		.system_to = "<|end_of_text|>",
	},
	{
		.family = "gemma",
		.marks = { "<start_of_turn>", "<end_of_turn>" },
		.turns = FIRST_USER "{{ if ne .Role \"system\" }}<start_of_turn>{{ if eq .Role \"assistant\" }}model{{ else }}{{ .Role }}"
				    "{{ end }}\n{{ if and $.System (eq $i $first) }}{{ $.System }}\n\n{{ end }}{{ .Content }}"
				    "<end_of_turn>\n{{ end }}{{ end }}",
		.header = "<start_of_turn>model\n",
		.stops = { "<start_of_turn>", "<end_of_turn>" },
	},
	{
		.family = "phi4-mini",
		.marks = { "<|end|>", "<|/tool|>" },
		.turns = "{{- range .Messages }}<|{{ .Role }}|>{{ .Content }}<|end|>{{ end }}",
		.header = "<|assistant|>",
		.stops = { "<|end|>", "<|user|>", "<|assistant|>" },
		.system_from = "<|system|>",
		.system_to = "<|end|>",
	},
	{
		.family = "phi4-mini",
		.marks = { "<|end|>", "'|>' + message['content']" },
		.turns = "{{- range .Messages }}<|{{ .Role }}|>{{ .Content }}<|end|>{{ end }}",
		.header = "<|assistant|>",
		.stops = { "<|end|>", "<|user|>", "<|assistant|>" },
		.system_from = "<|system|>",
		.system_to = "<|end|>",
	},
	{
		.family = "phi3",
		.marks = { "<|end|>", "<|user|>" },
		.turns = "{{- range .Messages }}<|{{ .Role }}|>\n{{ .Content }}<|end|>\n{{ end }}",
		.header = "<|assistant|>\n",
		.stops = { "<|end|>", "<|user|>", "<|assistant|>" },
		.system_from = "<|system|>\n",
		.system_to = "<|end|>",
	},
	{
		.family = "phi3",
		.marks = { "<|end|>", "'<|' +" },
		.turns = "{{- range .Messages }}<|{{ .Role }}|>\n{{ .Content }}<|end|>\n{{ end }}",
		.header = "<|assistant|>\n",
		.stops = { "<|end|>", "<|user|>", "<|assistant|>" },
		.system_from = "<|system|>\n",
		.system_to = "<|end|>",
	},
	{
		.family = "zephyr",
		.marks = { "<|user|>", "<|assistant|>" },
		.turns = "{{- range .Messages }}<|{{ .Role }}|>\n{{ .Content }}</s>\n{{ end }}",
		.header = "<|assistant|>\n",
		.stops = { "</s>", "<|user|>", "<|system|>" },
		.system_from = "<|system|>\n",
		.system_to = "</s>",
	},
	{
		.family = "deepseek",
		.marks = { "<｜User｜>", "<｜Assistant｜>" },
		.turns = "{{- range .Messages }}{{ if eq .Role \"user\" }}<｜User｜>{{ .Content }}"
			 "{{ else if eq .Role \"assistant\" }}<｜Assistant｜>{{ .Content }}"
			 "<｜end▁of▁sentence｜>{{ else }}{{ .Content }}{{ end }}{{ end }}",
		.header = "<｜Assistant｜>",
		.stops = { "<｜end▁of▁sentence｜>", "<｜User｜>" },
	},
	{
		.family = "llama2",
		.marks = { "<<SYS>>", "[/INST]" },
		.turns = FIRST_USER "{{ if eq .Role \"user\" }}{{ if ne $i $first }}<s>{{ end }}[INST] {{ if and $.System (eq $i $first) }}"
				    "<<SYS>>\n{{ $.System }}\n<</SYS>>\n\n{{ end }}{{ .Content }} [/INST]"
				    "{{ else if eq .Role \"assistant\" }} {{ .Content }} </s>{{ end }}{{ end }}",
		.header = "",
		.stops = { "[INST]", "[/INST]", "<<SYS>>" },
		.system_from = "<<SYS>>\n",
		.system_to = "\n<</SYS>>",
	},
	{
		.family = "mistral",
		.marks = { "[INST]", " [/INST]" },
		.turns = FIRST_USER "{{ if eq .Role \"user\" }}[INST] {{ if and $.System (eq $i $first) }}{{ $.System }}\n\n{{ end }}"
				    "{{ .Content }} [/INST]{{ else if eq .Role \"assistant\" }} {{ .Content }}</s>{{ end }}{{ end }}",
		.header = "",
		.stops = { "[INST]", "[/INST]" },
	},
	{
		.family = "mistral3",
		.marks = { "[INST]", "[/INST]" },
		.turns = FIRST_USER "{{ if eq .Role \"user\" }}[INST] {{ if and $.System (eq $i $first) }}{{ $.System }}\n\n{{ end }}"
				    "{{ .Content }}[/INST]{{ else if eq .Role \"assistant\" }} {{ .Content }}</s>{{ end }}{{ end }}",
		.header = "",
		.stops = { "[INST]", "[/INST]" },
	},
	{
		.family = "alpaca",
		.marks = { "### Instruction:", "### Response:" },
		.turns = "{{- if .System }}{{ .System }}\n\n{{ end }}{{ range .Messages }}{{ if eq .Role \"user\" }}### Instruction:\n"
			 "{{ .Content }}\n\n{{ else if eq .Role \"assistant\" }}### Response:\n{{ .Content }}\n\n{{ end }}{{ end }}",
		.header = "### Response:\n",
		.stops = { "### Instruction:" },
	},
};

const struct go_template *go_template_find(const char *jinja)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const struct go_template *t = &table[i];
		if (strstr(jinja, t->marks[0]) && (!t->marks[1] || strstr(jinja, t->marks[1])))
			return t;
	}
	return NULL;
}

/* Where `needle` stands in `s`, the last one of them; NULL: nowhere. */
static const char *find_last(struct str s, const char *needle)
{
	size_t len = strlen(needle);

	for (size_t i = s.len >= len && len ? s.len - len + 1 : 0; i > 0; i--)
		if (memcmp(s.ptr + i - 1, needle, len) == 0)
			return s.ptr + i - 1;
	return NULL;
}

static const char *find_first(struct str s, const char *needle)
{
	return s.len ? memmem(s.ptr, s.len, needle, strlen(needle)) : NULL;
}

struct str go_template_system(const struct go_template *t, struct str rendered)
{
	const char *from = t->system_from ? find_first(rendered, t->system_from) : NULL;

	if (!from)
		return (struct str){ 0 };
	from += strlen(t->system_from);
	struct str rest = { from, rendered.len - (size_t)(from - rendered.ptr) };
	const char *to = find_first(rest, t->system_to);
	return to ? (struct str){ from, (size_t)(to - from) } : (struct str){ 0 };
}

void go_template_write(const struct go_template *t, struct str rendered, struct buf *out)
{
	const char *header = t->header[0] ? find_last(rendered, t->header) : NULL;

	buf_add_text(out, t->turns);
	buf_add_text(out, t->header);
	if (!header)
		return;
	header += strlen(t->header);
	struct str tail = { header, rendered.len - (size_t)(header - rendered.ptr) };
	if (!find_first(tail, "{{")) /* would be read as an instruction */
		buf_add_str(out, tail);
}

bool jinja_is_padded(const char *jinja)
{
	struct str text = str_trim(str_of(jinja));
	const char *comment = find_last(text, "{#");

	if (!comment || !str_ends(text, "#}"))
		return false;
	return (size_t)(text.ptr + text.len - comment) > PADDING;
}
