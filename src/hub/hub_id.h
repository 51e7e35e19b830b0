/* SPDX-License-Identifier: Apache-2.0
 *
 * hub_id - how a person names a model of a hub: ORG/NAME[@REVISION][:FILE], or the address of its page, pasted.
 * Pure; thread: any. */
#ifndef ASSAY_HUB_HUB_ID_H
#define ASSAY_HUB_HUB_ID_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct hub_id {
	const char *org, *name;
	const char *repo;     /* "org/name" */
	const char *revision; /* branch, tag or commit; "" where none was named */
	const char *file;     /* path of a file or folder in it, "." for the top folder, or a format such as "Q4_K_M"; "" where
			       * none was named */
};

/* Reads `text`; `endpoint` ("https://host") is the address of the hub, whose pages may be pasted.  Texts belong to the arena.
 * ERR_INVALID "err_hub_id", "err_hub_revision_form" or "err_hub_file_form" (field "model"), "err_hub_other" for the page of
 * another server. */
MUST_USE enum err_code hub_id_parse(struct arena *a, const char *text, const char *endpoint, struct hub_id *out, struct err *err);

/* Whether `text` may be asked for as a revision. */
bool hub_is_revision(const char *text);
/* Whether `path` names something inside a repository that may become the name of a file here: relative, of plain parts that
 * are no "." or "..", UTF-8 without control characters and backslashes, at most 8 parts of 200 bytes. */
bool hub_is_path(struct str path);

/* Appends nothing that is not an address: `text` with all but letters, digits, "-._~" and, where `slashes`, "/" as %XX. */
char *hub_escape(struct arena *a, const char *text, bool slashes);

#endif
