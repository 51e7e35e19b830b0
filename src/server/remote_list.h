/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_list - what a provider says of its models, read with suspicion: names are cleaned, numbers bounded, the list cut at
 * 10,000.  Thread: any. */
#ifndef ASSAY_SERVER_REMOTE_LIST_H
#define ASSAY_SERVER_REMOTE_LIST_H

#include "server/provider_calls.h"

struct remote_entry {
	const char *name, *format, *family, *parameter_size, *digest; /* "" where not said */
	const char *parent;        /* OpenAI servers with LoRA adapters: the base model's name */
	int64_t size_bytes, memory_bytes, modified_ms;
	bool is_loaded;
};

struct remote_list {
	struct remote_entry *items;
	size_t n;
};

/* Of GET /api/tags with GET /api/ps (`loaded`, may be NULL), or of GET /models.  Failures go to `problem`, the list is empty then. */
void remote_list_read(struct arena *a, const struct remote *remote, const struct provider_call *list,
		      const struct provider_call *loaded, struct remote_list *out, struct err *problem);

#endif
