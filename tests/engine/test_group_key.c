/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/group_key.h"

static struct gen_params params;
static struct run_question questions[2];

static struct group_facts facts(void)
{
	params = gen_params_default();
	for (size_t i = 0; i < 2; i++)
		questions[i] = (struct run_question){ .position = (int64_t)i, .q = { .text = STR("one"), .system = STR("") } };
	return (struct group_facts){ .machine = "m", .base_stamp = "s", .adapter = "/a/b.gguf", .params = &params, .plan = { 8, 4096 },
				     .run_seed = 7, .column_position = 1 };
}

/* Its key now; the facts are as facts() made them otherwise. */
static const char *key_of(const struct group_facts *f)
{
	static char keys[2][HASH_HEX_SIZE];
	static int at;

	at = !at;
	group_key(f, questions, 2, keys[at]);
	return keys[at];
}

static void all_that_a_text_depends_on_makes_another_key(void **state)
{
	char known[21][HASH_HEX_SIZE];
	size_t n = 0;
	struct group_facts f = facts();

	(void)state;
#define WITH(change)                                        \
	f = facts();                                        \
	change;                                             \
	group_key(&f, questions, 2, known[n]);              \
	for (size_t i = 0; i < n; i++)                      \
		assert_string_not_equal(known[i], known[n]); \
	n++
	WITH((void)0);
	WITH(f.machine = "other");
	WITH(f.base_stamp = "other");
	WITH(f.adapter = "/a/other.gguf");
	WITH(f.plan.slots = 9);
	WITH(f.plan.kv_tokens = 4097);
	WITH(params.max_tokens = 9);
	WITH(params.system = "Be brief.");
	WITH(params.template = "t");
	WITH(params.thinking = true);
	WITH(params.weights = WEIGHTS_Q8_0);
	WITH(params.repeat_penalty = 1.1);
	WITH(params.stop = "[\"END\"]");
	WITH(params.stop = "[\"END\",\".\"]");
	WITH(params.num_ctx = 512);
	WITH(questions[1].q.text = STR("two"));
	WITH(questions[0].q.text = STR("two"));
	WITH(questions[1].q.system = STR("Be brief."));
	WITH(params.temperature = 0.5);
	f = facts();
	group_key(&f, questions, 1, known[n]);
	for (size_t i = 0; i < n; i++)
		assert_string_not_equal(known[i], known[n]);
}

static void places_count_only_where_tokens_are_drawn(void **state)
{
	struct group_facts f = facts(), moved = f;

	(void)state;
	moved.run_seed = 8;
	moved.column_position = 3;
	moved.adapter = "/elsewhere/b.gguf";
	assert_string_equal(key_of(&f), key_of(&moved));
	struct gen_params by_model = params;
	by_model.of_model = PARAM_SYSTEM | PARAM_MAX_TOKENS; /* who said it does not matter */
	by_model.stop = "[]";
	moved.params = &by_model;
	assert_string_equal(key_of(&f), key_of(&moved));
	moved.params = &params;
	params.temperature = 1;
	assert_string_not_equal(key_of(&f), key_of(&moved));
	moved = f;
	const char *before = key_of(&f);
	questions[1].position = 9;
	assert_string_not_equal(before, key_of(&moved));
}

static void another_program_or_processor_is_another_machine_and_a_gpu_none(void **state)
{
	char one[HASH_HEX_SIZE], other[HASH_HEX_SIZE];

	(void)state;
	group_machine("/proc/self/exe", "b", "d", false, one);
	assert_int_equal(strlen(one), HASH_HEX_SIZE - 1);
	group_machine("/proc/self/exe", "b", "d, 2 threads", false, other);
	assert_string_not_equal(one, other);
	group_machine("/proc/self/exe", "c", "d", false, other);
	assert_string_not_equal(one, other);
	group_machine("/proc/self/status", "b", "d", false, other);
	assert_string_not_equal(one, other);
	group_machine("/proc/self/exe", "b", "d", true, other);
	assert_string_equal(other, "");
	group_machine("/no/such/program", "b", "d", false, other);
	assert_string_equal(other, "");
	group_machine("/proc/self/exe", "", "d", false, other);
	assert_string_equal(other, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_a_text_depends_on_makes_another_key),
		cmocka_unit_test(places_count_only_where_tokens_are_drawn),
		cmocka_unit_test(another_program_or_processor_is_another_machine_and_a_gpu_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
