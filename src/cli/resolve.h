/* SPDX-License-Identifier: Apache-2.0
 *
 * resolve - from what a person wrote to the number of a model, through the API.  Thread: main. */
#ifndef ASSAY_CLI_RESOLVE_H
#define ASSAY_CLI_RESOLVE_H

#include "cli/client.h"
#include "cli/command.h"
#include "cli/spec.h"

/* --model SPEC ... */
extern const struct arg_option model_options[];

/* The absolute form of a path ("~/" stays for the server); symbolic links are kept, because their names say more than
 * those of their targets.  Free with mem_free(). */
char *resolve_path(const char *path);

/* Adds what is at `path` to the server's models (nothing happens where it is known) and replies with the ScanResult.
 * `base_id` 0: none; `name` may be NULL.  ERR_NOT_FOUND "err_fs_not_found"; ERR_DATA with the first refusal where
 * nothing there can be used. */
MUST_USE enum err_code resolve_add(struct client *c, const char *path, int64_t base_id, const char *name,
				   json_t **scan, struct err *err);

/* The number of the model that `s` means; files are added first. */
MUST_USE enum err_code resolve_spec(struct client *c, const struct spec *s, int64_t *model_id, struct err *err);

/* The same for the text of a SPEC without settings, or a bare number. */
MUST_USE enum err_code resolve_text(struct client *c, const char *text, int64_t *model_id, struct err *err);

/* The number of the fine-tuned model that `name` means: its name or the beginning of it, or the folder that a trainer wrote,
 * which is added.  ERR_NOT_FOUND "err_cli_no_family". */
MUST_USE enum err_code resolve_family(struct client *c, const char *name, int64_t *family_id, struct err *err);

/* The columns of a run (for POST /runs), one for each --model; all are read before the first is looked up. */
MUST_USE enum err_code resolve_columns(struct client *c, const struct args *args, json_t **columns, struct err *err);

/* Checks every --model without asking the server: ERR_INVALID for one that cannot be read, or none at all. */
MUST_USE enum err_code resolve_check(const struct args *args, struct err *err);

#endif
