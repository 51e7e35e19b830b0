/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

static char root[64];

/* A path in the test's own folder; overwritten by the fourth call after it. */
static const char *in_root(const char *name)
{
	static char paths[4][512];
	static int next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", root, name);
	return path;
}

static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/assay-fs-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static bool remove_entry(void *user, const char *name, bool is_dir)
{
	char *path = fs_join(user, name);
	struct stat st;
	struct err err = { 0 };
	if (is_dir && lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		if (fs_list(path, 1000, remove_entry, path, &err) == ERR_OK)
			rmdir(path);
	} else {
		unlink(path);
	}
	mem_free(path);
	return true;
}

static int remove_root(void **state)
{
	(void)state;
	struct err err = { 0 };
	if (fs_list(root, 1000, remove_entry, root, &err) != ERR_OK)
		return -1;
	return rmdir(root);
}

/* --- what reaches the disk, and when: these stand in for the C library's --- */

static char tape[16]; /* f: the file's bytes, d: its folder's names, m: a new name */
static int fsync_error; /* of the next fsync of a file */

static void note(char what)
{
	size_t n = strlen(tape);
	if (n + 1 < sizeof tape)
		tape[n] = what, tape[n + 1] = 0;
}

int fsync(int fd)
{
	struct stat st;
	bool is_dir = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	note(is_dir ? 'd' : 'f');
	if (is_dir || !fsync_error)
		return (int)syscall(SYS_fsync, fd);
	errno = fsync_error;
	fsync_error = 0;
	return -1;
}

