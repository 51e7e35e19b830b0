/* SPDX-License-Identifier: Apache-2.0
 *
 * load - the worker's one model and its adapters.  Thread: the main thread. */
#ifndef ASSAY_WORKER_LOAD_H
#define ASSAY_WORKER_LOAD_H

#include "worker/link.h"
#include "worker/llama_shim.h"

struct loaded_adapter {
	int64_t id;
	struct llama_adapter_lora *lora;
};

struct loaded {
	struct llama_model *model; /* NULL before REQ_LOAD succeeded */
	const struct llama_vocab *vocab;
	int n_threads, n_vocab, n_ctx_train;
	bool keep_ops; /* what lies in main memory is computed there, also in large steps (offload.h) */
	int gpu_layers; /* on GPUs, the output counted as one; 0: all on the processor */
	uint64_t memory_limit; /* of REQ_LOAD, 0: none */
	struct loaded_adapter *adapters;
	size_t n_adapters;
	/* Texts that the tokenizer would turn into control tokens; content must not contain them unseen. */
	struct str *specials;
	size_t n_specials, longest_special;
	bool special_first[256]; /* bytes that one of them starts with */
};

/* REQ_LOAD: sends MSG_PROGRESS, then `*reply` is the body of MSG_LOADED (owned). */
MUST_USE enum err_code load_model(struct loaded *m, struct link *l, struct request *r, json_t **reply, struct err *err);

/* Frees the model and what is known of it; its adapters go with it. */
void load_release(struct loaded *m);

/* REQ_ADAPTER. */
MUST_USE enum err_code load_adapter(struct loaded *m, struct request *r, struct err *err);

/* The adapter `id` in `*lora`; id 0 is NULL, an unknown one fails. */
MUST_USE enum err_code load_find_adapter(const struct loaded *m, int64_t id, struct llama_adapter_lora **lora,
					 struct err *err);

/* True where the state of a sequence cannot be cut: it is taken whole or not at all. */
bool load_is_recurrent(const struct loaded *m);

/* The reason for a failure that llama.cpp explained by exception or only in its log. */
const char *load_reason(const struct shim_why *why);

#endif
