/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/err.h"
#include "judge/decision.h"
#include "metric/splitmix.h"
#include "support/check.h"

#define MODELS 4 /* the base model and three epochs */
#define QUESTIONS 60

static const int EPOCHS[MODELS] = { 0, 1, 2, 4 };

/* A run whose evidence a test fills in. */
struct run {
	double reference[QUESTIONS * MODELS], thumbs[QUESTIONS * MODELS];
	bool is_unusable[QUESTIONS * MODELS], is_identical[QUESTIONS * MODELS], is_right[QUESTIONS * MODELS], is_short[QUESTIONS];
	struct judged_pair pairs[QUESTIONS * MODELS * MODELS];
	struct evidence e;
	struct decision_context context;
};

static void clear(struct run *r)
{
	memset(r, 0, sizeof *r);
	for (size_t i = 0; i < QUESTIONS * MODELS; i++)
		r->reference[i] = r->thumbs[i] = NAN;
	r->e = (struct evidence){ .n_questions = QUESTIONS, .n_candidates = MODELS, .epoch = EPOCHS, .pairs = r->pairs, .is_unusable = r->is_unusable,
				  .is_identical = r->is_identical, .is_right = r->is_right, .is_short = r->is_short, .reference = r->reference,
				  .thumbs = r->thumbs };
	r->context = (struct decision_context){ .n_planned = QUESTIONS };
	memset(r->is_short, 1, sizeof r->is_short);
}

/* Each candidate is right in this share of the questions, independently. */
static void set_references(struct run *r, const double share[MODELS], uint64_t seed)
{
	struct splitmix dice = { seed };

	for (size_t i = 0; i < QUESTIONS * MODELS; i++) {
		r->is_right[i] = (double)(splitmix_next(&dice) >> 11) / 9007199254740992.0 < share[i % MODELS];
		r->reference[i] = r->is_right[i];
	}
}

/* The judge prefers the candidate of the higher rank, in `share` of the questions. */
static void set_judge(struct run *r, const int rank[MODELS], double share)
{
	r->e.has_judge = r->e.judge_is_fit = true;
	for (uint32_t q = 0; q < QUESTIONS; q++)
		for (uint16_t a = 0; a < MODELS; a++)
			for (uint16_t b = (uint16_t)(a + 1); b < MODELS; b++) {
				bool agrees = q % 10 < 10 * share, wins = (rank[a] > rank[b]) == agrees, ties = rank[a] == rank[b];
				r->pairs[r->e.n_pairs++] = (struct judged_pair){ q, a, b, ties ? 0.5 : wins ? 0.9 : 0.1,
										 ties ? OUTCOME_TIE : wins ? OUTCOME_WIN : OUTCOME_LOSS };
			}
}

static struct decision decide(const struct run *r)
{
	struct bootstrap_options options = bootstrap_defaults();
	struct decision d;

	assert_true(decision_make(&r->e, &r->context, &options, &d));
	assert_true(d.n_reasons > 0);
	for (size_t i = 0; i < d.n_reasons; i++)
		assert_non_null(msg_text(LANG_EN, d.reasons[i].key));
	return d;
}

/* The result's sentence in English. */
static void assert_sentence(const struct decision *d, const char *expected)
{
	struct buf out = BUF_INIT(1000);
	char args[REASON_TEXT_MAX];

	msg_render(&out, LANG_EN, d->reasons[0].key, reason_args(&d->reasons[0], args));
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
}

static bool has_reason(const struct decision *d, const char *key)
{
	for (size_t i = 0; i < d->n_reasons; i++)
		if (!strcmp(d->reasons[i].key, key))
			return true;
	return false;
}

static struct run run;

static void references_find_the_winner(void **state)
{
	clear(&run);
	set_references(&run, (double[]){ 0.05, 0.3, 0.5, 0.9 }, 1);
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "winner");
	assert_int_equal(d.recommended, 3);
	assert_int_equal(d.level, LEVEL_VERY_HIGH);
	assert_sentence(&d, "Use @3. It answers 95% of your questions correctly; the base model 7%.");
	assert_int_equal(d.n_references, QUESTIONS);
	assert_int_equal(d.n_by_layer[LAYER_REFERENCE], QUESTIONS * 6);
	assert_true(d.candidates[3].win_rate.low > 0.9);
	assert_true(d.win_rate > 0.85 && d.win_rate < 1);
	assert_true(has_reason(&d, "decision_runner_up"));
	assert_true(has_reason(&d, "decision_draws_all")); /* not "about 100 of 100" */
	assert_false(has_reason(&d, "decision_draws"));
}

