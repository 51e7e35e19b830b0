/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cgroup.h"

#include <string.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define PATH_BYTES 4096

/* How one version calls what is needed. */
struct names {
	const char *tree; /* below the mount */
	const char *limit, *used;
	const char *file_pages[2]; /* lines of memory.stat */
};

static const struct names version_2 = { "", "memory.max", "memory.current", { "inactive_file", "active_file" } };
static const struct names version_1 = { "/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
					{ "total_inactive_file", "total_active_file" } };

/* The number that a file holds; -1 where it holds none ("max") or is not there. */
static int64_t number_in(const char *dir, const char *name)
{
	struct buf text = BUF_INIT(4 * KIB);
	char *path = fs_join(dir, name);
	uint64_t n = 0;
	bool is_one = fs_read(path, &text, NULL) == ERR_OK && str_to_u64(str_trim(buf_str(&text)), &n) && n <= INT64_MAX;

	mem_free(path);
	buf_release(&text);
	return is_one ? (int64_t)n : -1;
}

/* Bytes of the group's file pages, which give way: the weights of a mapped model are such, too. */
static int64_t file_pages(const char *dir, const struct names *names)
{
	struct buf text = BUF_INIT(64 * KIB);
	char *path = fs_join(dir, "memory.stat");
	int64_t sum = 0;
	uint64_t n;

	if (fs_read(path, &text, NULL) == ERR_OK) {
		struct str rest = buf_str(&text);
		while (rest.len > 0) {
			struct str line = str_split(&rest, '\n'), key = str_split(&line, ' ');
			if ((str_eq_text(key, names->file_pages[0]) || str_eq_text(key, names->file_pages[1])) &&
			    str_to_u64(str_trim(line), &n) && n <= (uint64_t)(INT64_MAX - sum))
				sum += (int64_t)n;
		}
	}
	mem_free(path);
	buf_release(&text);
	return sum;
}

static void count_group(const char *dir, const struct names *names, struct cgroup_memory *out)
{
	int64_t limit = number_in(dir, names->limit), used = number_in(dir, names->used), pages = file_pages(dir, names);

	if (limit < 0)
		return;
	used = used > pages ? used - pages : 0;
	int64_t left = limit > used ? limit - used : 0;
	out->limit = limit < out->limit ? limit : out->limit;
	out->available = left < out->available ? left : out->available;
}

/* The group at `path` of the tree, and all around it up to the root. */
static void count_groups(const char *mount, const struct names *names, struct str path, struct cgroup_memory *out)
{
	char dir[PATH_BYTES];
	bool fits = str_format(dir, sizeof dir, "%s%s%.*s", mount, names->tree, (int)path.len, path.len > 0 ? path.ptr : "");
	size_t root = strlen(mount) + strlen(names->tree);

	/* One outside of the tree that is seen is named by "/..": then the root is all that can be read. */
	if (!fits || path.len == 0 || path.ptr[0] != '/' || strstr(dir + root, "/.."))
		dir[root] = 0;
	for (;;) {
		count_group(dir, names, out);
		char *slash = strrchr(dir + root, '/');
		if (!slash)
			return;
		*slash = 0;
	}
}

struct cgroup_memory cgroup_memory_at(const char *groups, const char *mount)
{
	struct cgroup_memory out = { INT64_MAX, INT64_MAX };
	struct buf text = BUF_INIT(64 * KIB);

	if (strlen(mount) + 16 < PATH_BYTES && fs_read(groups, &text, NULL) == ERR_OK) {
		struct str rest = buf_str(&text);
		while (rest.len > 0) { /* "0::/user.slice/a.scope", "4:memory:/a" */
			struct str path = str_split(&rest, '\n'), number = str_split(&path, ':'), kinds = str_split(&path, ':');
			bool is_2 = str_eq_text(number, "0") && kinds.len == 0, is_1 = false;
			while (kinds.len > 0)
				is_1 |= str_eq_text(str_split(&kinds, ','), "memory");
			if (is_2 || is_1)
				count_groups(mount, is_2 ? &version_2 : &version_1, path, &out);
		}
	}
	buf_release(&text);
	return out;
}

struct cgroup_memory cgroup_memory(void)
{
	return cgroup_memory_at("/proc/self/cgroup", "/sys/fs/cgroup");
}
