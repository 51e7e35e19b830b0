/* SPDX-License-Identifier: Apache-2.0
 *
 * foreign - checkpoints of other formats: recognized, so that each is refused with the sentence and the command that help.
 *
 * Goes by names only; a pickle is never opened.  Thread: any. */
#ifndef ASSAY_MODEL_FOREIGN_H
#define ASSAY_MODEL_FOREIGN_H

#include <stdbool.h>

#include "base/err.h"

/* Fills `err` for a pickle at `path` (a file, or the folder that holds `name`) and returns ERR_UNSUPPORTED: the key and its
 * command go by the file's name ("adapter_model.bin", "pytorch_model.bin", torchtune's "*.pt", others). */
enum err_code foreign_pickle(const char *path, const char *name, struct err *err);

/* Is this a folder's entry that only sharded training state has?  `*key` is then the sentence ("err_sharded_state" for
 * DeepSpeed, "err_sharded_fsdp"). */
bool foreign_sharded(const char *name, bool is_dir, const char **key);

#endif
