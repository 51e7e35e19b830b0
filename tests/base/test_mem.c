/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static void fresh_memory_is_zero_and_a_size_of_zero_still_has_an_address(void **state)
{
	(void)state;
	const unsigned char *p = mem_alloc(100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	mem_free((void *)p);
	void *nothing[] = { mem_alloc(0), mem_array(0, 8), mem_array(8, 0), mem_try_alloc(0), mem_grow(NULL, 0), mem_copy(NULL, 0) };
	for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
		assert_non_null(nothing[i]);
		mem_free(nothing[i]);
	}
	mem_free(NULL);
}

static void growing_keeps_what_was_there(void **state)
{
	(void)state;
	char *p = mem_copy("abc", 4);
	p = mem_grow(p, 100000);
	assert_string_equal(p, "abc");
	mem_free(p);
}

static void strings_are_copied_and_null_stays_null(void **state)
{
	(void)state;
	char *copy = mem_strdup("text"), *made = mem_printf("%s-%d", "epoch", 4);
	assert_string_equal(copy, "text");
	assert_string_equal(made, "epoch-4");
	assert_null(mem_strdup(NULL));
	mem_free(copy);
	mem_free(made);
}

static void an_array_whose_size_overflows_aborts(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		volatile size_t many = SIZE_MAX / 2;
		mem_array(many, 16);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_memory_is_zero_and_a_size_of_zero_still_has_an_address),
		cmocka_unit_test(growing_keeps_what_was_there),
		cmocka_unit_test(strings_are_copied_and_null_stays_null),
		cmocka_unit_test(an_array_whose_size_overflows_aborts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
