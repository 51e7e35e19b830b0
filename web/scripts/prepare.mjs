// SPDX-License-Identifier: Apache-2.0
// Writes what the build needs and git does not keep: the types of the API and the compiled messages.
// Fails when a message is missing: Paraglide itself would build a page without text.
// Paraglide's three functions for each sentence become one that looks its text up; the texts of each language are a file of their
// own, so that a visit loads one language, and stand in one order: what only the owner's page says, what both say, what only the pages
// of raters and viewers say. Each page is built with its part of that (vite.config.ts).
import { compile } from "@inlang/paraglide-js";
import openapi, { astToString } from "openapi-typescript";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function fail(text) {
	console.error(`prepare: ${text}`);
	process.exit(1);
}

/** Writes only what changed, so that a watching Vite does not reload for nothing. */
function write(path, text) {
	let old = "";
	try { old = readFileSync(path, "utf8"); } catch { /* not there yet */ }
	if (old !== text) writeFileSync(path, text);
}

function sources(folder) {
	return readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile() && /\.(svelte|ts)$/.test(entry.name))
		.map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
		.filter((path) => !path.includes("/src/messages/") && !path.endsWith(".spec.ts"));
}

const keys_of = (path) => [...readFileSync(path, "utf8").matchAll(/\bm\.([a-z][a-z0-9_]*)\b/g)].map(([, key]) => key);

/** The sources that a page is made of: what its first one imports, and so on. */
function made_of(path, found = new Set()) {
	if (found.has(path)) return found;
	found.add(path);
	for (const [, name] of readFileSync(path, "utf8").matchAll(/(?:from|import\(?)\s*"(\.[^"]+)"/g)) {
		const next = [name, `${name}.ts`].map((one) => resolve(dirname(path), one)).find((one) => existsSync(one) && statSync(one).isFile());
		if (next && /\.(svelte|ts)$/.test(next) && !next.includes("/src/messages/")) made_of(next, found);
	}
	return found;
}

/** The messages of both pages in one order, and which of them each page has: from `first` to before `end`. */
function in_order(used) {
	const [index, rate] = ["main.ts", "rate/main.ts"].map((path) => new Set([...made_of(`${WEB}src/${path}`)].flatMap(keys_of)));
	const place = (key) => (index.has(key) ? (rate.has(key) ? 1 : 0) : 2);
	const order = [0, 1, 2].map((which) => [...used].filter((key) => place(key) === which).sort());
	const [owner, both] = order.map((keys) => keys.length);
	return { used: order.flat(), pages: { index: { first: 0, end: owner + both }, rate: { first: owner, end: used.size } } };
}

function check_messages() {
	const tables = ["en", "zh-TW"].map((locale) => [locale, JSON.parse(readFileSync(`${ROOT}messages/${locale}.json`, "utf8"))]);
	const missing = [], used = new Set();
	for (const path of sources(`${WEB}src`)) {
		for (const key of keys_of(path)) {
			used.add(key);
			for (const [locale, table] of tables) if (!table[key]) missing.push(`${path.slice(WEB.length)}: m.${key} is missing in ${locale}`);
		}
	}
	if (missing.length) fail(`\n${[...new Set(missing)].join("\n")}`);
	if (!used.size) fail("no source uses a message");
	return [...tables.map(([, table]) => table), in_order(used)];
}

const COMPILED = /\(\(inputs(?: = \{\})?, options = \{\}\) => \{\n[^\n]*\n\tif \(locale === "en"\) return __\w+\.(\w+)\(inputs\)\n[^\n]*\n\}\)/g;
const PICK = `export const say = (index, inputs) => {
	const text = texts()[index] ?? "";
	return inputs ? text.replace(/\\{(\\w+)\\}/g, (_, name) => inputs[name]) : text;
};
const pick = (index) => (inputs) => say(index, inputs);
`;

const TABLES = `// Generated: the sentences of each language, of which a visit loads one.
const tables = {};
const loaders = { en: () => import("./en.js"), "zh-TW": () => import("./zh-TW.js") };

export const has_texts = (locale) => locale in tables;
let current = () => "en";
export const follow_locale = (now) => { current = now; };
export const texts = () => tables[current()] ?? [];
export async function load_texts(locale) {
	tables[locale] ??= (await loaders[locale]()).default;
}
`;

/** Writes each message as one function that looks its text up, in place of Paraglide's function for each language and the choice between them. */
function compact(path, [en, zh, { used, pages }]) {
	let count = 0;
	const place = new Map(used.map((key, index) => [key, index]));
	const text = readFileSync(path, "utf8").replace(COMPILED, (_, key) => {
		count++;
		return `(/*#__PURE__*/ pick(${place.get(key) ?? -1}))`;
	});
	const runtime = /^import \{.*\} from "..\/runtime.js"$/m;
	if (count !== Object.keys(en).length || !runtime.test(text)) fail(`${count} of ${Object.keys(en).length} messages have the form that is expected of Paraglide`);
	// Its own choice of a language, by addresses and cookies, is two KiB that nothing here uses.
	writeFileSync(path, text.replace(runtime, "").replace("export const ", `import { texts } from "../texts/index.js";\n${PICK}export const `));
	mkdirSync(`${WEB}src/messages/texts`, { recursive: true });
	write(`${WEB}src/messages/texts/index.js`, TABLES);
	write(`${WEB}src/messages/texts/pages.json`, JSON.stringify(pages));
	for (const [name, table] of [["en", en], ["zh-TW", zh]])
		write(`${WEB}src/messages/texts/${name}.js`, `export default ${JSON.stringify(used.map((key) => table[key]))};\n`);
}

const tables = check_messages();
mkdirSync(`${WEB}src/types`, { recursive: true });
const ast = await openapi(new URL("../../docs/openapi.yaml", import.meta.url));
write(`${WEB}src/types/api.d.ts`, `// Generated from docs/openapi.yaml.\n${astToString(ast)}`);

await compile({
	project: `${WEB}project.inlang`,
	outdir: `${WEB}src/messages`,
	strategy: ["globalVariable", "baseLocale"],
	outputStructure: "locale-modules",
	emitGitIgnore: false,
	emitPrettierIgnore: false,
	emitReadme: false,
});
compact(`${WEB}src/messages/messages/_index.js`, tables);
