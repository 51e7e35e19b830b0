/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"
#include "worker/draft.h"
#include "worker/pace.h"

/* --- what was answered before --- */

static struct tokens tokens_of(const llama_token *ids, int n)
{
	return (struct tokens){ .ids = (llama_token *)ids, .n = n };
}

/* Follows `d` through an answer; the guesses that were right. */
static int right_guesses(struct draft *d, const llama_token *said, int n)
{
	int right = 0;
	for (int i = 0; i < n; i++) {
		right += draft_left(d) > 0 && d->guess.ids[d->at] == said[i];
		struct tokens so_far = tokens_of(said, i + 1);
		draft_follow(d, &so_far);
	}
	return right;
}

static void the_last_answer_to_a_question_is_the_guess(void **state)
{
	(void)state;
	static const llama_token first[] = { 1, 2, 3 }, second[] = { 4, 5 };
	struct drafts all = { 0 };
	struct draft d;
	struct tokens a = tokens_of(first, 3), b = tokens_of(second, 2), none = { 0 };

	draft_open(&d, &all, 7);
	assert_int_equal(draft_left(&d), 0);
	drafts_keep(&all, 7, &a);
	drafts_keep(&all, 8, &b);
	draft_open(&d, &all, 7);
	assert_int_equal(draft_left(&d), 3);
	drafts_keep(&all, 7, &b); /* what follows it keeps what it began with */
	assert_int_equal(d.guess.ids[2], 3);
	draft_release(&d);

	draft_open(&d, &all, 7);
	assert_int_equal(draft_left(&d), 2);
	draft_release(&d);
	drafts_keep(&all, 7 + DRAFTS_KEPT, &a);
	draft_open(&d, &all, 7); /* another question has its place */
	assert_int_equal(draft_left(&d), 0);
	draft_release(&d);
	drafts_keep(&all, 0, &a);
	draft_open(&d, &all, 0);
	assert_int_equal(draft_left(&d), 0);
	draft_release(&d);
	drafts_keep(&all, 8, &none);
	draft_open(&d, &all, 8);
	assert_int_equal(draft_left(&d), 0);
	draft_release(&d);
	drafts_release(&all);
}

static void a_long_answer_is_kept_as_far_as_there_is_room(void **state)
{
	(void)state;
	static llama_token many[DRAFT_TOKENS_MAX + 5];
	struct drafts all = { 0 };
	struct draft d;
	struct tokens answer = tokens_of(many, DRAFT_TOKENS_MAX + 5);

	drafts_keep(&all, 1, &answer);
	draft_open(&d, &all, 1);
	assert_int_equal(draft_left(&d), DRAFT_TOKENS_MAX);
	draft_release(&d);
	drafts_release(&all);
}

static void a_guess_is_followed_left_and_found_again(void **state)
{
	(void)state;
	static const llama_token before[] = { 10, 11, 12, 13, 14, 15, 16, 17 };
	static const llama_token same[] = { 10, 11, 12, 13, 14, 15, 16, 17, 18 };
	static const llama_token word_changed[] = { 10, 11, 99, 13, 14, 15, 16 };
	static const llama_token word_more[] = { 10, 98, 11, 12, 13 };
	static const llama_token other[] = { 50, 51, 52, 53 };
	struct drafts all = { 0 };
	struct draft d;
	struct tokens answer = tokens_of(before, 8);
	drafts_keep(&all, 1, &answer);

	draft_open(&d, &all, 1);
	assert_int_equal(right_guesses(&d, same, 9), 8);
	assert_int_equal(draft_left(&d), 0);
	assert_true(d.chance > 0.7);
	draft_release(&d);
	draft_open(&d, &all, 1); /* two tokens of the guess in a row put it back on the way */
	assert_int_equal(right_guesses(&d, word_changed, 7), 4);
	assert_int_equal(d.at, 7);
	draft_release(&d);
	draft_open(&d, &all, 1);
	assert_int_equal(right_guesses(&d, word_more, 5), 2);
	draft_release(&d);
	draft_open(&d, &all, 1);
	assert_int_equal(right_guesses(&d, other, 4), 0);
	assert_int_equal(draft_left(&d), 0);
	assert_true(d.chance < 0.7);
	draft_release(&d);
	drafts_release(&all);
}

/* A text that comes twice: the place nearest to where the guess was left is taken. */
static void the_nearest_of_two_places_is_taken(void **state)
{
	(void)state;
	static const llama_token before[] = { 1, 2, 3, 4, 5, 6, 1, 2, 7, 8 };
	static const llama_token said[] = { 1, 2, 3, 4, 9, 1, 2 };
	struct drafts all = { 0 };
	struct draft d;
	struct tokens answer = tokens_of(before, 10);

	drafts_keep(&all, 1, &answer);
	draft_open(&d, &all, 1);
	(void)right_guesses(&d, said, 7);
	assert_int_equal(d.at, 2); /* left at 4: 2 away, the other place is 4 away */
	draft_release(&d);
	drafts_release(&all);
}

/* --- how many guesses are worth it --- */

static struct pace learned(double fixed, double each)
{
	struct pace p = { 0 };
	for (int i = 0; i < 40; i++) {
		int tokens = 4 + i % 16, prompts = i % 7 * 10;
		pace_add(&p, tokens, prompts, (int64_t)(fixed + each * tokens + 700 * prompts));
	}
	return p;
}

