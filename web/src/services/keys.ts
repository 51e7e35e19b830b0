// SPDX-License-Identifier: Apache-2.0
// What a key press means. A composing input method (Zhuyin, Pinyin, …) uses Enter and the arrows for itself.

type Press = Pick<KeyboardEvent, "key" | "isComposing" | "keyCode" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey">;

/** True while an input method composes. Safari ends the composition before its Enter arrives: that one has keyCode 229. */
export function is_composing(event: Pick<KeyboardEvent, "isComposing" | "keyCode">): boolean {
	return event.isComposing || event.keyCode === 229;
}

/** What Enter in the question box does: "add" to the list, "submit" everything, or nothing of ours (null). */
export function question_key(event: Press): "add" | "submit" | null {
	if (event.key !== "Enter" || is_composing(event) || event.altKey) return null;
	if (event.ctrlKey || event.metaKey) return "submit";
	return event.shiftKey ? null : "add";
}

/** True for the Enter that sends a message of a chat: alone, and not one that an input method needs. */
export function is_send(event: Press): boolean {
	return event.key === "Enter" && !is_composing(event) && !event.shiftKey && !event.altKey;
}

/** True where the key belongs to a text field, an open menu or dialog, or to the browser. */
export function is_typing(event: KeyboardEvent): boolean {
	if (is_composing(event) || event.ctrlKey || event.metaKey || event.altKey) return true;
	const target = event.target instanceof Element ? event.target : null;
	return Boolean(target?.closest("input, textarea, select, [contenteditable=true], [role=menu], [popover], dialog"));
}

/** The column (from 0) that a digit names; "none" for 0; null for other keys. */
export function vote_key(key: string): number | "none" | null {
	if (key === "0") return "none";
	return /^[1-9]$/.test(key) ? Number(key) - 1 : null;
}
