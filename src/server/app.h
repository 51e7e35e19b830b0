/* SPDX-License-Identifier: Apache-2.0
 *
 * app - the supervisor as one object: store, engine, HTTP on TCP and on a unix socket, one loop.
 *
 * `assay serve` runs it in the foreground with TCP; the other commands run it on a thread of their own with the unix socket
 * alone (when no server is running on the data directory) and talk to it like any client. */
#ifndef ASSAY_SERVER_APP_H
#define ASSAY_SERVER_APP_H

#include <stdbool.h>

#include "base/err.h"
#include "base/msg.h"

struct app;

struct app_options {
	const char *data_dir;     /* NULL: fs_data_dir(NULL) */
	bool tcp;                 /* listen on TCP too */
	int port;                 /* 0: 7878, or the next free of ten; otherwise exactly this one or ERR_IO "err_port_in_use" */
	const char *listen;       /* an IP address instead of 127.0.0.1 and [::1], borrowed; the gate stays as it is.  NULL: none */
	const char *lan;          /* an IP address of this machine where raters and viewers reach it too, borrowed.  NULL: they do not */
	const char *ollama;       /* address of the machine's Ollama instead of OLLAMA_HOST, borrowed until app_open() returns.  NULL: none */
	const char *worker_path;  /* NULL: worker_program() */
	int n_threads;            /* 0: automatic */
	int n_gpu_layers;         /* -1: as the settings say */
	const char *gpu_device;   /* NULL: as the settings say */
	bool allow_unsandboxed;
	enum lang lang;           /* fallback of requests without a language */
};

/* All defaults: tcp false, n_gpu_layers -1. */
struct app_options app_options_default(void);

/* Opens everything and listens; the unix socket is DATA/assay.sock (mode 0600, same user only: the owner without a token). */
MUST_USE enum err_code app_open(const struct app_options *options, struct app **out, struct err *err);

/* Serves until app_stop().  Thread: becomes the loop. */
void app_run(struct app *app);

/* Graceful end: at most 5 s for what is in flight.  Thread: any; async-signal-safe. */
void app_stop(struct app *app);

/* After app_run() returned.  NULL is fine. */
void app_close(struct app *app);

/* "http://127.0.0.1:7878", "" without TCP.  Borrowed. */
const char *app_url(const struct app *app);

/* "http://192.168.1.20:7878", where raters and viewers on the network reach this machine; "" without.  Borrowed. */
const char *app_lan_url(const struct app *app);

/* A link that logs one browser in: the address with a one-time code in its fragment (valid 10 minutes). The caller's. */
char *app_login_link(struct app *app);

/* DATA/assay.sock for a data directory.  The caller's. */
char *app_socket_path(const char *data_dir);

#endif
