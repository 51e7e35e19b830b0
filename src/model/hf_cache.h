/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_cache - the cache that huggingface_hub, transformers and llama.cpp keep downloads in: models--OWNER--NAME with
 * refs/BRANCH (a file that names a revision), snapshots/REVISION (a folder of links) and blobs (the files themselves).
 *
 * Only reads.  Thread: any; calls block on the disk. */
#ifndef ASSAY_MODEL_HF_CACHE_H
#define ASSAY_MODEL_HF_CACHE_H

#include "base/arena.h"

/* The snapshot of a repository folder (".../models--OWNER--NAME") that refs/main names, else the newest one; NULL if there
 * is none. */
const char *hf_cache_snapshot(struct arena *a, const char *repository);

/* What people call the model at `path`: "OWNER/NAME" for a snapshot, "OWNER/NAME:Q4_K_M" for a GGUF in it (what its file name
 * adds to the repository's), "OWNER/NAME:FOLDER" for a folder in it.  NULL where `path` is not in such a cache. */
const char *hf_cache_name(struct arena *a, const char *path);

/* The link of a snapshot that leads to `path`, if `path` is a blob of such a cache: its name says more.  Else `path`. */
const char *hf_cache_link(struct arena *a, const char *path);

#endif
