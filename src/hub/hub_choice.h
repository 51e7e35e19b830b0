/* SPDX-License-Identifier: Apache-2.0
 *
 * hub_choice - what of a model on a hub can be had, as one thing each: a GGUF with all its parts, a folder of safetensors
 * with its configuration and tokenizer, a LoRA adapter.  Pickles are never among them, nor what a repository holds twice
 * (original/, onnx/, consolidated weights).  Pure; thread: any. */
#ifndef ASSAY_HUB_HUB_CHOICE_H
#define ASSAY_HUB_HUB_CHOICE_H

#include "hub/hub_list.h"

enum hub_kind { HUB_GGUF, HUB_FOLDER, HUB_ADAPTER };

struct hub_choice {
	enum hub_kind kind;
	const char *name;    /* what FILE calls it: the path of the GGUF (its first part) or of the folder; "": the top folder */
	const char *format;  /* "Q4_K_M", "" where the name tells none */
	const size_t *files; /* of hub_list.files, in the order in which they are fetched */
	size_t n_files;
	uint64_t size;       /* bytes of all files */
	bool is_default;     /* taken where nothing is named */
};

/* "gguf", "folder", "adapter". */
const char *hub_kind_name(enum hub_kind kind);

/* All of them, in the order of the list.  ERR_LIMIT "err_hub_many"; none is ERR_UNSUPPORTED "err_hub_nothing" or
 * "err_hub_only_pickles". */
MUST_USE enum err_code hub_choices(struct arena *a, const struct hub_list *list, const struct hub_choice **out, size_t *n,
				   struct err *err);

/* The one that `wanted` names: a path (of any part), a folder ("." for the top one), the end of a GGUF's name ("Q4_K_M"), or "" for the default.
 * ERR_INVALID "err_hub_which" where several fit, ERR_NOT_FOUND "err_hub_no_file", ERR_UNSUPPORTED "err_hub_pickle" or
 * "err_hub_file_kind", ERR_DATA "err_hub_parts" for a split one that is not whole; field "model". */
MUST_USE enum err_code hub_choose(const struct hub_list *list, const struct hub_choice *choices, size_t n, const char *wanted,
				  const struct hub_choice **out, struct err *err);

#endif
