/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/gguf.h"

#define MEMORY_SHORT (64 * MIB) /* more than the graphs and stacks whose failure ends the process */

/* Sanitizers map terabytes and read /proc: they cannot live under all limits. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static int statm_fd = -1;

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t n = write(fd, text, strlen(text));
	(void)n; /* without the right to do so the score stays as it was */
	close(fd);
}

static void limit(int resource, rlim_t value)
{
	struct rlimit r = { value, value };
	setrlimit(resource, &r);
}

bool sandbox_harden(int keep_fd)
{
	pid_t parent = getppid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return false;
	write_text("/proc/self/oom_score_adj", "800"); /* first: afterwards its /proc belongs to root */
	prctl(PR_SET_DUMPABLE, 0);
	limit(RLIMIT_CORE, 0);
	setenv("GGML_NO_BACKTRACE", "1", 1);
	syscall(SYS_close_range, keep_fd + 1, ~0U, 0);
	statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (chdir("/") != 0)
		return false;
	return true;
}

uint64_t sandbox_memory_used(void)
{
	char text[128] = { 0 };
	if (statm_fd < 0 || pread(statm_fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	/* size resident shared text lib data dt, in pages */
	struct str rest = str_trim(str_of(text)), field = { 0 };
	for (int i = 0; i < 6; i++)
		field = str_split(&rest, ' ');
	uint64_t pages;
	return str_to_u64(field, &pages) ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void sandbox_limit_memory(uint64_t bytes)
{
	struct rlimit r;
	if (SANITIZED || getrlimit(RLIMIT_DATA, &r) != 0)
		return;
	r.rlim_cur = bytes == 0 || bytes > r.rlim_max ? r.rlim_max : bytes;
	setrlimit(RLIMIT_DATA, &r);
}

bool sandbox_memory_is_short(void)
{
	struct rlimit r;
	uint64_t used = sandbox_memory_used();
	return used > 0 && getrlimit(RLIMIT_DATA, &r) == 0 && r.rlim_cur != RLIM_INFINITY && used + MEMORY_SHORT > r.rlim_cur;
}

/* --- Landlock (no library knows it yet; docs.kernel.org/userspace-api/landlock.html) --- */

#define ALL_FS_ABI1 ((1ULL << 13) - 1) /* EXECUTE ... MAKE_SYM */
#define FS_REFER (1ULL << 13)
#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | FS_TRUNCATE)
#define FS_OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define NET_TCP 3ULL   /* BIND_TCP | CONNECT_TCP */
#define NVIDIA_MAX 16  /* GPUs of a machine */
#define SCOPE_ALL 3ULL /* abstract sockets, signals */

/* The kernel's struct with all its fields: older headers know fewer. */
struct ruleset_attr {
	uint64_t fs, net, scoped;
};

/* `path` may be a link: the rule is for what it leads to.  A file takes the rights that files have. */
static bool landlock_allow(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };
	struct stat st;
	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return false;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access = rights & FS_OF_FILES;
	bool ok = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
	close(rule.parent_fd);
	return ok;
}

/* A part of a split model stands for all of them, which may be links into different folders. */
static bool landlock_allow_model(int ruleset, const char *path)
{
	bool ok = landlock_allow(ruleset, path, FS_READ);
	uint32_t own, count;
	size_t stem;
	char *part;
	if (!gguf_split_name(path, &own, &count, &stem) || count > GGUF_MAX_PARTS)
		return ok;
	for (uint32_t no = 1; (part = gguf_part_path(path, no)); no++) {
		(void)landlock_allow(ruleset, part, FS_READ); /* one that is missing is named when the model is opened */
		mem_free(part);
	}
	return ok;
}

/* What NVIDIA's driver opens while it computes: its devices, and what all users may read of the system.  No home, no data. */
static void landlock_allow_nvidia(int ruleset, uint64_t handled)
{
	static const char *const devices[] = { "/dev/nvidiactl",      "/dev/nvidia-uvm",  "/dev/nvidia-uvm-tools",
					       "/dev/nvidia-modeset", "/dev/nvidia-caps", "/dev/dxg" };
	static const char *const system[] = { "/usr", "/lib", "/lib64", "/proc", "/sys", "/etc/ld.so.cache" };
	uint64_t of_device = (FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_IOCTL_DEV) & handled;
	char path[32];
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
		(void)landlock_allow(ruleset, devices[i], of_device);
	for (int i = 0; i < NVIDIA_MAX; i++) {
		snprintf(path, sizeof path, "/dev/nvidia%d", i);
		(void)landlock_allow(ruleset, path, of_device);
	}
	for (size_t i = 0; i < sizeof system / sizeof *system; i++)
		(void)landlock_allow(ruleset, system[i], FS_READ);
}

static bool landlock_allow_all(int ruleset, const struct sandbox_options *options, uint64_t handled)
{
	bool ok = true;
	if (options->nvidia)
		landlock_allow_nvidia(ruleset, handled);
	for (size_t i = 0; i < options->n_read && ok; i++)
		ok = landlock_allow_model(ruleset, options->read[i]);
	return ok && (!options->write_dir || landlock_allow(ruleset, options->write_dir, (FS_READ | FS_WRITE) & handled));
}

/* Returns the ABI that was applied, 0 where there is none. */
static int landlock_enter(const struct sandbox_options *options, char *why, size_t why_size)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		snprintf(why, why_size, "Landlock: %s. ", strerror(errno));
		return 0;
	}
	struct ruleset_attr attr = { .fs = ALL_FS_ABI1 };
	size_t size = sizeof(attr.fs);
	attr.fs |= (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) | (abi >= 5 ? FS_IOCTL_DEV : 0);
	if (abi >= 4) {
		attr.net = NET_TCP;
		size = 2 * sizeof(uint64_t);
	}
	if (abi >= 6) {
		attr.scoped = SCOPE_ALL;
		size = sizeof(attr);
	}
	long ruleset = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0 && size == sizeof(attr)) /* some kernels report 6 without the scopes */
		ruleset = syscall(SYS_landlock_create_ruleset, &attr, 2 * sizeof(uint64_t), 0);
	bool ok = ruleset >= 0 && landlock_allow_all((int)ruleset, options, attr.fs) &&
		  syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	if (!ok)
		snprintf(why, why_size, "Landlock: %s. ", strerror(errno));
	if (ruleset >= 0)
		close((int)ruleset);
	return ok ? (int)abi : 0;
}

