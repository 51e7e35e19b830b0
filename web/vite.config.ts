// SPDX-License-Identifier: Apache-2.0
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { minify } from "terser";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const SERVER = process.env.ASSAY_URL ?? "http://127.0.0.1:7878";

/** Of marked only the lexer is used. Its last lines make an instance of everything, which keeps all of it; without them the rest is dropped. */
const only_lexer: Plugin = {
	name: "only-lexer",
	transform(code, id) {
		if (!/\/marked\/lib\/marked\.esm\.js$/.test(id)) return null;
		const [, whole] = /(\w+) as Marked\b/.exec(code) ?? [];
		const [, lexer] = /(\w+) as Lexer\b/.exec(code) ?? [];
		const at = code.search(new RegExp(`var \\w+=new ${whole};`));
		if (!whole || !lexer || at < 0) throw new Error("marked is not laid out as its version was");
		return { code: `${code.slice(0, at)}export{${lexer} as Lexer};`, map: null };
	},
};

/** Nothing is drawn by a server, so nothing is hydrated: said as a constant, it takes all that serves that along. */
const no_hydration: Plugin = {
	name: "no-hydration",
	apply: "build",
	transform(code, id) {
		if (!/\/svelte\/src\/internal\/client\/dom\/hydration\.js$/.test(id)) return null;
		const known = code.replace("export let hydrating = false;", "export const hydrating = false;").replace("hydrating = value;", "");
		if (known.length !== code.length + "const".length - "let".length - "hydrating = value;".length) throw new Error("hydration is not laid out as its version was");
		return { code: known, map: null };
	},
};

/** Nothing has to be loaded before what is loaded later (languages, the settings, the dialog of links, what viewers see), which is what Vite's own helper is for. */
const plain_import: Plugin = {
	name: "plain-import",
	apply: "build",
	enforce: "pre",
	load: (id) => (id === "\0vite/preload-helper.js" ? "export const __vitePreload = (load) => load();" : null),
};

/** m.key(...) becomes say(number, ...): a function of its own for each sentence that is only called costs more than a KiB, packed. */
const MESSAGES = fileURLToPath(new URL("./src/messages/messages/_index.js", import.meta.url));
let numbers: Map<string, string> | undefined;
const say = (page: "index" | "rate"): Plugin => ({
	name: "say",
	apply: "build",
	transform(code, id) {
		if (!/\/src\/.*\.(svelte|ts)$/.test(id) || !/import \{ m \} from ["'].*\/messages\.js["']/.test(code)) return null;
		numbers ??= new Map([...readFileSync(MESSAGES, "utf8").matchAll(/^export const (\w+) = .*\bpick\((\d+)\)/gm)].map(([, key = "", number = ""]) => [key, number]));
		const { first, end } = part_of(page);
		for (const [, key = ""] of code.matchAll(/(?<![\w.$])m\.([a-z][a-z0-9_]*)/g)) {
			const number = Number(numbers.get(key) ?? -1);
			if (number < first || number >= end) throw new Error(`${id}: ${key} is no text of this page`);
		}
		const called = code.replace(/(?<![\w.$])m\.([a-z][a-z0-9_]*)\((\)?)/g, (whole, key: string, end: string) => {
			const number = numbers?.get(key);
			return number === undefined ? whole : `say(${number}${end || ", "}`;
		});
		return { code: `import { say } from ${JSON.stringify(MESSAGES)};\n${called}`, map: null };
	},
});

/** Of the texts of a language a page gets its own (scripts/prepare.mjs has put them in order). */
const part_of = (page: "index" | "rate"): { first: number; end: number } =>
	(JSON.parse(readFileSync(fileURLToPath(new URL("./src/messages/texts/pages.json", import.meta.url)), "utf8")) as Record<string, { first: number; end: number }>)[page] ?? { first: 0, end: 0 };
const own_texts = (page: "index" | "rate"): Plugin => ({
	name: "own-texts",
	apply: "build",
	transform(code, id) {
		if (!/\/messages\/texts\/(en|zh-TW)\.js$/.test(id)) return null;
		const { first, end } = part_of(page);
		const texts = JSON.parse(code.replace(/^export default |;\s*$/g, "")) as string[];
		const before = first ? `...Array(${first}),` : "";
		return { code: `export default [${before}${JSON.stringify(texts.slice(first, end)).slice(1, -1)}];`, map: null };
	},
});

/** After Vite's own minifier: two KiB less, packed, than either of them alone. Nothing here asks a function how many parameters it has, so those without use go. */
const squeeze: Plugin = {
	name: "squeeze",
	apply: "build",
	async generateBundle(_options, bundle) {
		for (const chunk of Object.values(bundle)) {
			if (chunk.type !== "chunk") continue;
			const { code } = await minify(chunk.code, { module: true, ecma: 2020, compress: { passes: 3, unsafe_arrows: true, keep_fargs: false } });
			if (!code) throw new Error(`${chunk.fileName} became nothing`);
			chunk.code = code;
		}
	},
};

/** Which packages a page is made of: .parts/PAGE.json, which tools/sbom.py reads. */
const told_parts = (page: "index" | "rate"): Plugin => ({
	name: "told-parts",
	apply: "build",
	generateBundle(_options, bundle) {
		const modules = Object.values(bundle).flatMap((chunk) => (chunk.type === "chunk" ? Object.entries(chunk.modules) : []));
		const used = modules.filter(([, module]) => module.renderedLength > 0).map(([id]) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id)?.[1]);
		const folder = fileURLToPath(new URL("./.parts", import.meta.url));
		mkdirSync(folder, { recursive: true });
		writeFileSync(`${folder}/${page}.json`, `${JSON.stringify([...new Set(used.filter(Boolean))].sort())}\n`);
	},
});

/** `--mode rate` builds the page of raters and viewers, who load nothing of the rest, beside what is there. */
const page_of = (mode: string): "index" | "rate" => (mode === "rate" ? "rate" : "index");
export default defineConfig(({ mode }) => ({
	publicDir: mode === "rate" ? false : "public",
	plugins: [plain_import, svelte(), say(page_of(mode)), own_texts(page_of(mode)), only_lexer, no_hydration, squeeze, told_parts(page_of(mode))],
	resolve: {
		alias: { $lib: fileURLToPath(new URL("./src", import.meta.url)) },
		// Vitest would otherwise pick Svelte's server build.
		...(process.env.VITEST ? { conditions: ["browser"] } : {}),
	},
	build: {
		target: "es2022",
		// Everything is a file of its own: the page's policy allows no inline script, style or data: font.
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		reportCompressedSize: false,
		emptyOutDir: mode !== "rate",
		rolldownOptions: {
			checks: { pluginTimings: false }, // squeeze takes its seconds
			input: mode === "rate" ? "rate.html" : "index.html",
			...(mode === "rate" && { output: { assetFileNames: "assets/rate-[hash][extname]", chunkFileNames: "assets/rate-[name]-[hash].js" } }),
		},
		// One script and one style for all pages: together they compress to a tenth less than apart.  Only the languages and what is seldom seen are files of their own.
		cssCodeSplit: false,
	},
	server: { proxy: { "/api": { target: SERVER, changeOrigin: true, headers: { Origin: SERVER } } } },
	test: { environment: "jsdom", include: ["src/**/*.spec.ts"], setupFiles: ["./src/test_setup.ts"] },
}));
