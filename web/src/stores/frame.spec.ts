// SPDX-License-Identifier: Apache-2.0
import { expect, test, vi } from "vitest";
import { frame } from "./frame.svelte";

test("who asked hears of another language, until it stops asking", () => {
	const reload = vi.fn();
	const stop = frame.when_language_changes(reload);
	frame.language_changed();
	stop();
	frame.language_changed();
	expect(reload).toHaveBeenCalledTimes(1);
});
