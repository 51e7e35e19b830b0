/* SPDX-License-Identifier: Apache-2.0
 *
 * seen_folders - which folders a scan has met, by device and inode, so that none is looked at twice under the names of links. */
#ifndef ASSAY_MODEL_SEEN_FOLDERS_H
#define ASSAY_MODEL_SEEN_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct seen_folder {
	dev_t device;
	ino_t inode;
	bool is_used;
};

/* Zeroed is empty; ends with seen_folders_release(). */
struct seen_folders {
	struct seen_folder *slots; /* a power of two of them, or NULL */
	size_t n, n_slots;
};

/* Notes the folder; false where it was noted before. */
bool seen_folders_add(struct seen_folders *seen, const struct stat *folder);
void seen_folders_release(struct seen_folders *seen);

#endif
