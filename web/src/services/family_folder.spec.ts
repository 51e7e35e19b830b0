// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Model } from "../types";
import { family_folder } from "./family_folder";

const of = (path: string, ...paths: string[]): string => family_folder({ path, checkpoints: paths.map((at) => ({ path: at }) as Model) });

test("a run is looked into itself, files of a family in the folder that holds them", () => {
	expect(of("/out/run", "/out/run/checkpoint-1", "/out/run/checkpoint-2")).toBe("/out/run");
	expect(of("/out/run", "/out/run")).toBe("/out/run");
	expect(of("/gguf/wren", "/gguf/wren-epoch-1.gguf")).toBe("/gguf");
	expect(of("/out/run (Other Base)", "/out/run/checkpoint-1")).toBe("/out/run");
	expect(of("/wren", "/wren-epoch-1.gguf")).toBe("/");
	expect(of("/out/run")).toBe("/out/run");
});
