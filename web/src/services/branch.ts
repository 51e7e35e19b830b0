// SPDX-License-Identifier: Apache-2.0
// Editing a question or answering again adds a branch to a chat: messages with the same parent are siblings.
import type { Message } from "../types";

export interface Branch {
	/** Place among the siblings, from 1. */
	at: number;
	n: number;
	/** Ids of the neighbours; null at the ends. */
	previous: number | null;
	next: number | null;
}

/** Where a message stands among its siblings; null where it is the only one. */
export function branch_of(message: Pick<Message, "id" | "siblings">): Branch | null {
	const at = message.siblings.indexOf(message.id);
	if (at < 0 || message.siblings.length < 2) return null;
	return { at: at + 1, n: message.siblings.length, previous: message.siblings[at - 1] ?? null, next: message.siblings[at + 1] ?? null };
}
