// SPDX-License-Identifier: Apache-2.0
// The page must stay small: all its files together, gzipped, below one limit.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const MAX = 150 * 1024;
const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const size = (path) => gzipSync(readFileSync(path), { level: 9 }).length;
const files = readdirSync(DIST, { recursive: true, withFileTypes: true })
	.filter((entry) => entry.isFile())
	.map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`);
const all = files.reduce((sum, path) => sum + size(path), 0);
console.log(`page: ${(all / 1024).toFixed(1)} KiB gzipped, limit ${MAX / 1024}`);
if (!files.some((path) => path.endsWith(".js")) || all > MAX) process.exit(1);
