/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of files that assay makes, and how they appear: whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "deploy/job_files.h"

static char dir[64];
static struct arena *a;
static atomic_bool go_on = false;

static int setup(void **state)
{
	(void)state;
	str_format(dir, sizeof dir, "/tmp/assay-files-XXXXXX");
	assert_non_null(mkdtemp(dir));
	a = arena_new();
	return 0;
}

static int teardown(void **state)
{
	struct err err;

	(void)state;
	arena_free(a);
	assert_int_equal(job_dir_make(dir, &err), ERR_OK); /* empties it */
	return rmdir(dir);
}

static char *in_dir(const char *name)
{
	return arena_printf(a, "%s/%s", dir, name);
}

static void put(const char *path, const char *text)
{
	struct err err;
	assert_int_equal(fs_write(path, text, strlen(text), &err), ERR_OK);
}

static void assert_holds(const char *path, const char *text)
{
	struct buf out = BUF_INIT(1 << 20);
	struct err err;

	assert_int_equal(fs_read(path, &out, &err), ERR_OK);
	assert_string_equal(buf_text(&out), text);
	buf_release(&out);
}

static void names_are_safe_for_file_systems_and_shells(void **state)
{
	char overlong[400];

	(void)state;
	assert_string_equal(artifact_file_name(a, "kestrel epoch 8", "Q4_K_M"), "kestrel-epoch-8.Q4_K_M.gguf");
	assert_string_equal(artifact_file_name(a, "kestrel:q4_k_m", "Q4_K_M"), "kestrel-q4_k_m.gguf");
	assert_string_equal(artifact_file_name(a, "../../etc/passwd", "F16"), "etc-passwd.F16.gguf");
	assert_string_equal(artifact_file_name(a, "客服機器人 第 4 週期", "Q8_0"), "客服機器人-第-4-週期.Q8_0.gguf");
	assert_string_equal(artifact_file_name(a, "///", "Q8_0"), "model.Q8_0.gguf");
	assert_string_equal(artifact_file_name(a, "a$(rm -rf ~)`b`", "Q8_0"), "a-rm--rf-b.Q8_0.gguf");
	memset(overlong, 0, sizeof overlong);
	for (int i = 0; i < 390; i += 3)
		memcpy(overlong + i, "客", 3);
	const char *cut = artifact_file_name(a, overlong, "Q8_0");
	assert_true(strlen(cut) < 160);
	assert_true(utf8_valid(str_of(cut), NULL));
}

static void a_taken_name_gets_a_number(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(fs_make_dirs(in_dir("artifacts"), &err), ERR_OK);
	put(in_dir("artifacts/bot.gguf"), "1");
	put(in_dir("artifacts/bot-2.gguf"), "2");
	assert_string_equal(fs_basename(artifact_free_path(a, dir, "bot.gguf")), "bot-3.gguf");
	assert_string_equal(fs_basename(artifact_free_path(a, dir, "new.gguf")), "new.gguf");
}

static void publishing_moves_and_replaces_only_when_asked(void **state)
{
	struct err err;
	char *part = in_dir("job.part"), *path = in_dir("made/here/bot.gguf");

	(void)state;
	put(part, "new");
	assert_int_equal(artifact_publish(part, path, false, &go_on, &err), ERR_OK);
	assert_holds(path, "new");
	assert_false(fs_exists(part));
	put(part, "newer");
	assert_int_equal(artifact_publish(part, path, false, &go_on, &err), ERR_CONFLICT);
	assert_string_equal(err.key, "err_file_exists");
	assert_holds(path, "new");
	assert_int_equal(artifact_publish(part, path, true, &go_on, &err), ERR_OK);
	assert_holds(path, "newer");
}

/* A link that leads nowhere looks free to whoever follows it, as a file does that comes after the check. */
static void what_came_after_the_check_is_not_replaced(void **state)
{
	struct err err;
	char *path = in_dir("bot.gguf"), to[64] = "";

	(void)state;
	put(in_dir("part"), "new");
	assert_int_equal(symlink("/nowhere/at/all", path), 0);
	assert_int_equal(artifact_copy(in_dir("part"), path, false, &go_on, &err), ERR_CONFLICT);
	assert_string_equal(err.key, "err_file_exists");
	assert_int_equal(artifact_publish(in_dir("part"), path, false, &go_on, &err), ERR_CONFLICT);
	assert_string_equal(err.key, "err_file_exists");
	assert_true(readlink(path, to, sizeof to - 1) > 0);
	assert_string_equal(to, "/nowhere/at/all");
	put(in_dir("part"), "new");
	assert_int_equal(artifact_publish(in_dir("part"), path, true, &go_on, &err), ERR_OK);
	assert_holds(path, "new");
}

