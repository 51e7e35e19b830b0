/* SPDX-License-Identifier: Apache-2.0
 *
 * cache_room - how large a cache on the disk may be, and what of it goes when there is no room.
 *
 * A file in use is held by a shared lock on a descriptor of it (flock): by whoever prepares it, and by the worker that has it loaded,
 * which gets that descriptor.  Such a one stays.  Thread: any; blocks on the disk. */
#ifndef ASSAY_ENGINE_CACHE_ROOM_H
#define ASSAY_ENGINE_CACHE_ROOM_H

#include <stdint.h>

struct cache_wish {
	uint64_t size;	/* bytes that are to be written */
	uint64_t most;	/* that all files together may have */
	uint64_t spare; /* that stay free on the disk besides */
	uint64_t (*free_space)(const char *path); /* fs_free_space() */
};

/* Files that nobody uses go, those first that were not used for the longest time, until all together are no more than `most` with
 * the new one and it fits onto the disk; where it would not fit without all of them, none goes for that.  What was left half
 * written goes in any case. */
void cache_make_room(const char *dir, const struct cache_wish *wish);

/* Bytes of all files, and how many there are. */
uint64_t cache_size(const char *dir, int64_t *n);

/* Holds the open file as one in use, as long as this description of it is open anywhere. */
void cache_hold(int fd);

#endif
