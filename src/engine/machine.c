/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/machine.h"

#include <dirent.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/cgroup.h"
#include "model/gguf.h"

/* True if processor `cpu` is the first of its core's threads that we may use. */
static bool leads_core(int cpu, const cpu_set_t *allowed)
{
	char path[128];
	struct buf text = BUF_INIT(256);
	uint64_t first = 0;
	bool leads = true;

	str_format(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
	if (fs_read(path, &text, NULL) == ERR_OK) {
		struct str rest = str_trim(buf_str(&text)), range = str_split(&rest, ',');
		struct str number = str_split(&range, '-');
		if (str_to_u64(number, &first) && (int)first != cpu && first < CPU_SETSIZE)
			leads = !CPU_ISSET((int)first, allowed);
	}
	buf_release(&text);
	return leads;
}

int machine_cores(void)
{
	cpu_set_t allowed;
	int cores = 0;

	if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
		return 1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		cores += CPU_ISSET(cpu, &allowed) && leads_core(cpu, &allowed);
	return cores > 0 ? cores : 1;
}

/* The value of "NAME:   123 kB" in a file of /proc, in bytes; -1 without it. */
static int64_t proc_value(const char *path, const char *name)
{
	struct buf text = BUF_INIT(64 * KIB);
	uint64_t kib = 0;
	int64_t bytes = -1;

	if (fs_read(path, &text, NULL) == ERR_OK) {
		struct str rest = buf_str(&text);
		while (rest.len > 0 && bytes < 0) {
			struct str line = str_split(&rest, '\n'), key = str_split(&line, ':');
			struct str value = str_trim(line), number = str_split(&value, ' ');
			if (str_eq_text(key, name) && str_to_u64(number, &kib))
				bytes = (int64_t)(kib * KIB);
		}
	}
	buf_release(&text);
	return bytes;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

struct machine_memory machine_memory(void)
{
	struct machine_memory m = { .installed = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) };
	struct cgroup_memory group = cgroup_memory();
	int64_t available = proc_value("/proc/meminfo", "MemAvailable");

	m.total = smaller(m.installed, group.limit);
	m.available = smaller(available >= 0 ? available : m.installed, group.available);
	return m;
}

int64_t machine_oom_kills(void)
{
	struct buf text = BUF_INIT(64 * KIB);
	uint64_t count = 0;

	if (fs_read("/proc/vmstat", &text, NULL) == ERR_OK) {
		struct str rest = buf_str(&text);
		while (rest.len > 0) {
			struct str line = str_split(&rest, '\n'), key = str_split(&line, ' ');
			if (str_eq_text(key, "oom_kill") && str_to_u64(str_trim(line), &count))
				break;
		}
	}
	buf_release(&text);
	return (int64_t)count;
}

/* Of /proc/PID/status; false for a process that is gone, a thread of the kernel, or one of ours. */
static bool read_process(pid_t pid, struct machine_process *out)
{
	char path[64];
	struct buf text = BUF_INIT(64 * KIB);
	uint64_t number, kib = 0;
	int64_t parent = 0;

	str_format(path, sizeof path, "/proc/%d/status", (int)pid);
	*out = (struct machine_process){ .pid = pid };
	if (fs_read(path, &text, NULL) == ERR_OK) {
		struct str rest = buf_str(&text);
		while (rest.len > 0) {
			struct str line = str_split(&rest, '\n'), key = str_split(&line, ':'), value = str_trim(line);
			struct str digits = value, first = str_split(&digits, ' ');
			if (str_eq_text(key, "Name"))
				str_format(out->name, sizeof out->name, "%.*s", (int)value.len, value.ptr);
			else if (str_eq_text(key, "PPid"))
				(void)str_to_i64(value, &parent);
			else if ((str_eq_text(key, "RssAnon") || str_eq_text(key, "RssShmem")) && str_to_u64(first, &number))
				kib += number;
		}
	}
	buf_release(&text);
	utf8_clean(out->name, strlen(out->name), 0);
	out->bytes = (int64_t)(kib * KIB);
	return kib > 0 && pid != getpid() && parent != getpid();
}

bool machine_largest_process(struct machine_process *out)
{
	DIR *dir = opendir("/proc");
	struct machine_process one;
	const struct dirent *entry;
	uint64_t pid;

	*out = (struct machine_process){ 0 };
	while (dir && (entry = readdir(dir)))
		if (str_to_u64(str_of(entry->d_name), &pid) && pid <= INT32_MAX && read_process((pid_t)pid, &one) &&
		    one.bytes > out->bytes)
			*out = one;
	if (dir)
		closedir(dir);
	return out->bytes > 0;
}

bool machine_has_gpu(void)
{
	/* NVIDIA; NVIDIA under WSL2; AMD; what Vulkan can drive. */
	static const char *const nodes[] = { "/dev/nvidia0", "/dev/dxg", "/dev/kfd", "/dev/dri/renderD128" };

	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
		if (access(nodes[i], F_OK) == 0)
			return true;
	return false;
}

int64_t machine_resident(pid_t pid)
{
	char path[64];

	str_format(path, sizeof path, "/proc/%d/status", (int)pid);
	int64_t bytes = proc_value(path, "VmRSS");
	return bytes > 0 ? bytes : 0;
}

void machine_file_stamp(const char *path, char out[FILE_STAMP_SIZE])
{
	struct stat st;
	long long size = 0, newest_s = 0;
	long newest_ns = 0;
	char *part;

	out[0] = 0;
	for (uint32_t no = 1; (part = gguf_part_path(path, no)); no++) {
		bool there = stat(part, &st) == 0;
		mem_free(part);
		if (!there)
			return;
		size += (long long)st.st_size;
		if (st.st_mtim.tv_sec > newest_s || (st.st_mtim.tv_sec == newest_s && st.st_mtim.tv_nsec > newest_ns)) {
			newest_s = (long long)st.st_mtim.tv_sec;
			newest_ns = (long)st.st_mtim.tv_nsec;
		}
	}
	str_format(out, FILE_STAMP_SIZE, "%lld.%lld.%09ld", size, newest_s, newest_ns);
}

char *machine_name(int n_threads)
{
	struct buf text = BUF_INIT(1 * MIB);
	struct str name = STR("CPU");

	if (fs_read("/proc/cpuinfo", &text, NULL) == ERR_OK) {
		struct str rest = buf_str(&text);
		while (rest.len > 0) {
			struct str line = str_split(&rest, '\n'), key = str_split(&line, ':');
			if (str_eq_text(str_trim(key), "model name")) {
				name = str_trim(line);
				break;
			}
		}
	}
	char *out = mem_printf("%.*s, %d threads", (int)name.len, name.ptr, n_threads);
	buf_release(&text);
	return out;
}
