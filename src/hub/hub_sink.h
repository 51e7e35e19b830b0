/* SPDX-License-Identifier: Apache-2.0
 *
 * hub_sink - one file on its way to the disk: written to FILE.part, hashed while it comes, compared with what the hub said,
 * and only then called FILE.  Thread: disk (calls block); one owner at a time. */
#ifndef ASSAY_HUB_HUB_SINK_H
#define ASSAY_HUB_HUB_SINK_H

#include <stdatomic.h>

#include "hub/hub_list.h"

struct hub_sink;

/* Opens `dir`/FILE.part and reads what is there of it: `*have` bytes.  NULL on failure. */
struct hub_sink *hub_sink_open(const char *dir, const struct hub_file *file, uint64_t *have, const atomic_bool *cancel,
			       struct err *err);
/* Appends. */
MUST_USE enum err_code hub_sink_write(struct hub_sink *s, const void *data, size_t len, struct err *err);
/* Begins at nothing again. */
MUST_USE enum err_code hub_sink_restart(struct hub_sink *s, struct err *err);
/* Compares and publishes; ERR_DATA "err_hub_digest" or "err_hub_short" leaves the part as it is.  Close it in every case. */
MUST_USE enum err_code hub_sink_finish(struct hub_sink *s, struct err *err);
/* What has come stays.  NULL is fine. */
void hub_sink_close(struct hub_sink *s);

#endif