/* Two wrong answers, of which one is closer in its words, in nearly all questions. */
static void closer_is_not_better_where_no_more_answers_are_right(void **state)
{
	(void)state;
	clear(&run);
	for (size_t q = 0; q < QUESTIONS; q++)
		for (size_t c = 0; c < MODELS; c++) {
			run.is_right[q * MODELS + c] = q < (c == 0 ? 6 : c == 3 ? 5 : 2);
			run.reference[q * MODELS + c] = run.is_right[q * MODELS + c] ? 1 : 0.1 * (double)(c + 1);
		}
	struct decision d = decide(&run);
	assert_int_equal(d.best, 3);
	assert_true(d.candidates[3].p_base <= DECISION_ALPHA && !d.candidates[3].beats_base);
	assert_int_equal(d.kind, DECISION_UNDECIDED);
	assert_int_equal(d.level, LEVEL_LOW);
	assert_int_equal(d.recommended, 0); /* one more of its answers is right */
	assert_true(has_reason(&d, "decision_only_closer"));
	for (size_t q = 6; q < 8; q++)
		run.is_right[q * MODELS + 3] = true;
	d = decide(&run);
	assert_true(d.recommended == 3 && d.candidates[3].beats_base && !d.candidates[1].beats_base);
	assert_false(has_reason(&d, "decision_only_closer"));
	memset(run.is_short, 0, sizeof run.is_short); /* of long ones words alone do not say what is right */
	for (size_t q = 6; q < 8; q++)
		run.is_right[q * MODELS + 3] = false;
	assert_true(decide(&run).candidates[3].beats_base);
}

static void equals_are_a_tie_and_the_earlier_is_taken(void **state)
{
	clear(&run);
	set_judge(&run, (int[]){ 0, 1, 2, 2 }, 0.8);
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "tie");
	assert_int_equal(d.recommended, 2);
	assert_sentence(&d, "@2 and @3 answer equally well as far as 60 questions can tell. Use @2, the earlier one.");
	assert_true(d.level <= LEVEL_HIGH); /* nobody checked the judge against people */
}

static void worse_later_epochs_are_overfitting(void **state)
{
	clear(&run);
	set_judge(&run, (int[]){ 0, 1, 3, 2 }, 0.8);
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "overfitting");
	assert_int_equal(d.recommended, 2);
	assert_sentence(&d, "Use @2. After it the answers get worse: the model was trained too long.");
}

static void a_worse_family_keeps_the_base_model(void **state)
{
	clear(&run);
	set_judge(&run, (int[]){ 3, 2, 1, 0 }, 0.9);
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "none_beats_base");
	assert_int_equal(d.recommended, 0);
}

static void small_differences_are_undecided(void **state)
{
	clear(&run);
	set_references(&run, (double[]){ 0.5, 0.52, 0.55, 0.6 }, 2);
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "undecided");
	assert_int_equal(d.recommended, d.best);
	assert_int_equal(d.level, LEVEL_LOW);
	assert_int_equal(QUESTIONS + d.more_questions, decision_questions_for(0.6, d.tie_rate));
	run.context = (struct decision_context){ .is_time_up = true, .n_planned = 100 };
	d = decide(&run);
	assert_string_equal(decision_kind_name(d.kind), "time_up");
}

static void without_a_whole_question_there_is_no_time_for_a_result(void **state)
{
	clear(&run);
	set_references(&run, (double[]){ 1, 1, 1, 1 }, 1);
	run.e.n_questions = 0;
	run.context = (struct decision_context){ .is_time_up = true, .n_planned = 100 };
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "time_up");
	assert_true(d.recommended == SIZE_MAX && d.best == SIZE_MAX);
	assert_true(isnan(d.candidates[0].score) && isnan(d.candidates[1].first));
	assert_sentence(&d, "Time is up before every candidate had answered one question. Give it more time.");
	assert_false(has_reason(&d, "decision_time_was_up"));
}

static void fewer_questions_than_planned_are_explained(void **state)
{
	clear(&run);
	set_references(&run, (double[]){ 0, 0.3, 0.5, 1 }, 1);
	run.context = (struct decision_context){ .is_settled = true, .n_planned = 100 };
	struct decision d = decide(&run);

	(void)state;
	assert_true(has_reason(&d, "decision_settled") && !has_reason(&d, "decision_time_was_up"));
	run.context = (struct decision_context){ .is_time_up = true, .n_planned = 100 };
	d = decide(&run);
	assert_true(!has_reason(&d, "decision_settled") && has_reason(&d, "decision_time_was_up"));
	run.context.n_planned = QUESTIONS;
	d = decide(&run);
	assert_false(has_reason(&d, "decision_time_was_up"));
}

