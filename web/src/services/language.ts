// SPDX-License-Identifier: Apache-2.0
import { frame } from "../stores/frame.svelte";
import { locale, type Locale } from "../stores/locale.svelte";
import { events } from "./events";

/** Switches the page to another language, and asks the server for its sentences in that language. */
export function speak(language: Locale): void {
	if (locale.current === language) return;
	locale.set(language);
	events.reconnect();
	frame.language_changed();
}
