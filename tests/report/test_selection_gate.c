/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/json.h"
#include "base/limits.h"
#include "report/selection_gate.h"

static struct selection_gate gate_of(const char *text)
{
	struct selection_gate gate;
	struct err err = { 0 };

	assert_ok(selection_gate_parse(text, "fail_below", &gate, &err));
	return gate;
}

static void a_rule_is_a_share_a_percentage_or_a_word(void **state)
{
	(void)state;
	assert_int_equal(gate_of("base").kind, GATE_BASE);
	assert_int_equal(gate_of("regress").kind, GATE_REGRESS);
	assert_int_equal(gate_of("0.55").kind, GATE_RATE);
	assert_true(gate_of("0.55").least == 0.55);
	assert_true(gate_of("55%").least == 0.55);
	assert_true(gate_of("100%").least == 1 && gate_of("1").least == 1 && gate_of("0").least == 0);
}

static void anything_else_is_refused_with_the_rule_named(void **state)
{
	static const char *const wrong[] = { "", "best", "55", "1.01", "-0.1", "101%", "%", "0.5 ", "nan", "Base" };
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct selection_gate gate;
		struct err err = { 0 };
		assert_int_equal(selection_gate_parse(wrong[i], "--fail-below", &gate, &err), ERR_INVALID);
		assert_err(&err, "err_gate_rule");
		assert_arg(&err, "rule", wrong[i]);
	}
}

/* Base, epoch 1, epoch 2; `more` goes into the last one. */
static json_t *result_of(const char *recommended, const char *more)
{
	struct buf text = BUF_INIT(64 * KIB);
	struct err err = { 0 };

	buf_printf(&text,
		   "{\"decision\":{},\"candidates\":["
		   "{\"label\":\"tiny\",\"epoch\":null,\"is_base\":true,\"is_recommended\":%s,\"is_best\":false,\"score\":0.4},"
		   "{\"label\":\"bird\",\"epoch\":1,\"is_base\":false,\"is_recommended\":false,\"is_best\":false,\"score\":0.5,"
		   "\"win_rate\":0.5,\"p_base\":1},"
		   "{\"label\":\"bird\",\"epoch\":2,\"is_base\":false,\"is_recommended\":%s,%s}]}",
		   !strcmp(recommended, "base") ? "true" : "false", !strcmp(recommended, "last") ? "true" : "false", more);
	json_t *result = json_parse(buf_str(&text), "result", &err);
	assert_non_null(result);
	buf_release(&text);
	return result;
}

static void check(const char *rule, const char *recommended, const char *more, bool holds, const char *sentence)
{
	struct buf why = BUF_INIT(64 * KIB);
	struct selection_gate gate = gate_of(rule);
	json_t *result = result_of(recommended, more);

	assert_int_equal(selection_gate_check(&gate, result, LANG_EN, &why), holds);
	if (!strstr(buf_text(&why), sentence))
		fail_msg("\"%s\" is not in: %s", sentence, buf_text(&why));
	buf_release(&why);
	json_decref(result);
}

static void the_share_is_that_of_the_recommended_one(void **state)
{
	(void)state;
	check("60%", "last", "\"win_rate\":0.6", true, "bird · epoch 2 wins 60%");
	check("0.61", "last", "\"win_rate\":0.6", false, "bird · epoch 2 wins only 60%");
}

static void where_the_base_model_is_recommended_it_is_that_of_the_last_one(void **state)
{
	(void)state;
	check("60%", "base", "\"win_rate\":0.3", false, "bird · epoch 2 wins only 30%");
	check("60%", "nobody", "\"win_rate\":0.7", true, "bird · epoch 2 wins 70%");
}

static void without_a_question_that_tells_them_apart_no_share_is_enough(void **state)
{
	(void)state;
	check("0", "last", "\"win_rate\":null", false, "No question tells bird · epoch 2 and the base model apart");
}

static void beating_the_base_model_takes_proof(void **state)
{
	(void)state;
	check("base", "last", "\"is_best\":true,\"beats_base\":true", true, "is proven better");
	check("base", "last", "\"is_best\":true,\"beats_base\":false,\"win_rate\":0.9", false, "No candidate is proven better");
	check("base", "base", "\"is_best\":false,\"beats_base\":true", false, "No candidate is proven better");
}

static void only_a_proven_loss_of_the_last_one_is_a_regression(void **state)
{
	(void)state;
	check("regress", "base", "\"score\":0.3,\"p_base\":0.01", false, "is proven worse");
	check("regress", "base", "\"score\":0.3,\"p_base\":0.2", true, "is not proven worse");
	check("regress", "last", "\"score\":0.7,\"p_base\":0.001", true, "is not proven worse");
}

static void without_a_base_model_or_a_result_nothing_holds(void **state)
{
	static const char *const texts[] = { "{}", "{\"decision\":null,\"candidates\":[{\"is_base\":true},{\"label\":\"a\"}]}",
					     "{\"decision\":{},\"candidates\":[{\"label\":\"a\",\"win_rate\":1,\"is_recommended\":true}]}",
					     "{\"decision\":{},\"candidates\":[{\"is_base\":true}]}" };
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct buf why = BUF_INIT(64 * KIB);
		struct err err = { 0 };
		struct selection_gate gate = gate_of("regress");
		json_t *result = json_parse(str_of(texts[i]), "result", &err);
		assert_false(selection_gate_check(&gate, result, LANG_ZH_TW, &why));
		assert_true(strstr(buf_text(&why), "無法檢查這個條件") != NULL);
		json_decref(result);
		buf_release(&why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_is_a_share_a_percentage_or_a_word),
		cmocka_unit_test(anything_else_is_refused_with_the_rule_named),
		cmocka_unit_test(the_share_is_that_of_the_recommended_one),
		cmocka_unit_test(where_the_base_model_is_recommended_it_is_that_of_the_last_one),
		cmocka_unit_test(without_a_question_that_tells_them_apart_no_share_is_enough),
		cmocka_unit_test(beating_the_base_model_takes_proof),
		cmocka_unit_test(only_a_proven_loss_of_the_last_one_is_a_regression),
		cmocka_unit_test(without_a_base_model_or_a_result_nothing_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
