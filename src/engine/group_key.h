/* SPDX-License-Identifier: Apache-2.0
 *
 * group_key - one hash of all that the answers of an exact group depend on, apart from what the files of the models hold: their
 * stamps are in it, their hashes are compared where answers are used again (store/group_store.h).  Thread: any. */
#ifndef ASSAY_ENGINE_GROUP_KEY_H
#define ASSAY_ENGINE_GROUP_KEY_H

#include "base/hash.h"
#include "engine/machine.h"
#include "store/group_store.h"

struct group_facts {
	const char *machine;	/* group_machine() */
	const char *base_stamp; /* machine_file_stamp() of the base model */
	const char *adapter;	/* path of the converted adapter, whose name follows from its files; "": none */
	const struct gen_params *params;
	struct group_plan plan;
	int64_t run_seed, column_position; /* count where tokens are drawn */
};

/* What computes: the worker program, processor, threads (attention is summed up in one part for each).  "" with a GPU: how many
 * layers it gets depends on what is free there, and so do the answers. */
void group_machine(const char *worker_path, const char *build, const char *device, bool has_gpu, char out[HASH_HEX_SIZE]);

/* The questions have the column's cell each, and its answers to the turns before. */
void group_key(const struct group_facts *facts, const struct run_question *questions, size_t n, char out[HASH_HEX_SIZE]);

/* The seed of a cell, which depends on neither time nor other cells. */
int64_t group_seed(int64_t run_seed, int64_t question_position, int64_t column_position);

#endif
