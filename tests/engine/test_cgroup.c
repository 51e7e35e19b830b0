/* SPDX-License-Identifier: Apache-2.0
 *
 * What a container or a service may have of memory, read from trees that are made up here. */
#include "engine/cgroup.h"

#include "engine/machine.h"
#include "support/check.h"
#include "support/temp.h"

static struct temp temp;

/* A group of version 2 in the tree "v2". */
static void group(const char *path, const char *limit, const char *used, const char *stat)
{
	char name[256];

	snprintf(name, sizeof name, "v2%s/memory.max", path);
	(void)temp_text(&temp, name, limit);
	snprintf(name, sizeof name, "v2%s/memory.current", path);
	(void)temp_text(&temp, name, used);
	snprintf(name, sizeof name, "v2%s/memory.stat", path);
	(void)temp_text(&temp, name, stat);
}

static struct cgroup_memory look(const char *groups, const char *tree)
{
	(void)temp_text(&temp, "groups", groups);
	return cgroup_memory_at(temp_path(&temp, "groups"), temp_path(&temp, tree));
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_close(&temp);
	return 0;
}

static void without_a_limit_the_machine_counts(void **state)
{
	(void)state;
	group("/user.slice", "max\n", "4096\n", "anon 4096\ninactive_file 0\n");
	struct cgroup_memory m = look("0::/user.slice\n", "v2");
	assert_true(m.limit == INT64_MAX && m.available == INT64_MAX);
	m = cgroup_memory_at(temp_path(&temp, "not-there"), temp_path(&temp, "v2"));
	assert_true(m.limit == INT64_MAX && m.available == INT64_MAX);
	m = look("0::/not/there\n", "not-there");
	assert_true(m.limit == INT64_MAX && m.available == INT64_MAX);
}

static void a_container_sees_its_own_group_as_the_root(void **state)
{
	(void)state;
	group("", "8589934592\n", "3000000000\n", "anon 1\nfile 900\ninactive_file 1000000000\nactive_file 500000000\n");
	struct cgroup_memory m = look("0::/\n", "v2");
	assert_int_equal(m.limit, 8589934592);
	assert_int_equal(m.available, 8589934592 - 1500000000); /* files give way */
	m = look("0::/docker/0123abcd\n", "v2"); /* the name outside */
	assert_int_equal(m.limit, 8589934592);
	m = look("0::/../../other\n", "v2");
	assert_int_equal(m.limit, 8589934592);
}

static void every_group_around_counts(void **state)
{
	(void)state;
	group("/a.slice", "6000\n", "5500\n", "inactive_file 100\n");
	group("/a.slice/b.service", "5000\n", "1000\n", "");
	group("/a.slice/b.service/c", "max\n", "10\n", "");
	struct cgroup_memory m = look("0::/a.slice/b.service/c\n", "v2");
	assert_int_equal(m.limit, 5000);
	assert_int_equal(m.available, 600); /* of the outer one, which others use too */
	group("/a.slice", "6000\n", "7000\n", "inactive_file 100\n");
	assert_int_equal(look("0::/a.slice/b.service/c\n", "v2").available, 0);
	group("/a.slice", "6000\n", "7000\n", "inactive_file 9000\n");
	assert_int_equal(look("0::/a.slice/b.service/c\n", "v2").available, 4000);
}

static void the_older_version_has_a_tree_for_memory(void **state)
{
	(void)state;
	(void)temp_text(&temp, "v1/memory/memory.limit_in_bytes", "9223372036854771712\n");
	(void)temp_text(&temp, "v1/memory/memory.usage_in_bytes", "777\n");
	(void)temp_text(&temp, "v1/memory/job/memory.limit_in_bytes", "2000\n");
	(void)temp_text(&temp, "v1/memory/job/memory.usage_in_bytes", "1500\n");
	(void)temp_text(&temp, "v1/memory/job/memory.stat", "inactive_file 3\ntotal_inactive_file 300\ntotal_active_file 100\n");
	struct cgroup_memory m = look("9:name=systemd:/\n5:cpu,memory:/job\n1:cpu:/other\n0::/\n", "v1");
	assert_int_equal(m.limit, 2000);
	assert_int_equal(m.available, 900);
	m = look("5:cpu:/job\n", "v1");
	assert_true(m.limit == INT64_MAX);
}

static void nonsense_limits_nothing(void **state)
{
	static const char *const limits[] = { "", "\n", "-5\n", "12 34\n", "0x10\n", "99999999999999999999999\n", "max max\n", "\377\376" };
	static const char *const groups[] = { "", "0", "0:", "0::", "0::x", ":::::\n", "\n\n\n", "memory:memory:memory", "5:memory:" };
	char deep[5000];

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		group("/bad", limits[i], "10\n", "");
		assert_true(look("0::/bad\n", "v2").limit == INT64_MAX);
	}
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		assert_true(look(groups[i], "v2").limit == INT64_MAX);
	group("/half", "5000\n", "what\n", "inactive_file x\nactive_file -3\n\n inactive_file\nactive_file 99999999999999999999\n");
	assert_int_equal(look("0::/half\n", "v2").available, 5000);
	memset(deep, 'a', sizeof deep - 1);
	memcpy(deep, "0::/", 4);
	deep[sizeof deep - 1] = 0;
	assert_true(look(deep, "v2").limit == INT64_MAX);
	for (size_t i = 4; i < sizeof deep - 1; i += 2)
		deep[i] = '/';
	assert_true(look(deep, "v2").limit == INT64_MAX);
}

static void the_machine_has_no_more_than_that(void **state)
{
	(void)state;
	struct machine_memory m = machine_memory();
	assert_true(m.total > 0 && m.total <= m.installed && m.total <= cgroup_memory().limit);
	assert_true(m.available >= 0 && m.available <= m.total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_a_limit_the_machine_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_container_sees_its_own_group_as_the_root, setup, teardown),
		cmocka_unit_test_setup_teardown(every_group_around_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(the_older_version_has_a_tree_for_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense_limits_nothing, setup, teardown),
		cmocka_unit_test(the_machine_has_no_more_than_that),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
