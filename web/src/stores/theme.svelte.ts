// SPDX-License-Identifier: Apache-2.0
import * as prefs from "../services/prefs";

type Theme = "light" | "dark";
const is_theme = (value: unknown): value is Theme | "" => value === "light" || value === "dark" || value === "";

/** Follows the system until the person chooses; choosing what the system has follows it again. */
class ThemeStore {
	#system = $state<Theme>("light");
	#chosen = $state<Theme | "">("");

	constructor() {
		const dark = window.matchMedia?.("(prefers-color-scheme: dark)");
		this.#system = dark?.matches ? "dark" : "light";
		dark?.addEventListener("change", (event) => (this.#system = event.matches ? "dark" : "light"));
		this.#apply(prefs.load("theme", "", is_theme));
	}
	get current(): Theme {
		return this.#chosen || this.#system;
	}
	toggle(): void {
		const next = this.current === "dark" ? "light" : "dark";
		this.#apply(next === this.#system ? "" : next);
		prefs.store("theme", this.#chosen);
	}
	#apply(theme: Theme | ""): void {
		this.#chosen = theme;
		if (theme) document.documentElement.dataset.theme = theme;
		else delete document.documentElement.dataset.theme;
	}
}

export const theme = new ThemeStore();
