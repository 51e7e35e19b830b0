/* SPDX-License-Identifier: Apache-2.0
 *
 * api_export - files that are made while they are sent: on a thread of their own with their own connection to the store, so that a
 * slow client holds up nobody else.  Thread: loop. */
#ifndef ASSAY_SERVER_API_EXPORT_H
#define ASSAY_SERVER_API_EXPORT_H

#include "report/export.h"
#include "server/request.h"

/* What is sent, and who writes it. */
struct export_source {
	enum err_code (*write)(struct db *db, const struct export_source *source, export_sink_fn sink, void *user,
			       struct err *err); /* on the export thread */
	int64_t id;
	int format;
	enum lang lang;
	char option[64];
	const char *name, *extension; /* of the file: "assay-run-7.csv"; static */
	const char *mime;
};

/* Replies with what `source` (copied) writes. */
void export_begin(struct request *r, const struct export_source *source);
/* The query's language, else the request's; a wrong one sets `err`. */
enum lang export_lang(struct request *r, struct err *err);

/* Breaks off the exports that are under way. */
void exports_cancel(struct app *app);

#endif
