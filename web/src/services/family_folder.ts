// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../types";

/** The folder to look into for further epochs: what tells families of files in one folder apart is no folder itself. */
export function family_folder(family: Pick<Family, "path" | "checkpoints">): string {
	const first = family.checkpoints[0]?.path ?? family.path;
	return first === family.path || first.startsWith(`${family.path}/`) ? family.path : first.slice(0, first.lastIndexOf("/")) || "/";
}
