// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { frame } from "../stores/frame.svelte";
import { locale } from "../stores/locale.svelte";
import { events } from "./events";
import { speak } from "./language";

afterEach(() => locale.set("en"));

test("another language is asked of the server too; the same one changes nothing", () => {
	locale.set("en");
	const reconnect = vi.spyOn(events, "reconnect").mockImplementation(() => undefined);
	const reload = vi.fn();
	const stop = frame.when_language_changes(reload);
	speak("en");
	expect(reload).not.toHaveBeenCalled();
	speak("zh-TW");
	expect(document.documentElement.lang).toBe("zh-TW");
	expect(reload).toHaveBeenCalledOnce();
	expect(reconnect).toHaveBeenCalledOnce();
	stop();
});
