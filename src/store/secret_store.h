/* SPDX-License-Identifier: Apache-2.0
 *
 * secret_store - the keys of providers, in DATA/secrets (mode 0600), in the environment or told by a command; never in the
 * database, which has the reference alone.
 *
 * A file that others can read is refused until its mode is right.  Every key that is read is known to the log from then on,
 * which replaces it.  Thread: store or reader (small files, whole reads and publishing by rename). */
#ifndef ASSAY_STORE_SECRET_STORE_H
#define ASSAY_STORE_SECRET_STORE_H

#include "base/arena.h"
#include "store/provider_store.h"

/* The provider's key, or NULL where it has none or a command tells it (secret_command()).  ERR_NOT_FOUND "err_key_env" or "err_key_lost"; ERR_DENIED
 * "err_secrets_open". */
MUST_USE enum err_code secret_store_get(const char *data_dir, struct arena *a, const struct provider_row *provider,
					const char **key, struct err *err);
/* Keeps (`key` NULL or "": forgets) the key of a provider.  Thread: store. */
MUST_USE enum err_code secret_store_set(const char *data_dir, int64_t provider_id, const char *key, struct err *err);
/* The part of a key that may be shown: its last 4 characters where it is long enough, else "". */
void secret_last4(const char *key, char out[8]);
/* "NAME" of "env:NAME"; NULL where it is none or NAME could not be the name of a variable. */
const char *secret_env_name(const char *key_source);
/* "COMMAND" of "cmd:COMMAND"; NULL where it is none, or none that could be run: one line of 1 to 1000 bytes. */
const char *secret_command(const char *key_source);

#endif
