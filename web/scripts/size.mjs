// SPDX-License-Identifier: Apache-2.0
// The page must stay small, gzipped: what a first visit loads below one limit, all files together below another.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const FIRST_MAX = 150 * 1024;
const ALL_MAX = 200 * 1024;
const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const size = (path) => gzipSync(readFileSync(path), { level: 9 }).length;
const files = readdirSync(DIST, { recursive: true, withFileTypes: true })
	.filter((entry) => entry.isFile())
	.map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`);
const all = files.reduce((sum, path) => sum + size(path), 0);
// Scripts, what they import at once, and styles: Vite names them all in the page.
const named = [...readFileSync(`${DIST}/index.html`, "utf8").matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => DIST + path);
const first = [`${DIST}/index.html`, ...named].reduce((sum, path) => sum + size(path), 0);
const kib = (bytes) => (bytes / 1024).toFixed(1);
console.log(`page: ${kib(first)} KiB gzipped for a first visit, limit ${kib(FIRST_MAX)}; ${kib(all)} KiB in all, limit ${kib(ALL_MAX)}`);
if (!named.some((path) => path.endsWith(".js")) || first > FIRST_MAX || all > ALL_MAX) process.exit(1);
