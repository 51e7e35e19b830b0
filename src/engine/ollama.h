/* SPDX-License-Identifier: Apache-2.0
 *
 * ollama - what differs between Ollama's releases and how its programs read OLLAMA_HOST: pure functions.  Thread: any. */
#ifndef ASSAY_ENGINE_OLLAMA_H
#define ASSAY_ENGINE_OLLAMA_H

#include "base/str.h"
#include "base/url.h"

/* Of GET /api/version.  A build from source calls itself 0.0.0: it counts as newer than all. */
struct ollama_version {
	int major, minor, patch;
	char text[32]; /* as it was said, "" unknown */
};

/* "0.33.0-rc2" is 0.33.0.  False for what is none. */
bool ollama_version_parse(const char *text, struct ollama_version *out);
bool ollama_version_at_least(const struct ollama_version *v, int major, int minor, int patch);

/* The address that Ollama's own client would use for this value of OLLAMA_HOST (NULL or "": 127.0.0.1:11434); an address that
 * means "all of this machine's" becomes loopback. */
void ollama_host(const char *value, struct url_parts *out);

/* Whether `name` is a name that Ollama takes for a local model: [namespace/]model[:tag], parts of 1 to 80 characters. */
bool ollama_name_ok(const char *name);
/* A valid name for anything a person may call a model: lower case, latin letters without accents, digits, '.', '-' and '_';
 * "model" where nothing is left; ":latest" is not added.  `out_size` at least 164. */
void ollama_name_make(const char *text, char *out, size_t out_size);
/* The name with its tag and without the default registry, as Ollama lists it. */
void ollama_name_whole(const char *name, char *out, size_t out_size);
/* Compares as Ollama does: without case, "latest" where there is no tag. */
bool ollama_name_equal(const char *a, const char *b);

#endif
