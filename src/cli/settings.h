/* SPDX-License-Identifier: Apache-2.0
 *
 * settings - what shapes an answer (max_tokens, temperature, ...), as the command line writes it.
 *
 * The same names serve as options (--max-tokens), in a SPEC (",max_tokens=64") and in the API's Params.  Thread: any. */
#ifndef ASSAY_CLI_SETTINGS_H
#define ASSAY_CLI_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/args.h"

/* The options of these settings, for commands that take them. */
extern const struct arg_option setting_options[];

/* Whether there is a setting of this name ("max_tokens"); `*is_text` (may be NULL): its value is free text. */
bool setting_exists(struct str name, bool *is_text);

/* Checks `value` and puts it into `params` under `name`.  ERR_INVALID: err_setting_unknown (with the nearest name),
 * err_setting_range, err_setting_bool, err_setting_text. */
MUST_USE enum err_code setting_put(json_t *params, struct str name, struct str value, struct err *err);

/* The settings among the options given, as Params; NULL on failure. */
MUST_USE json_t *settings_from_args(const struct args *a, struct err *err);

#endif
