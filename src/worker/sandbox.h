/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox - what a worker gives up before it reads the first byte of a model: files, network, other programs.
 *
 * The ladder, best first: "full" (Landlock + seccomp + rlimits), "seccomp" (no Landlock in this kernel, or a GPU whose
 * driver opens devices that are not known), "rlimit", "none" (asked for by --no-sandbox).  A level is only reported after its canary:
 * the process tries to open /etc/passwd, to write to /dev/null, to reach others by a socket and to run a program, and each
 * must be refused.
 * Thread: the main thread, before any other is started. */
#ifndef ASSAY_WORKER_SANDBOX_H
#define ASSAY_WORKER_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBOX_PATHS_MAX 64

struct sandbox_options {
	/* Files (of a split model: any part for all), or folders with all that is in them, that may be read.  Links are followed. */
	const char *read[SANDBOX_PATHS_MAX];
	size_t n_read;
	const char *write_dir; /* files may be made, read and written here; NULL: nowhere */
	bool gpu;             /* keep what GPU drivers need */
	bool nvidia;          /* and all GPUs are NVIDIA's, whose driver is known to live under Landlock */
	bool off;             /* --no-sandbox */
	bool keep_output;     /* --self-test: standard output may be a file */
};

struct sandbox_report {
	const char *level;  /* "full", "seccomp", "rlimit", "none" */
	char detail[400];   /* what could not be had, "" for "full" on a CPU */
	int landlock_abi;   /* 0: none */
	/* Canary: true = refused. */
	bool open_refused, write_refused, socket_refused, exec_refused;
};

/* First of all in main(): no core dumps, not traceable, dies with the parent, first choice of the OOM killer, closes every
 * descriptor above `keep_fd`.  False when the parent is gone already. */
bool sandbox_harden(int keep_fd);

/* Applies the ladder and runs the canary. */
void sandbox_enter(const struct sandbox_options *options, struct sandbox_report *report);

/* Limits private memory to `bytes` (RLIMIT_DATA: file mappings are not counted).  0: no limit. */
void sandbox_limit_memory(uint64_t bytes);

/* Whether next to nothing of that limit is left.  May be asked in a signal handler. */
bool sandbox_memory_is_short(void);

/* Private memory that counts for RLIMIT_DATA now, 0 if unknown. */
uint64_t sandbox_memory_used(void);

#endif
