/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup - what a container, a service or a session may have of the machine's memory.
 *
 * A process counts in its control group and in all groups around that one; each may have a limit, and the kernel ends processes of
 * the group that goes beyond it however much memory the machine has left.  Both versions of the kernel's interface are read: in
 * version 2 one tree, in version 1 a tree for memory alone.  In a container the tree that is seen begins with its own group.
 * Thread: any; reads a few small files. */
#ifndef ASSAY_ENGINE_CGROUP_H
#define ASSAY_ENGINE_CGROUP_H

#include <stdint.h>

/* Bytes; INT64_MAX where nothing limits. */
struct cgroup_memory {
	int64_t limit;	   /* the smallest of all groups around */
	int64_t available; /* the least that one of them has left; pages of files count as left, as they do in MemAvailable */
};

/* `groups`: the file that names the groups of a process (/proc/self/cgroup), `mount`: where their trees lie (/sys/fs/cgroup).  What
 * is not there or makes no sense limits nothing. */
struct cgroup_memory cgroup_memory_at(const char *groups, const char *mount);
/* Of this process. */
struct cgroup_memory cgroup_memory(void);

#endif
