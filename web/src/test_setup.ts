// SPDX-License-Identifier: Apache-2.0
// Tests switch languages without waiting, and build components in a document that has no layout.
import { load_texts } from "./messages/texts/index.js";

globalThis.ResizeObserver ??= class {
	observe(): void { /* nothing has a size */ }
	unobserve(): void { /* nothing has a size */ }
	disconnect(): void { /* nothing has a size */ }
};
globalThis.IntersectionObserver ??= class {
	readonly root = null;
	readonly rootMargin = "";
	readonly scrollMargin = "";
	readonly thresholds = [];
	observe(): void { /* nothing comes into sight */ }
	unobserve(): void { /* nothing comes into sight */ }
	disconnect(): void { /* nothing comes into sight */ }
	takeRecords(): [] { return []; }
};
Element.prototype.scrollTo ??= () => undefined;
HTMLDialogElement.prototype.showModal ??= () => undefined;
await Promise.all([load_texts("en"), load_texts("zh-TW")]);
