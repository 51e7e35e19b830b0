/* SPDX-License-Identifier: Apache-2.0
 *
 * api_keys - keys of programs that talk to /v1, held in memory so that the loop can check one without the store.
 * Thread: loop. */
#ifndef ASSAY_SERVER_API_KEYS_H
#define ASSAY_SERVER_API_KEYS_H

#include "base/str.h"
#include "store/api_key_store.h"

struct app;
struct keys;

/* Never NULL. */
struct keys *keys_new(void);
void keys_free(struct keys *k);
void keys_add(struct keys *k, const struct api_key_row *row);
void keys_remove(struct keys *k, int64_t id);
/* The number of a key that is right, and notes its use; 0 for one that is not. */
int64_t keys_check(struct app *app, struct str key);

#endif
