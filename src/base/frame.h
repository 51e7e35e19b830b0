/* SPDX-License-Identifier: Apache-2.0
 *
 * frame - cuts a byte stream between two processes into frames.
 *
 * On the wire: body length (u32 LE), kind (u8), stream id (u32 LE), body.  The reader does no I/O, so a test or a fuzzer
 * can feed it any split of bytes.  The peer is not trusted: after a bad length every call fails, and the caller is
 * expected to give the peer up.  Thread: one owner. */
#ifndef ASSAY_BASE_FRAME_H
#define ASSAY_BASE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define FRAME_HEAD_SIZE 9

struct frame {
	uint8_t kind;
	uint32_t stream;
	struct str body; /* borrowed: dead after the next frame_reader_feed() */
};

struct frame_reader;

/* Refuses bodies longer than `max_body` bytes.  Never returns NULL. */
struct frame_reader *frame_reader_new(size_t max_body);
/* NULL is fine; frames taken from it are dead. */
void frame_reader_free(struct frame_reader *r);

/* Copies `len` bytes in. */
void frame_reader_feed(struct frame_reader *r, const void *data, size_t len);

/* Takes the next whole frame.  `*got` is false where more bytes are needed. */
MUST_USE enum err_code frame_reader_next(struct frame_reader *r, struct frame *out, bool *got, struct err *err);

/* Appends one frame to `out`. */
void frame_write(struct buf *out, uint8_t kind, uint32_t stream, struct str body);

#endif
