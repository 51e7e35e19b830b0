// SPDX-License-Identifier: Apache-2.0
import type { Attachment } from "svelte/attachments";

/** Calls `seen` each time the element comes near the visible part of the page. */
export function when_seen(seen: () => void): Attachment<Element> {
	return (element) => {
		const observer = new IntersectionObserver((entries) => {
			if (entries.some((entry) => entry.isIntersecting)) seen();
		}, { rootMargin: "300px" });
		observer.observe(element);
		return () => observer.disconnect();
	};
}
