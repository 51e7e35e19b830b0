/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker that a model has taken over would try.  Each attempt is made by a process of its own under the rules of a CPU
 * worker, of one with NVIDIA's driver and of one with another GPU driver; each must be refused, or end the process.  Before the
 * sandbox, the same attempt must work: one that never could proves nothing. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "support/check.h"
#include "support/temp.h"
#include "worker/sandbox.h"

enum { CPU = 1, NVIDIA = 2, OTHER = 4, GPU = NVIDIA | OTHER, ALL = CPU | GPU };

static struct temp folder;
static const char *secret, *new_path, *socket_path;
static int listener = -1, kept = -1;
static pid_t victim;

/* --- attempts: true where it worked --- */

static bool reaches_the_network(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool reaches_the_network_by_ipv6(void)
{
	return socket(AF_INET6, SOCK_DGRAM, 0) >= 0;
}

static bool reaches_the_kernel_by_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static bool reaches_the_owners_socket(void)
{
	struct sockaddr_un there = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)str_format(there.sun_path, sizeof there.sun_path, "%s", socket_path);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&there, sizeof there) == 0;
}

static bool listens(void)
{
	struct sockaddr_un here = { .sun_family = AF_UNIX, .sun_path = "\0assay-test-sandbox" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	return fd >= 0 && bind(fd, (const struct sockaddr *)&here, sizeof here) == 0 && listen(fd, 1) == 0;
}

/* Becomes another program, whose exit code says so; see attempt(). */
static bool runs_a_program(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 42", NULL };
	execve("/bin/sh", argv, argv + 3);
	return false;
}

static bool runs_a_program_by_descriptor(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 42", NULL };
	syscall(SYS_execveat, kept, "/bin/sh", argv, argv + 3, 0);
	return false;
}

static bool is_child(long pid)
{
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool forks(void)
{
	return is_child(fork());
}

static bool clones(void)
{
	return is_child(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static bool clones_by_clone3(void)
{
	uint64_t args[8] = { [4] = SIGCHLD };
	return is_child(syscall(SYS_clone3, args, sizeof args));
}

static bool reads_a_file(void)
{
	return open(secret, O_RDONLY) >= 0;
}

static bool writes_a_file(void)
{
	int fd = open(secret, O_WRONLY);
	return fd >= 0 && write(fd, "x", 1) == 1;
}

static bool writes_by_an_open_descriptor(void)
{
	return write(kept, "x", 1) == 1;
}

static bool makes_a_file(void)
{
	int fd = open(new_path, O_CREAT | O_EXCL | O_RDWR, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1;
}

static bool makes_a_folder(void)
{
	return mkdirat(AT_FDCWD, new_path, 0700) == 0;
}

static bool renames(void)
{
	return rename(secret, new_path) == 0;
}

static bool removes(void)
{
	return unlinkat(AT_FDCWD, secret, 0) == 0;
}

static bool links(void)
{
	return symlinkat("/etc/passwd", AT_FDCWD, new_path) == 0;
}

static bool opens_to_all(void)
{
	return fchmodat(AT_FDCWD, secret, 0777, 0) == 0;
}

static bool empties(void)
{
	return truncate(secret, 0) == 0;
}

static bool kills(void)
{
	return kill(victim, 0) == 0;
}

static bool kills_a_thread_of_another(void)
{
	return syscall(SYS_tgkill, victim, victim, 0) == 0;
}

static bool opens_a_process(void)
{
	return syscall(SYS_pidfd_open, victim, 0) >= 0;
}

static bool traces(void)
{
	return ptrace(PTRACE_SEIZE, victim, NULL, NULL) == 0;
}

static bool reads_memory_of_another(void)
{
	static char here[8], there[8] = "secret";
	struct iovec to = { here, sizeof here }, from = { there, sizeof there };
	return syscall(SYS_process_vm_readv, victim, &to, 1UL, &from, 1UL, 0UL) == sizeof here;
}

static bool makes_code_by_mmap(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool makes_code_by_mprotect(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool becomes_traceable(void)
{
	return prctl(PR_SET_DUMPABLE, 1) == 0;
}

static bool takes_a_namespace(void)
{
	return unshare(CLONE_NEWUSER) == 0 || errno != EPERM; /* where the kernel allows none, that it was tried counts */
}

static bool asks_for_keys(void)
{
	return syscall(SYS_keyctl, 0, -3, 1) >= 0 || errno != EPERM;
}

static bool makes_a_ring(void)
{
	char params[120] = { 0 };
	return syscall(SYS_io_uring_setup, 1, params) >= 0 || errno != EPERM;
}

static bool makes_a_pair(void)
{
	int pair[2];
	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
}

struct attempt {
	const char *name;
	bool (*try)(void);
	int kinds;        /* of worker that must not */
	bool is_deadly;   /* ends the process */
	bool is_landlock; /* refused by Landlock alone */
	bool is_of_kernel; /* may not work without a sandbox either: not everywhere, or not for everybody */
};

#define A(function, ...) { .name = #function, .try = function, .kinds = __VA_ARGS__ }
static const struct attempt attempts[] = {
	A(reaches_the_network, ALL), A(reaches_the_network_by_ipv6, ALL, .is_of_kernel = true), A(reaches_the_kernel_by_netlink, ALL),
	A(reaches_the_owners_socket, ALL), A(listens, ALL), A(makes_a_pair, CPU), A(runs_a_program, ALL),
	A(runs_a_program_by_descriptor, ALL), A(forks, ALL), A(clones, ALL), A(clones_by_clone3, ALL),
	A(reads_a_file, CPU | NVIDIA, .is_landlock = true), A(writes_a_file, ALL), A(makes_a_file, ALL),
	A(writes_by_an_open_descriptor, ALL), A(makes_a_folder, ALL), A(renames, ALL), A(removes, ALL), A(links, ALL),
	A(opens_to_all, ALL), A(empties, ALL), A(kills, ALL), A(kills_a_thread_of_another, ALL), A(opens_a_process, ALL),
	A(traces, ALL, .is_deadly = true, .is_of_kernel = true),
	A(reads_memory_of_another, ALL, .is_deadly = true, .is_of_kernel = true), A(makes_code_by_mmap, CPU),
	A(makes_code_by_mprotect, CPU), A(becomes_traceable, CPU), A(takes_a_namespace, ALL, .is_deadly = true, .is_of_kernel = true),
	A(asks_for_keys, ALL, .is_deadly = true, .is_of_kernel = true), A(makes_a_ring, ALL, .is_deadly = true, .is_of_kernel = true),
};
#define N_ATTEMPTS (sizeof attempts / sizeof *attempts)

/* --- one attempt in a process of its own --- */

enum { REFUSED = 1, WORKED = 42, KILLED = 99, NO_LANDLOCK = 77 };

_Noreturn static void attempt_in_child(const struct attempt *a, int kind)
{
	struct sandbox_options options = { .gpu = kind & GPU, .nvidia = kind == NVIDIA };
	struct sandbox_report report = { .landlock_abi = 1 };
	if (kind) {
		if (!sandbox_harden(kept))
			_exit(3);
		sandbox_enter(&options, &report);
	}
	if (a->is_landlock && report.landlock_abi == 0)
		_exit(NO_LANDLOCK);
	_exit(a->try() ? WORKED : REFUSED);
}

/* `kind` 0: without a sandbox. */
static int attempt(const struct attempt *a, int kind)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		attempt_in_child(a, kind);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
	return WEXITSTATUS(status);
}

static int make_socket(void)
{
	struct sockaddr_un here = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)str_format(here.sun_path, sizeof here.sun_path, "%s", socket_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static int set_up(void **state)
{
	(void)state;
	temp_open(&folder);
	secret = temp_text(&folder, "secret", "mine");
	new_path = temp_path(&folder, "new");
	socket_path = temp_path(&folder, "assay.sock");
	listener = make_socket();
	kept = open(temp_text(&folder, "kept", ""), O_RDWR);
	victim = fork();
	if (victim == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	close(listener);
	close(kept);
	temp_close(&folder);
	return 0;
}

static void restore(void)
{
	if (access(new_path, F_OK) == 0)
		(void)!remove(new_path);
	secret = temp_text(&folder, "secret", "mine");
}

/* --- tests --- */

static void each_attempt_works_without_a_sandbox(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ATTEMPTS; i++) {
		if (attempts[i].is_of_kernel)
			continue;
		int how = attempt(&attempts[i], 0);
		restore();
		if (how != WORKED)
			fail_msg("%s: %d", attempts[i].name, how);
	}
}

static void check_kind(int kind)
{
	for (size_t i = 0; i < N_ATTEMPTS; i++) {
		const struct attempt *a = &attempts[i];
		if (!(a->kinds & kind))
			continue;
		int how = attempt(a, kind);
		restore();
		if (how == NO_LANDLOCK)
			continue;
		if (how != (a->is_deadly ? KILLED : REFUSED))
			fail_msg("%s: %d", a->name, how);
	}
}

static void a_worker_of_the_processor_cannot(void **state)
{
	(void)state;
	check_kind(CPU);
}

static void a_worker_with_nvidias_driver_cannot(void **state)
{
	(void)state;
	check_kind(NVIDIA);
}

static void a_worker_with_another_driver_cannot(void **state)
{
	(void)state;
	check_kind(OTHER);
}

/* What must hold before the first rule. */
static bool is_hard(void)
{
	struct rlimit core;
	char score[16] = "";
	int far = dup2(kept, kept + 40);
	if (!sandbox_harden(kept))
		return false;
	int fd = open("/proc/self/oom_score_adj", O_RDONLY);
	return fcntl(far, F_GETFD) < 0 && prctl(PR_GET_DUMPABLE) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
	       read(fd, score, sizeof score - 1) > 0 && strncmp(score, "800", 3) == 0;
}

static void a_worker_leaves_no_core_and_takes_no_descriptors_along(void **state)
{
	(void)state;
	const struct attempt a = A(is_hard, 0);
	assert_int_equal(attempt(&a, 0), WORKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_attempt_works_without_a_sandbox),
		cmocka_unit_test(a_worker_of_the_processor_cannot),
		cmocka_unit_test(a_worker_with_nvidias_driver_cannot),
		cmocka_unit_test(a_worker_with_another_driver_cannot),
		cmocka_unit_test(a_worker_leaves_no_core_and_takes_no_descriptors_along),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
