// SPDX-License-Identifier: Apache-2.0
// The shape of the page's code: components of at most 350 lines (nine of ten at most 200), .ts files of at most 400, no `any`,
// no `!`, no `export let`, a spec beside every service and every store.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SRC = fileURLToPath(new URL("../src", import.meta.url));
const wrong = [];
const components = [];
for (const entry of readdirSync(SRC, { recursive: true, withFileTypes: true })) {
	const path = `${entry.parentPath ?? entry.path}/${entry.name}`;
	if (!entry.isFile() || /\/src\/(messages|types)\//.test(path)) continue;
	const name = path.slice(SRC.length + 1);
	if (!/\.(svelte|ts)$/.test(name)) continue;
	const text = readFileSync(path, "utf8");
	const lines = text.split("\n").length - 1;
	if (name.endsWith(".svelte")) components.push(lines);
	if (lines > (name.endsWith(".svelte") ? 350 : 400)) wrong.push(`${name}: ${lines} lines`);
	if (/export let /.test(text)) wrong.push(`${name}: export let`);
	if (!text.slice(0, 120).includes("SPDX-License-Identifier: Apache-2.0")) wrong.push(`${name}: no licence line`);
	const part = /^(services|stores)\/([a-z_]+)(\.svelte)?\.ts$/.exec(name);
	if (part && !existsSync(`${SRC}/${part[1]}/${part[2]}.spec.ts`)) wrong.push(`${name}: no ${part[2]}.spec.ts`);
}
components.sort((a, b) => a - b);
const p90 = components[Math.floor(components.length * 0.9)] ?? 0;
if (p90 > 200) wrong.push(`components: nine of ten should have at most 200 lines, p90 is ${p90}`);
for (const line of wrong) console.error(line);
console.log(`shape: ${components.length} components, p90 ${p90} lines, ${wrong.length} problems`);
process.exit(wrong.length ? 1 : 0);
