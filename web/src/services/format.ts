// SPDX-License-Identifier: Apache-2.0
// Numbers, times and names as people read them, in the language of the page.
import { m } from "../messages/messages.js";
import { locale } from "../stores/locale.svelte";

/** Making a formatter costs a hundred times what using it does, and a table shows thousands of numbers. */
const formatters = new Map<string, Intl.NumberFormat>();
function formatter(digits: number, unit?: "second" | "minute" | "hour"): Intl.NumberFormat {
	const key = `${locale.current} ${digits} ${unit ?? ""}`;
	let found = formatters.get(key);
	if (!found) {
		found = new Intl.NumberFormat(locale.current, {
			maximumFractionDigits: digits, minimumFractionDigits: digits, ...(unit ? { style: "unit", unit, unitDisplay: "short" } : {}),
		});
		formatters.set(key, found);
	}
	return found;
}

export function number(value: number, digits = 0): string {
	return formatter(digits).format(value);
}

/** 0.62 → "62%", without a space in both languages. */
export function percent(share: number): string {
	return `${number(Math.round(share * 100))}%`;
}

export function bytes(value: number): string {
	if (value >= 1e9) return `${number(value / 1e9, 1)} GB`;
	if (value >= 1e6) return `${number(value / 1e6)} MB`;
	return `${number(Math.ceil(value / 1e3))} KB`;
}

/** What Intl abbreviates as "sec" and "hr" in English. */
const SYMBOLS = { second: "s", minute: "min", hour: "h" };

/** "0.3 s", "12 s", "4 min"; 「0.3 秒」. */
export function duration(ms: number, digits = 1): string {
	const seconds = ms / 1000;
	const unit = (count: number, name: "second" | "minute" | "hour", digits: number): string =>
		locale.current === "en" ? `${number(count, digits)} ${SYMBOLS[name]}` : formatter(digits, name).format(count);
	if (seconds < 9.95) return unit(seconds, "second", digits);
	if (seconds < 90) return unit(seconds, "second", 0);
	if (seconds < 5400) return unit(seconds / 60, "minute", 0);
	return unit(seconds / 3600, "hour", 1);
}

/** What is only estimated, in whole seconds: "about 4.0 s" would promise too much. */
export function about(ms: number): string {
	return duration(ms < 60_000 ? Math.max(1, Math.round(ms / 1000)) * 1000 : ms, 0);
}

export function date(ms: number): string {
	return new Intl.DateTimeFormat(locale.current, { dateStyle: "medium", timeStyle: "short" }).format(ms);
}

/** 3.98 → "4", 2.46 → "2.5": trainers end an epoch a little before it; 0.05 itself is not exact in binary. */
export function epoch_number(epoch: number): string {
	const whole = Math.round(epoch);
	return Math.abs(epoch - whole) < 0.05 + 1e-9 ? String(whole) : epoch.toFixed(1);
}

/** "Kestrel bot · epoch 4"; a base model (no epoch) is its name alone. */
export function model_label(name: string, epoch: number | null | undefined): string {
	return epoch === null || epoch === undefined ? name : m.common_model_epoch({ name, n: epoch_number(epoch) });
}
