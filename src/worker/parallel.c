/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define THREADS_MAX 64
#define WORTH_A_THREAD 4 /* calls */

struct work {
	parallel_fn call;
	void *user;
	int n;
	atomic_int next;
};

static void *take(void *user)
{
	struct work *w = user;
	for (int i; (i = atomic_fetch_add(&w->next, 1)) < w->n;)
		w->call(w->user, i);
	return NULL;
}

void parallel_each(int n_threads, int n, parallel_fn work, void *user)
{
	pthread_t threads[THREADS_MAX];
	struct work w = { .call = work, .user = user, .n = n };
	int started = 0;
	for (int i = 1; i < n_threads && i < THREADS_MAX && i * WORTH_A_THREAD < n; i++) {
		if (pthread_create(&threads[started], NULL, take, &w) == 0)
			started++;
	}
	take(&w);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}