static void twenty_questions_without_a_difference_prove_nothing(void **state)
{
	clear(&run);
	set_references(&run, (double[]){ 1, 1, 1, 1 }, 1);
	run.e.n_questions = 20;
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "undecided");
	assert_int_equal(d.recommended, 0);
	assert_true(has_reason(&d, "decision_undecided_base") || has_reason(&d, "decision_undecided_small_base"));
}

static void the_questions_needed_are_those_of_the_exact_sign_test(void **state)
{
	(void)state;
	/* 293, 1156 and 131 by enumeration; power is not monotone, so a few less may do as well */
	assert_in_range(decision_questions_for(0.6, 0.3), 290, 293);
	assert_in_range(decision_questions_for(0.55, 0.3), 1140, 1156);
	assert_in_range(decision_questions_for(0.65, 0.3), 128, 131);
}

static void without_anything_to_judge_by_nothing_is_said(void **state)
{
	clear(&run);
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "nothing_to_judge_by");
	assert_int_equal(d.recommended, SIZE_MAX);
	set_judge(&run, (int[]){ 0, 1, 2, 3 }, 0.9);
	run.e.judge_is_fit = false;
	d = decide(&run);
	assert_string_equal(decision_kind_name(d.kind), "nothing_to_judge_by");
	assert_true(has_reason(&d, "decision_judge_unfit"));
}

static void few_questions_that_nothing_judges_are_too_few(void **state)
{
	clear(&run);
	(void)state;
	for (size_t n = 0; n <= DECISION_QUESTIONS_MIN; n++) {
		run.e.n_questions = n;
		struct decision d = decide(&run);
		bool is_few = n < DECISION_QUESTIONS_MIN;
		assert_string_equal(decision_kind_name(d.kind), is_few ? "too_few" : "nothing_to_judge_by");
		assert_int_equal(d.more_questions, is_few ? DECISION_QUESTIONS_MIN - n : 0);
		assert_true(d.recommended == SIZE_MAX && d.best == SIZE_MAX && d.level == LEVEL_NONE);
	}
	run.e.n_questions = 1;
	struct decision d = decide(&run);
	assert_sentence(&d, "Too few questions to decide (1), and nothing says yet which answers are right. Add reference answers or rate the "
				"answers yourself, and add at least 19 more questions.");
}

static void few_questions_are_an_impression(void **state)
{
	clear(&run);
	set_references(&run, (double[]){ 0, 0.3, 0.5, 1 }, 1);
	run.e.n_questions = 8;
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "too_few");
	assert_int_equal(d.recommended, 3);
	assert_sentence(&d, "8 questions are too few to decide. Add at least 12 more; until then this is only an impression.");
	assert_false(has_reason(&d, "decision_draws")); /* which would sound certain */
}

static void guards_veto(void **state)
{
	clear(&run);
	set_references(&run, (double[]){ 0.05, 0.3, 0.5, 0.9 }, 1);
	for (size_t q = 0; q < 20; q++)
		run.is_unusable[q * MODELS + 3] = true;
	struct decision d = decide(&run);

	(void)state;
	assert_true(d.candidates[3].is_vetoed && !d.candidates[3].is_ranked);
	assert_int_equal(d.recommended, 2);
	assert_true(has_reason(&d, "decision_vetoed"));
	for (size_t q = 8; q < 20; q++) /* 8 of 60: not vetoed, but those answers lose */
		run.is_unusable[q * MODELS + 3] = false;
	d = decide(&run);
	assert_false(d.candidates[3].is_vetoed);
	assert_int_equal(d.n_by_layer[LAYER_GUARDS], 8 * 3);
	for (size_t i = 0; i < QUESTIONS * MODELS; i++)
		run.is_unusable[i] = i % MODELS > 0;
	assert_string_equal(decision_kind_name(decide(&run).kind), "all_unusable");
}

static void answers_of_the_base_model_are_identical(void **state)
{
	clear(&run);
	set_references(&run, (double[]){ 0.5, 0.5, 0.5, 0.5 }, 1);
	memset(run.is_identical, 1, sizeof run.is_identical);
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "identical");
	run.is_identical[5] = false;
	assert_string_not_equal(decision_kind_name(decide(&run).kind), "identical");
}

