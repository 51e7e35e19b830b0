/* SPDX-License-Identifier: Apache-2.0
 *
 * match_check - asks a model whether an adapter belongs to it: training answers with and without the adapter, in one worker.
 *
 * Adapters are converted and both files hashed on another thread, then the machine is reserved; the outcome is stored by the
 * hashes (store/match_store.h).  One check for each family at a time; the last one is remembered until the next.
 * Thread: loop. */
#ifndef ASSAY_ENGINE_MATCH_CHECK_H
#define ASSAY_ENGINE_MATCH_CHECK_H

#include "base/loop.h"
#include "engine/engine.h"
#include "engine/machine.h"
#include "store/match_store.h"
#include "engine/devices.h"
#include "store/model_store.h"

struct match_checks;

struct match_checks_options {
	struct loop *loop;
	struct store *store;
	struct engine *engine;
	struct executor *hash;
	const char *worker_path; /* outlives it */
	int n_threads;           /* 0: one for each physical core */
	struct gpu_use gpu; /* the device is borrowed */
	bool allow_unsandboxed;
	void (*changed)(void *user); /* one has ended, and what it found is stored */
	void *user;
};

/* One adapter to be checked, and what was found. */
struct match_item {
	struct model_row model;
	struct gen_params params; /* template and system prompt that it is asked with */
	char sha256[65], stamp[FILE_STAMP_SIZE];
	struct match_pair pairs[MATCH_ANSWERS_MAX];
	struct match_result result;
	bool is_done;
};

enum match_state { MATCH_WAITING, MATCH_RUNNING, MATCH_DONE, MATCH_FAILED, MATCH_CANCELLED };

struct match_check {
	int64_t family_id;
	enum match_state state;
	double fraction;
	struct err problem; /* why it failed */
	struct model_row base;
	struct match_item *items;
	size_t n_items;
	const struct run_question *questions; /* with references, at most MATCH_ANSWERS_MAX */
	size_t n_questions;
	const char *source; /* where they are from */
	struct arena *arena; /* of all of it */
};

/* Never NULL. */
struct match_checks *match_checks_new(const struct match_checks_options *options);
/* Ends what is under way, without a further callback. */
void match_checks_free(struct match_checks *all);

/* Begins; takes `wish->arena` with all that is in it, also where it fails: ERR_CONFLICT "err_match_running". */
MUST_USE enum err_code match_check_start(struct match_checks *all, const struct match_check *wish, struct err *err);
/* The last one of a family; NULL: none since the start.  Borrowed until the next call. */
const struct match_check *match_check_find(const struct match_checks *all, int64_t family_id);
/* False where none is under way. */
bool match_check_cancel(struct match_checks *all, int64_t family_id);

#endif
