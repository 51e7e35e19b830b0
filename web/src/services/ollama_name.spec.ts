// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { file_stem, is_ollama_name, ollama_name, slug } from "./ollama_name";

test("names that Ollama takes", () => {
	for (const name of ["kestrel", "kestrel-epoch8:q4_k_m", "team/kestrel:latest", "a.b_c-d:1"]) expect(is_ollama_name(name), name).toBe(true);
});
test("names that it does not take", () => {
	for (const name of ["", ":tag", "kestrel bot", "kestrel:", "a:b:c", "a/b/c", "-a", ".hidden", "紅隼", "a:b/c", "x".repeat(81)]) {
		expect(is_ollama_name(name), name).toBe(false);
	}
});
test("a proposal is always a name that it takes", () => {
	expect(ollama_name("Kestrel bot", 8, "Q4_K_M")).toBe("kestrel-bot-epoch8:q4_k_m");
	expect(ollama_name("紅隼客服", 2.5, "Q8_0")).toBe("model-epoch2.5:q8_0");
	expect(file_stem("SmolLM2-135M-Instruct", null)).toBe("smollm2-135m-instruct");
	for (const label of ["…", "--x--", "Ünï cödé", "a/b\\c"]) expect(is_ollama_name(ollama_name(label, null, "F16")), label).toBe(true);
	expect(slug("  A  b ")).toBe("a-b");
});
