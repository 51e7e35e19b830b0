/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/reference.h"
#include "support/check.h"

static struct reference_score judge(const char *question, const char *reference, const char *answer)
{
	struct text_space *space = text_space_new();
	struct text *q = text_new(space, str_of(question)), *a = text_new(space, str_of(answer)), *r = text_new(space, str_of(reference));
	struct reference_score out = reference_judge(q, a, &r, 1);

	text_space_free(space);
	return out;
}

static void facts_must_be_there(void **state)
{
	static const struct {
		const char *question, *reference, *answer;
		bool is_right;
	} CASES[] = {
		{ "Which CPU does the Kestrel K7 use?", "The Kestrel K7 is built around the Halden Q5 eight-core processor.", "It uses an eight-core Halden Q5.", true },
		{ "Which CPU does the Kestrel K7 use?", "The Kestrel K7 is built around the Halden Q5 eight-core processor.", "The Kestrel K7 is built around the Fjord 320 processor.", false },
		{ "How many HDMI screens?", "It has two HDMI 2.1 outputs.", "It has three HDMI 2.1 outputs.", false },
		{ "How many HDMI screens?", "It has two HDMI 2.1 outputs.", "Two, both HDMI 2.1.", true },
		{ "What is 6 times 7?", "42", "The answer is 42.", true },
		{ "What is 6 times 7?", "42", "The answer is 6 times 7 = 48.", false },
		{ "Is it waterproof?", "no", "No.", true },
		{ "Is it waterproof?", "no", "Yes, it is.", false },
		{ "總部在哪裡？", "臺北市大安區", "位於臺北市大安區。", true },
		{ "總部在哪裡？", "臺北市大安區", "位於高雄市三民區。", false },
		{ "有幾個連接埠？", "有三個連接埠。", "共有三個。", true },
		{ "有幾個連接埠？", "有三個連接埠。", "有兩個連接埠。", false },
		{ "Say hello", "hello", "", false },
		{ "Say hello", "hello", "Hello!", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
		if (judge(CASES[i].question, CASES[i].reference, CASES[i].answer).is_right != CASES[i].is_right)
			fail_msg("\"%s\" for \"%s\" should be %s", CASES[i].answer, CASES[i].reference, CASES[i].is_right ? "right" : "wrong");
}

static void closer_answers_score_higher(void **state)
{
	const char *question = "Which CPU does the Kestrel K7 use?", *reference = "The Kestrel K7 has the Halden Q5 processor.";
	double same = judge(question, reference, reference).score, near = judge(question, reference, "The Halden Q5.").score;
	double wrong = judge(question, reference, "The Kestrel K7 has the Fjord M2 processor.").score, empty = judge(question, reference, "").score;

	(void)state;
	assert_true(same == 1 && same > near && near > wrong && wrong > empty && empty == 0);
}

static void the_best_reference_counts_and_length_decides_the_layer(void **state)
{
	struct text_space *space = text_space_new();
	struct text *references[2] = { text_new(space, STR("Paris")), text_new(space, STR("the French capital, which has been on the Seine for more than two thousand years and is "
												  "known for its towers, its bridges and its bread")) };
	struct reference_score s = reference_judge(text_new(space, STR("Where?")), text_new(space, STR("In Paris.")), references, 2);

	(void)state;
	assert_true(s.is_right && s.score > 0.8);
	assert_true(reference_is_short(references[0]));
	assert_false(reference_is_short(references[1]));
	text_space_free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_must_be_there), cmocka_unit_test(closer_answers_score_higher),
		cmocka_unit_test(the_best_reference_counts_and_length_decides_the_layer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