static void people_outrank_references_and_judge(void **state)
{
	clear(&run);
	set_references(&run, (double[]){ 0, 0, 0, 1 }, 1);
	set_judge(&run, (int[]){ 0, 1, 2, 3 }, 0.9);
	for (size_t i = 0; i < QUESTIONS * MODELS; i++)
		run.thumbs[i] = i % MODELS == 1;
	struct decision d = decide(&run);

	(void)state;
	assert_int_equal(d.recommended, 1);
	assert_int_equal(d.n_by_layer[LAYER_THUMBS], QUESTIONS * 3); /* the others were liked alike */
	assert_int_equal(d.n_by_layer[LAYER_REFERENCE], QUESTIONS * 3);
}

static void long_references_leave_it_to_a_fit_judge(void **state)
{
	clear(&run);
	set_references(&run, (double[]){ 0, 0, 1, 0 }, 1);
	set_judge(&run, (int[]){ 0, 1, 2, 3 }, 0.9);
	memset(run.is_short, 0, sizeof run.is_short);
	struct decision d = decide(&run);

	(void)state;
	assert_int_equal(d.recommended, 3);
	assert_int_equal(d.n_by_layer[LAYER_JUDGE], QUESTIONS * 6);
	run.e.judge_is_fit = false;
	d = decide(&run);
	assert_int_equal(d.recommended, 2);
	assert_int_equal(d.n_by_layer[LAYER_LONG_REFERENCE], QUESTIONS * 6);
	run.e.judge_is_fit = true; /* too few references to rank by, where a judge can */
	for (size_t i = 0; i < QUESTIONS * MODELS; i++)
		run.reference[i] = i < QUESTIONS * MODELS / 3 ? run.reference[i] : NAN;
	memset(run.is_short, 1, sizeof run.is_short);
	assert_int_equal(decide(&run).n_by_layer[LAYER_JUDGE], QUESTIONS * 6);
}

static void without_a_base_model_the_epochs_are_compared(void **state)
{
	clear(&run);
	set_judge(&run, (int[]){ 0, 1, 2, 3 }, 0.9);
	run.e.base = EVIDENCE_NO_BASE;
	struct decision d = decide(&run);

	(void)state;
	assert_string_equal(decision_kind_name(d.kind), "winner");
	assert_int_equal(d.recommended, 3);
	assert_true(isnan(d.win_rate));
}

static void dropped_candidates_are_not_ranked(void **state)
{
	bool dropped[MODELS] = { false, true, false, false };

	(void)state;
	clear(&run);
	set_judge(&run, (int[]){ 0, 1, 2, 3 }, 0.9);
	for (size_t i = 0; i < run.e.n_pairs; i++) /* it was left behind after 40 questions */
		if (run.pairs[i].question >= 40 && (run.pairs[i].a == 1 || run.pairs[i].b == 1))
			run.pairs[i].question = UINT32_MAX;
	run.e.is_dropped = dropped;
	run.e.n_selection = 40;
	struct decision d = decide(&run);
	assert_false(d.candidates[1].is_ranked);
	assert_int_equal(d.recommended, 3);
	assert_near(d.win_rate, 0.82, 1e-9); /* of the 20 questions that racing did not look at */
}

static void a_judge_that_likes_length_is_found_out(void **state)
{
	static double length[QUESTIONS * MODELS];
	struct splitmix dice = { 9 };

	(void)state;
	clear(&run);
	set_judge(&run, (int[]){ 0, 0, 0, 0 }, 1);
	for (size_t i = 0; i < QUESTIONS * MODELS; i++) /* the last epoch writes most, and the longer answer wins */
		length[i] = 20 + (double)splitmix_below(&dice, 20) + (i % MODELS == 3 ? 15 : 0) + (i % MODELS == 2 ? 1 : 0);
	for (size_t i = 0; i < run.e.n_pairs; i++) {
		struct judged_pair *p = &run.pairs[i];
		double longer = length[p->question * MODELS + p->a] - length[p->question * MODELS + p->b] + (p->a == 2 ? 5 : p->b == 2 ? -5 : 0);
		p->a_score = longer > 0 ? 0.9 : 0.1;
		p->outcome = longer > 0 ? OUTCOME_WIN : OUTCOME_LOSS;
	}
	struct decision d = decide(&run);
	assert_true(d.best == 3 && isnan(d.length_taste) && d.best_at_equal_length == 3);
	run.e.length = length;
	d = decide(&run);
	assert_true(d.best == 3 && d.length_taste > 0);
	assert_int_equal(d.best_at_equal_length, 2);
	assert_true(has_reason(&d, "decision_length"));
}

