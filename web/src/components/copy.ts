// SPDX-License-Identifier: Apache-2.0
import { m } from "../messages/messages.js";
import { toasts } from "../stores/toasts.svelte";

/** Puts a text into the clipboard and says so. */
export async function copy_text(text: string): Promise<void> {
	await navigator.clipboard.writeText(text).then(() => toasts.show(m.common_copied()), (error) => toasts.fail(error));
}
