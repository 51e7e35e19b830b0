/* SPDX-License-Identifier: Apache-2.0
 *
 * hub_place - which hub, and as whom: the address and the token, from where other programs take them.
 *
 * The address is $HF_ENDPOINT, else the public hub's.  The token is $HF_TOKEN, $HUGGING_FACE_HUB_TOKEN, or the first line of
 * $HF_TOKEN_PATH, else of $HF_HOME/token, else of ~/.cache/huggingface/token.  It is read anew each time, and kept nowhere.
 * Thread: any; reads a small file. */
#ifndef ASSAY_HUB_HUB_PLACE_H
#define ASSAY_HUB_HUB_PLACE_H

#include "base/arena.h"
#include "base/url.h"

struct hub_place {
	const char *endpoint;     /* without a slash at its end, as it is shown */
	const char *token;        /* "" where there is none */
	const char *token_source; /* "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", or the path of the file; "" */
	const char *token_path;   /* where a token would be looked for */
};

/* Texts belong to the arena.  ERR_INVALID "err_hub_endpoint" where $HF_ENDPOINT is no address; ERR_DENIED "err_hub_plain" where
 * the token would cross an open network without encryption. */
MUST_USE enum err_code hub_place_read(struct arena *a, struct hub_place *out, struct err *err);

#endif
