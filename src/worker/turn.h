/* SPDX-License-Identifier: Apache-2.0
 *
 * turn - turns of conversations (REQ_CHAT) in a context of their own, so that they never touch what groups compute.
 *
 * The context holds a few conversations, each a sequence with the tokens that are in it.  A turn keeps the longest common
 * beginning and computes the rest; conversations that were not used for longest make room.  The context grows by plan_bucket()
 * as conversations do.  Thread: the main thread. */
#ifndef ASSAY_WORKER_TURN_H
#define ASSAY_WORKER_TURN_H

#include "worker/engine.h"

/* `*reply` is the body of MSG_CHAT (owned); also where the turn was cancelled. */
MUST_USE enum err_code chat_turn(struct engine *e, const json_t *request, json_t **reply, struct err *err);

/* Forgets all conversations and frees their context. */
void chats_drop(struct engine *e);

#endif
