/* SPDX-License-Identifier: Apache-2.0
 *
 * model_arrival - files that the server itself has fetched or made become models: scanned, stored, told to the page.  Thread: loop. */
#ifndef ASSAY_SERVER_MODEL_ARRIVAL_H
#define ASSAY_SERVER_MODEL_ARRIVAL_H

#include "base/queue.h"
#include "server/model_scan.h"

struct app;
struct model_arrival;

/* The arrival is the callee's to free, also where `err` says why nothing was added. */
typedef void (*model_arrival_fn)(void *user, struct model_arrival *v, const struct err *err);

struct model_arrival {
	struct model_scan scan;
	int64_t id; /* the caller's */

	/* private to model_arrival.c */
	struct task task;
	struct app *app;
	struct arena *arena;
	model_arrival_fn done;
	void *user;
};

/* Adds what lies at `path`, named `name` where that is one model (NULL: as it is found); `done` is called once. */
void model_arrival_start(struct app *app, const char *path, const char *name, int64_t id, model_arrival_fn done, void *user);
/* NULL is fine. */
void model_arrival_free(struct model_arrival *v);

#endif
