/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cache_room.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

struct sweep {
	const char *dir;
	uint64_t total, unused; /* bytes of all files; of those that may go */
	int64_t n, oldest_s;
	char *oldest; /* of those that may go, NULL: none may */
};

void cache_hold(int fd)
{
	(void)!flock(fd, LOCK_SH | LOCK_NB); /* where a file system has no locks, a file that goes stays readable for who has it open */
}

static bool is_held(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return held;
}

static void look_at_file(struct sweep *w, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return;
	w->total += (uint64_t)st.st_size;
	w->n++;
	if (is_held(path))
		return;
	w->unused += (uint64_t)st.st_size;
	if (!w->oldest || st.st_atim.tv_sec < w->oldest_s) {
		mem_free(w->oldest);
		w->oldest = mem_strdup(path);
		w->oldest_s = st.st_atim.tv_sec;
	}
}

static bool sweep_entry(void *user, const char *name, bool is_dir)
{
	struct sweep *w = user;
	char *path = fs_join(w->dir, name);

	if (!is_dir && str_ends(str_of(name), ".part"))
		(void)!unlink(path); /* of a conversion that was killed: one at a time is made */
	else if (!is_dir)
		look_at_file(w, path);
	mem_free(path);
	return true;
}

/* Whether a file has to go for the new one. */
static bool is_short(const struct sweep *w, const struct cache_wish *wish)
{
	uint64_t room = wish->free_space(w->dir), need = wish->size + wish->spare;
	bool lacks_disk = room < need && need - room <= w->unused;

	return w->total + wish->size > wish->most || lacks_disk;
}

void cache_make_room(const char *dir, const struct cache_wish *wish)
{
	for (bool goes_on = true; goes_on;) {
		struct sweep w = { .dir = dir };
		goes_on = fs_list(dir, LIMIT_FOLDER_ENTRIES, sweep_entry, &w, NULL) == ERR_OK && w.oldest && is_short(&w, wish);
		if (goes_on) {
			log_info("engine", "cached model removed path=%s", w.oldest);
			goes_on = unlink(w.oldest) == 0;
		}
		mem_free(w.oldest);
	}
}

static bool count_entry(void *user, const char *name, bool is_dir)
{
	struct sweep *w = user;
	struct stat st;
	char *path = fs_join(w->dir, name);

	if (!is_dir && stat(path, &st) == 0) {
		w->total += (uint64_t)st.st_size;
		w->n++;
	}
	mem_free(path);
	return true;
}

uint64_t cache_size(const char *dir, int64_t *n)
{
	struct sweep w = { .dir = dir };

	(void)!fs_list(dir, LIMIT_FOLDER_ENTRIES, count_entry, &w, NULL);
	*n = w.n;
	return w.total;
}
