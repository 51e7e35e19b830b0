/* SPDX-License-Identifier: Apache-2.0
 *
 * sniff - what a file really is, by its first bytes: people save error pages, Git LFS pointers and pickles as
 * models.
 *
 * Thread: any; reads at most 512 bytes and never more than the caller's descriptor. */
#ifndef ASSAY_MODEL_SNIFF_H
#define ASSAY_MODEL_SNIFF_H

#include <stdint.h>

#include "base/err.h"

enum file_kind {
	FILE_UNKNOWN,
	FILE_EMPTY,
	FILE_GGUF,
	FILE_SAFETENSORS,
	FILE_LFS_POINTER,
	FILE_HTML,
	FILE_ZIP,    /* also what torch.save() writes since 1.6: a pickle in a zip */
	FILE_PICKLE, /* protocol 2 and newer, and the older torch.save() */
	FILE_JSON,
	FILE_GGML, /* the formats before GGUF */
};

/* Kind of an open file of `size` bytes; FILE_UNKNOWN also where it cannot be read. */
enum file_kind sniff_fd(int fd, uint64_t size);

/* As sniff_fd() for a path; FILE_UNKNOWN where it cannot be opened. */
enum file_kind sniff_path(const char *path);

/* Fills `err` with the sentence for a file that should have been a `wanted` ("GGUF", "safetensors") and is
 * `kind`. */
enum err_code sniff_refuse(enum file_kind kind, const char *path, uint64_t size, const char *wanted,
			   struct err *err);

#endif
