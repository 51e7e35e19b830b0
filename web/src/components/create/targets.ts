// SPDX-License-Identifier: Apache-2.0
import { m } from "../../messages/messages.js";
import type { Target } from "../../stores/creations.svelte";
import type { IconName } from "../icons";

/** Where a model can be brought to, in the order of the menu. */
export const TARGETS: { target: Target; icon: IconName; label: () => string; begin: () => string }[] = [
	{ target: "workspace", icon: "workspace", label: m.create_workspace, begin: m.create_begin_workspace },
	{ target: "ollama", icon: "providers", label: m.create_ollama, begin: m.create_begin_ollama },
	{ target: "file", icon: "file", label: m.create_file, begin: m.create_begin_file },
];

export function target_label(target: Target): string {
	return (TARGETS.find((one) => one.target === target)?.label ?? m.create_file)();
}
