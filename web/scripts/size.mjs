// SPDX-License-Identifier: Apache-2.0
// The page must stay small: what a visit loads, gzipped, below one limit.  Of the languages that is one: the larger counts.
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const MAX = 150 * 1024;
const DIST = fileURLToPath(new URL("../dist", import.meta.url));
/** As tools/assets.py packs it. */
function size(path) {
	const packed = spawnSync("zopfli", ["-c", path], { maxBuffer: 1 << 26 });
	return packed.status === 0 ? packed.stdout.length : gzipSync(readFileSync(path), { level: 9 }).length;
}
const files = readdirSync(DIST, { recursive: true, withFileTypes: true })
	.filter((entry) => entry.isFile())
	.map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`);
const sum = (paths) => paths.reduce((total, path) => total + size(path), 0);
/** The languages of a page, and what one of them spares a visit. */
function languages(pattern) {
	const found = files.filter((path) => pattern.test(path));
	if (found.length !== 2) throw new Error("the languages are not files of their own");
	return Math.min(...found.map(size));
}
/** Loaded when they are wanted: the dialog of links, and its QR codes; the settings; how many votes are enough. */
const later = files.filter((path) => /\/(InviteDialog|qr|SettingsPage|enough_votes)-/.test(path));
const of_raters = files.filter((path) => /\/rate[-.]/.test(path));
/** Loaded by viewers alone. */
const of_viewers = files.filter((path) => /\/rate-View-/.test(path));
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
const all = sum(files) - sum(of_raters) - sum(later) - languages(/\/(en|zh-TW)-[^/]*\.js$/);
const viewing = sum(of_raters) - languages(/\/rate-(en|zh-TW)-/);
console.log(`page: ${kib(all)} gzipped, limit ${MAX / 1024}; more for the settings: ${kib(sum(later.filter((path) => /Settings/.test(path))))}; of raters: ${kib(viewing - sum(of_viewers))}; of viewers: ${kib(viewing)}`);
if (of_raters.length < 5 || of_viewers.length !== 1 || later.length !== 4 || !files.some((path) => path.endsWith(".js")) || all > MAX) process.exit(1);
