// SPDX-License-Identifier: Apache-2.0
// The session has two halves: a cookie that scripts cannot read, and this key, which only this origin has and which goes
// with every request as X-Assay. The link that assay prints carries a one-time code in its fragment: `#s=CODE`.
import * as prefs from "./prefs";

const KEY = "session";
let key = prefs.load(KEY, "", prefs.is_string);

// A login in another tab ends with its key here.
globalThis.addEventListener?.("storage", (event) => {
	if (event.key === `assay.${KEY}`) key = prefs.load(KEY, "", prefs.is_string);
});

export function session_key(): string {
	return key;
}

export function keep_session_key(value: string): void {
	key = value;
	prefs.store(KEY, value);
}

/** Takes the one-time code out of the address, so that it stays neither in the history nor on the screen. */
export function take_code(location: Location, history: History): string {
	const found = /^#s=([0-9A-Za-z_-]{1,64})$/.exec(location.hash);
	if (!found) return "";
	history.replaceState(history.state, "", location.pathname + location.search);
	return found[1] ?? "";
}
