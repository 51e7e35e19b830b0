/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <math.h>

#include "worker/tally.h"

static double real(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static void add(struct tally *t, size_t item, double kld, bool same, double p_ref, double p_cand)
{
	struct logits_distance d = { .finite = true, .same_top = same, .kld = kld, .ll_ref = log(p_ref), .ll_cand = log(p_cand) };
	tally_add(t, item, &d);
}

static void assert_close(double seen, double wanted)
{
	if (fabs(seen - wanted) > 1e-12)
		fail_msg("%.15g, not %.15g", seen, wanted);
}

/* Three items of 3, 1 and 2 tokens, by hand. */
static void totals_are_over_tokens_and_errors_over_items(void **state)
{
	(void)state;
	struct tally t;
	json_t *stats = json_object();
	tally_init(&t, 3, 6);
	add(&t, 0, 0.1, true, 0.5, 0.25);
	add(&t, 0, 0.2, true, 0.5, 0.5);
	add(&t, 0, 0.6, false, 0.5, 0.5);
	add(&t, 1, 0.3, true, 0.5, 0.75);
	add(&t, 2, 0.0, true, 0.5, 0.5);
	add(&t, 2, 0.0, false, 0.5, 0.5);
	json_t *first = tally_item_json(&t, 0);
	assert_int_equal(json_integer_value(json_object_get(first, "n_tokens")), 3);
	assert_close(real(first, "mean_kld"), 0.3);
	assert_close(real(first, "max_kld"), 0.6);
	assert_close(real(first, "same_top"), 2.0 / 3);
	assert_close(real(first, "nll_ref"), 3 * log(2));
	assert_close(real(first, "nll_cand"), 4 * log(2));
	tally_total(&t, stats);
	assert_close(real(stats, "mean_kld"), 0.2);
	/* sums 0.9, 0.3, 0 of 3, 1, 2 tokens: rests 0.3, 0.1, -0.4 */
	assert_close(real(stats, "mean_kld_se"), sqrt(1.5 * (0.09 + 0.01 + 0.16)) / 6);
	assert_close(real(stats, "kld_p50"), 0.15);
	assert_close(real(stats, "kld_p90"), 0.45);
	assert_close(real(stats, "kld_max"), 0.6);
	assert_close(real(stats, "same_top"), 4.0 / 6);
	assert_close(real(stats, "rms_dp"), sqrt(2 * 0.0625 / 6));
	assert_close(real(stats, "ln_ppl_ratio"), (log(2) - log(1.5)) / 6);
	assert_int_equal(json_integer_value(json_object_get(stats, "n_items")), 3);
	json_decref(first);
	json_decref(stats);
	tally_release(&t);
}

static void an_item_with_a_wrong_row_counts_nowhere(void **state)
{
	(void)state;
	struct tally t;
	struct logits_distance wrong = { .finite = false };
	json_t *stats = json_object();
	tally_init(&t, 2, 4);
	add(&t, 0, 0.5, true, 0.5, 0.5);
	add(&t, 1, 9.0, true, 0.5, 0.5);
	tally_add(&t, 1, &wrong);
	add(&t, 1, 9.0, true, 0.5, 0.5);
	assert_true(t.items[1].failed && !t.items[0].failed);
	tally_total(&t, stats);
	assert_int_equal(json_integer_value(json_object_get(stats, "n_tokens")), 1);
	assert_close(real(stats, "mean_kld"), 0.5);
	assert_close(real(stats, "kld_max"), 0.5);
	json_decref(stats);
	tally_release(&t);
}

static void nothing_at_all_gives_zeros(void **state)
{
	(void)state;
	struct tally t;
	json_t *stats = json_object();
	tally_init(&t, 0, 0);
	tally_total(&t, stats);
	assert_close(real(stats, "mean_kld"), 0);
	assert_close(real(stats, "kld_p99"), 0);
	json_decref(stats);
	tally_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_are_over_tokens_and_errors_over_items),
		cmocka_unit_test(an_item_with_a_wrong_row_counts_nowhere),
		cmocka_unit_test(nothing_at_all_gives_zeros),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
