/* SPDX-License-Identifier: Apache-2.0
 *
 * parallel - the same small work for many numbers on several threads, which end before the call returns.
 * Thread: any. */
#ifndef ASSAY_WORKER_PARALLEL_H
#define ASSAY_WORKER_PARALLEL_H

/* Calls work(user, i) once for each i below `n`, in any order, on up to `n_threads` threads, the calling one included. */
typedef void (*parallel_fn)(void *user, int i);
void parallel_each(int n_threads, int n, parallel_fn work, void *user);

#endif
