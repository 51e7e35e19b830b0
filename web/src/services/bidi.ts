// SPDX-License-Identifier: Apache-2.0
/** Characters that change in which direction a text runs; nobody sees them, and what stands there reads otherwise than it is. */
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** `text` with the code of each of them in its place: "a⟨U+202E⟩b". */
export const show_bidi = (text: string): string =>
	text.replace(BIDI, (found) => `⟨U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
