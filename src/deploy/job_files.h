/* SPDX-License-Identifier: Apache-2.0
 *
 * job_files - where jobs work, what their files are called, and how a finished one is published.  Calls block: thread work. */
#ifndef ASSAY_DEPLOY_JOB_FILES_H
#define ASSAY_DEPLOY_JOB_FILES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/queue.h"

/* Makes an empty folder for a job (what an earlier try left there is gone). */
MUST_USE enum err_code job_dir_make(const char *path, struct err *err);
/* Removes a folder with all that is in it, on `work`, in the order of what is posted there. */
void job_dir_remove_later(struct executor *work, const char *path);

/* "NAME.Q4_K_M.gguf", or "NAME.gguf" where the name says the format already: without what file systems and shells stumble over.
 * Letters of all languages stay. */
char *artifact_file_name(struct arena *a, const char *name, const char *format);
/* DATA/artifacts/FILE, or with -2, -3, ... before its ending where there is such a file already. */
char *artifact_free_path(struct arena *a, const char *data_dir, const char *file);

/* Before any work: may a file be put at `path`?  Its folder is there (DATA/artifacts is made) and can be written.  Refused: an
 * existing one unless `replace`, folders, assay's own files (all of DATA but DATA/artifacts), and the model's own files (`adapter` may be NULL). */
MUST_USE enum err_code artifact_check_target(const char *path, bool replace, const char *data_dir, const char *base,
					     const char *adapter, struct err *err);

/* Owned: what a copy to `path` is called while this process makes it. */
char *artifact_part_path(const char *path);

/* Moves the finished file `part` to `path`: synced, then renamed; copied first where they lie on different file systems.
 * The target is there whole or as it was.  An existing target, also one that comes while this works, is ERR_CONFLICT
 * "err_file_exists" unless `replace`; without it ERR_UNSUPPORTED "err_fs_no_guard" of fs_publish_new(). */
MUST_USE enum err_code artifact_publish(const char *part, const char *path, bool replace, const atomic_bool *cancel,
					struct err *err);
/* As artifact_publish(), and `from` stays. */
MUST_USE enum err_code artifact_copy(const char *from, const char *path, bool replace, const atomic_bool *cancel,
				     struct err *err);

#endif
