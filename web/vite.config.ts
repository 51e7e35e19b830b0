// SPDX-License-Identifier: Apache-2.0
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const SERVER = process.env.ASSAY_URL ?? "http://127.0.0.1:7878";

export default defineConfig({
	plugins: [svelte()],
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
		// One script and one style for all pages: together they compress to a tenth less than apart.
		cssCodeSplit: false,
		rollupOptions: { output: { codeSplitting: false } },
	},
	server: { proxy: { "/api": { target: SERVER, changeOrigin: true, headers: { Origin: SERVER } } } },
	test: { environment: "jsdom", include: ["src/**/*.spec.ts"] },
});
