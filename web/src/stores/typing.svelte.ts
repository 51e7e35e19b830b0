// SPDX-License-Identifier: Apache-2.0
// What stands in a text field and was not sent yet. It outlives the field: another language or another page builds it anew; and a reload of this tab.

const PREFIX = "assay.typing.";

function load(field: string): string {
	try {
		return sessionStorage.getItem(PREFIX + field) ?? "";
	} catch {
		return "";
	}
}

class TypingStore {
	texts = $state<Record<string, string>>({});

	get(field: string): string {
		return this.texts[field] ?? load(field);
	}
	set(field: string, text: string): void {
		this.texts[field] = text;
		try {
			if (text) sessionStorage.setItem(PREFIX + field, text);
			else sessionStorage.removeItem(PREFIX + field);
		} catch {
			// Full or blocked: it lasts until the next reload.
		}
	}
}

export const typing = new TypingStore();
