/* SPDX-License-Identifier: Apache-2.0
 *
 * child_rights - what a child process gives up before it becomes a program that reads files of strangers: the network, other
 * processes, and writing anywhere but in one folder.
 *
 * Landlock (where the kernel has it) and a system call filter; the program itself cannot take anything back.  Reading stays allowed: a
 * Python program reads from everywhere.  Thread: only between fork() and exec(); uses nothing but system calls. */
#ifndef ASSAY_CONVERT_CHILD_RIGHTS_H
#define ASSAY_CONVERT_CHILD_RIGHTS_H

/* Dies with its parent, lowest priority, first choice of the OOM killer, no core dumps, a process group of its own. */
void child_rights_humble(void);

/* Files may be written below `write_dir` and nowhere else; no sockets.  What the kernel does not know stays as it is. */
void child_rights_drop(const char *write_dir);

#endif
