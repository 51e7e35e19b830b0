/* SPDX-License-Identifier: Apache-2.0
 *
 * failing_calls - preloaded into a server, lets the n-th call of a kind fail, or it and every later one.
 *
 * The file named by FAILING_CALLS holds a `struct control`, which the test changes while the server runs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN = 1, READ = 2, WRITE = 4, SYNC = 8, NAME = 16, SOCKET = 32, PROCESS = 64, ALLOC = 128 };

struct control {
	_Atomic uint32_t kinds;     /* that are counted; 0: none */
	_Atomic uint32_t count;     /* of such calls */
	_Atomic uint32_t fail_at;   /* the first that fails, from 1 */
	_Atomic uint32_t is_sticky; /* every later one fails too */
	_Atomic int32_t error;
	_Atomic uint32_t n_failed;
};

static struct control *control;

__attribute__((constructor)) static void map_control(void)
{
	const char *path = getenv("FAILING_CALLS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *place = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (place != MAP_FAILED)
		control = place;
}

/* Counts a call of `kind`; true: it fails, with errno set. */
static bool fails(uint32_t kind)
{
	if (!control || !(atomic_load(&control->kinds) & kind))
		return false;
	uint32_t n = atomic_fetch_add(&control->count, 1) + 1, at = atomic_load(&control->fail_at);
	if (n < at || (n > at && !atomic_load(&control->is_sticky)))
		return false;
	atomic_fetch_add(&control->n_failed, 1);
	errno = atomic_load(&control->error);
	return true;
}

static bool is_file(int fd)
{
	struct stat info;

	return control && atomic_load(&control->kinds) & (READ | WRITE) && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

#define REAL(name, ...) ((__typeof__(&name))real(#name))(__VA_ARGS__)

#define OPEN_LIKE(name)                                       \
	int name(const char *path, int flags, ...)            \
	{                                                     \
		va_list args;                                 \
		va_start(args, flags);                        \
		mode_t mode = va_arg(args, mode_t);           \
		va_end(args);                                 \
		return fails(OPEN) ? -1 : REAL(name, path, flags, mode); \
	}
OPEN_LIKE(open)
OPEN_LIKE(open64)

#define CALL(kind, type, name, params, args)                  \
	type name params                                      \
	{                                                     \
		return fails(kind) ? (type)-1 : REAL(name, args); \
	}
#define ARGS(...) __VA_ARGS__

#define FILE_CALL(kind, name, params, args)                   \
	ssize_t name params                                   \
	{                                                     \
		return is_file(fd) && fails(kind) ? -1 : REAL(name, args); \
	}
FILE_CALL(READ, read, (int fd, void *to, size_t n), ARGS(fd, to, n))
FILE_CALL(READ, pread, (int fd, void *to, size_t n, off_t at), ARGS(fd, to, n, at))
FILE_CALL(READ, pread64, (int fd, void *to, size_t n, off64_t at), ARGS(fd, to, n, at))
FILE_CALL(WRITE, write, (int fd, const void *from, size_t n), ARGS(fd, from, n))
FILE_CALL(WRITE, pwrite, (int fd, const void *from, size_t n, off_t at), ARGS(fd, from, n, at))
FILE_CALL(WRITE, pwrite64, (int fd, const void *from, size_t n, off64_t at), ARGS(fd, from, n, at))

/* What a fortified pread() is compiled to. */
ssize_t __pread_chk(int fd, void *to, size_t n, off_t at, size_t room);
ssize_t __pread_chk(int fd, void *to, size_t n, off_t at, size_t room)
{
	return n > room ? (abort(), -1) : pread(fd, to, n, at);
}

CALL(SYNC, int, fsync, (int fd), ARGS(fd))
CALL(SYNC, int, fdatasync, (int fd), ARGS(fd))
CALL(WRITE, int, ftruncate, (int fd, off_t size), ARGS(fd, size))
CALL(WRITE, int, ftruncate64, (int fd, off64_t size), ARGS(fd, size))
CALL(NAME, int, rename, (const char *from, const char *to), ARGS(from, to))
CALL(NAME, int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags), ARGS(a, from, b, to, flags))
CALL(NAME, int, link, (const char *from, const char *to), ARGS(from, to))
CALL(NAME, int, unlink, (const char *path), ARGS(path))
CALL(NAME, int, mkdir, (const char *path, mode_t mode), ARGS(path, mode))
CALL(SOCKET, int, socket, (int domain, int type, int protocol), ARGS(domain, type, protocol))
CALL(SOCKET, int, socketpair, (int domain, int type, int protocol, int pair[2]), ARGS(domain, type, protocol, pair))
CALL(SOCKET, int, accept4, (int fd, struct sockaddr *from, socklen_t *size, int flags), ARGS(fd, from, size, flags))
CALL(PROCESS, int, pipe2, (int pair[2], int flags), ARGS(pair, flags))
CALL(PROCESS, pid_t, fork, (void), ARGS())

int posix_fallocate(int fd, off_t at, off_t size)
{
	return fails(WRITE) ? errno : REAL(posix_fallocate, fd, at, size);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
		char *const words[], char *const environment[])
{
	return fails(PROCESS) ? errno : REAL(posix_spawn, pid, path, actions, attributes, words, environment);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *user)
{
	return fails(PROCESS) ? errno : REAL(pthread_create, thread, attributes, run, user);
}

/* dlsym() allocates itself, so these go to glibc's own names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	return fails(ALLOC) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails(ALLOC) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails(ALLOC) ? NULL : __libc_realloc(old, size);
}
