// SPDX-License-Identifier: Apache-2.0
import * as prefs from "../services/prefs";

type Theme = "light" | "dark";
/** What the person chose; "" follows the system. */
export type Choice = Theme | "";
const is_theme = (value: unknown): value is Choice => value === "light" || value === "dark" || value === "";

/** Follows the system until the person chooses; choosing what the system has follows it again. */
class ThemeStore {
	#system = $state<Theme>("light");
	#chosen = $state<Choice>("");

	constructor() {
		const dark = window.matchMedia?.("(prefers-color-scheme: dark)");
		this.#system = dark?.matches ? "dark" : "light";
		dark?.addEventListener("change", (event) => (this.#system = event.matches ? "dark" : "light"));
		this.#apply(prefs.load("theme", "", is_theme));
	}
	get current(): Theme {
		return this.#chosen || this.#system;
	}
	get chosen(): Choice {
		return this.#chosen;
	}
	choose(theme: Choice): void {
		this.#apply(theme);
		prefs.store("theme", theme);
	}
	toggle(): void {
		const next = this.current === "dark" ? "light" : "dark";
		this.choose(next === this.#system ? "" : next);
	}
	#apply(theme: Choice): void {
		this.#chosen = theme;
		if (theme) document.documentElement.dataset.theme = theme;
		else delete document.documentElement.dataset.theme;
	}
}

export const theme = new ThemeStore();