int rename(const char *from, const char *to)
{
	note('m');
	return (int)syscall(SYS_rename, from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	note('m');
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

struct names {
	char text[1000];
	int stop_after;
};

static bool note_name(void *user, const char *name, bool is_dir)
{
	struct names *n = user;
	size_t len = strlen(n->text);
	snprintf(n->text + len, sizeof n->text - len, "%s%s ", name, is_dir ? "/" : "");
	return --n->stop_after != 0;
}

static void what_is_written_reads_back_and_leaves_no_part(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct buf b = BUF_INIT(100);
	assert_int_equal(fs_write(in_root("w/x"), "a", 1, &err), ERR_NOT_FOUND);
	assert_int_equal(fs_make_dirs(in_root("w"), &err), ERR_OK);
	assert_int_equal(fs_write(in_root("w/x"), "first", 5, &err), ERR_OK);
	assert_int_equal(fs_write(in_root("w/x"), "se\0cond", 7, &err), ERR_OK);
	assert_int_equal(fs_write(in_root("w/empty"), NULL, 0, &err), ERR_OK);
	assert_int_equal(fs_read(in_root("w/x"), &b, &err), ERR_OK);
	assert_int_equal(b.len, 7);
	assert_memory_equal(b.ptr, "se\0cond", 7);
	assert_int_equal(fs_read(in_root("w/empty"), &b, &err), ERR_OK);
	assert_int_equal(b.len, 7);
	struct names names = { 0 };
	assert_int_equal(fs_list(in_root("w"), 10, note_name, &names, &err), ERR_OK);
	assert_string_equal(names.text, "empty x ");
	struct stat st;
	assert_int_equal(stat(in_root("w/x"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	buf_release(&b);
}

static void reading_stops_at_the_limit(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(fs_write(in_root("ten"), "0123456789", 10, &err), ERR_OK);
	struct buf exact = BUF_INIT(10), small = BUF_INIT(9), proc = BUF_INIT(3);
	assert_int_equal(fs_read(in_root("ten"), &exact, &err), ERR_OK);
	assert_string_equal(buf_text(&exact), "0123456789");
	assert_int_equal(fs_read(in_root("ten"), &small, &err), ERR_LIMIT);
	assert_string_equal(err.key, "err_fs_too_big");
	/* Its stat() size is 0. */
	assert_int_equal(fs_read("/proc/self/status", &proc, &err), ERR_LIMIT);
	assert_string_equal(err.key, "err_fs_too_big");
	buf_release(&proc);
	buf_init(&proc, 1 << 20);
	assert_int_equal(fs_read("/proc/self/status", &proc, &err), ERR_OK);
	assert_true(proc.len > 100);
	buf_release(&proc);
	buf_release(&exact);
	buf_release(&small);
}

static void only_ordinary_files_open(void **state)
{
	(void)state;
	struct err err = { 0 };
	uint64_t size = 99;
	assert_int_equal(fs_open(in_root("nothing"), &size, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.key, "err_fs_not_found");
	assert_int_equal(fs_open(root, &size, &err), -1);
	assert_string_equal(err.key, "err_fs_is_folder");
	assert_int_equal(mkfifo(in_root("pipe"), 0600), 0);
	assert_int_equal(fs_open(in_root("pipe"), &size, &err), -1);
	assert_string_equal(err.key, "err_fs_not_file");
	assert_int_equal(fs_write(in_root("file"), "abc", 3, &err), ERR_OK);
	assert_int_equal(symlink("file", in_root("link")), 0);
	int fd = fs_open(in_root("link"), &size, &err);
	assert_true(fd >= 0);
	assert_int_equal(size, 3);
	close(fd);
	assert_int_equal(fs_open(in_root("nothing"), NULL, NULL), -1);
	struct buf b = BUF_INIT(10);
	assert_int_equal(fs_read(in_root("nothing"), &b, NULL), ERR_NOT_FOUND);
}

static void a_file_that_ends_early_says_where(void **state)
{
	(void)state;
	struct err err = { 0 };
	char got[10], at[32];
	assert_int_equal(fs_write(in_root("five"), "01234", 5, &err), ERR_OK);
	int fd = fs_open(in_root("five"), NULL, &err);
	assert_int_equal(fs_pread(fd, got, 3, 2, &err), ERR_OK);
	assert_memory_equal(got, "234", 3);
	assert_int_equal(fs_pread(fd, got, 4, 2, &err), ERR_DATA);
	assert_string_equal(err.key, "err_fs_ends");
	assert_true(err_arg(&err, "at", at, sizeof at));
	assert_string_equal(at, "5");
	assert_int_equal(fs_pread(fd, got, 1, UINT64_MAX, &err), ERR_DATA);
	assert_int_equal(fs_pread(fd, got, 10, INT64_MAX, &err), ERR_DATA);
	close(fd);
	assert_int_equal(fs_pread(-1, got, 1, 0, &err), ERR_IO);
	assert_string_equal(err.key, "err_fs_read");
}

static void publishing_replaces_the_old_file_or_cleans_up(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(fs_write(in_root("p"), "old", 3, &err), ERR_OK);
	int fd = open(in_root("p.part"), O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, "new", 3), 3);
	assert_int_equal(fs_publish(fd, in_root("p.part"), in_root("p"), &err), ERR_OK);
	assert_int_equal(close(fd), -1);
	struct buf b = BUF_INIT(10);
	assert_int_equal(fs_read(in_root("p"), &b, &err), ERR_OK);
	assert_string_equal(buf_text(&b), "new");
	buf_release(&b);
	fd = open(in_root("p.part"), O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(fs_publish(fd, in_root("p.part"), in_root("no/such/folder"), &err), ERR_NOT_FOUND);
	assert_false(fs_exists(in_root("p.part")));
	assert_int_equal(close(fd), -1);
	/* A pipe cannot be synced. */
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fs_publish(ends[1], in_root("p.part"), in_root("p"), &err), ERR_IO);
	assert_string_equal(err.key, "err_fs_write");
	close(ends[0]);
}

static void publishing_as_new_leaves_what_is_there(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct buf b = BUF_INIT(10);
	assert_int_equal(fs_write(in_root("n"), "old", 3, &err), ERR_OK);
	int fd = open(in_root("n.part"), O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, "new", 3), 3);
	assert_int_equal(fs_publish_new(fd, in_root("n.part"), in_root("n"), &err), ERR_CONFLICT);
	assert_string_equal(err.key, "err_file_exists");
	assert_false(fs_exists(in_root("n.part")));
	assert_int_equal(fs_read(in_root("n"), &b, &err), ERR_OK);
	assert_string_equal(buf_text(&b), "old");
	buf_clear(&b);
	fd = open(in_root("n.part"), O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, "new", 3), 3);
	assert_int_equal(fs_publish_new(fd, in_root("n.part"), in_root("fresh"), &err), ERR_OK);
	assert_false(fs_exists(in_root("n.part")));
	assert_int_equal(fs_read(in_root("fresh"), &b, &err), ERR_OK);
	assert_string_equal(buf_text(&b), "new");
	buf_release(&b);
}

static int make_part(void)
{
	int fd = open(in_root("o.part"), O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, "new", 3), 3);
	tape[0] = 0;
	return fd;
}

/* A power cut leaves the old file or the whole new one: bytes first, then the name, then the folder. */
static void a_name_reaches_the_disk_after_its_bytes(void **state)
{
	(void)state;
	struct err err = { 0 };
	tape[0] = 0;
	assert_int_equal(fs_write(in_root("o"), "old", 3, &err), ERR_OK);
	assert_string_equal(tape, "fmd");
	assert_int_equal(fs_publish(make_part(), in_root("o.part"), in_root("o"), &err), ERR_OK);
	assert_string_equal(tape, "fmd");
	assert_int_equal(fs_publish_new(make_part(), in_root("o.part"), in_root("o2"), &err), ERR_OK);
	assert_string_equal(tape, "fmd");
}

static void bytes_that_did_not_reach_the_disk_get_no_name(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct buf b = BUF_INIT(10);
	assert_int_equal(fs_write(in_root("k"), "old", 3, &err), ERR_OK);
	int fd = make_part();
	fsync_error = EIO;
	assert_int_equal(fs_publish(fd, in_root("o.part"), in_root("k"), &err), ERR_IO);
	assert_string_equal(tape, "f"); /* and not tried again */
	assert_false(fs_exists(in_root("o.part")));
	assert_int_equal(fs_read(in_root("k"), &b, &err), ERR_OK);
	assert_string_equal(buf_text(&b), "old");
	buf_release(&b);
}

static void folders_are_made_with_all_their_parents(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(fs_make_dirs(in_root("a//b/c/"), &err), ERR_OK);
	assert_int_equal(fs_make_dirs(in_root("a/b/c"), &err), ERR_OK);
	assert_true(fs_is_dir(in_root("a/b/c")));
	struct stat st;
	assert_int_equal(stat(in_root("a/b"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(fs_write(in_root("a/file"), "", 0, &err), ERR_OK);
	assert_int_equal(fs_make_dirs(in_root("a/file"), &err), ERR_CONFLICT);
	assert_string_equal(err.key, "err_fs_not_folder");
	assert_true(fs_make_dirs(in_root("a/file/x"), &err) != ERR_OK);
	assert_int_equal(fs_make_dirs("/proc/nothing", &err), ERR_NOT_FOUND);
}

static void folders_are_listed_in_byte_order(void **state)
{
	(void)state;
	struct err err = { 0 };
	const char *const names[] = { "l/b", "l/B", "l/a10", "l/a9", "l/題", "l/.hidden" };
	assert_int_equal(fs_make_dirs(in_root("l/dir"), &err), ERR_OK);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(fs_write(in_root(names[i]), "", 0, &err), ERR_OK);
	assert_int_equal(symlink("dir", in_root("l/to-dir")), 0);
	assert_int_equal(symlink("nowhere", in_root("l/dead")), 0);
	struct names all = { 0 }, two = { .stop_after = 2 };
	assert_int_equal(fs_list(in_root("l"), 9, note_name, &all, &err), ERR_OK);
	assert_string_equal(all.text, ".hidden B a10 a9 b dead dir/ to-dir/ 題 ");
	assert_int_equal(fs_list(in_root("l"), 9, note_name, &two, &err), ERR_OK);
	assert_string_equal(two.text, ".hidden B ");
	assert_int_equal(fs_list(in_root("l"), 8, note_name, &all, &err), ERR_LIMIT);
	assert_string_equal(err.key, "err_fs_too_many");
	assert_int_equal(fs_list(in_root("l/b"), 8, note_name, &all, &err), ERR_DATA);
	assert_string_equal(err.key, "err_fs_not_folder");
	assert_int_equal(fs_list(in_root("nothing"), 8, note_name, &all, &err), ERR_NOT_FOUND);
}

static void paths_are_joined_and_cut(void **state)
{
	(void)state;
	static const struct {
		const char *path, *dir, *base;
	} cases[] = {
		{ "a/b", "a", "b" }, { "/a/b.gguf", "/a", "b.gguf" }, { "a", ".", "a" }, { "/a", "/", "a" }, { "/", "/", "/" },
		{ "a/b/", "a", "b/" }, { "a//b", "a", "b" }, { "//a", "/", "a" }, { "", ".", "" }, { ".", ".", "." }, { "a/", ".", "a/" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *dir = fs_dirname(cases[i].path);
		assert_string_equal(dir, cases[i].dir);
		assert_string_equal(fs_basename(cases[i].path), cases[i].base);
		mem_free(dir);
	}
	static const char *const joins[][3] = { { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "/", "b", "/b" }, { "", "b", "b" } };
	for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
		char *path = fs_join(joins[i][0], joins[i][1]);
		assert_string_equal(path, joins[i][2]);
		mem_free(path);
	}
}

static void expect_data_dir(const char *given, const char *expected)
{
	char *dir = fs_data_dir(given);
	assert_string_equal(dir, expected);
	mem_free(dir);
}

static void the_data_folder_follows_xdg(void **state)
{
	(void)state;
	setenv("HOME", "/home/me", 1);
	setenv("XDG_DATA_HOME", "/xdg", 1);
	expect_data_dir("/given", "/given");
	expect_data_dir(NULL, "/xdg/assay");
	setenv("XDG_DATA_HOME", "relative", 1);
	expect_data_dir("", "/home/me/.local/share/assay");
	unsetenv("XDG_DATA_HOME");
	expect_data_dir(NULL, "/home/me/.local/share/assay");
}

static void free_space_is_told_for_paths_that_do_not_exist_yet(void **state)
{
	(void)state;
	assert_true(fs_free_space(in_root("not/yet/there")) != UINT64_MAX);
	assert_true(fs_free_space("") != UINT64_MAX);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) > 0;
	if (fd >= 0)
		close(fd);
	return written;
}

/* A mount namespace of our own; an ordinary user gets one through a user namespace in which it is root. */
static bool enter_namespace(void)
{
	char users[40], groups[40];
	snprintf(users, sizeof users, "0 %u 1", (unsigned)getuid());
	snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getgid());
	if (unshare(CLONE_NEWNS) == 0)
		return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return false;
	return put("/proc/self/uid_map", users) && put("/proc/self/setgroups", "deny") && put("/proc/self/gid_map", groups);
}

/* In the child: 0 when the right error came, 1 when not, 77 where no small file system can be made. */
static int fill_a_small_disk(void)
{
	static char data[1 << 20];
	struct err err = { 0 };
	char text[200];
	if (!enter_namespace())
		return 77;
	if (mkdir(in_root("small"), 0700) != 0 || mount("none", in_root("small"), "tmpfs", MS_NOSUID, "size=64k") != 0)
		return 77;
	if (fs_write(in_root("small/x"), data, sizeof data, &err) != ERR_IO || strcmp(err.key, "err_disk_full") != 0)
		return 1;
	if (!err_arg(&err, "what", text, sizeof text) || strcmp(text, "x") != 0)
		return 1;
	struct names names = { 0 };
	if (fs_list(in_root("small"), 10, note_name, &names, &err) != ERR_OK || names.text[0])
		return 1;
	return umount(in_root("small"));
}

static void a_full_disk_has_a_sentence_of_its_own(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0)
		_exit(fill_a_small_disk());
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	rmdir(in_root("small"));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void write_in(const char *folder, const char *name)
{
	char *dir = mem_strdup(in_root(folder)), *path = fs_join(dir, name);
	assert_int_equal(fs_make_dirs(dir, NULL), ERR_OK);
	assert_int_equal(fs_write(path, "x", 1, NULL), ERR_OK);
	mem_free(path);
	mem_free(dir);
}

static void a_tree_is_removed_and_links_are_not_followed(void **state)
{
	(void)state;
	write_in("kept", "file");
	write_in("tree/a/b", "file");
	assert_int_equal(symlink(in_root("kept"), in_root("tree/a/link")), 0);
	assert_true(fs_remove_tree(in_root("tree")));
	assert_false(fs_exists(in_root("tree")));
	assert_true(fs_exists(in_root("kept/file")));
	assert_int_equal(symlink(in_root("kept"), in_root("tree")), 0);
	assert_true(fs_remove_tree(in_root("tree")) && fs_exists(in_root("kept/file")));
	assert_true(fs_remove_tree(in_root("tree"))); /* nothing is there */
	assert_true(fs_remove_tree(in_root("kept")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back_and_leaves_no_part),
		cmocka_unit_test(reading_stops_at_the_limit),
		cmocka_unit_test(only_ordinary_files_open),
		cmocka_unit_test(a_file_that_ends_early_says_where),
		cmocka_unit_test(publishing_replaces_the_old_file_or_cleans_up),
		cmocka_unit_test(publishing_as_new_leaves_what_is_there),
		cmocka_unit_test(a_name_reaches_the_disk_after_its_bytes),
		cmocka_unit_test(bytes_that_did_not_reach_the_disk_get_no_name),
		cmocka_unit_test(folders_are_made_with_all_their_parents),
		cmocka_unit_test(folders_are_listed_in_byte_order),
		cmocka_unit_test(paths_are_joined_and_cut),
		cmocka_unit_test(the_data_folder_follows_xdg),
		cmocka_unit_test(free_space_is_told_for_paths_that_do_not_exist_yet),
		cmocka_unit_test(a_full_disk_has_a_sentence_of_its_own),
		cmocka_unit_test(a_tree_is_removed_and_links_are_not_followed),
	};
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