static int all_guesses(const struct pace_slot *slots, size_t n)
{
	int sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += slots[i].guesses;
	return sum;
}

static void what_a_step_takes_is_found_by_its_tokens(void **state)
{
	(void)state;
	double fixed, each;
	struct pace p = { 0 };
	assert_false(pace_fit(&p, &fixed, &each));
	for (int i = 0; i < 100; i++)
		pace_add(&p, 16, i % 5, 40000 + 500 * (i % 5));
	assert_false(pace_fit(&p, &fixed, &each)); /* only prompts differ */
	p = learned(20000, 1500);
	assert_true(pace_fit(&p, &fixed, &each));
	assert_float_equal(fixed, 20000, 1);
	assert_float_equal(each, 1500, 1);
	p = (struct pace){ 0 };
	for (int i = 0; i < 40; i++) /* without a prompt in any */
		pace_add(&p, 4 + i % 16, 0, 9000 + 250 * (4 + i % 16));
	assert_true(pace_fit(&p, &fixed, &each));
	assert_float_equal(each, 250, 1);
	p = learned(50000, -1000); /* noise: more tokens took less */
	assert_true(pace_fit(&p, &fixed, &each));
	assert_float_equal(each, 0, 1e-9);
	p = learned(-5000, 3000);
	assert_true(pace_fit(&p, &fixed, &each));
	assert_true(fixed >= 0);
}

static void guesses_are_made_where_reading_the_weights_is_what_takes_time(void **state)
{
	(void)state;
	struct pace p = learned(20000, 100), computing = learned(100, 2000);
	struct pace_slot slots[4] = { { .chance = 0.9, .left = 30 }, { .chance = 0.9, .left = 2 }, { .chance = 0.1, .left = 30 },
				      { .chance = 0.9, .left = 0 } };

	pace_share(&p, slots, 4, 60);
	assert_true(slots[0].guesses > 4 && slots[0].guesses <= PACE_GUESSES_MAX);
	assert_int_equal(slots[1].guesses, 2);
	assert_true(slots[2].guesses <= 2);
	assert_int_equal(slots[3].guesses, 0);
	pace_share(&computing, slots, 4, 60);
	assert_int_equal(all_guesses(slots, 4), 0);
}

static void there_are_never_more_guesses_than_a_step_has_room_for(void **state)
{
	(void)state;
	struct pace p = learned(20000, 1);
	struct pace_slot slots[8];
	for (int i = 0; i < 8; i++)
		slots[i] = (struct pace_slot){ .chance = 0.99, .left = 100 };
	pace_share(&p, slots, 8, 10);
	assert_int_equal(all_guesses(slots, 8), 10);
	assert_int_equal(slots[0].guesses, 2); /* one for each before a second one for any */
	assert_int_equal(slots[7].guesses, 1);
	pace_share(&p, slots, 8, 0);
	assert_int_equal(all_guesses(slots, 8), 0);
}

static void while_nothing_is_known_every_other_step_tries(void **state)
{
	(void)state;
	struct pace p = { 0 };
	struct pace_slot slots[3] = { { .chance = 0.7, .left = 5 }, { .chance = 0.7, .left = 0 }, { .chance = 0.7, .left = 5 } };
	int made[4];
	for (int i = 0; i < 4; i++) {
		pace_share(&p, slots, 3, 60);
		made[i] = all_guesses(slots, 3);
	}
	slots[0].chance = slots[2].chance = 0.1; /* hopeless ones are not tried */
	pace_share(&p, slots, 3, 60);
	pace_share(&p, slots, 3, 60);
	assert_int_equal(all_guesses(slots, 3), 0);
	assert_int_equal(made[0], 0);
	assert_int_equal(made[1], 2);
	assert_int_equal(made[2], 0);
	assert_int_equal(made[3], 2);
}

static void a_fixed_number_of_guesses_is_shared_out_as_far_as_there_are_any(void **state)
{
	(void)state;
	struct pace_slot slots[] = { { .left = 5 }, { .left = 1 }, { .left = 0 }, { .left = -1 }, { .left = 9 } };
	pace_share_fixed(slots, 5, 100, 3);
	assert_int_equal(all_guesses(slots, 5), 3 + 1 + 0 + 0 + 3);
	pace_share_fixed(slots, 5, 5, 3);
	assert_int_equal(slots[0].guesses, 3);
	assert_int_equal(slots[1].guesses, 1);
	assert_int_equal(slots[4].guesses, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_answer_to_a_question_is_the_guess),
		cmocka_unit_test(a_long_answer_is_kept_as_far_as_there_is_room),
		cmocka_unit_test(a_guess_is_followed_left_and_found_again),
		cmocka_unit_test(the_nearest_of_two_places_is_taken),
		cmocka_unit_test(what_a_step_takes_is_found_by_its_tokens),
		cmocka_unit_test(guesses_are_made_where_reading_the_weights_is_what_takes_time),
		cmocka_unit_test(there_are_never_more_guesses_than_a_step_has_room_for),
		cmocka_unit_test(while_nothing_is_known_every_other_step_tries),
		cmocka_unit_test(a_fixed_number_of_guesses_is_shared_out_as_far_as_there_are_any),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
