/* SPDX-License-Identifier: Apache-2.0
 *
 * client - the API of the server on a data directory, over its unix socket.
 *
 * Where no server runs there, the supervisor is opened in this process, on a thread of its own and without TCP, and is
 * closed with the client.  So every command has one way to do things, and one writer for each data directory.
 * Thread: one owner at a time. */
#ifndef ASSAY_CLI_CLIENT_H
#define ASSAY_CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/msg.h"

struct client;
struct app_options;

/* Connects to the server that runs on `data_dir`.  `own` (may be NULL: then a missing server is ERR_IO
 * "err_cli_no_server") says how to open the supervisor where none runs. */
MUST_USE enum err_code client_open(const char *data_dir, enum lang lang, const struct app_options *own,
				   struct client **out, struct err *err);
/* Also ends the supervisor of this process: its running validations become interrupted.  NULL is fine. */
void client_close(struct client *c);

/* Whether the supervisor runs in this process. */
bool client_is_own(const struct client *c);

/* Calls METHOD /api/v1PATH; `body` (borrowed) may be NULL.  `*reply` (may be NULL) is the caller's, NULL where the reply has no
 * content.  A refusal by the server is an error of its code with its own sentence ("err_server_says"); ERR_CANCELLED after a
 * signal, unless client_finish() was called. */
MUST_USE enum err_code client_call(struct client *c, const char *method, const char *path, const json_t *body,
				   json_t **reply, struct err *err);

/* POSTs `len` bytes as a file. */
MUST_USE enum err_code client_upload(struct client *c, const char *path, const void *data, size_t len, json_t **reply,
				     struct err *err);

/* GETs a file piece by piece; `write` returns false to give up (ERR_CANCELLED unless it set an error of its own). */
typedef bool (*client_write_fn)(void *user, const void *data, size_t len);
MUST_USE enum err_code client_download(struct client *c, const char *path, client_write_fn write, void *user,
				       struct err *err);

/* From now on signals no longer end calls: the command is cleaning up because of one. */
void client_finish(struct client *c);

/* `text` escaped for a query; free with mem_free(). */
char *client_escape(const char *text);

#endif
