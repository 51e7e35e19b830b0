/* SPDX-License-Identifier: Apache-2.0
 *
 * audit - what the owner did, kept for the owner.  Thread: store. */
#ifndef ASSAY_SERVER_AUDIT_H
#define ASSAY_SERVER_AUDIT_H

#include "server/request.h"

/* Notes what this request did, and where it came from; `what` as in store/audit_store.h.  `subject` NULL: the number in the
 * address.  Never a secret.  Does nothing where the request has failed already; a failure here is the request's. */
void audit_note(struct request *r, struct db *db, const char *what, const char *subject);

#endif
