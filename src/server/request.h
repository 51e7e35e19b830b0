/* SPDX-License-Identifier: Apache-2.0
 *
 * request - one HTTP request from its headers to the reply.
 *
 * A handler runs on the loop once the body is complete.  It either replies, or hands the request to another thread with
 * request_defer(): the connection sleeps until the reply.  A client that has gone changes nothing: the result is dropped
 * when the connection finds out.  Thread: loop, but for the `run` functions of request_defer(). */
#ifndef ASSAY_SERVER_REQUEST_H
#define ASSAY_SERVER_REQUEST_H

#include <jansson.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/msg.h"
#include "server/app_private.h"
#include "server/gate.h"

#define REPLY_MAX (64 * 1024 * 1024)

struct request;
struct route;

/* A body that is made while it is sent.  `read` returns the bytes written, 0 to be called again after request_wake(), 
 * -1 at the end or -2 to break off; `close` is called once when the request is over, however it ended. */
struct body_source {
	ssize_t (*read)(void *user, char *out, size_t max);
	void (*close)(void *user);
	void *user;
};

enum lane { LANE_READ, LANE_WRITE, LANE_WORK };

typedef void (*request_fn)(struct request *r);
/* On the thread of the lane; `db` is NULL on LANE_WORK.  Failures go to request_err(). */
typedef void (*request_run_fn)(struct request *r, struct db *db);

struct request {
	struct app *app;
	const struct route *route;
	struct arena *arena;  /* of this request; the lane's while deferred */
	enum lang lang;
	bool is_unix;
	const char *from;     /* "127.0.0.1": the client's address; "" on the unix socket */
	bool is_openai;       /* errors in the shape that OpenAI's clients read */
	int64_t session;      /* 0: unix socket or public */
	int64_t id;           /* {id} of the path */
	const char *upload;   /* {upload} of the path, or the file being received */
	uint64_t received;    /* bytes of the body */
	json_t *json;         /* the body; NULL without */
	void *state;          /* the handler's own */
	struct buf out;       /* the reply's JSON, where `run` makes it */
	void *transport;      /* http.c's part */
	const char *cookie;   /* Set-Cookie of the reply, NULL: none */
	const char *disposition; /* Content-Disposition, NULL: none */

	/* private to request.c */
	struct task task;
	bool on_task;
	request_run_fn run;
	request_fn done;
	struct buf body;
};

/* --- made by http.c --- */
struct request *request_new(struct app *app, void *transport);
void request_free(struct request *r);
/* Adds bytes of a JSON body; false over the limit. */
bool request_add_body(struct request *r, const char *data, size_t len);
/* The body is complete: parses it (on the work thread where it is long) and calls the route's handler. */
void request_start(struct request *r);

/* --- for handlers --- */
/* True where the query asks for questions in the order of their conversations (order=conversation), not of their positions. */
bool request_by_conversation(struct request *r, struct err *err);
/* Decoded value of a query argument, NULL if absent.  Borrowed. */
const char *request_query(struct request *r, const char *name);
/* A whole number; out of range or no number sets `err` with the field. */
int64_t request_query_int(struct request *r, const char *name, int64_t min, int64_t max, int64_t fallback, struct err *err);
const char *request_header(struct request *r, const char *name);

/* Runs `run` on a lane, then `done` on the loop (NULL: replies 200 with `out`).  When `run` sets request_err() the reply is
 * that error and `done` is not called.  May be used again from `done`. */
void request_defer(struct request *r, enum lane lane, request_run_fn run, request_fn done);
/* Where `run` leaves its failure; also the cancel flag of long jobs. */
struct err *request_err(struct request *r);
const atomic_bool *request_cancelled(struct request *r);

/* Replies; exactly one of these ends a handler. */
void request_reply(struct request *r, int status); /* with `out`, as JSON; nothing for 204 */
void request_fail(struct request *r, const struct err *err);
void request_fail_status(struct request *r, int status, const struct err *err);
void request_text(struct request *r, int status, const char *text);
void request_stream(struct request *r, const char *content_type, const struct body_source *source);
/* More of the stream can be read. */
void request_wake(struct request *r);

/* HTTP status of an error. */
int status_of(enum err_code code);

/* --- reading bodies --- */
/* Text of at most `max` code points, `fallback` where absent; `min` too. Errors name the field. */
const char *body_text(const json_t *obj, const char *key, size_t min, size_t max, const char *fallback, struct err *err);
/* Puts `prefix` before the field that an error names ("columns[2]."). */
void err_prefix_field(struct err *err, const char *prefix);

#endif
