/* SPDX-License-Identifier: Apache-2.0
 *
 * line_reader - cuts a stream of bytes into lines, and lines into server-sent events: pure machines without I/O.
 *
 * Lines end with LF, CR LF or CR, in any mixture and at any split of the bytes; a last line without its end counts too.
 * A byte order mark at the start is skipped.  A line longer than the limit breaks the machine for good.
 * Thread: one owner at a time. */
#ifndef ASSAY_BASE_LINE_READER_H
#define ASSAY_BASE_LINE_READER_H

#include "base/buf.h"

struct line_reader {
	struct buf line;
	bool after_cr;   /* an LF that follows belongs to the line before */
	bool started;    /* the byte order mark is behind us */
	bool is_broken;  /* a line was too long */
};

/* A line without its end; dead after the call.  False stops the feeding (what is left of the bytes is dropped). */
typedef bool (*line_fn)(void *user, struct str line);

void line_reader_init(struct line_reader *r, size_t line_max);
void line_reader_release(struct line_reader *r);
/* Calls `each` for every line that is whole now, also for empty ones.  False if it is broken or `each` said so. */
bool line_reader_feed(struct line_reader *r, struct str bytes, line_fn each, void *user);
/* The end of the stream: calls `each` for a last line without its end. */
bool line_reader_finish(struct line_reader *r, line_fn each, void *user);

/* --- server-sent events: "data:" lines until an empty line or the end of the stream --- */

struct event_reader {
	struct line_reader lines;
	struct buf data;
	char event[64];
	bool has_data;
};

/* `event` is "" for none.  False stops the feeding. */
typedef bool (*event_fn)(void *user, const char *event, struct str data);

void event_reader_init(struct event_reader *r, size_t data_max);
void event_reader_release(struct event_reader *r);
/* As line_reader_feed().  A server that leaves out empty lines between events still gives one event a "data:" line that holds
 * a whole JSON value; a bare JSON object (an error instead of a stream) is an event too. */
bool event_reader_feed(struct event_reader *r, struct str bytes, event_fn each, void *user);
bool event_reader_finish(struct event_reader *r, event_fn each, void *user);

#endif
