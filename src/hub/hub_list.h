/* SPDX-License-Identifier: Apache-2.0
 *
 * hub_list - what a hub says of a model, read strictly: its files with their sizes and digests, its licence, and whether the
 * publisher has to agree.  Pure; thread: any, a long list takes a second. */
#ifndef ASSAY_HUB_HUB_LIST_H
#define ASSAY_HUB_HUB_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct hub_file {
	const char *path; /* hub_is_path() */
	uint64_t size;
	char sha256[65];  /* of a large file; "" otherwise */
	char git[41];     /* git's name of a small one; "" where none was given */
};

struct hub_list {
	const char *repo;     /* "org/name", as the hub writes it */
	const char *commit;   /* 40 hexadecimal digits: what `revision` means now */
	const char *license;  /* "apache-2.0", "" where none is named */
	bool is_gated;        /* files only for accounts that have agreed to the publisher's terms */
	bool is_manual;       /* ... and that the publisher has let in */
	const struct hub_file *files;
	size_t n_files;
};

/* Reads the reply to GET /api/models/ORG/NAME/revision/REV?blobs=true.  `what` names it in errors.  ERR_DATA "err_hub_reply"
 * (field that is wrong), "err_hub_path" for names that must not become files; ERR_LIMIT "err_hub_files". */
MUST_USE enum err_code hub_list_read(struct arena *a, struct str text, const char *what, struct hub_list *out, struct err *err);

#endif
