/* SPDX-License-Identifier: Apache-2.0
 *
 * llama_shim - llama.cpp as plain C: every call that may throw is caught here and returns a failure with its reason.
 *
 * C++, as llama.cpp is; the only other such file is ggml_plugin.cpp.  Calls of llama.h that cannot throw (vocabulary look-ups,
 * default parameters, sizes) are made directly by the other files of this room.  What aborts or crashes inside llama.cpp ends the
 * process: that is what the worker is for.  Thread: the main thread only. */
#ifndef ASSAY_WORKER_LLAMA_SHIM_H
#define ASSAY_WORKER_LLAMA_SHIM_H

#ifdef __cplusplus
extern "C" {
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ggml-backend.h"
#include "llama.h"

#include "base/buf.h"

/* Why a call failed; "" where llama.cpp said it only in its log. */
struct shim_why {
	char text[400];
};

/* --- process --- */

/* Silences common/'s own logger (its thread is never started), sets the log callback and starts the backends. */
void shim_start(ggml_log_callback log, void *user);

struct shim_device {
	const char *id, *name; /* "CUDA0", "NVIDIA H100 80GB HBM3"; borrowed for life */
	const char *kind;      /* "cpu", "gpu", "igpu": shares main memory, "accel": a CPU's helper */
	bool gpu;	       /* layers can be placed on it */
	size_t memory_total, memory_free; /* bytes, now */
	ggml_backend_dev_t handle;
};

/* Fills up to `max` devices and returns how many there are. */
size_t shim_devices(struct shim_device *out, size_t max);

/* True if this program was built with a backend for GPUs, whether it found one or not. */
bool shim_has_gpu_backend(void);

/* --- model, adapter, context --- */

/* From `file` (at its offset 0), or from `paths` where `file` is NULL.  NULL on failure or when progress said stop. */
struct llama_model *shim_load(FILE *file, const char **paths, size_t n_paths, struct llama_model_params params,
			      struct shim_why *why);
/* On a CPU low ranks are filled up with zeros, which is the same adapter and faster. */
struct llama_adapter_lora *shim_adapter(struct llama_model *model, FILE *file, struct shim_why *why);
struct llama_context *shim_context(struct llama_model *model, struct llama_context_params params, struct shim_why *why);

/* Bytes of the KV cache of `ctx` (all cells). */
size_t shim_kv_bytes(const struct llama_context *ctx);

/* Where the memory of a model with a context is. */
struct shim_places {
	size_t weights_host, kv_host; /* bytes in main memory */
	size_t kv_gpu;		      /* bytes on GPUs */
	size_t room;		      /* KV cells that free GPU memory has room for, SIZE_MAX where no GPU holds any */
};

/* `ctx` is a small one that was made for steps of `probe_tokens`; the room is that beside a context for steps of `step_tokens`. */
void shim_place(const struct llama_context *ctx, size_t probe_tokens, size_t step_tokens, struct shim_places *out);

/* Makes `adapter` (NULL: none) the only one. */
bool shim_set_adapter(struct llama_context *ctx, struct llama_adapter_lora *adapter, struct shim_why *why);

/* llama_decode(); SHIM_THREW when it threw.  A batch of one token takes the CPU's reference attention, because the other
 * one splits the cache by the number of threads, and an answer must not depend on that. */
#define SHIM_THREW (-1000)
int shim_decode(struct llama_context *ctx, struct llama_batch batch, struct shim_why *why);

/* Logits of the batch's token `index`, n_vocab of them, writable until the next decode.  NULL on failure. */
float *shim_logits(struct llama_context *ctx, int index);

/* Sequences; false where it threw. */
bool shim_clear(struct llama_context *ctx);
bool shim_seq_copy(struct llama_context *ctx, int from, int to, int end);
bool shim_seq_remove(struct llama_context *ctx, int seq);
/* Removes what stands at position `from` and behind. */
bool shim_seq_cut(struct llama_context *ctx, int seq, int from);

/* The state of one sequence as bytes; 0 or false on failure. */
size_t shim_state_size(struct llama_context *ctx, int seq);
bool shim_state_get(struct llama_context *ctx, int seq, uint8_t *out, size_t size);
bool shim_state_set(struct llama_context *ctx, int seq, const uint8_t *state, size_t size);

/* --- quantize --- */

/* llama_model_quantize().  Thread: any one thread; what it says goes to the log callback on that thread. */
bool shim_quantize(const char *input, const char *output, const struct llama_model_quantize_params *params,
		   struct shim_why *why);

/* --- text --- */

/* Tokenizes into `out` (room for `max`).  Returns how many, or the negative number that would be needed, or INT32_MIN. */
int32_t shim_tokenize(const struct llama_vocab *vocab, struct str text, llama_token *out, int32_t max, bool add_special,
		      bool parse_special);

/* Appends the token's text; control tokens give none unless `special`. */
bool shim_piece(const struct llama_vocab *vocab, llama_token token, bool special, struct buf *out);

/* --- chat template --- */
struct shim_chat;

struct shim_message {
	const char *role;
	struct str content;
};

/* Parses the model's template, or `override` where it is not "".  NULL with the reason when it is wrong. */
struct shim_chat *shim_chat_new(struct llama_model *model, const char *override, struct shim_why *why);
void shim_chat_free(struct shim_chat *chat);

/* Appends the prompt.  False with the reason when the template refuses. */
bool shim_chat_render(struct shim_chat *chat, const struct shim_message *messages, size_t n, bool thinking,
		      struct buf *out, struct shim_why *why);

/* What the template says about answers: NUL-separated lists of texts that end one and of tags around thinking (each list
 * may stay empty; the tags' lists have one start tag and any number of end tags). */
void shim_chat_traits(struct shim_chat *chat, bool thinking, struct buf *stops, struct buf *think_start,
		      struct buf *think_end);

/* --- sampling --- */
struct shim_sampling {
	float temperature; /* 0: the likeliest after penalties */
	float top_p, min_p, repeat_penalty;
	int32_t top_k;
	uint32_t seed;
};

/* penalties, top_k, top_p, min_p, temperature, dist: in llama-server's order. NULL on failure. */
struct llama_sampler *shim_sampler(const struct llama_vocab *vocab, const struct shim_sampling *s);
/* Draws from token `index` of the last batch and remembers it; LLAMA_TOKEN_NULL on failure. */
llama_token shim_sample(struct llama_sampler *sampler, struct llama_context *ctx, int index);
/* Lets the penalties see a token of the prompt. */
void shim_sampler_accept(struct llama_sampler *sampler, llama_token token);
void shim_sampler_free(struct llama_sampler *sampler);

#ifdef __cplusplus
}
#endif

#endif