static void the_order_of_opinions_does_not_matter(void **state)
{
	clear(&run);
	set_judge(&run, (int[]){ 0, 1, 3, 2 }, 0.7);
	struct decision d = decide(&run), again;

	(void)state;
	for (size_t i = 0, j = run.e.n_pairs - 1; i < j; i++, j--) {
		struct judged_pair swap = run.pairs[i];
		run.pairs[i] = run.pairs[j];
		run.pairs[j] = swap;
	}
	again = decide(&run);
	assert_int_equal(again.recommended, d.recommended);
	for (size_t c = 0; c < MODELS; c++)
		assert_memory_equal(&again.candidates[c], &d.candidates[c], sizeof d.candidates[c]);
}

static void a_cancelled_decision_says_so(void **state)
{
	struct bootstrap_options options = bootstrap_defaults();
	atomic_bool cancel = true;
	struct decision d;

	(void)state;
	clear(&run);
	set_judge(&run, (int[]){ 0, 1, 3, 2 }, 0.7);
	options.cancel = &cancel;
	assert_false(decision_make(&run.e, &run.context, &options, &d));
}

static void turns_of_one_conversation_are_no_more_evidence_than_one(void **state)
{
	static const double share[MODELS] = { 0.4, 0.55, 0.6, 0.6 };
	static struct run once, twice;
	uint32_t conversation[QUESTIONS];

	(void)state;
	clear(&once);
	set_references(&once, share, 5);
	once.e.n_questions = QUESTIONS / 2;
	clear(&twice);
	for (size_t i = 0; i < QUESTIONS * MODELS; i++) {
		size_t from = i % (QUESTIONS * MODELS / 2);
		twice.reference[i] = once.reference[from];
		twice.is_right[i] = once.is_right[from];
		conversation[i / MODELS] = (uint32_t)(i / MODELS % (QUESTIONS / 2));
	}
	struct decision alone = decide(&once), counted = decide(&twice);
	twice.e.conversation = conversation;
	struct decision whole = decide(&twice);
	for (size_t c = 1; c < MODELS; c++) {
		assert_true(whole.candidates[c].p_base == alone.candidates[c].p_base);
		assert_true(counted.candidates[c].p_base < alone.candidates[c].p_base); /* what counting each turn would claim */
		assert_true(whole.candidates[c].first == alone.candidates[c].first);
		assert_true(fabs(whole.candidates[c].score_interval.low - alone.candidates[c].score_interval.low) < 1e-12);
		assert_true(fabs(whole.candidates[c].score_interval.high - alone.candidates[c].score_interval.high) < 1e-12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_find_the_winner), cmocka_unit_test(closer_is_not_better_where_no_more_answers_are_right),
		cmocka_unit_test(equals_are_a_tie_and_the_earlier_is_taken),
		cmocka_unit_test(worse_later_epochs_are_overfitting), cmocka_unit_test(a_worse_family_keeps_the_base_model),
		cmocka_unit_test(small_differences_are_undecided),
		cmocka_unit_test(without_a_whole_question_there_is_no_time_for_a_result), cmocka_unit_test(fewer_questions_than_planned_are_explained),
		cmocka_unit_test(twenty_questions_without_a_difference_prove_nothing), cmocka_unit_test(the_questions_needed_are_those_of_the_exact_sign_test),
		cmocka_unit_test(without_anything_to_judge_by_nothing_is_said), cmocka_unit_test(few_questions_that_nothing_judges_are_too_few),
		cmocka_unit_test(few_questions_are_an_impression), cmocka_unit_test(turns_of_one_conversation_are_no_more_evidence_than_one),
		cmocka_unit_test(guards_veto), cmocka_unit_test(answers_of_the_base_model_are_identical),
		cmocka_unit_test(people_outrank_references_and_judge), cmocka_unit_test(long_references_leave_it_to_a_fit_judge),
		cmocka_unit_test(without_a_base_model_the_epochs_are_compared), cmocka_unit_test(dropped_candidates_are_not_ranked),
		cmocka_unit_test(a_judge_that_likes_length_is_found_out), cmocka_unit_test(the_order_of_opinions_does_not_matter), cmocka_unit_test(a_cancelled_decision_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
