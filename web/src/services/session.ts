// SPDX-License-Identifier: Apache-2.0
// The session has two halves: a cookie that scripts cannot read, and this key, which only this origin has and which goes
// with every request as X-Assay. The link that assay prints carries a one-time code in its fragment: `#s=CODE`.
import * as prefs from "./prefs";

let name = "session";
let key = prefs.load(name, "", prefs.is_string);

/** Another kind of session than the owner's: its key is kept under that name. */
export function use_session(kind: string): void {
	name = kind;
	key = prefs.load(name, "", prefs.is_string);
}

// A login in another tab ends with its key here.
globalThis.addEventListener?.("storage", (event) => {
	if (event.key === `assay.${name}`) key = prefs.load(name, "", prefs.is_string);
});

export function session_key(): string {
	return key;
}

export function keep_session_key(value: string): void {
	key = value;
	prefs.store(name, value);
}

/** Takes the code of a link (`s`: to log in once, `p`: to rate, or to see results) out of the address, so that it stays neither in the history nor on the screen. */
export function take_code(location: Location, history: History, kind = "s"): string {
	const found = new RegExp(`^#${kind}=([0-9A-Za-z_-]{1,64})$`).exec(location.hash);
	if (!found) return "";
	history.replaceState(history.state, "", location.pathname + location.search);
	return found[1] ?? "";
}
