/* SPDX-License-Identifier: Apache-2.0
 *
 * Question, reference and two answers (0x1f between them) as a judge sees them: no text ends its quotation or speaks with a control
 * token, the orders differ in nothing but the order, probes are worse than what they are made of, replies are read as labels. */
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "judge/opinion.h"
#include "judge/probe.h"
#include "judge/prompts.h"
#include "judge/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count(struct str s, const char *part, size_t n)
{
	size_t found = 0;

	for (size_t at = 0; at + n <= s.len; at++)
		found += !memcmp(s.ptr + at, part, n);
	return found;
}

static void check_prompt(const struct judge_case *c)
{
	static const char *const CONTROL[] = { "<|", "|>", "<s>", "</s>", "[INST]", "<start_of_turn>", "</think>" };
	struct judge_prompt one, two;

	judge_prompt_make(c, false, &one);
	judge_prompt_make(c, true, &two);
	struct str text = buf_str(&one.user);
	const char *mark = text.ptr;
	while (!(*mark >= '0' && *mark <= '9'))
		mark++;
	if (one.user.overflow || text.len != two.user.len || !utf8_valid(text, NULL))
		BUG("a prompt is cut, or longer in one order");
	if (count(text, mark, 10) != (c->reference.len ? 8 : 6))
		BUG("a text has the mark");
	for (size_t i = 0; i < sizeof CONTROL / sizeof *CONTROL; i++)
		if (count(text, CONTROL[i], strlen(CONTROL[i])))
			BUG("a text speaks with %s", CONTROL[i]);
	judge_prompt_release(&one);
	judge_prompt_release(&two);
}

static void check_probes(const struct judge_case *c)
{
	struct probe_source sources[2] = { { c->question, c->x }, { c->question, c->y } };
	struct probe out[PROBES_MAX];
	struct arena *arena = arena_new();
	size_t n = probes_make(sources, 2, 1, arena, out);

	for (size_t i = 0; i < n; i++)
		if (str_eq(out[i].good, out[i].bad) != (out[i].kind == PROBE_IDENTICAL) || !utf8_valid(out[i].bad, NULL))
			BUG("a %s probe is no probe", probe_kind_name(out[i].kind));
	arena_free(arena);
}

static void check_reference(const struct judge_case *c)
{
	struct text_space *space = text_space_new();
	struct text *question = text_new(space, c->question), *answer = text_new(space, c->x), *reference = text_new(space, c->reference);
	struct reference_score s = reference_judge(question, answer, &reference, 1), same = reference_judge(question, reference, &reference, 1);

	if (!(s.score >= 0 && s.score <= 1) || !same.is_right || same.score < s.score)
		BUG("a reference is not the best answer to itself");
	text_space_free(space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size };
	struct judge_case c = { .question = str_split(&rest, 0x1f) };

	c.reference = str_split(&rest, 0x1f);
	c.x = str_split(&rest, 0x1f);
	c.y = rest;
	if (size > 20000 || !utf8_valid((struct str){ (const char *)data, size }, NULL))
		return 0;
	struct reading r = reading_of_reply(c.x);
	if (r.a + r.b != 0 && r.a + r.b != 1)
		BUG("a reply of %g and %g", r.a, r.b);
	check_prompt(&c);
	check_probes(&c);
	check_reference(&c);
	return 0;
}
