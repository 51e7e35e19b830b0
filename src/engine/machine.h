/* SPDX-License-Identifier: Apache-2.0
 *
 * machine - what this computer has: processors, memory, and how much of it a process takes.  Thread: any. */
#ifndef ASSAY_ENGINE_MACHINE_H
#define ASSAY_ENGINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Physical cores that this process may use, at least 1: the best number of threads for a model. */
int machine_cores(void);

/* Bytes. */
struct machine_memory {
	int64_t installed;
	int64_t total;	   /* what of it this process may have: less in a container or a service with a limit (engine/cgroup.h) */
	int64_t available; /* what can be had of that without swapping (MemAvailable); the total where the kernel does not say */
};
/* As it is now; reads a few files of the kernel, a fraction of a millisecond. */
struct machine_memory machine_memory(void);
/* Processes that the kernel has ended for lack of memory since the machine started; 0 where it does not say. */
int64_t machine_oom_kills(void);
/* True if there is a graphics device that a llama.cpp with its backend could use. */
bool machine_has_gpu(void);
/* Resident bytes of a process, 0 when it is gone. */
int64_t machine_resident(pid_t pid);

/* The process that keeps most main memory for itself (what it has mapped of files does not count), but for this one and those that
 * it has started.  False where /proc says nothing. */
struct machine_process {
	pid_t pid;
	char name[64];
	int64_t bytes;
};
bool machine_largest_process(struct machine_process *out);

/* What changes when a model file (or a part of a split one) is written anew, also when it stays as long as it was; "" where one
 * is missing. */
#define FILE_STAMP_SIZE 64
void machine_file_stamp(const char *path, char out[FILE_STAMP_SIZE]);

/* Name of the processor and its number of threads for provenance: "AMD EPYC, 2 threads".  The caller's. */
char *machine_name(int n_threads);

#endif
