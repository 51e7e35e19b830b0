// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { ChatTemplate } from "../types";
import { brought, DEFAULTS, stops_read, stops_shown } from "./params";

const chat: ChatTemplate = {
	choice: "", source: "modelfile", preset: "", path: "", sha256: "", differs: false, system: "Be brief.", stops: ["</s>"], num_ctx: 4096,
	sampling: { temperature: 0.6, top_k: 40 }, sources: [], notes: [],
};

test("a model's own settings stand where the shared ones say nothing", () => {
	expect(brought(chat, DEFAULTS)).toEqual({ system: "Be brief.", stop: ["</s>"], num_ctx: 4096 });
	expect(brought(chat, { ...DEFAULTS, temperature: 1, stop: ["x"], num_ctx: 0, system: "" })).toEqual({ system: "Be brief.", num_ctx: 4096 });
	expect(brought(undefined, DEFAULTS)).toEqual({});
});
test("stop texts are written one a line", () => {
	const stops = ["\n\n", "a\\n", "END"];
	expect(stops_shown(stops)).toBe("\\n\\n\na\\\\n\nEND");
	expect(stops_read(stops_shown(stops))).toEqual(stops);
	expect(stops_read("\n\nx\n")).toEqual(["x"]);
	expect(stops_shown(undefined)).toBe("");
});
