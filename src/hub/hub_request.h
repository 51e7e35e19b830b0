/* SPDX-License-Identifier: Apache-2.0
 *
 * hub_request - the addresses that a hub is asked at, and what its refusals mean for a person.  Pure; thread: any. */
#ifndef ASSAY_HUB_HUB_REQUEST_H
#define ASSAY_HUB_HUB_REQUEST_H

#include "base/http_client.h"
#include "hub/hub_id.h"
#include "hub/hub_place.h"

#define HUB_REDIRECTS 5 /* a model may have been renamed, and files lie with another server */
#define HUB_REVISION "main" /* where none is named */

/* Of what a model holds, and of one of its files. */
char *hub_list_url(struct arena *a, const char *endpoint, const char *repo, const char *revision);
char *hub_file_url(struct arena *a, const char *endpoint, const char *repo, const char *commit, const char *path);

/* Limits of one request: `body_max` bytes of reply. */
struct http_limits hub_limits(uint64_t body_max);

/* What was asked for, for the sentence that says why it was not given. */
struct hub_question {
	const char *endpoint, *repo, *revision;
	const char *path; /* of the file; "": the model itself */
	const char *token_source, *token_path;
};
/* The reason behind a status that is no success; returns its code. */
enum err_code hub_refusal(const struct hub_question *q, const struct http_reply *reply, struct err *err);
/* Whether asking again in a while may help. */
bool hub_is_passing(const struct http_reply *reply, const struct err *err);

#endif
