/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue - what a folder or file holds: models, families of checkpoints, and what cannot be used and why.
 *
 * A scan only reads headers and small JSON files; it never opens pickles, never runs anything and never writes.
 * It looks at the path itself and five levels of children (LLaMA-Factory: saves/MODEL/lora/RUN/checkpoint-N), as trainers leave them
 * (HF Trainer, TRL, LLaMA-Factory, Axolotl, Unsloth, torchtune, MLX for the refusal, llama.cpp, plain GGUF).
 * Thread: work.  Everything in a result belongs to the arena it was made with. */
#ifndef ASSAY_MODEL_CATALOGUE_H
#define ASSAY_MODEL_CATALOGUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum model_kind {
	MODEL_BASE,    /* full weights that stand alone: one GGUF (or the first part of a split one) or a Hugging Face folder */
	MODEL_ADAPTER, /* a checkpoint that is a LoRA adapter: PEFT folder or GGUF LoRA */
	MODEL_FULL,    /* a checkpoint with full weights: GGUF or Hugging Face folder */
	MODEL_REMOTE,  /* a name at a provider */
};

enum adapter_format { ADAPTER_NONE, ADAPTER_PEFT, ADAPTER_GGUF };

/* One point of a loss curve. */
struct loss_point {
	double epoch;
	int64_t step;
	double loss;      /* NAN if this row has none */
	double eval_loss; /* NAN if this row has none */
};

struct template_sources;

struct found_model {
	enum model_kind kind;
	enum adapter_format adapter_format;
	const char *path;         /* absolute: the GGUF file (first part), the PEFT folder or the Hugging Face folder */
	const char *name;         /* for people: "SmolLM2-135M-Instruct.Q4_1", "checkpoint-48" */
	uint64_t size_bytes;      /* of the weights on disk, all parts */

	/* full weights only, "" or 0 otherwise */
	const char *architecture; /* general.architecture, for a Hugging Face folder the one it becomes; for PEFT: "" */
	const char *file_type;    /* "Q4_K_M", "F16", ...; of a Hugging Face folder "BF16", ... */
	uint64_t n_params;
	uint64_t n_layer;
	uint64_t n_ctx_train;
	uint64_t kv_bytes_per_token; /* F16 K and V of all layers */
	bool has_template;
	const struct template_sources *templates; /* template_source.h; NULL: not looked for */

	/* checkpoints only */
	double epoch;             /* NAN if unknown */
	int64_t step;             /* -1 if unknown */
	double train_loss, eval_loss; /* at this checkpoint; NAN if unknown */
	const char *base_name;    /* base_model_name_or_path or general.base_model.0.*, "" if unknown */
	int64_t rank;             /* r, 0 if not an adapter */
	double alpha;
};

/* An ordered fine-tune: checkpoints by epoch, then step. */
struct found_family {
	const char *name;         /* from the run folder; generic names ("output", "checkpoints", ...) take the parent's */
	const char *path;         /* absolute run folder; for files with a common name, "folder/name": no two families share it */
	const char *base_name;    /* as the adapters name it, "" if unknown */
	const struct found_model *checkpoints;
	size_t n_checkpoints;
	const struct loss_point *losses;
	size_t n_losses;
	int64_t num_train_epochs; /* 0 if unknown: lets the page say which epochs are not on disk */
};

/* Something that looks like a model and cannot be used. */
struct found_refusal {
	const char *path;
	struct err err;
};

struct catalogue {
	const char *path; /* absolute: what was scanned */
	const struct found_model *models; /* stand-alone models, MODEL_BASE */
	size_t n_models;
	const struct found_family *families;
	size_t n_families;
	const struct found_refusal *refusals;
	size_t n_refusals;
};

/* Scans `path` (a file or folder).  An empty result with no refusal is ERR_NOT_FOUND "err_scan_nothing".
 * `*cancel` (may be NULL) is looked at between files. */
MUST_USE enum err_code catalogue_scan(struct arena *a, const char *path, struct catalogue *out,
				      const atomic_bool *cancel, struct err *err);

/* How well a base candidate fits what an adapter asks for: 0 = no, 1 = same normalized name, 2 = same name and quantization
 * suffix stripped ("HuggingFaceTB/SmolLM2-135M-Instruct" fits "SmolLM2-135M-Instruct.Q4_1.gguf"), 3 = same path. */
int catalogue_base_match(const char *wanted_base_name, const char *candidate_name, const char *candidate_path);

/* Checks by headers alone that the adapter at `adapter_path` (PEFT folder or GGUF LoRA) fits the base GGUF: architecture,
 * every pair names an existing tensor, shapes agree, no DoRA / modules_to_save / unsupported parts.
 * ERR_DATA "err_adapter_shape" carries tensor and both shapes. */
MUST_USE enum err_code adapter_check(const char *adapter_path, const char *base_path, struct err *err);

/* Writes the adapter as a llama.cpp LoRA GGUF to `out_path` (published by rename).  PEFT folders are converted (name map, row
 * permutation, alpha with rsLoRA and patterns); a GGUF LoRA is copied after the check.  Tensor data byte-equal to
 * convert_lora_to_gguf.py --outtype f16/f32 of the pinned llama.cpp.  Streams tensor by tensor.  ERR_DATA "err_values" names
 * a tensor with values that are no numbers. */
MUST_USE enum err_code adapter_convert(const char *adapter_path, const char *base_path, const char *out_path,
				       const atomic_bool *cancel, struct err *err);

#endif
