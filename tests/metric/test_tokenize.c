/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/tokenize.h"
#include "metric/unicode.h"

#define ROOM 4096

struct cutter {
	struct vocab *vocab;
	uint32_t points[ROOM], spare[2 * ROOM], ids[ROOM], expected[ROOM];
	char bytes[2 * ROOM + 4];
};

typedef void tokenize_fn(struct tokenize_job *job);

static void cut_13a(struct tokenize_job *job)
{
	tokenize_bleu(job, false);
}

static void cut_zh(struct tokenize_job *job)
{
	tokenize_bleu(job, true);
}

static size_t cut(struct cutter *c, struct str text, tokenize_fn *tokenize)
{
	struct tokenize_job job = { .text = text, .points = c->points, .vocab = c->vocab, .bytes = c->bytes, .spare = c->spare, .ids = c->ids };

	assert_true(text.len < ROOM);
	job.n_points = points_decode(text, c->points);
	tokenize(&job);
	return job.n;
}

/* Token by token the same, where the expected ones stand between spaces. */
static void check_line(struct cutter *c, const char *where, struct str text, tokenize_fn *tokenize, struct str wanted)
{
	size_t n = cut(c, text, tokenize), n_wanted = 0;

	while (wanted.len > 0) {
		struct str token = str_split(&wanted, ' ');
		c->expected[n_wanted++] = vocab_id(c->vocab, token);
	}
	if (n != n_wanted || memcmp(c->ids, c->expected, n * sizeof *c->ids) != 0)
		fail_msg("%s: other tokens (%zu instead of %zu)", where, n, n_wanted);
}

static void check_case(const struct golden_case *g, void *context)
{
	struct cutter *c = context;
	struct str text = golden_text(json_object_get(g->whole, "hypothesis"));
	const json_t *mixed = json_object_get(g->whole, "tok_mixed_hyp");
	size_t n = cut(c, text, tokenize_mixed);

	assert_int_equal(n, json_array_size(mixed));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(c->ids[i], vocab_id(c->vocab, golden_text(json_array_get(mixed, i))));
	check_line(c, g->id, text, tokenize_squad, golden_text(json_object_get(g->whole, "squad_norm_hyp")));
	check_line(c, g->id, text, cut_13a, golden_text(json_object_get(g->whole, "tok_13a_hyp")));
	check_line(c, g->id, text, cut_zh, golden_text(json_object_get(g->whole, "tok_zh_hyp")));
}

static int begin(void **state)
{
	static struct cutter cutter;

	cutter.vocab = vocab_new();
	*state = &cutter;
	return 0;
}

static int end(void **state)
{
	struct cutter *c = *state;

	vocab_free(c->vocab);
	return 0;
}

static void tokens_are_those_of_the_reference_programs(void **state)
{
	golden_each(check_case, *state);
}

/* What sacrebleu 2.6.0 and the SQuAD functions answered. */
static void traps_of_each_rule_are_kept(void **state)
{
	struct cutter *c = *state;

	check_line(c, "stops", STR("a.. b ... 1.5,6. .7 8-9 x-y"), cut_13a, STR("a . . b . . . 1.5,6 . . 7 8 - 9 x-y"));
	check_line(c, "order", STR("&amp;lt; &amp;quot; -<skipped>\nx"), cut_13a, STR("< & quot ; x"));
	check_line(c, "stop first", STR(".x"), cut_zh, STR(". x"));
	check_line(c, "wrong range", STR("a\xE2\x80\x94" "b\xF0\xA0\xAE\xB7" "c"), cut_zh, STR("a \xE2\x80\x94 b\xF0\xA0\xAE\xB7" "c"));
	check_line(c, "article", STR("A \xC3\xA1 an-the the_x other-a"), tokenize_squad, STR("\xC3\xA1 anthe thex othera"));
	check_line(c, "mark", STR("a\xCC\x81 b"), tokenize_squad, STR("\xCC\x81 b")); /* Python's \b stands before a combining mark */
	check_line(c, "sigma", STR("\xCE\x9F\xCE\x94\xCE\x9F\xCE\xA3 \xCE\xA3"), tokenize_squad, STR("\xCE\xBF\xCE\xB4\xCE\xBF\xCF\x82 \xCF\x83"));
	check_line(c, "Kelvin", STR("300\xE2\x84\xAA \xC4\xB0stanbul"), tokenize_rouge, STR("300k i stanbul"));
	check_line(c, "brackets", STR("(hi) (hi ( well-known. \xE5\xA5\xBD."), tokenize_chrf_words, STR("(hi ) ( hi ( well-known . \xE5\xA5\xBD ."));
}

static void a_vocabulary_numbers_words_by_their_bytes(void **state)
{
	struct vocab *v = vocab_new();
	uint32_t first[3000];
	char word[16];

	(void)state;
	assert_int_equal(vocab_id(v, STR("a")), 'a');
	assert_int_equal(vocab_id(v, STR("\xE8\x87\xBA")), 0x81FA);
	for (int i = 0; i < 3000; i++) {
		snprintf(word, sizeof word, "w%d", i);
		first[i] = vocab_id(v, str_of(word));
		assert_int_equal(first[i], POINT_END + (uint32_t)i);
	}
	for (int i = 0; i < 3000; i++) {
		snprintf(word, sizeof word, "w%d", i);
		assert_int_equal(vocab_id(v, str_of(word)), first[i]);
	}
	vocab_clear(v);
	assert_int_equal(vocab_id(v, STR("w2999")), POINT_END);
	vocab_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_those_of_the_reference_programs),
		cmocka_unit_test(traps_of_each_rule_are_kept),
		cmocka_unit_test(a_vocabulary_numbers_words_by_their_bytes),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