static void a_copy_leaves_its_source_and_a_cancelled_one_leaves_nothing(void **state)
{
	struct err err;
	atomic_bool cancelled = true;

	(void)state;
	put(in_dir("from"), "text");
	assert_int_equal(artifact_copy(in_dir("from"), in_dir("to"), false, &go_on, &err), ERR_OK);
	assert_holds(in_dir("to"), "text");
	assert_holds(in_dir("from"), "text");
	assert_int_equal(artifact_copy(in_dir("from"), in_dir("other"), false, &cancelled, &err), ERR_CANCELLED);
	assert_false(fs_exists(in_dir("other")));
	assert_int_equal(artifact_copy(in_dir("none"), in_dir("other"), false, &go_on, &err), ERR_NOT_FOUND);
}

static void a_target_is_checked_before_any_work(void **state)
{
	struct err err = { 0 };
	char *data = in_dir("data"), *base = in_dir("base.gguf"), *good = in_dir("out/new.gguf");

	(void)state;
	assert_int_equal(fs_make_dirs(in_dir("data/jobs"), &err), ERR_OK);
	assert_int_equal(fs_make_dirs(in_dir("out"), &err), ERR_OK);
	put(base, "weights");
	put(in_dir("data/assay.db"), "rows");
	assert_int_equal(symlink(base, in_dir("link.gguf")), 0);
	assert_int_equal(symlink(data, in_dir("way-in")), 0);
	assert_int_equal(artifact_check_target(good, false, data, base, NULL, &err), ERR_OK);
	assert_int_equal(artifact_check_target(in_dir("data/artifacts/new.gguf"), false, data, base, NULL, &err), ERR_OK);
	assert_int_equal(artifact_check_target(in_dir("data/assay.db"), true, data, base, NULL, &err), ERR_INVALID);
	assert_string_equal(err.key, "err_path_is_ours");
	assert_int_equal(artifact_check_target(in_dir("way-in/jobs/x.gguf"), true, data, base, NULL, &err), ERR_INVALID);
	assert_int_equal(artifact_check_target(base, true, data, base, NULL, &err), ERR_CONFLICT);
	assert_string_equal(err.key, "err_path_is_model");
	assert_int_equal(artifact_check_target(in_dir("link.gguf"), true, data, base, NULL, &err), ERR_CONFLICT);
	assert_int_equal(artifact_check_target(base, false, data, in_dir("other"), NULL, &err), ERR_CONFLICT);
	assert_string_equal(err.key, "err_file_exists");
	assert_int_equal(artifact_check_target(in_dir("out"), true, data, base, NULL, &err), ERR_INVALID);
	assert_int_equal(artifact_check_target(in_dir("missing/there/x.gguf"), true, data, base, NULL, &err), ERR_NOT_FOUND);
	assert_string_equal(err.key, "err_create_no_folder");
	assert_false(fs_exists(in_dir("missing")));
	assert_int_equal(artifact_check_target(in_dir("data/assay.db/x.gguf"), true, data, base, NULL, &err), ERR_CONFLICT);
	assert_holds(base, "weights");
}

/* /dev/shm is another file system than /tmp here; where it is not, this is one more move. */
static void another_file_system_gets_a_copy(void **state)
{
	struct err err;
	char *path = arena_printf(a, "/dev/shm/assay-files-%ld.gguf", (long)getpid());

	(void)state;
	put(in_dir("part"), "text");
	assert_int_equal(artifact_publish(in_dir("part"), path, false, &go_on, &err), ERR_OK);
	assert_holds(path, "text");
	assert_false(fs_exists(in_dir("part")));
	unlink(path);
}

static void a_jobs_folder_begins_empty_and_links_are_not_followed(void **state)
{
	struct err err;

	(void)state;
	put(in_dir("keep"), "text");
	assert_int_equal(job_dir_make(in_dir("job"), &err), ERR_OK);
	put(in_dir("job/old"), "x");
	assert_int_equal(symlink(in_dir("keep"), in_dir("job/link")), 0);
	assert_int_equal(symlink(dir, in_dir("job/folder")), 0);
	assert_int_equal(job_dir_make(in_dir("job"), &err), ERR_OK);
	assert_false(fs_exists(in_dir("job/old")));
	assert_holds(in_dir("keep"), "text");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_safe_for_file_systems_and_shells),
		TEST(a_taken_name_gets_a_number),
		TEST(publishing_moves_and_replaces_only_when_asked),
		TEST(what_came_after_the_check_is_not_replaced),
		TEST(a_copy_leaves_its_source_and_a_cancelled_one_leaves_nothing),
		TEST(a_target_is_checked_before_any_work),
		TEST(another_file_system_gets_a_copy),
		TEST(a_jobs_folder_begins_empty_and_links_are_not_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
