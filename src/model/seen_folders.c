/* SPDX-License-Identifier: Apache-2.0 */
#include "model/seen_folders.h"

#include <stdint.h>

#include "base/mem.h"

/* The slot that holds it, or the free one where it belongs. */
static struct seen_folder *slot_of(const struct seen_folders *seen, dev_t device, ino_t inode)
{
	uint64_t at = ((uint64_t)inode ^ ((uint64_t)device << 32)) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
	struct seen_folder *slot;
	do
		slot = &seen->slots[at++ & (seen->n_slots - 1)];
	while (slot->is_used && (slot->device != device || slot->inode != inode));
	return slot;
}

static void grow(struct seen_folders *seen)
{
	struct seen_folders next = { .n = seen->n, .n_slots = seen->n_slots ? seen->n_slots * 2 : 64 };
	next.slots = mem_alloc(next.n_slots * sizeof next.slots[0]);
	for (size_t i = 0; i < next.n_slots; i++)
		next.slots[i].is_used = false;
	for (size_t i = 0; i < seen->n_slots; i++)
		if (seen->slots[i].is_used)
			*slot_of(&next, seen->slots[i].device, seen->slots[i].inode) = seen->slots[i];
	mem_free(seen->slots);
	*seen = next;
}

bool seen_folders_add(struct seen_folders *seen, const struct stat *folder)
{
	if (2 * seen->n >= seen->n_slots)
		grow(seen);
	struct seen_folder *slot = slot_of(seen, folder->st_dev, folder->st_ino);
	if (slot->is_used)
		return false;
	*slot = (struct seen_folder){ folder->st_dev, folder->st_ino, true };
	seen->n++;
	return true;
}

void seen_folders_release(struct seen_folders *seen)
{
	mem_free(seen->slots);
	*seen = (struct seen_folders){ 0 };
}
