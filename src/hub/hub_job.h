/* SPDX-License-Identifier: Apache-2.0
 *
 * hub_job - what is to be fetched, as it lies beside its files until all of them are there: DATA/models/ORG/NAME/COMMIT, where
 * COMMIT is its first 12 digits, holds FILE (whole and checked), FILE.part (what has come so far) and .download-X.json (this; X
 * tells one choice from another).
 * A program that dies at any moment leaves nothing else, and whatever it leaves can be continued.
 * Calls block on the disk; thread: any, one at a time for a folder. */
#ifndef ASSAY_HUB_HUB_JOB_H
#define ASSAY_HUB_HUB_JOB_H

#include "hub/hub_choice.h"

struct hub_job {
	int64_t id;           /* when it was asked for, in ms: ids of downloads outlive the server */
	const char *endpoint; /* of the hub */
	const char *repo, *revision, *commit, *license;
	const char *name;     /* hub_choice.name */
	const char *format;
	enum hub_kind kind;
	struct hub_file *files;
	bool *is_old;         /* files that lay there before it was asked for: they are not removed with it */
	size_t n_files;
	const char *etag;     /* what the server called the file that `etag_path` is a part of; "" */
	const char *etag_path;
};

/* What `choice` takes, with texts of its own in the arena. */
void hub_job_make(struct arena *a, const char *endpoint, const char *revision, const struct hub_list *list,
		  const struct hub_choice *choice, struct hub_job *out);
/* A copy whose texts belong to the arena. */
void hub_job_copy(struct arena *a, const struct hub_job *from, struct hub_job *out);
/* DATA/models/ORG/NAME/COMMIT. */
char *hub_job_dir(struct arena *a, const char *data_dir, const struct hub_job *job);
/* What is scanned when all is there: the GGUF (its first part), or the folder. */
char *hub_job_target(struct arena *a, const char *dir, const struct hub_job *job);
/* Bytes of all its files. */
uint64_t hub_job_size(const struct hub_job *job);

/* Makes the folder and writes its file. */
MUST_USE enum err_code hub_job_write(const char *dir, const struct hub_job *job, struct err *err);
/* Reads one from `path`. */
MUST_USE enum err_code hub_job_read(struct arena *a, const char *path, struct hub_job *out, struct err *err);
/* Whether `dir` holds the file of such a job. */
bool hub_job_is_known(const char *dir, const struct hub_job *job);
/* Unfinished ones below `data_dir`, oldest first; what cannot be read is left alone. */
void hub_jobs_find(struct arena *a, const char *data_dir, struct hub_job **out, size_t *n);

/* Bytes that are there of file `i`: all of it, or of its part. */
uint64_t hub_job_have(const char *dir, const struct hub_job *job, size_t i, bool *is_whole);
/* It is over: only the files stay. */
void hub_job_forget(const char *dir, const struct hub_job *job);
/* Removes what it has fetched, and folders that are empty then. */
void hub_job_remove(const char *dir, const struct hub_job *job);

#endif
