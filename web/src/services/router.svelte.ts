// SPDX-License-Identifier: Apache-2.0
// The address of the page. Plain <a href="/…"> links stay inside the page; the browser's back and forward work.

class Router {
	path = $state("/");
	search = $state("");

	constructor() {
		this.#read();
		addEventListener("popstate", () => this.#read());
		document.addEventListener("click", (event) => this.#click(event));
	}
	/** Shows another page; `replace` leaves no entry in the history. */
	go(address: string, replace = false): void {
		if (replace) history.replaceState(null, "", address);
		else if (address !== location.pathname + location.search) history.pushState(null, "", address);
		this.#read();
	}
	#read(): void {
		this.path = location.pathname.replace(/\/+$/, "") || "/";
		this.search = location.search;
	}
	#click(event: MouseEvent): void {
		if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
		const link = event.target instanceof Element ? event.target.closest("a") : null;
		const href = link?.getAttribute("href");
		if (!link || !href?.startsWith("/") || href.startsWith("/api/") || link.target || link.hasAttribute("download")) return;
		event.preventDefault();
		this.go(href);
	}
}

/** The values of `:name` parts where `path` has the shape of `pattern`, else null: ("/validate/:id", "/validate/7") → {id: "7"}. */
export function match(pattern: string, path: string): Record<string, string> | null {
	const wanted = pattern.split("/");
	const given = path.split("/");
	if (wanted.length !== given.length) return null;
	const values: Record<string, string> = {};
	for (const [at, part] of wanted.entries()) {
		const value = given[at] ?? "";
		if (part.startsWith(":") && value) values[part.slice(1)] = value;
		else if (part !== value) return null;
	}
	return values;
}

/** The number that a part of an address is; NaN where it is none that anything could have. */
export const number_in = (part: string): number => (/^\d{1,15}$/.test(part) ? Number(part) : NaN);

export const router = new Router();
