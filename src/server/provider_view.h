/* SPDX-License-Identifier: Apache-2.0
 *
 * provider_view - providers as the JSON of docs/openapi.yaml, with what was found when they were asked.  Thread: any. */
#ifndef ASSAY_SERVER_PROVIDER_VIEW_H
#define ASSAY_SERVER_PROVIDER_VIEW_H

#include "base/msg.h"
#include "engine/ollama.h"
#include "engine/remote.h"

enum provider_state { PROVIDER_UNKNOWN, PROVIDER_OK, PROVIDER_UNREACHABLE, PROVIDER_REFUSED };

/* What came of asking a provider who it is. */
struct provider_health {
	enum provider_state state;
	struct ollama_version version; /* Ollama only */
	struct err problem;
	bool is_open;                  /* a local Ollama that listens to the whole network */
};

/* From the reply to GET /api/version or GET /models (`err`: of the transport, or why it was not asked). */
void provider_health_read(const struct remote *remote, const struct http_reply *reply, const struct err *err,
			  struct provider_health *out);
/* True if a process of this machine listens on `port` for every address.  Reads /proc. */
bool port_is_open(int port);

#define KEY_SOURCE_COMMAND "cmd:" /* alone: there is a command, which pages are not told */

/* `is_here`: for the user of this machine, who may read the command of a key. */
void view_provider(struct buf *b, enum lang lang, const struct provider_row *p, const struct provider_health *health, bool is_here);

#endif
