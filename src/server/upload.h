/* SPDX-License-Identifier: Apache-2.0
 *
 * upload - question files on their way: spooled to DATA/uploads under random names, gone after a day. */
#ifndef ASSAY_SERVER_UPLOAD_H
#define ASSAY_SERVER_UPLOAD_H

#include "server/request.h"

/* Makes the file of a new upload; sets r->upload.  Returns its descriptor or -1.  Thread: loop. */
MUST_USE int upload_create(struct request *r, struct err *err);
MUST_USE enum err_code upload_write(int fd, const char *data_dir, const void *data, size_t len, struct err *err);
/* The request is over: closes, and removes the file unless `keep`.  Thread: loop. */
void upload_abandon(struct request *r, int fd, bool keep);

/* Owned path of an upload. */
char *upload_path(const char *data_dir, const char *upload);
/* Reads a whole upload; ERR_NOT_FOUND "err_upload_not_found".  `name`: the user's file name, in the arena.  Thread: work. */
MUST_USE enum err_code upload_read(const char *data_dir, const char *upload, struct arena *a, struct buf *out,
				   const char **name, struct err *err);
/* Thread: any. */
void upload_remove(const char *data_dir, const char *upload);
/* Removes what is older than a day.  Thread: work. */
void upload_clean(const char *data_dir);

#endif
