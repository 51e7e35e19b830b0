// SPDX-License-Identifier: Apache-2.0
import { follow_locale, has_texts, load_texts } from "../messages/texts/index.js";
import { locales, type Locale } from "../messages/runtime.js";
import * as prefs from "../services/prefs";

const is_locale = (value: unknown): value is Locale => locales.includes(value as Locale);

function preferred(): Locale {
	const wanted = navigator.languages.find((tag) => /^(en|zh)\b/i.test(tag));
	return wanted?.toLowerCase().startsWith("zh") ? "zh-TW" : "en";
}

/** The language of the page. Messages read it as a signal, and the root is keyed by it: switching needs no reload. */
class LocaleStore {
	current = $state<Locale>(prefs.load("locale", preferred(), is_locale));

	constructor() {
		follow_locale(() => this.current);
		document.documentElement.lang = this.current;
	}
	/** Loads the texts of the chosen language; to be awaited before anything is shown. */
	ready(): Promise<void> {
		return load_texts(this.current);
	}
	/** At once where the texts are here, else when they have come. */
	set(locale: Locale): void {
		if (has_texts(locale)) this.#apply(locale);
		else void load_texts(locale).then(() => this.#apply(locale));
	}
	#apply(locale: Locale): void {
		this.current = locale;
		document.documentElement.lang = locale;
		prefs.store("locale", locale);
	}
}

export type { Locale };
export const locale = new LocaleStore();
