/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/worker_probe.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/check.h"

static void the_program_says_what_it_is(void **state)
{
	struct worker_facts facts;

	(void)state;
	if (access(TEST_BIN "/assay-worker", X_OK) != 0)
		skip(); /* built without llama.cpp */
	assert_true(worker_probe(TEST_BIN "/assay-worker", false, &facts));
	assert_true(facts.build[0] && facts.sandbox[0]);
}

static void one_that_says_nothing_leaves_all_empty(void **state)
{
	static const char *const programs[] = { "/bin/true", "/bin/echo", TEST_BIN "/missing", TEST_ROOT "/README.md" };

	(void)state;
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		struct worker_facts facts = { .sandbox = "full", .build = "1", .has_gpu_backend = true, .devices.n = 3 };
		assert_false(worker_probe(programs[i], false, &facts));
		assert_true(!facts.build[0] && !facts.sandbox[0] && !facts.has_gpu_backend && facts.devices.n == 0);
	}
}

/* These tests lie in a folder of their own, so the worker is neither beside them nor installed around them. */
static void a_worker_that_is_nowhere_is_looked_for_beside_the_program(void **state)
{
	char *path = worker_program();

	(void)state;
	assert_true(str_ends(str_of(path), "/assay-worker"));
	assert_null(strstr(path, "../lib"));
	mem_free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_program_says_what_it_is),
		cmocka_unit_test(one_that_says_nothing_leaves_all_empty),
		cmocka_unit_test(a_worker_that_is_nowhere_is_looked_for_beside_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