/* --- seccomp --- */

/* What a CPU worker needs after its start: memory, threads, time, its open descriptors. */
static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(preadv),
	SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(fcntl),
	SCMP_SYS(dup), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), SCMP_SYS(fadvise64), SCMP_SYS(readahead),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(mlock),
	SCMP_SYS(mlock2), SCMP_SYS(munlock), SCMP_SYS(mincore), SCMP_SYS(msync), SCMP_SYS(membarrier),
	SCMP_SYS(futex), SCMP_SYS(futex_waitv), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getuid),
	SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_get_priority_max), SCMP_SYS(sched_get_priority_min), SCMP_SYS(getcpu), SCMP_SYS(getpriority),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(getrusage), SCMP_SYS(sysinfo), SCMP_SYS(uname),
	SCMP_SYS(getrandom), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigsuspend), SCMP_SYS(sigaltstack), SCMP_SYS(setitimer), SCMP_SYS(getitimer),
	SCMP_SYS(restart_syscall), SCMP_SYS(getrlimit), SCMP_SYS(setrlimit), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(close_range), SCMP_SYS(arch_prctl),
};

/* What writing a file takes beside. */
static const int allowed_with_output[] = {
	SCMP_SYS(pwrite64), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
};

/* Nothing of ours and no library asks for these: who does has taken over the process. */
static const int deadly[] = {
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(mount), SCMP_SYS(umount2),
	SCMP_SYS(bpf), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	SCMP_SYS(userfaultfd), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(pivot_root),
	SCMP_SYS(kexec_load), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(perf_event_open), SCMP_SYS(unshare),
	SCMP_SYS(setns),
};

/* A GPU driver needs more than we can list: refuse the ways out only, to programs, other processes and names of files. */
static const int refused_with_gpu[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(accept), SCMP_SYS(accept4),
	SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(rt_sigqueueinfo),
	SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rmdir),
	SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
	SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(truncate), SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat),
	SCMP_SYS(chown), SCMP_SYS(fchown), SCMP_SYS(lchown), SCMP_SYS(fchownat), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr),
	SCMP_SYS(fsetxattr),
};

