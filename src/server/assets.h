/* SPDX-License-Identifier: Apache-2.0
 *
 * assets - the built page, compiled in gzipped (tools/assets.py).  Thread: loop. */
#ifndef ASSAY_SERVER_ASSETS_H
#define ASSAY_SERVER_ASSETS_H

#include "base/msg.h"
#include "server/http.h"

/* Replies with the file of this path; paths of the page's own router (no dot in the last part) get the shell: that of people who
 * rate below /rate, and everywhere for the network. */
void assets_reply(struct exchange *x, const char *path, bool is_lan, enum lang lang);

/* True if the last part of the name carries a hash of the content ("index-BHK2x9aQ.js"). */
bool asset_is_hashed(const char *path);
/* True if an Accept-Encoding header allows gzip; NULL does not. */
bool asset_gzip_ok(const char *accept);

#endif