static int cpu_rules(scmp_filter_ctx ctx, const struct sandbox_options *options)
{
	int rc = 0;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	/* Threads yes, processes no.  clone3's flags lie in memory that a filter cannot read: ENOSYS makes libc use clone. */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* No new code: memory must not become executable, nor be so from the start. */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, 0));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	/* abort() signals the own process. */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (uint64_t)getpid()));
	if (rc == 0 && (options->n_read > 0 || options->write_dir || SANITIZED))
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 0);
	size_t n_output = options->write_dir ? sizeof(allowed_with_output) / sizeof(allowed_with_output[0]) : 0;
	for (size_t i = 0; i < n_output && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed_with_output[i], 0);
	/* Sanitizers look for symbols, and test an address by writing it to a pipe. */
	static const int sanitizer[] = { SCMP_SYS(readlink), SCMP_SYS(pipe), SCMP_SYS(pipe2) };
	for (size_t i = 0; SANITIZED && i < sizeof(sanitizer) / sizeof(sanitizer[0]) && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, sanitizer[i], 0);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]) && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	return rc;
}

static int gpu_rules(scmp_filter_ctx ctx)
{
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX));
	/* Drivers look for daemons by sockets in the file system, and do without.  There lies assay's own socket too, which takes
	 * whoever has this user's id for the owner. */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ECONNREFUSED), SCMP_SYS(connect), 0);
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sendto), 1, SCMP_A4(SCMP_CMP_NE, 0));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0); /* see cpu_rules() */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_NE, (uint64_t)getpid()));
	size_t n = sizeof(refused_with_gpu) / sizeof(refused_with_gpu[0]);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), refused_with_gpu[i], 0);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]) && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	return rc;
}

static bool seccomp_enter(const struct sandbox_options *options, char *why, size_t why_size)
{
	scmp_filter_ctx ctx = seccomp_init(options->gpu ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
	int rc = ctx ? 0 : -ENOMEM;
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = options->gpu ? gpu_rules(ctx) : cpu_rules(ctx, options);
	if (rc == 0)
		rc = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	if (rc != 0)
		snprintf(why, why_size, "seccomp: %s. ", strerror(-rc));
	return rc == 0;
}

/* --- the ladder --- */

/* By the network, or by a socket in the file system: where that is not refused, one that does not exist is ENOENT. */
static bool can_reach_others(void)
{
	struct sockaddr_un nobody = { .sun_family = AF_UNIX, .sun_path = "/nonexistent/canary" };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool can = fd >= 0 || errno != EPERM;
	if (fd >= 0)
		close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return can || errno != EPERM;
	can |= connect(fd, (const struct sockaddr *)&nobody, sizeof(nobody)) == 0 || errno != ECONNREFUSED;
	close(fd);
	return can;
}

static void canary(struct sandbox_report *report)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	report->open_refused = fd < 0;
	if (fd >= 0)
		close(fd);
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	report->write_refused = fd < 0;
	if (fd >= 0)
		close(fd);
	report->socket_refused = !can_reach_others();
	/* A path that does not exist: where exec is not refused, it fails with ENOENT and we go on. */
	char *argv[] = { (char *)"canary", NULL };
	execve("/nonexistent/canary", argv, argv + 1);
	report->exec_refused = errno == EPERM || errno == EACCES;
}

void sandbox_enter(const struct sandbox_options *options, struct sandbox_report *report)
{
	*report = (struct sandbox_report){ .level = "none" };
	char landlock_why[120] = "", seccomp_why[120] = "";
	if (options->off) {
		canary(report);
		snprintf(report->detail, sizeof(report->detail), "switched off with --no-sandbox");
		return;
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (options->gpu && !options->nvidia)
		snprintf(landlock_why, sizeof(landlock_why), "this GPU driver opens devices that are not known here: no Landlock. ");
	else
		report->landlock_abi = landlock_enter(options, landlock_why, sizeof(landlock_why));
	bool open_refused = false;
	if (report->landlock_abi > 0) {
		int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
		open_refused = fd < 0;
		if (fd >= 0)
			close(fd);
	}
	if (!options->keep_output && !options->write_dir)
		limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_NOFILE, options->gpu || options->n_read > 0 ? 1200 : 64); /* a split model has up to 1,024 files */
	bool filtered = seccomp_enter(options, seccomp_why, sizeof(seccomp_why));
	canary(report);
	bool ways_out_shut = filtered && report->socket_refused && report->exec_refused;
	if (ways_out_shut && open_refused && report->open_refused && report->write_refused)
		report->level = "full";
	else if (ways_out_shut)
		report->level = "seccomp";
	else
		report->level = "rlimit";
	snprintf(report->detail, sizeof(report->detail), "%s%s%s%s", landlock_why, seccomp_why,
		 filtered && !report->socket_refused ? "a socket could be made. " : "",
		 filtered && !report->exec_refused ? "programs could be started. " : "");
}
